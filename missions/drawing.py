"""A plan as a picture: ground to see, lanes, no-fly zones, home, what is left out, north, scale, figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import shapely
from PIL import Image, ImageDraw, ImageFont

from missions.footprints import ground_sample_distances_m
from missions.geodesy import Array, LocalFrame
from missions.plan import PatrolPlan, Sortie, WaypointRole
from missions.proof import left_out, track
from missions.shapes import from_rings, parts_of, to_plane

WIDTH_PX, HEIGHT_PX = 1600, 1100
FINER = 2
"""Drawn so many times larger and then made smaller, so that lines are smooth."""
PANEL_PX = 380
MARGIN_PX = 60
PAPER, INK, GREY = "#fbfaf7", "#22313f", "#7f8c8d"
ALLOWED, GROUND, GROUND_EDGE, LEFT_OUT = "#eef1ee", "#d9e8d8", "#5f8f6b", "#f0b429"
FORBIDDEN, FORBIDDEN_EDGE = "#f3c6c0", "#c0392b"
SORTIES = ("#1f6fb2", "#8e44ad", "#00838f", "#b9770e", "#5d6d1e", "#ad1457", "#37474f", "#4e342e")


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The picture and where metres lie on it."""

    draw: Any
    scale: float
    west: float
    north: float

    def at(self, points: Array) -> list[tuple[float, float]]:
        x = FINER * MARGIN_PX + (points[:, 0] - self.west) * self.scale
        y = FINER * (MARGIN_PX + 50) + (self.north - points[:, 1]) * self.scale
        return list(zip(x.tolist(), y.tolist(), strict=True))

    def polygon(self, shape: Any, fill: str, hole: str, edge: str | None = None, width: int = 1) -> None:
        for part in parts_of(shape):
            self.draw.polygon(self.at(np.array(part.exterior.coords)), fill=fill)
            for ring in part.interiors:
                self.draw.polygon(self.at(np.array(ring.coords)), fill=hole)
            if edge:
                for ring in (part.exterior, *part.interiors):
                    self.line(np.array(ring.coords), edge, width)

    def line(self, points: Array, colour: str, width: float) -> None:
        self.draw.line(self.at(points), fill=colour, width=round(FINER * width), joint="curve")

    def dashes(self, points: Array, colour: str, width: float, dash_px: float = 9) -> None:
        line = shapely.linestrings(points)
        step = FINER * dash_px / self.scale
        for start in np.arange(0, line.length, 2 * step):
            ends = [line.interpolate(d) for d in (start, min(start + step, line.length))]
            self.line(np.array([[p.x, p.y] for p in ends]), colour, width)

    def arrow(self, start: Array, end: Array, colour: str) -> None:
        """A head in the middle of a lane, pointing the way it is flown."""
        step = end - start
        length = float(np.hypot(*step))
        if length * self.scale < FINER * 45:
            return
        unit = step / length
        side = np.array([-unit[1], unit[0]])
        size = FINER * 7 / self.scale
        tip = (start + end) / 2 + unit * size
        corners = np.array([tip, tip - unit * 2 * size + side * size, tip - unit * 2 * size - side * size])
        self.draw.polygon(self.at(corners), fill=colour)


def plan_png(plan: PatrolPlan) -> bytes:
    """The picture as PNG, 1600 x 1100."""
    frame = LocalFrame(*plan.home)
    area, allowed, forbidden = (
        to_plane(from_rings(rings), frame) for rings in (plan.area, plan.allowed, plan.no_fly)
    )
    image = Image.new("RGB", (FINER * WIDTH_PX, FINER * HEIGHT_PX), PAPER)
    sheet = _sheet(ImageDraw.Draw(image), shapely.union(allowed, area))
    sheet.polygon(allowed, ALLOWED, PAPER, "#c3ccc4", 1)
    sheet.polygon(area, GROUND, ALLOWED, GROUND_EDGE, 2)
    sheet.polygon(left_out(plan, frame), LEFT_OUT, GROUND)
    shown = shapely.intersection(forbidden, shapely.box(*allowed.buffer(60).bounds))
    sheet.polygon(shown, FORBIDDEN, ALLOWED, FORBIDDEN_EDGE, 2)
    for number, sortie in enumerate(plan.sorties):
        _draw_sortie(sheet, sortie, frame, SORTIES[number % len(SORTIES)])
    _draw_home(sheet)
    _draw_scale(sheet)
    _draw_panel(sheet.draw, plan)
    small = image.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.LANCZOS)
    out = BytesIO()
    small.save(out, "PNG", optimize=True)
    return out.getvalue()


def _sheet(draw: Any, ground: Any) -> _Sheet:
    west, south, east, north = shapely.union(ground, shapely.Point(0, 0)).bounds
    wide = FINER * (WIDTH_PX - PANEL_PX - 2 * MARGIN_PX)
    high = FINER * (HEIGHT_PX - 2 * MARGIN_PX - 110)
    scale = min(wide / max(east - west, 1.0), high / max(north - south, 1.0))
    spare_x, spare_y = wide / scale - (east - west), high / scale - (north - south)
    return _Sheet(draw, scale, west - spare_x / 2, north + spare_y / 2)


