"""Every error leaves as an RFC 9457 problem document with a stable code."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic_core import to_jsonable_python
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from server.errors import Busy, Conflict, ServerError, status_of
from server.tracing import request_id

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
POLICY_VIOLATION = 1008

HTTP_CODES: dict[int, tuple[str, str]] = {
    400: ("bad_request", "The request cannot be read; check its form."),
    404: ("not_found", "There is nothing at this address; check it."),
    405: ("method_not_allowed", "This address does not take that method."),
    413: ("too_large", "The body is larger than this place accepts; send a smaller one."),
    415: ("unsupported_media_type", "This media type is not accepted here."),
}


def problem(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, **extra: Any
) -> JSONResponse:
    """A problem document."""
    content = {
        "type": f"urn:skybeat:problem:{code}", "title": HTTPStatus(status).phrase, "status": status,
        "code": code, "detail": detail, "request_id": request_id.get(), **extra,
    }  # fmt: skip
    return JSONResponse(to_jsonable_python(content), status, headers, media_type=MEDIA_TYPE)


def of_error(error: ServerError) -> JSONResponse:
    """The problem document of one of our own errors."""
    status = status_of(error)
    extra = dict(error.extra)
    headers = {}
    if "retry_after" in extra:
        headers["Retry-After"] = str(max(1, round(extra.pop("retry_after"))))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status, error.code, error.detail, headers, **extra)


def install(app: FastAPI) -> None:
    """Register the handlers."""

    @app.exception_handler(ServerError)
    async def own(connection: HTTPConnection, error: ServerError) -> JSONResponse | None:
        logger.info("%s %s: %s", connection.url.path, error.code, error.detail)
        return await _answer(connection, of_error(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(connection: HTTPConnection, error: RequestValidationError) -> JSONResponse | None:
        errors = [
            {"where": ".".join(str(part) for part in item["loc"]), "what": item["msg"]}
            for item in error.errors()
        ]
        first = errors[0] if errors else {"where": "request", "what": "is not valid"}
        detail = f"{first['where']}: {first['what']}"
        return await _answer(connection, problem(422, "invalid_request", detail, errors=errors))

    @app.exception_handler(HTTPException)
    async def http(connection: HTTPConnection, error: HTTPException) -> JSONResponse | None:
        code, detail = HTTP_CODES.get(error.status_code, ("http_error", str(error.detail)))
        headers = dict(error.headers) if error.headers else None
        return await _answer(connection, problem(error.status_code, code, detail, headers))

    @app.exception_handler(OperationalError)
    async def busy(connection: HTTPConnection, error: OperationalError) -> JSONResponse | None:
        logger.warning("database: %s", error)
        return await _answer(connection, of_error(Busy(retry_after=1)))

    @app.exception_handler(IntegrityError)
    async def raced(connection: HTTPConnection, error: IntegrityError) -> JSONResponse | None:
        logger.warning("two requests met: %s", error)
        detail = "another request changed the same thing at the same moment; try again"
        return await _answer(connection, of_error(Conflict(detail)))


async def _answer(connection: HTTPConnection, response: JSONResponse) -> JSONResponse | None:
    """An HTTP answer; a WebSocket is refused with it, or closed when it is already open."""
    if not isinstance(connection, WebSocket):
        return response
    if "websocket.http.response" in connection.scope.get("extensions", {}):
        await connection.send_denial_response(response)
    else:
        await connection.close(POLICY_VIOLATION)
    return None
