"""The coverage of a cell or a patrol as a PDF.

PyMuPDF brings a font with Chinese glyphs and embeds what is used of it, so that the report reads the same on
a machine without Chinese fonts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import shapely

from missions import shapes
from missions.geodesy import LocalFrame
from missions.seen_coverage import Coverage, ServiceLevel
from missions.seen_obstacles import Obstacles
from missions.shapes import Shape
from server.seen.pictures import COLOURS
from server.seen.report_words import WORDS, Language

A4 = (595.0, 842.0)
LEFT, RIGHT = 48.0, 547.0
MAP_TOP, MAP_BOTTOM = 300.0, 650.0
MOST_GAPS, MOST_LEVELS = 6, 3
INK, SOFT, RULE = (0.08, 0.13, 0.17), (0.34, 0.4, 0.46), (0.8, 0.84, 0.88)
GOOD, BAD, BUILT = (0.04, 0.46, 0.42), (0.76, 0.18, 0.13), (0.78, 0.76, 0.72)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """What a report says. ``levels``: all that parts of the ground are judged by. ``polygon`` and
    ``missing`` in degrees; ``picture`` a PNG of ``picture_bounds`` (west, south, east, north in degrees);
    ``obstacles`` in metres of ``frame``."""

    site: str
    what: str
    name: str
    levels: tuple[ServiceLevel, ...]
    at: datetime
    zone: ZoneInfo
    coverage: Coverage
    polygon: Shape
    missing: Shape
    picture: bytes
    picture_bounds: tuple[float, float, float, float]
    obstacles: Obstacles
    frame: LocalFrame


class _Page:
    """An A4 page that is written on from top to bottom, in points."""

    def __init__(self, document: Any, font: Any) -> None:
        self.page = document.new_page(width=A4[0], height=A4[1])
        self._font = font
        self.page.insert_font(fontname="text", fontbuffer=font.buffer)

    def write(
        self, x: float, y: float, text: str, size: float = 10, colour: Any = INK, right: bool = False
    ) -> float:
        """Text with its base line at y; returns where it ends."""
        width = float(self._font.text_length(text, size))
        self.page.insert_text(
            (x - width if right else x, y), text, fontname="text", fontsize=size, color=colour
        )
        return x + width

    def fit(self, x: float, y: float, text: str, width: float, size: float, colour: Any = INK) -> None:
        """One line, smaller where it would not fit."""
        self.write(x, y, text, min(size, size * width / float(self._font.text_length(text, size))), colour)

    def wrap(self, x: float, y: float, text: str, width: float, size: float = 9, colour: Any = SOFT) -> float:
        """Lines that fit the width, broken between words, or anywhere in Chinese; returns the next base
        line."""
        line = ""
        for piece in _pieces(text):
            if line and self._font.text_length(line + piece, size) > width:
                self.write(x, y, line.rstrip(), size, colour)
                line, y = "", y + size * 1.5
            line += piece if line else piece.lstrip()
        self.write(x, y, line, size, colour)
        return y + size * 1.5

    def rule(self, y: float) -> None:
        self.page.draw_line((LEFT, y), (RIGHT, y), color=RULE, width=0.7)


def coverage_report(content: ReportContent, language: Language) -> bytes:
    """The report as PDF bytes; the same content gives the same pages."""
    import pymupdf

    words = WORDS[language]
    document = pymupdf.open()
    page = _Page(document, pymupdf.Font("cjk"))
    _head(page, content, words)
    _figures(page, content, words)
    _map(page, content, words, pymupdf)
    _gaps(page, content, words)
    page.rule(792)
    page.wrap(LEFT, 806, words["note"], RIGHT - LEFT, 8)
    document.set_metadata(
        {"title": f"{words['title']} {content.name}", "producer": "Skybeat", "creator": "Skybeat"}
    )
    document.subset_fonts()
    data: bytes = document.tobytes(garbage=3, deflate=True, no_new_id=True)
    document.close()
    return data


def _head(page: _Page, content: ReportContent, words: dict[str, str]) -> None:
    page.write(LEFT, 66, words["title"], 22)
    page.write(RIGHT, 66, content.site, 11, SOFT, right=True)
    page.write(LEFT, 92, f"{words[content.what]}  {content.name}", 13)
    local = content.at.astimezone(content.zone)
    page.write(
        RIGHT, 92, f"{words['as_of']} {local:%Y-%m-%d %H:%M} ({content.zone.key})", 9, SOFT, right=True
    )
    page.fit(LEFT, 112, _level_text(content, words), RIGHT - LEFT, 9.5, SOFT)
    page.rule(122)


def _level_text(content: ReportContent, words: dict[str, str]) -> str:
    """The one level that is promised, or the different ones and what they promise together."""
    told = []
    for level in content.levels:
        told.append(
            words["level" if len(content.levels) == 1 else "one_of_levels"].format(
                hours=level.hours, fineness=level.fineness_m * 100, share=f"{level.share * 100:.4g}"
            )
        )
        if level.algorithm:
            told[-1] += words["algorithm"].format(algorithm=level.algorithm)
    if len(told) == 1:
        return told[0]
    more = words["more_levels"] if len(told) > MOST_LEVELS else ""
    share = f"{content.coverage.wanted_share * 100:.4g}"
    return words["levels"].format(levels=words["between"].join(told[:MOST_LEVELS]) + more, share=share)


def _figures(page: _Page, content: ReportContent, words: dict[str, str]) -> None:
    found = content.coverage
    met = found.fulfilled
    page.write(LEFT, 172, f"{found.share:.1%}", 40, GOOD if met else BAD)
    page.write(LEFT, 194, words["served"], 10, SOFT)
    page.write(LEFT, 212, words["met" if met else "not_met"], 12, GOOD if met else BAD)
    last = words["never"]
    if found.last_seen_at is not None:
        last = f"{found.last_seen_at.astimezone(content.zone):%Y-%m-%d %H:%M}"
    fineness = "-" if found.fineness_m is None else f"≤ {found.fineness_m * 100:g} cm"
    dwell = "-" if found.dwell_s is None else words["seconds"].format(value=found.dwell_s)
    missing = found.ground_m2 - found.served_m2
    rows = (
        ("ground", f"{found.ground_m2:,.0f} m²"), ("recent", f"{found.recent_m2:,.0f} m²"),
        ("ever", f"{found.ever_m2:,.0f} m²"), ("missing", f"{missing:,.0f} m²"), ("last", last),
        ("fineness", fineness), ("dwell", dwell),
    )  # fmt: skip
    for number, (name, value) in enumerate(rows):
        y = 146 + 19 * number
        page.write(270, y, words[name], 10, SOFT)
        page.write(RIGHT, y, value, 10, right=True)
    page.rule(282)


def _map(page: _Page, content: ReportContent, words: dict[str, str], pymupdf: Any) -> None:
    """The polygon with what was seen, buildings and gaps, to scale."""
    frame = content.frame
    plane = shapes.to_plane(content.polygon, frame)
    west, south, east, north = plane.bounds
    room_x, room_y = RIGHT - LEFT, MAP_BOTTOM - MAP_TOP - 8
    scale = min(room_x / max(east - west, 1.0), room_y / max(north - south, 1.0))
    x0 = LEFT + (room_x - scale * (east - west)) / 2
    y0 = MAP_TOP + (room_y - scale * (north - south)) / 2

    def at(point: Any) -> tuple[float, float]:
        return x0 + scale * (float(point[0]) - west), y0 + scale * (north - float(point[1]))

    bounds = content.picture_bounds
    corners = frame.to_enu([bounds[3], bounds[1]], [bounds[0], bounds[2]])
    (left, top), (right, bottom) = at(corners[0]), at(corners[1])
    page.page.insert_image(
        pymupdf.Rect(left, top, right, bottom), stream=content.picture, keep_proportion=False
    )
    beyond = shapely.box(west, south, east, north).buffer(3.0).difference(plane)
    _draw(page, beyond, at, fill=(1.0, 1.0, 1.0), width=0.0)
    for prism in content.obstacles.prisms:
        part = prism.outline.intersection(plane)
        _draw(page, part, at, fill=BUILT, width=0.0)
    _draw(page, shapes.to_plane(content.missing, frame), at, colour=BAD, width=0.9)
    _draw(page, plane, at, colour=INK, width=1.3)
    _scale_bar(page, scale, words)
    _legend(page, words)


def _draw(
    page: _Page, shape: Shape, at: Any, *, colour: Any = None, fill: Any = None, width: float = 1.0
) -> None:
    for part in shapes.parts_of(shape):
        sketch = page.page.new_shape()
        for ring in (part.exterior, *part.interiors):
            sketch.draw_polyline([at(point) for point in shapely.get_coordinates(ring)])
        sketch.finish(color=colour, fill=fill, width=width, even_odd=True, closePath=True)
        sketch.commit()


def _scale_bar(page: _Page, scale: float, words: dict[str, str]) -> None:
    metres = next(m for m in (1000, 500, 200, 100, 50, 20, 10) if m * scale < 120 or m == 10)
    y = MAP_BOTTOM + 8
    page.page.draw_line((LEFT, y), (LEFT + metres * scale, y), color=INK, width=1.5)
    page.write(LEFT + metres * scale + 6, y + 3, f"{metres} m", 8, SOFT)
    page.page.draw_line((RIGHT - 4, y + 4), (RIGHT - 4, y - 10), color=INK, width=1)
    page.page.draw_polyline([(RIGHT - 7, y - 5), (RIGHT - 4, y - 11), (RIGHT - 1, y - 5)], color=INK, width=1)
    page.write(RIGHT - 10, y + 3, words["north"], 8, SOFT, right=True)


def _legend(page: _Page, words: dict[str, str]) -> None:
    x, y = LEFT, MAP_BOTTOM + 28
    x = page.write(x, y, words["legend"], 8, SOFT) + 10
    items = [
        *(
            (tuple(c / 255 for c in colour[:3]), text)
            for colour, text in zip(COLOURS["age"], words["ages"].split("|"), strict=True)
        ),
        (BUILT, words["building"]),
    ]
    for colour, text in items:
        if x > RIGHT - 70:
            x, y = LEFT, y + 13
        page.page.draw_rect((x, y - 7, x + 9, y), fill=colour, color=None)
        x = page.write(x + 12, y, text, 8, SOFT) + 10
    page.page.draw_rect((x, y - 7, x + 9, y), color=BAD, width=1.2)
    page.write(x + 12, y, words["gap"], 8, SOFT)


def _gaps(page: _Page, content: ReportContent, words: dict[str, str]) -> None:
    top = MAP_BOTTOM + 60
    page.write(LEFT, top, words["gaps"], 11)
    parts = sorted(shapes.parts_of(content.missing), key=shapes.area_m2, reverse=True)[:MOST_GAPS]
    if not parts:
        page.write(LEFT, top + 18, words["no_gaps"], 9, SOFT)
    for number, part in enumerate(parts):
        x, y = LEFT + (number % 2) * 255, top + 18 + 17 * (number // 2)
        middle = part.representative_point()
        page.write(x, y, f"{number + 1}", 9, SOFT)
        page.write(x + 80, y, f"{shapes.area_m2(part):,.0f} m²", 9, right=True)
        page.write(x + 95, y, f"{middle.y:.6f}, {middle.x:.6f}", 9, SOFT)


def _pieces(text: str) -> list[str]:
    """Words with the space after them; every Chinese character by itself, with the punctuation that
    follows."""
    pieces: list[str] = []
    for character in text:
        wide = character > "\u2e7f"
        if pieces and (
            character in "，。：；、）" or (not wide and pieces[-1][-1] <= "\u2e7f" and pieces[-1][-1] != " ")
        ):
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces
