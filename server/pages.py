"""Beside the API: health, metrics, a page about the API, and the built console."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from server.access.guard import anybody
from server.context import Context, Ctx
from server.errors import NotFound

router = APIRouter(include_in_schema=False, dependencies=[anybody])
YEAR_SECONDS = 365 * 86400
NO_CONSOLE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Skybeat</title>
<body style="font-family: sans-serif; margin: 4em">
<h1>天巡 Skybeat</h1>
<p>服务器已启动，但控制台尚未构建。请在项目目录运行 <code>make console</code>，然后刷新。</p>
<p>The server runs, but the console has not been built yet. Run <code>make console</code> in the project's
folder, then reload. The API is described at <a href="/docs">/docs</a>.</p>
</body></html>"""


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(context: Ctx) -> JSONResponse:
    """The database answers and the data directory can be written."""
    problems = _problems(context)
    return JSONResponse(
        {"status": "ok" if not problems else "failing", "problems": problems}, 503 if problems else 200
    )


def _problems(context: Context) -> list[str]:
    found = []
    try:
        with context.database.read() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        found.append(f"database: {type(error).__name__}")
    if not context.settings.data_directory.is_dir():
        found.append("data directory: missing")
    return found


@router.get("/metrics")
def metrics(context: Ctx) -> Response:
    """Figures for Prometheus."""
    context.metrics.agents_online.set(context.board.count_online)
    context.metrics.consoles.set(context.hub.consoles)
    return Response(context.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """The API on one page, without scripts from elsewhere."""
    app: FastAPI = request.app
    rows = []
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            rows.append(_docs_row(method, path, operation))
    table = "\n".join(rows)
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Skybeat API</title>'
        "<style>body{font-family:sans-serif;margin:2em}td{padding:.3em .8em;vertical-align:top}"
        "code{white-space:nowrap}</style><h1>Skybeat API</h1>"
        '<p>Machine-readable: <a href="/openapi.json">/openapi.json</a>. Errors are RFC 9457 problems with a '
        f"stable <code>code</code>.</p><table>{table}</table></html>"
    )


def _docs_row(method: str, path: str, operation: dict[str, Any]) -> str:
    about = html.escape(operation.get("description") or operation.get("summary", ""))
    cells = (f"<code>{method.upper()}</code>", f"<code>{html.escape(path)}</code>", about)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


@router.api_route("/{path:path}", methods=["GET", "HEAD"])
def console(path: str, context: Ctx) -> Response:
    """A file of the built console, or its index page for addresses that the console itself knows."""
    if path == "api" or path.startswith("api/"):
        raise NotFound("there is nothing at this address; the API is described at /docs")
    folder = context.settings.console_directory.resolve()
    index = folder / "index.html"
    if not index.is_file():
        return HTMLResponse(NO_CONSOLE, 200 if path in ("", "index.html") else 404)
    file = _inside(folder, path)
    if file is not None:
        fixed = path.startswith("assets/")  # the builder puts a hash of the content into these names
        cache = f"public, max-age={YEAR_SECONDS}, immutable" if fixed else "no-cache"
        return FileResponse(file, headers={"Cache-Control": cache})
    if Path(path).suffix:
        raise NotFound("the console has no such file; build it again with: make console")
    return FileResponse(index, headers={"Cache-Control": "no-cache"})


def _inside(folder: Path, path: str) -> Path | None:
    """The file of that name if it truly lies in the folder."""
    try:
        file = (folder / path).resolve()
        return file if file.is_relative_to(folder) and file.is_file() else None
    except (OSError, ValueError):
        return None
