"""Signing in and out, and managing people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from server.access import repository
from server.access.audit import record
from server.access.models import SignIn, User
from server.access.passwords import SESSION_PREFIX, Passwords, new_token, token_hash
from server.access.roles import EVERYONE, Role
from server.access.schemas import UserChange, UserRequest
from server.context import Context
from server.errors import NameTaken, NotFound, TooManyAttempts, WrongCredentials

DEMO_PASSWORD = "skybeat-demo"
DEMO_DEPARTMENT = "综治中心"
DEMO_USERS: dict[str, tuple[str, list[Role]]] = {
    "demo": ("演示 Demo", sorted(EVERYONE)),
    "admin": ("管理员 Administrator", [Role.ADMINISTRATOR]),
    "operator": ("飞手 Operator", [Role.OPERATOR]),
    "desk": ("受理员 Desk", [Role.DESK]),
    "tester": ("测试员 Tester", [Role.TESTER]),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes the request."""

    id: UUID
    username: str
    display_name: str
    roles: frozenset[Role]
    language: str
    department: str | None = None

    @classmethod
    def of(cls, user: User) -> Caller:
        roles = frozenset(Role(role) for role in user.roles)
        return cls(user.id, user.username, user.display_name, roles, user.language, user.department)

    def has(self, *roles: Role) -> bool:
        return not self.roles.isdisjoint(roles)


def sign_in(context: Context, username: str, password: str, address: str) -> tuple[str, User]:
    """Check a password and open a session; returns its token.

    Its transactions are its own, because a wrong password must be recorded although the request fails.

    Raises:
        TooManyAttempts: too many wrong passwords before.
        WrongCredentials: no such user, wrong password, or the account is disabled.
    """
    wait = context.login_limit.blocked_for(username, address)
    if wait > 0:
        raise TooManyAttempts(f"too many wrong passwords; try again in {wait:.0f} s", retry_after=wait)
    with context.database.read() as session:
        user = repository.user_by_name(session, username)
    if (
        not context.passwords.matches(user.password_hash if user else None, password)
        or not user
        or user.disabled
    ):
        context.login_limit.wrong(username, address)
        with context.database.write() as session:
            record(session, context.now(), username[:64], "session.refused", address)
        raise WrongCredentials
    context.login_limit.right(username, address)
    token, now = new_token(SESSION_PREFIX), context.now()
    expires = now + timedelta(hours=context.settings.session_hours)
    with context.database.write() as session:
        session.add(SignIn(token_hash=token_hash(token), user_id=user.id, created_at=now, expires_at=expires))
        record(session, now, user.username, "session.opened", address)
    return token, user


def sign_out(context: Context, session: Session, caller: Caller, token: str) -> None:
    """End the session of the token."""
    repository.end_session(session, token_hash(token))
    record(session, context.now(), caller.username, "session.closed")


def add_user(
    session: Session, passwords: Passwords, request: UserRequest, actor: str, context: Context
) -> User:
    """Add a person.

    Raises:
        NameTaken: the user name exists.
    """
    if repository.user_by_name(session, request.username) is not None:
        raise NameTaken(f"there is a user {request.username} already; choose another name")
    user = User(
        username=request.username, display_name=request.display_name or request.username,
        password_hash=passwords.hash(request.password), roles=[role.value for role in request.roles],
        language=request.language, department=request.department, created_at=context.now(),
    )  # fmt: skip
    session.add(user)
    session.flush()
    record(session, context.now(), actor, "user.added", user.username, roles=user.roles)
    return user


def change_user(context: Context, session: Session, user_id: UUID, change: UserChange, actor: str) -> User:
    """Change what is given; a new password or disabling ends the person's sessions."""
    user = repository.user(session, user_id)
    if user is None:
        raise NotFound("there is no such user; reload the list")
    fields = change.model_dump(exclude_none=True, mode="json")
    password = fields.pop("password", None)
    for name, value in fields.items():
        setattr(user, name, value)
    if password is not None:
        user.password_hash = context.passwords.hash(password)
        fields["password"] = "changed"
    if password is not None or user.disabled:
        repository.end_sessions_of(session, user.id)
    record(session, context.now(), actor, "user.changed", user.username, **fields)
    return user


def add_demo_users(context: Context) -> None:
    """The users of the demo, all with one password that the console shows."""
    with context.database.write() as session:
        for username, (display_name, roles) in DEMO_USERS.items():
            if repository.user_by_name(session, username) is None:
                request = UserRequest(
                    username=username, display_name=display_name, password=DEMO_PASSWORD, roles=roles,
                    department=DEMO_DEPARTMENT if username == "desk" else None,
                )  # fmt: skip
                add_user(session, context.passwords, request, "system", context)
