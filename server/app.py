"""The application: everything put together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from missions.cameras import load_cameras
from missions.clock import Clock, SystemClock
from missions.errors import CamerasInvalid, ServiceLevelsInvalid
from missions.kinds import KindsInvalid, load_kinds
from missions.service_levels import site_service_levels
from server import VERSION, pages, problems, tables, worker
from server.access.endpoints import router as access
from server.access.guard import refuse_unguarded
from server.access.limits import LoginLimit
from server.access.passwords import Passwords
from server.access.service import add_demo_users
from server.bookings.endpoints import router as bookings
from server.context import Context
from server.db import Database
from server.errors import SettingsInvalid
from server.evidence.endpoints import router as evidence
from server.evidence.store import EvidenceFiles
from server.figures.endpoints import router as figures
from server.fleet.agent_endpoints import router as agent
from server.fleet.board import FleetBoard
from server.fleet.endpoints import router as fleet
from server.fleet.service import add_demo_agent
from server.flights.endpoints import router as flights
from server.grids.book import SiteBook
from server.grids.endpoints import router as grids
from server.grids.service import restore_cells
from server.live import Hub, PictureRelay
from server.live_endpoints import router as live
from server.metrics import Metrics
from server.seen.endpoints import router as seen
from server.settings import Settings
from server.sightings.endpoints import router as sightings
from server.tickets.endpoints import router as tickets
from server.tracing import Tracing

logger = logging.getLogger(__name__)

ROUTERS = (access, grids, fleet, flights, bookings, seen, sightings, tickets, evidence, figures, agent, live)
assert tables.METADATA.tables, "all tables are registered before the first query"


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> FastAPI:
    """Make the server: database brought up to date, site loaded, routes guarded.

    Raises:
        StartRefused: the database, the site or the settings cannot be used; the sentence says what to do.
    """
    context = make_context(settings or Settings(), clock or SystemClock())
    app = FastAPI(
        title="Skybeat", version=VERSION, lifespan=_lifespan, docs_url=None, redoc_url=None,
        description="The desk of an aerial patrol: sightings become tickets, tickets are settled.",
        responses={"4XX": {"description": "Problem (RFC 9457)", "content": {problems.MEDIA_TYPE: {}}}},
    )  # fmt: skip
    app.state.context = context
    api = APIRouter(prefix="/api/v1")
    for router in ROUTERS:
        api.include_router(router)
    app.include_router(api)
    app.include_router(pages.router)
    problems.install(app)
    refuse_unguarded(app)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=context.settings.allowed_hosts)
    app.add_middleware(Tracing, settings=context.settings, metrics=context.metrics)
    return app


def make_context(settings: Settings, clock: Clock) -> Context:
    """The parts of a server, ready to serve."""
    try:
        kinds = load_kinds(settings.kinds_file)
        load_cameras(settings.cameras_file)
        service_levels = site_service_levels(settings.site, settings.service_levels_file)
    except (KindsInvalid, CamerasInvalid, ServiceLevelsInvalid) as error:
        raise SettingsInvalid(str(error)) from error
    sites = SiteBook(settings.site)
    try:
        settings.data_directory.mkdir(parents=True, exist_ok=True)
        secret = _secret(settings.data_directory / "secret.key")
        files = EvidenceFiles(settings.data_directory / "evidence")
    except OSError as error:
        raise SettingsInvalid(
            f"the data directory {settings.data_directory} cannot be written ({error.strerror}); "
            "choose another one with --data-directory"
        ) from error
    database = Database(settings.database)
    database.migrate()
    context = Context(
        settings=settings, clock=clock, database=database, kinds=kinds, sites=sites,
        service_levels=service_levels, hub=Hub(clock), pictures=PictureRelay(),
        board=FleetBoard(settings.agent_offline_seconds), evidence=files,
        metrics=Metrics(), passwords=Passwords(settings.password_memory_kib, settings.password_rounds),
        login_limit=LoginLimit(clock, settings.login_tries), secret=secret,
    )  # fmt: skip
    restore_cells(context)
    lost = service_levels.without_cell(cell.code for cell in sites.grid.cells)
    if lost:
        logger.warning("service levels: no cell has a code that begins with %s", ", ".join(lost))
    if settings.demo:
        add_demo_users(context)
        add_demo_agent(context)
    return context


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    context.hub.attach(asyncio.get_running_loop())
    sweeping = asyncio.create_task(worker.run(context))
    try:
        yield
    finally:
        context.hub.attach(None)
        sweeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sweeping
        context.database.close()


def _secret(path: Path) -> bytes:
    """The key that signs links; made once, readable by the owner only."""
    with contextlib.suppress(FileExistsError):
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
    key = path.read_bytes()
    if len(key) < 32:
        raise SettingsInvalid(f"{path} is not whole; remove it and start again (links to originals end)")
    return key
