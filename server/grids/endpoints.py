"""HTTP: settings, base map, cells and zones."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from missions.kinds import Label
from missions.messages import SightingKind
from server import VERSION
from server.access.guard import Administrator, Anyone, anybody
from server.access.service import DEMO_PASSWORD, DEMO_USERS
from server.context import Ctx, Reading
from server.grids import service
from server.tickets.repository import open_by_cell

router = APIRouter(tags=["map"])


class CellFindingOut(BaseModel):
    kind: str
    severity: Literal["error", "warning"]
    codes: list[str]
    features: list[int]
    text: str
    remedy: str
    latitude: float | None
    longitude: float | None
    area_m2: float | None
    width_m: float | None
    repairable: bool


class CellChangeOut(BaseModel):
    kind: str
    codes: list[str]
    features: list[int]
    text: str
    area_m2: float
    latitude: float | None
    longitude: float | None


class CellFindingsOut(BaseModel):
    """Counts are of all findings; ``findings_left_out`` of them are not in the list."""

    errors: int
    warnings: int
    findings: list[CellFindingOut]
    findings_left_out: int


class CellRepairOut(CellFindingsOut):
    """What mending would change, and what it would leave."""

    changes: list[CellChangeOut]
    changes_left_out: int


class CellCheckOut(CellFindingsOut):
    cells: int
    repair: CellRepairOut | None


class KindOut(BaseModel):
    label: Label
    about_people: bool
    priority: str


class DemoUser(BaseModel):
    username: str
    password: str
    role: str


class SettingsOut(BaseModel):
    name: Label
    version: str
    default_language: str
    tile_url: str | None
    tile_gcj02: bool
    centre: tuple[float, float]
    zoom: float
    kinds: dict[SightingKind, KindOut]
    demo: bool
    demo_users: list[DemoUser] | None = None


@router.get("/settings", dependencies=[anybody], response_model_exclude_none=False)
def get_settings(context: Ctx) -> SettingsOut:
    """What a console needs before anybody has signed in."""
    settings = context.settings
    kinds = {
        name: KindOut(label=kind.label, about_people=kind.about_people, priority=kind.priority)
        for name, kind in context.kinds.items()
    }
    users = [
        DemoUser(username=name, password=DEMO_PASSWORD, role=roles[0] if len(roles) == 1 else "all")
        for name, (_, roles) in DEMO_USERS.items()
    ]
    return SettingsOut(
        name=Label(zh=settings.name_zh, en=settings.name_en), version=VERSION,
        default_language=settings.default_language, tile_url=settings.tile_url,
        tile_gcj02=settings.tile_gcj02, centre=context.sites.centre, zoom=settings.zoom, kinds=kinds,
        demo=settings.demo, demo_users=users if settings.demo else None,
    )  # fmt: skip


@router.get("/basemap")
def get_basemap(_caller: Anyone, context: Ctx) -> dict[str, Any]:
    """The site's own base map as GeoJSON."""
    return context.sites.site.basemap


@router.get("/cells")
def get_cells(_caller: Anyone, session: Reading, context: Ctx) -> dict[str, Any]:
    """The cells as GeoJSON, with the number of open tickets in each."""
    cells = context.sites.grid.to_geojson()
    counts = open_by_cell(session)
    for feature in cells["features"]:
        feature["properties"]["open_tickets"] = counts.get(feature["properties"]["code"], 0)
    return cells


@router.put("/cells")
def put_cells(
    body: dict[str, Any], caller: Administrator, context: Ctx, repair: bool = False
) -> dict[str, Any]:
    """Replace the cells by an imported FeatureCollection.

    Cells with errors are refused with a problem that lists them (``cells_invalid``). With ``repair`` they are
    mended first; what was changed is in the answer and in the audit log.
    """
    checked = service.prepare_cells(body, mend=repair)  # seconds, so before anything is locked
    with context.database.write() as session:
        return service.import_cells(context, session, caller, checked)


@router.post("/cells/check")
def check_cells(body: dict[str, Any], _caller: Administrator, repair: bool = False) -> CellCheckOut:
    """What is wrong with a FeatureCollection of cells; nothing is imported.

    With ``repair`` also what mending would change, and what would be left.
    """
    return CellCheckOut.model_validate(service.check_cells(body, mend=repair))


@router.get("/zones")
def get_zones(_caller: Anyone, context: Ctx) -> dict[str, Any]:
    """Zones with their kinds as GeoJSON."""
    return context.sites.zones


@router.get("/no_fly")
def get_no_fly(_caller: Anyone, context: Ctx) -> dict[str, Any]:
    """No-fly zones as GeoJSON."""
    return context.sites.no_fly
