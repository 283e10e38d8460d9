from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageColor

from missions.drawing import FORBIDDEN, GROUND, SORTIES, plan_png
from missions.geodesy import LocalFrame
from missions.plan import PatrolPlan, PlanCamera, Ring, Sortie, Waypoint, WaypointRole

FRAME = LocalFrame(30.2, 120.1)


def ring(*corners: tuple[float, float]) -> list[list[Ring]]:
    places = FRAME.to_geodetic([*corners, corners[0]])
    return [[[(float(lon), float(lat)) for lat, lon, _ in places]]]


def waypoint(role: WaypointRole, east: float, north: float, lane: int | None = None) -> Waypoint:
    latitude, longitude, _ = FRAME.to_geodetic([[east, north]])[0]
    return Waypoint(
        role=role, latitude=float(latitude), longitude=float(longitude), lane=lane,
        altitude_above_home_m=50.0, altitude_amsl_m=50.0, altitude_agl_m=50.0, speed_m_s=8.0,
    )  # fmt: skip


def plan(lanes: bool) -> PatrolPlan:
    role = WaypointRole
    points = [
        waypoint(role.TAKEOFF, 0, 0), waypoint(role.LANE_START, 50, 60, 0),
        waypoint(role.LANE_END, 350, 60, 0), waypoint(role.RETURN, 0, 0),
    ]  # fmt: skip
    sortie = Sortie(waypoints=points, length_m=1000, seconds=150, energy_wh=8, reserve_fraction=0.8)
    return PatrolPlan(
        name="drawn", cells=["c"], home=(30.2, 120.1, 0.0),
        area=ring((30, 30), (370, 30), (370, 200), (30, 200)),
        allowed=ring((-30, -30), (420, -30), (420, 240), (-30, 240)),
        no_fly=ring((200, 120), (260, 120), (260, 180), (200, 180)),
        camera=PlanCamera(name="n", width_px=1280, height_px=720, horizontal_fov_deg=60, pitch_deg=-90),
        altitude_agl_m=50, speed_m_s=8, swath_m=57, lane_spacing_m=57, overlap=0,
        sorties=[sortie] if lanes else [], area_m2=57800, uncovered_fraction=0.5, outside_m=0,
        length_m=1000, lower_bound_m=900, ratio=1.1,
        seconds=150, energy_wh=8, reserve_fraction=0.8,
    )  # fmt: skip


def share(image: Image.Image, colour: str) -> float:
    """The part of the map that has about this colour."""
    pixels = np.asarray(image.convert("RGB"), int)[110:1000, :1200]
    near = np.abs(pixels - np.array(ImageColor.getrgb(colour))).max(axis=2) < 12
    return float(near.mean())


def test_ground_zones_and_lanes_are_drawn() -> None:
    image = Image.open(BytesIO(plan_png(plan(lanes=True))))
    assert image.size == (1600, 1100)
    assert share(image, GROUND) > 0.05
    assert share(image, FORBIDDEN) > 0.01
    assert share(image, SORTIES[0]) > 0.001
    assert plan_png(plan(lanes=True)) == plan_png(plan(lanes=True))


def test_a_plan_without_sorties_shows_everything_as_left_out() -> None:
    image = Image.open(BytesIO(plan_png(plan(lanes=False))))
    assert share(image, "#f0b429") > 0.1
    assert share(image, GROUND) < 0.01
    assert share(image, SORTIES[0]) == 0
