"""What is wrong with a file of cells before it is imported: codes, outlines, overlaps, gaps, slivers.

Nothing is changed here; ``missions.grid_repairs`` does that on request. A shift of the whole file, as between
GCJ-02 and WGS-84, cannot be seen in the cells themselves and is not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from missions import grid_codes as codes
from missions import grid_drafts as outlines
from missions import shapes
from missions.grid_drafts import Draft, Fault, read_drafts
from missions.grid_ground import SLIT_WIDTH_M, Gap, Ground, Overlap, Splinter
from missions.grids import OVERLAP_FRACTION, OVERLAP_M2
from missions.shapes import Shape

SLIT_M2 = 1.0
THIN_M = 0.1
MOST_NAMED = 4

OVERLAP, OVERLAP_SMALL, COVERED = "overlap", "overlap_small", "covered"
SLIT, SLIT_SMALL, HOLE = "slit", "slit_small", "hole"
SLIVER_PART, SLIVER_CELL, PARTS = "sliver_part", "sliver_cell", "parts"
NO_CELLS = "no_cells"

ERRORS = frozenset({
    NO_CELLS, codes.MISSING, codes.TWICE, codes.DECIMAL, outlines.MISSING, outlines.NO_DEGREES,
    outlines.SWAPPED, outlines.OPEN_RING, outlines.CROSSING, outlines.INVALID, OVERLAP, COVERED, SLIT,
})  # fmt: skip
REPAIRABLE = frozenset({
    codes.SPACES, codes.DECIMAL, outlines.SWAPPED, outlines.OPEN_RING, outlines.REPEATED_POINTS,
    outlines.CROSSING, outlines.INVALID, OVERLAP, OVERLAP_SMALL, SLIT, SLIT_SMALL, SLIVER_PART,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class CellFinding:
    """Something wrong with cells.

    Attributes:
        kind: stable name, e.g. ``overlap``.
        severity: an error keeps the cells from being imported.
        codes: the cells concerned, the one most concerned first; empty where they have none.
        features: their places in the file, from 0.
        text: what is wrong. ``remedy``: what to do.
        latitude: of the place in degrees, None where there is none; with ``longitude``.
        area_m2: ground concerned; ``width_m`` is its mean width.
        repairable: whether ``missions.grid_repairs.repair`` mends it.
    """

    kind: str
    severity: Literal["error", "warning"]
    codes: tuple[str, ...]
    features: tuple[int, ...]
    text: str
    remedy: str
    latitude: float | None = None
    longitude: float | None = None
    area_m2: float | None = None
    width_m: float | None = None
    repairable: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CellCheck:
    """Findings about a file of so many cells: errors first, then by kind, the largest ground first."""

    cells: int
    findings: tuple[CellFinding, ...]

    @property
    def errors(self) -> tuple[CellFinding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[CellFinding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "warning")


def check(source: Path | str | dict[str, Any], slit_m: float = SLIT_WIDTH_M) -> CellCheck:
    """Everything that is wrong with a FeatureCollection of cells.

    Args:
        source: a file or a document; every feature has the property ``code``.
        slit_m: ground between cells that is narrower than this, in metres, is a slit; wider enclosed ground,
            a lake for instance, is only a warning.

    Raises:
        GridsInvalid: it is no FeatureCollection.
        ValueError: ``slit_m`` is not positive.
    """
    return check_drafts(read_drafts(source), slit_m)


def check_drafts(drafts: list[Draft], slit_m: float = SLIT_WIDTH_M) -> CellCheck:
    """``check`` for cells that are read already."""
    if not 0 < slit_m < 1000:
        raise ValueError(f"slits of {slit_m} m make no sense: give a width between 0 and 1000 m")
    found = [*_codes(drafts), *_outlines(drafts), *_ground(drafts, slit_m)]
    if not drafts:
        found.append(_finding(NO_CELLS, [], "there is no cell in it", "export the cells again"))
    found.sort(key=lambda one: (one.severity, one.kind, -(one.area_m2 or 0.0), one.features))
    return CellCheck(len(drafts), tuple(found))


def ground_of(drafts: list[Draft]) -> tuple[Ground | None, list[Draft]]:
    """The ground of the cells whose outline can be told, and those cells in the same order.

    Ground is shared out by code, the smaller first; cells without a code come last.
    """
    known = [draft for draft in drafts if draft.polygon is not None]
    if not known:
        return None, known
    ranked = sorted(known, key=lambda draft: (not draft.code, draft.code, draft.index))
    rank = {draft.index: place for place, draft in enumerate(ranked)}
    return Ground([draft.polygon for draft in known], [rank[draft.index] for draft in known]), known


def _codes(drafts: list[Draft]) -> Iterator[CellFinding]:
    for draft in drafts:
        if not draft.code:
            yield _finding(codes.MISSING, [draft], "has no code", "give it a code", draft.polygon)
        elif draft.untidy == codes.SPACES:
            yield _finding(codes.SPACES, [draft], "has spaces or invisible characters around its code",
                           "take them away", draft.polygon)  # fmt: skip
        elif draft.untidy == codes.DECIMAL:
            yield _finding(codes.DECIMAL, [draft], f"has a decimal number as code ({draft.written})",
                           "write the code as text", draft.polygon)  # fmt: skip
    every = [draft.code for draft in drafts]
    for code, where in codes.repeated_codes(every).items():
        several = [drafts[index] for index in where]
        finding = _finding(codes.TWICE, several, "", "give each cell a code of its own", several[1].polygon)
        yield replace(
            finding, codes=(code,), text=f"code {code} is used {len(where)} times ({_features(several)})"
        )
    for index, kind, usual in codes.odd_codes(every):
        draft = drafts[index]
        text = {
            codes.FORM: "has a code that is not all digits, as the others are",
            codes.LENGTH: f"has a code of {len(draft.code)} digits, most others have {usual}",
            codes.COUNTY: f"has a code that does not begin with {usual}, as most others do",
        }[kind]
        yield _finding(kind, [draft], text, "compare it with the register of cells", draft.polygon)


OUTLINES: dict[str, tuple[str, str]] = {
    outlines.MISSING: ("has no usable outline: {reason}", "draw its polygon again"),
    outlines.NO_DEGREES: (
        "has coordinates that are no longitude and latitude in degrees",
        "export it again in WGS-84 (EPSG:4326)",
    ),
    outlines.SWAPPED: ("has latitude and longitude exchanged", "write the longitude first"),
    outlines.OPEN_RING: ("has an outline that does not end where it begins", "close it, or draw the rest"),
    outlines.REPEATED_POINTS: ("has the same point twice in a row, {count} times", "take the repeats away"),
    outlines.CROSSING: ("has an outline that crosses or touches itself here", "draw it without the crossing"),
    outlines.INVALID: ("has an invalid outline ({reason})", "draw it again"),
}  # fmt: skip


def _outlines(drafts: list[Draft]) -> Iterator[CellFinding]:
    for draft in drafts:
        for fault in draft.faults:
            yield _outline(draft, fault)
        if draft.polygon is not None and len(shapes.parts_of(draft.polygon)) > 1:
            text = f"is made of {len(shapes.parts_of(draft.polygon))} parts"
            yield _finding(PARTS, [draft], text, "make sure that they are one cell", draft.polygon)


def _outline(draft: Draft, fault: Fault) -> CellFinding:
    text, remedy = OUTLINES[fault.kind]
    finding = _finding(fault.kind, [draft], text.format(reason=fault.reason, count=fault.count), remedy)
    if fault.place is not None:
        finding = replace(finding, longitude=fault.place[0], latitude=fault.place[1])
    return replace(finding, area_m2=_rounded(fault.area_m2))


def _ground(drafts: list[Draft], slit_m: float) -> Iterator[CellFinding]:
    ground, known = ground_of(drafts)
    if ground is None:
        return
    for overlap in ground.overlaps:
        yield _overlap(overlap, ground, known)
    for splinter in ground.splinters:
        yield _splinter(splinter, known)
    slits, holes = ground.gaps(slit_m)
    alike: dict[frozenset[int], list[Gap]] = {}
    for gap in slits:
        alike.setdefault(frozenset(cell for cell, _ in gap.neighbours), []).append(gap)
    for gaps in alike.values():
        yield _slits(sorted(gaps, key=lambda gap: -gap.area_m2), ground, known)
    for gap in holes:
        yield _hole(gap, ground, known)


def _overlap(overlap: Overlap, ground: Ground, known: list[Draft]) -> CellFinding:
    pair = [known[overlap.winner], known[overlap.loser]]
    kind = OVERLAP if overlap.area_m2 > OVERLAP_M2 and overlap.fraction > OVERLAP_FRACTION else OVERLAP_SMALL
    text = f"{_names(pair)} overlap by {_area(overlap.area_m2)}"
    remedy = "draw their common border once"
    if not overlap.splittable:
        kind, remedy = COVERED, "decide which cell the ground belongs to"
        text = (
            f"{_names(pair[1:])} lies mostly on the ground of other cells, "
            f"by {_area(overlap.area_m2)} on that of {_names(pair[:1])}"
        )
    finding = _finding(kind, pair, "", remedy, ground.plane.degrees(overlap.ground))
    return replace(finding, text=text, area_m2=_rounded(overlap.area_m2))


def _splinter(splinter: Splinter, known: list[Draft]) -> CellFinding:
    draft = known[splinter.cell]
    size = f"{_area(splinter.area_m2)}, {splinter.width_m:.1f} m wide"
    if splinter.whole:
        text, remedy = f"is a sliver ({size})", "compare it with the register of cells"
    else:
        text, remedy = f"has a sliver as a part ({size})", "take the part away"
    kind = SLIVER_CELL if splinter.whole else SLIVER_PART
    finding = _finding(kind, [draft], text, remedy, splinter.part)
    return replace(finding, area_m2=_rounded(splinter.area_m2), width_m=_rounded(splinter.width_m))


def _slits(gaps: list[Gap], ground: Ground, known: list[Draft]) -> CellFinding:
    """All slits between the same cells, the largest first."""
    near = [known[cell] for cell, _ in gaps[0].neighbours]
    total_m2, width_m = sum(gap.area_m2 for gap in gaps), max(gap.width_m for gap in gaps)
    kind = SLIT if any(gap.area_m2 > SLIT_M2 and gap.width_m > THIN_M for gap in gaps) else SLIT_SMALL
    what = "a slit" if len(gaps) == 1 else f"{len(gaps)} slits"
    text = f"{what} {_among(near)} belong{'s' if len(gaps) == 1 else ''} to no cell"
    finding = _finding(
        kind, near, "", "draw the border once for all cells on it", ground.plane.degrees(gaps[0].ground)
    )
    size = f"{_area(total_m2)}, up to {width_m:.2f} m wide"
    return replace(finding, text=f"{text} ({size})", area_m2=_rounded(total_m2), width_m=_rounded(width_m))


def _hole(gap: Gap, ground: Ground, known: list[Draft]) -> CellFinding:
    near = [known[cell] for cell, _ in gap.neighbours]
    remedy = "leave it if it is meant so, a lake for instance; else give it to a cell"
    finding = _finding(HOLE, near, "", remedy, ground.plane.degrees(gap.ground))
    text = f"enclosed ground {_among(near)} belongs to no cell ({_area(gap.area_m2)})"
    return replace(finding, text=text, area_m2=_rounded(gap.area_m2), width_m=_rounded(gap.width_m))


def _among(near: list[Draft]) -> str:
    return f"{'between' if len(near) > 1 else 'within'} {_names(near)}" if near else "between cells"


def _finding(
    kind: str, drafts: list[Draft], text: str, remedy: str, place: Shape | None = None
) -> CellFinding:
    """A finding about these cells; ``text`` goes on after the name of the first."""
    latitude, longitude = place_of(place)
    return CellFinding(
        kind, "error" if kind in ERRORS else "warning",
        tuple(draft.code for draft in drafts if draft.code), tuple(draft.index for draft in drafts),
        f"{_names(drafts[:1])} {text}" if drafts else text, remedy,
        latitude, longitude, repairable=kind in REPAIRABLE,
    )  # fmt: skip


def place_of(ground: Shape | None) -> tuple[float | None, float | None]:
    """Latitude and longitude of a point within ground in degrees."""
    if ground is None:
        return None, None
    point = ground.representative_point()
    return round(float(point.y), 7), round(float(point.x), 7)


def _names(drafts: list[Draft]) -> str:
    """Cells by their codes, those without by their place in the file; a few of many."""
    names = [f"cell {draft.code}" if draft.code else f"feature {draft.index}" for draft in drafts]
    if len(names) > MOST_NAMED:
        names = [*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} others"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _features(drafts: list[Draft]) -> str:
    return "features " + ", ".join(str(draft.index) for draft in drafts)


def _area(area_m2: float) -> str:
    return f"{area_m2:.0f} m2" if area_m2 >= 10 else f"{area_m2:.1f} m2"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
