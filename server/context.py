"""What every request can reach: settings, clock, database and the shared parts of the running server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from missions.clock import Clock
from missions.kinds import Kind
from missions.messages import SightingKind
from missions.service_levels import ServiceLevels
from server.db import Database
from server.settings import Settings

if TYPE_CHECKING:
    from server.access.limits import LoginLimit
    from server.access.passwords import Passwords
    from server.evidence.store import EvidenceFiles
    from server.fleet.board import FleetBoard
    from server.grids.book import SiteBook
    from server.live import Hub, PictureRelay
    from server.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The running server's parts; made once by ``create_app``."""

    settings: Settings
    clock: Clock
    database: Database
    kinds: dict[SightingKind, Kind]
    sites: SiteBook
    service_levels: ServiceLevels
    hub: Hub
    pictures: PictureRelay
    board: FleetBoard
    evidence: EvidenceFiles
    metrics: Metrics
    passwords: Passwords
    login_limit: LoginLimit
    secret: bytes

    def now(self) -> datetime:
        return self.clock.now()


def context_of(connection: HTTPConnection) -> Context:
    """The context of the application that serves this connection."""
    context: Context = connection.app.state.context
    return context


Ctx = Annotated[Context, Depends(context_of)]


def reading(context: Ctx) -> Iterator[Session]:
    """A session for a request that only reads."""
    with context.database.read() as session:
        yield session


def writing(context: Ctx) -> Iterator[Session]:
    """A session for a request that writes; committed before the answer leaves."""
    with context.database.write() as session:
        yield session


Reading = Annotated[Session, Depends(reading, scope="function")]
Writing = Annotated[Session, Depends(writing, scope="function")]
