"""Around every request: its id, its log line and figures, security headers, the limit of the body."""

from __future__ import annotations

import logging
import re
import secrets
import time
from contextvars import ContextVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.metrics import Metrics
from server.settings import Settings

logger = logging.getLogger("server.requests")
request_id: ContextVar[str] = ContextVar("request_id", default="-")
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/api/v1/agent/telemetry", "/api/v1/agent/frames"})


class RequestIdFilter(logging.Filter):
    """Puts the request's id into every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


def security_headers(settings: Settings) -> dict[str, str]:
    """Headers for every answer. MapLibre's workers are blobs; tiles may come from the configured server."""
    tiles = ""
    if settings.tile_url:
        address = urlsplit(settings.tile_url)
        tiles = f" {address.scheme}://{address.netloc.replace('{s}', '*')}"
    policy = {
        "default-src": "'self'",
        "script-src": "'self'",
        "worker-src": "'self' blob:",
        "child-src": "'self' blob:",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": f"'self' data: blob:{tiles}",
        "media-src": "'self' blob:",
        "font-src": "'self' data:",
        "connect-src": f"'self' data: blob:{tiles}",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(self)",
    }
    if settings.secure_cookies:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


class Tracing:
    """ASGI middleware; the outermost of ours."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._headers = security_headers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        identity = given if GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
        token = request_id.set(identity)
        try:
            if scope["type"] == "websocket":
                await self._app(scope, receive, send)
            else:
                await self._http(scope, receive, send, identity)
        finally:
            request_id.reset(token)

    async def _http(self, scope: Scope, receive: Receive, send: Send, identity: str) -> None:
        started, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
                headers["X-Request-ID"] = identity
            await send(message)

        try:
            await self._limited(scope, receive, answer)
        except Exception:  # the edge of the application: logged here, and the client gets its answer
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if status:
                raise
            from server.problems import problem  # problems reads this module's request id

            detail = "the server failed; report this request id"
            await problem(500, "internal_error", detail)(scope, receive, answer)
        finally:
            self._count(scope, status, time.perf_counter() - started)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self._settings.max_body_bytes
        if "/agent/evidence/" in scope["path"]:
            limit = self._settings.max_evidence_bytes
        elif scope["path"].endswith(("/cells", "/cells/check")):
            limit = self._settings.max_cells_bytes
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > limit:
            from server.problems import problem

            detail = f"the body may have {limit} bytes here; send a smaller one"
            await problem(413, "too_large", detail, {"Connection": "close"})(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(scope["method"], route, status).inc()
        if not route.endswith("/agent/requests"):
            self._metrics.seconds.labels(scope["method"], route).observe(seconds)
        level = logging.DEBUG if scope["path"] in QUIET else logging.INFO
        logger.log(level, "%s %s %s %.1f ms", scope["method"], scope["path"], status, seconds * 1e3)
