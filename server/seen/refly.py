"""From gaps to a plan request.

It is flown so high, and so slowly, that the ground is seen as finely as the finest level among the cells with
gaps promises; whoever gives a height or a speed is obeyed.
"""

from __future__ import annotations

from collections.abc import Mapping

import shapely

from missions import shapes
from missions.airspace import CEILING_M
from missions.cameras import CameraEntry, load_cameras
from missions.errors import PlanImpossible
from missions.footprints import EXPOSURE_S, HEIGHT_MARGIN, height_for_fineness_m
from missions.seen_coverage import refly_area
from missions.seen_tiles import class_within
from server.context import Context
from server.errors import NothingToRefly, PlanRefused
from server.flights.schemas import PlanRequestIn
from server.seen import service
from server.seen.schemas import ReflyIn

BLUR_SHARE = 0.6
"""Of the promised fineness, the most that flying on may blur."""


def request_for(context: Context, body: ReflyIn) -> PlanRequestIn:
    """A plan request over the gaps of some cells.

    Raises:
        NotFound: one of the cells does not exist.
        NothingToRefly: no gap is worth a flight.
        PlanRefused: the camera cannot see as finely as promised from a height that can be flown.
    """
    codes = list(dict.fromkeys(body.cells))
    with context.database.read() as session:
        now = service.reference_time(context, session, body.at)
        found = service.gaps_of(context, session, codes, body.asked, now)
    wide = refly_area(shapely.union_all([gap for gap in found if not gap.is_empty]))
    area = wide.intersection(shapely.union_all([service.cell_ground(context, c).polygon for c in body.cells]))
    parts = shapes.parts_of(area)
    if not parts:
        raise NothingToRefly
    promised = [
        class_within(context.service_levels.of(code, body.asked).fineness_m)
        for code, gap in zip(codes, found, strict=True) if not gap.is_empty
    ]  # fmt: skip
    height_m, speed_m_s = _flown(load_cameras(context.settings.cameras_file), body, min(promised))
    names = [context.sites.cell_name(code) for code in body.cells]
    title = "补飞 " + " · ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")
    return PlanRequestIn(
        name=title[:128], area=shapes.collection(({}, part) for part in parts), camera=body.camera,
        pitch_deg=body.pitch_deg, altitude_agl_m=height_m, speed_m_s=speed_m_s,
        overlap=body.overlap, agent=body.agent,
    )  # fmt: skip


def _flown(
    cameras: Mapping[str, CameraEntry], body: ReflyIn, fineness_m: float
) -> tuple[float | None, float | None]:
    """Height over ground and speed for this fineness, as far as they are not given."""
    entry = cameras.get(body.camera)
    if entry is None:  # planning says which there are
        return body.altitude_agl_m, body.speed_m_s
    slow_m_s = round(min(entry.speed_m_s, BLUR_SHARE * fineness_m / EXPOSURE_S), 1)
    speed_m_s = body.speed_m_s if body.speed_m_s is not None else slow_m_s
    if body.altitude_agl_m is not None:
        return body.altitude_agl_m, speed_m_s
    try:
        height_m = height_for_fineness_m(entry.plan_camera(body.pitch_deg), fineness_m, speed_m_s)
    except PlanImpossible as error:
        finding = {"code": type(error).__name__, "severity": "error", "text": str(error)}
        raise PlanRefused(str(error), findings=[finding]) from error
    return round(min(height_m, HEIGHT_MARGIN * CEILING_M), 1), speed_m_s
