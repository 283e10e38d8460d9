"""Default deny: every route names who may use it, and the application refuses to start when one does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

import fastapi.routing
from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from server.access import repository
from server.access.passwords import AGENT_PREFIX, token_hash
from server.access.roles import CLERKS, EVERYONE, FLIERS, Role
from server.access.service import Caller
from server.context import Ctx
from server.errors import NotAllowed, NotSignedIn, OriginRefused
from server.fleet.repository import agent_by_token_hash

COOKIE = "skybeat_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class AgentCaller:
    """The agent that makes the request."""

    id: UUID
    name: str


def token_of(connection: HTTPConnection) -> str:
    """The bearer token, else the session cookie.

    Raises:
        NotSignedIn: there is neither.
        OriginRefused: the cookie comes with a request that another site caused.
    """
    scheme, _, value = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    cookie = connection.cookies.get(COOKIE)
    if not cookie:
        raise NotSignedIn
    if connection.scope.get("method", "WEBSOCKET") not in SAFE_METHODS:
        _check_origin(connection)
    return cookie


def _check_origin(connection: HTTPConnection) -> None:
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise OriginRefused
    elif origin is not None and urlsplit(origin).netloc != connection.headers.get("host"):
        raise OriginRefused


class Open:
    """Anybody may use the route."""

    def __call__(self) -> None:
        return None


class Allow:
    """People with one of the roles may use the route."""

    def __init__(self, roles: Iterable[Role]) -> None:
        self.roles = frozenset(roles)

    async def __call__(self, connection: HTTPConnection, context: Ctx) -> Caller:
        token = token_of(connection)

        def find() -> Caller | None:
            with context.database.read() as session:
                user = repository.user_of_token(session, token_hash(token), context.now())
                return Caller.of(user) if user else None

        caller = await run_in_threadpool(find)
        if caller is None:
            raise NotSignedIn("the session has ended; sign in again")
        if caller.roles.isdisjoint(self.roles):
            wanted = ", ".join(sorted(self.roles))
            raise NotAllowed(f"this needs one of the roles {wanted}; ask an administrator")
        return caller


class AllowAgent:
    """Agents may use the route, people may not."""

    async def __call__(self, connection: HTTPConnection, context: Ctx) -> AgentCaller:
        token = token_of(connection)
        if not token.startswith(AGENT_PREFIX) and not context.settings.demo:
            raise NotAllowed("only agents may use this; send an agent's token")

        def find() -> AgentCaller | None:
            with context.database.read() as session:
                agent = agent_by_token_hash(session, token_hash(token))
                return AgentCaller(agent.id, agent.name) if agent else None

        caller = await run_in_threadpool(find)
        if caller is None:
            raise NotSignedIn("this agent token is unknown; make one with: skybeat agents add NAME")
        return caller


anybody = Depends(Open())
Anyone = Annotated[Caller, Depends(Allow(EVERYONE))]
Flier = Annotated[Caller, Depends(Allow(FLIERS))]
Clerk = Annotated[Caller, Depends(Allow(CLERKS))]
TicketWorker = Annotated[Caller, Depends(Allow(CLERKS | FLIERS))]
Administrator = Annotated[Caller, Depends(Allow({Role.ADMINISTRATOR}))]
Agent = Annotated[AgentCaller, Depends(AllowAgent())]


def guards_of(dependant: Any) -> list[Open | Allow | AllowAgent]:
    """The guards among a route's dependencies."""
    found = [dependant.call] if isinstance(dependant.call, Open | Allow | AllowAgent) else []
    for part in dependant.dependencies:
        found += guards_of(part)
    return found


def routes_of(app: FastAPI) -> list[Any]:
    """Every HTTP and WebSocket route of ours, also of included routers; each has a path and a dependant."""
    unfold = getattr(fastapi.routing, "iter_route_contexts", None)  # newer releases keep routers nested
    routes = list(unfold(app.routes)) if unfold else list(app.routes)
    return [route for route in routes if getattr(route, "dependant", None) is not None]


def refuse_unguarded(app: FastAPI) -> None:
    """Raise unless every route says who may use it.

    Raises:
        RuntimeError: a route has no guard, or more than one; or no route was found at all.
    """
    routes = routes_of(app)
    if not routes:
        raise RuntimeError("no routes were found, so none could be checked")
    for route in routes:
        if len(guards_of(route.dependant)) != 1:
            raise RuntimeError(f"{route.path}: name exactly one guard of server.access.guard")
