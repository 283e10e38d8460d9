"""From gaps to a plan request."""

from __future__ import annotations

import shapely

from missions import shapes
from missions.seen_coverage import refly_area
from server.context import Context
from server.errors import NothingToRefly
from server.flights.schemas import PlanRequestIn
from server.seen import service
from server.seen.schemas import ReflyIn


def request_for(context: Context, body: ReflyIn) -> PlanRequestIn:
    """A plan request over the gaps of some cells.

    Raises:
        NotFound: one of the cells does not exist.
        NothingToRefly: no gap is worth a flight.
    """
    with context.database.read() as session:
        now = service.reference_time(context, session, body.at)
        found = service.gaps_of(context, session, list(dict.fromkeys(body.cells)), body.asked, now)
    wide = refly_area(shapely.union_all([gap for gap in found if not gap.is_empty]))
    area = wide.intersection(shapely.union_all([service.cell_ground(context, c).polygon for c in body.cells]))
    parts = shapes.parts_of(area)
    if not parts:
        raise NothingToRefly
    names = [context.sites.cell_name(code) for code in body.cells]
    title = "补飞 " + " · ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")
    return PlanRequestIn(
        name=title[:128], area=shapes.collection(({}, part) for part in parts), camera=body.camera,
        pitch_deg=body.pitch_deg, altitude_agl_m=body.altitude_agl_m, speed_m_s=body.speed_m_s,
        overlap=body.overlap, agent=body.agent,
    )  # fmt: skip
