"""HTTP: sessions, people, audit log."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from server.access import audit, repository, service
from server.access.guard import COOKIE, Administrator, Anyone, anybody, token_of
from server.access.models import User
from server.access.schemas import (
    AuditCheckOut,
    AuditOut,
    AuditPage,
    SessionOut,
    SignInRequest,
    UserChange,
    UserOut,
    UserRequest,
    UsersOut,
)
from server.context import Ctx, Reading, Writing

router = APIRouter(tags=["access"])


def user_out(user: User | service.Caller) -> UserOut:
    return UserOut(
        id=user.id, username=user.username, display_name=user.display_name, roles=sorted(user.roles),
        language=user.language, disabled=getattr(user, "disabled", False),
        department=user.department,
    )  # fmt: skip


@router.post("/session", dependencies=[anybody])
def sign_in(body: SignInRequest, request: Request, response: Response, context: Ctx) -> SessionOut:
    """Sign in; the token is also set as a cookie."""
    address = request.client.host if request.client else ""
    token, user = service.sign_in(context, body.username, body.password, address)
    response.set_cookie(
        COOKIE, token, max_age=int(context.settings.session_hours * 3600), httponly=True, samesite="strict",
        secure=context.settings.secure_cookies, path="/",
    )  # fmt: skip
    return SessionOut(token=token, user=user_out(user))


@router.delete("/session", status_code=204)
def sign_out(request: Request, response: Response, caller: Anyone, session: Writing, context: Ctx) -> None:
    """End this session."""
    service.sign_out(context, session, caller, token_of(request))
    response.delete_cookie(COOKIE, path="/")


@router.get("/me")
def me(caller: Anyone) -> UserOut:
    """Who is signed in."""
    return user_out(caller)


@router.get("/users")
def list_users(_caller: Administrator, session: Reading) -> UsersOut:
    """All people."""
    return UsersOut(items=[user_out(user) for user in repository.users(session)])


@router.post("/users", status_code=201)
def add_user(body: UserRequest, caller: Administrator, session: Writing, context: Ctx) -> UserOut:
    """Add a person."""
    return user_out(service.add_user(session, context.passwords, body, caller.username, context))


@router.patch("/users/{user_id}")
def change_user(
    user_id: UUID, body: UserChange, caller: Administrator, session: Writing, context: Ctx
) -> UserOut:
    """Change a person's name, roles, password or language, or disable them."""
    return user_out(service.change_user(context, session, user_id, body, caller.username))


@router.get("/audit")
def list_audit(
    _caller: Administrator,
    session: Reading,
    limit: int = Query(100, ge=1, le=1000),
    cursor: int | None = Query(None, ge=1),
) -> AuditPage:
    """The audit log, newest first."""
    entries = repository.audit_page(session, cursor, limit)
    items = [AuditOut.model_validate(entry, from_attributes=True) for entry in entries]
    following = str(entries[-1].sequence) if len(entries) == limit and entries[-1].sequence > 1 else None
    return AuditPage(items=items, next_cursor=following)


@router.get("/audit/verify")
def verify_audit(_caller: Administrator, session: Reading) -> AuditCheckOut:
    """Check the chain of the whole audit log."""
    return AuditCheckOut.model_validate(audit.verify(session), from_attributes=True)
