"""HTTP: evidence, for people."""

from __future__ import annotations

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field, field_validator

from server.access.guard import Anyone, Clerk
from server.access.schemas import Input
from server.context import Context, Ctx, Reading, Writing
from server.errors import NotFound
from server.evidence import service
from server.evidence.models import EvidenceFile

router = APIRouter(tags=["evidence"])
MONTH_SECONDS = 30 * 86400


class OriginalRequest(Input):
    reason: str = Field(min_length=3, max_length=1000)

    @field_validator("reason")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if len(value.strip()) < 3:
            raise ValueError("say why the original is needed")
        return value.strip()


class OriginalLink(BaseModel):
    url: str


def _response(context: Context, file: EvidenceFile, cache: str) -> FileResponse:
    path = context.evidence.path(file.sha256)
    if not path.is_file():
        raise NotFound("the file of this evidence is missing on the server's disk; restore it from a backup")
    headers = {
        "Cache-Control": cache,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return FileResponse(path, media_type=file.media_type, headers=headers)


@router.get("/evidence/{sha256}", response_class=FileResponse)
def get_evidence(sha256: str, _caller: Anyone, session: Reading, context: Ctx) -> FileResponse:
    """A redacted piece of evidence."""
    file = service.redacted_file(session, sha256)
    return _response(context, file, f"private, max-age={MONTH_SECONDS}, immutable")


@router.post("/evidence/{sha256}/originals")
def ask_original(
    sha256: str, body: OriginalRequest, caller: Clerk, session: Writing, context: Ctx
) -> OriginalLink:
    """Ask for a picture that is not redacted, with the reason; the answer is a link that soon expires."""
    return OriginalLink(url=service.original_link(context, session, caller, sha256, body.reason))


@router.get("/evidence/{sha256}/original", response_class=FileResponse)
def get_original(
    sha256: str,
    caller: Clerk,
    session: Reading,
    context: Ctx,
    expires: int = Query(ge=0),
    signature: str = Query(max_length=128),
) -> FileResponse:
    """The picture behind such a link."""
    file = service.original_file(context, session, caller, sha256, expires, signature)
    return _response(context, file, "no-store")