def _draw_sortie(sheet: _Sheet, sortie: Sortie, frame: LocalFrame, colour: str) -> None:
    path = track(sortie, frame)[:, :2]
    start = None
    for index in range(1, len(path)):
        point = sortie.waypoints[index]
        if point.lane is not None and sortie.waypoints[index - 1].lane == point.lane:
            sheet.line(path[index - 1 : index + 1], colour, 2.6)
        elif np.hypot(*(path[index] - path[index - 1])) > 0.1:
            sheet.dashes(path[index - 1 : index + 1], colour, 1.4)
        if point.role is WaypointRole.LANE_START:
            start = path[index]
        elif point.role is WaypointRole.LANE_END and start is not None:
            sheet.arrow(start, path[index], colour)


def _draw_home(sheet: _Sheet) -> None:
    ((x, y),) = sheet.at(np.zeros((1, 2)))
    size = FINER * 15
    sheet.draw.ellipse([x - size, y - size, x + size, y + size], fill=INK, outline="white", width=FINER * 2)
    sheet.draw.text((x, y), "H", fill="white", font=_font(17), anchor="mm")


def _draw_scale(sheet: _Sheet) -> None:
    """A bar of a round length, and the way to north (up)."""
    metres = FINER * 200 / sheet.scale
    power = 10 ** math.floor(math.log10(metres))
    length = max(step * power for step in (1, 2, 5) if step * power <= metres)
    left, bottom = FINER * MARGIN_PX, FINER * (HEIGHT_PX - 48)
    end = left + length * sheet.scale
    for part, fill in ((0, INK), (1, "white"), (2, INK), (3, "white")):
        box = [
            left + part * (end - left) / 4,
            bottom - FINER * 8,
            left + (part + 1) * (end - left) / 4,
            bottom,
        ]
        sheet.draw.rectangle(box, fill=fill, outline=INK, width=FINER)
    sheet.draw.text((left, bottom + FINER * 16), "0", fill=INK, font=_font(16), anchor="mm")
    sheet.draw.text((end, bottom + FINER * 16), f"{length:g} m", fill=INK, font=_font(16), anchor="mm")
    x, y = end + FINER * 70, bottom - FINER * 4
    sheet.draw.polygon([(x, y - FINER * 30), (x - FINER * 10, y + FINER * 4), (x, y - FINER * 4)], fill=INK)
    sheet.draw.polygon(
        [(x, y - FINER * 30), (x + FINER * 10, y + FINER * 4), (x, y - FINER * 4)], fill="white", outline=INK
    )
    sheet.draw.text((x, y + FINER * 18), "N", fill=INK, font=_font(16), anchor="mm")


def _draw_panel(draw: Any, plan: PatrolPlan) -> None:
    """Title, legend and figures."""
    left, top = FINER * (WIDTH_PX - PANEL_PX), FINER * MARGIN_PX
    title = plan.name if plan.name.isascii() and plan.name else ", ".join(plan.cells[:6])
    draw.text((FINER * MARGIN_PX, FINER * 30), f"Patrol {title}"[:70], fill=INK, font=_font(30))
    y = top + FINER * 50
    for number, sortie in enumerate(plan.sorties[:12]):
        colour = SORTIES[number % len(SORTIES)]
        draw.line([(left, y), (left + FINER * 44, y)], fill=colour, width=FINER * 4)
        words = f"sortie {number + 1}, aircraft {sortie.aircraft + 1}"
        draw.text((left + FINER * 58, y), words, fill=INK, font=_font(18), anchor="lm")
        figures = f"{sortie.length_m / 1000:.2f} km, {sortie.seconds / 60:.0f} min, {sortie.energy_wh:.0f} Wh"
        draw.text((left + FINER * 58, y + FINER * 22), figures, fill=GREY, font=_font(16), anchor="lm")
        y += FINER * 54
    y += FINER * 10
    for fill, edge, words in (
        (GROUND, GROUND_EDGE, "ground to see"), (ALLOWED, "#c3ccc4", "allowed to fly"),
        (FORBIDDEN, FORBIDDEN_EDGE, "no-fly zone, with buffer"), (LEFT_OUT, LEFT_OUT, "left out"),
    ):  # fmt: skip
        box = [left, y - FINER * 10, left + FINER * 44, y + FINER * 10]
        draw.rectangle(box, fill=fill, outline=edge, width=FINER * 2)
        draw.text((left + FINER * 58, y), words, fill=INK, font=_font(18), anchor="lm")
        y += FINER * 34
    y += FINER * 20
    _, middle, _ = ground_sample_distances_m(plan.camera, plan.altitude_agl_m)
    for words, value in (
        ("area", f"{plan.area_m2 / 1e4:.1f} ha"), ("left out", f"{plan.uncovered_fraction:.2%}"),
        ("length", f"{plan.length_m / 1000:.2f} km"), ("over the bound", f"{plan.ratio:.2f}"),
        ("outside", f"{plan.outside_m:g} m"), ("time", f"{plan.seconds / 60:.0f} min"),
        ("energy", f"{plan.energy_wh:.0f} Wh"), ("least reserve", f"{plan.reserve_fraction:.0%}"),
        ("height", f"{plan.altitude_agl_m:g} m"), ("speed", f"{plan.speed_m_s:g} m/s"),
        ("swath", f"{plan.swath_m:.0f} m"), ("pixel on the ground", f"{100 * middle:.1f} cm"),
    ):  # fmt: skip
        draw.text((left, y), words, fill=GREY, font=_font(18), anchor="lm")
        draw.text((left + FINER * 300, y), value, fill=INK, font=_font(18), anchor="rm")
        y += FINER * 28


def _font(size: int) -> Any:
    return ImageFont.load_default(FINER * size)
