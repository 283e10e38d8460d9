"""Mending cells on request: what can be mended without knowing the town, with every change told.

Codes are trimmed, outlines made valid, parts that are slivers dropped. Ground of two cells goes to the
smaller code, as points on a border do; a cell that would lose most of its ground is left for a person to
decide. Slits go to the neighbour with the longest border on them, cut where one neighbour ends and the next
begins. Cells that nothing is wrong with keep their coordinates to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from missions import grid_codes as codes
from missions import grid_drafts as outlines
from missions import shapes
from missions.grid_checks import OVERLAP, SLIT, SLIVER_PART, CellCheck, check_drafts, ground_of, place_of
from missions.grid_drafts import Draft, read_drafts
from missions.grid_ground import NEAR_M, SLIT_WIDTH_M, WORTH_TELLING_M2, Gap, Ground, Plane
from missions.shapes import Shape

MOST_ROUNDS = 8
SEAM_M = 0.005
"""Mended ground reaches so far under its neighbours before they are cut out of it: no hair stays between."""
LONGEST_CUT = 3.0


@dataclass(frozen=True, slots=True)
class CellChange:
    """What was changed.

    Attributes:
        kind: that of the finding which it mends, e.g. ``overlap``.
        codes: of an overlap the cell that keeps the ground and the one that loses it; of a slit the cell that
            gets it and its other neighbours.
        features: their places in the file.
        area_m2: ground by which a cell grew or shrank; 0 where none did.
        latitude: of the place in degrees, with ``longitude``; None where there is none.
    """

    kind: str
    codes: tuple[str, ...]
    features: tuple[int, ...]
    text: str
    area_m2: float = 0.0
    latitude: float | None = None
    longitude: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CellRepair:
    """Mended cells as a FeatureCollection, what was changed, and what is left to find."""

    cells: dict[str, Any]
    changes: tuple[CellChange, ...]
    check: CellCheck


def repair(source: Path | str | dict[str, Any], slit_m: float = SLIT_WIDTH_M) -> CellRepair:
    """Mend what ``missions.grid_checks.check`` calls repairable; repairing twice changes nothing more.

    Args:
        source: a file or a document; other properties of its features are kept.
        slit_m: ground between cells that is narrower than this, in metres, is given to one of them.

    Raises:
        GridsInvalid: it is no FeatureCollection.
        ValueError: ``slit_m`` is not positive.
    """
    drafts = read_drafts(source)
    check_drafts([], slit_m)
    changes = [*chain.from_iterable(_tidied(draft) for draft in drafts)]
    before = {draft.index: draft.polygon for draft in drafts}
    for _ in range(MOST_ROUNDS):
        steps: list[Callable[[list[Draft]], list[CellChange]]] = [
            _drop_splinters, _split_overlaps, _drop_splinters, lambda some: _close_slits(some, slit_m),
        ]  # fmt: skip
        made = [*chain.from_iterable(step(drafts) for step in steps)]
        changes += made
        if not made:
            break
    features = [_feature(draft, draft.polygon is not before[draft.index]) for draft in drafts]
    for draft in drafts:
        draft.faults = [fault for fault in draft.faults if draft.polygon is None]
        draft.untidy = ""
    cells = {"type": "FeatureCollection", "features": features}
    return CellRepair(cells, tuple(changes), check_drafts(drafts, slit_m))


def _feature(draft: Draft, moved: bool) -> dict[str, Any]:
    """The feature as it was, with what was mended put in."""
    properties = dict(draft.properties)
    if draft.untidy:
        properties["code"] = draft.code
    geometry = draft.geometry
    if draft.polygon is not None and (moved or draft.faults):
        geometry = shapes.collection([({}, draft.polygon)])["features"][0]["geometry"]
    return {"type": "Feature", "properties": properties, "geometry": geometry}


OUTLINES: dict[str, str] = {
    outlines.SWAPPED: "longitude and latitude of {cell} exchanged",
    outlines.OPEN_RING: "the outline of {cell} closed",
    outlines.REPEATED_POINTS: "{count} repeated points of {cell} taken away",
    outlines.CROSSING: "the outline of {cell} made valid where it crossed or touched itself",
    outlines.INVALID: "the outline of {cell} made valid",
}


def _tidied(draft: Draft) -> list[CellChange]:
    """What reading the cell has mended already."""
    made = []
    if draft.code and draft.untidy:
        kind = draft.untidy
        verb = "trimmed" if kind == codes.SPACES else "written as text"
        made.append(_change(kind, [draft], f"the code of {_name(draft)} {verb}"))
    for fault in draft.faults:
        if draft.polygon is not None:
            text = OUTLINES[fault.kind].format(cell=_name(draft), count=fault.count)
            change = _change(fault.kind, [draft], text, fault.area_m2 or 0.0)
            if fault.place is not None:
                change = replace(change, longitude=fault.place[0], latitude=fault.place[1])
            made.append(change)
    return made


def _drop_splinters(drafts: list[Draft]) -> list[CellChange]:
    ground, known = ground_of(drafts)
    made = []
    for splinter in ground.splinters if ground else []:
        draft = known[splinter.cell]
        if splinter.whole:
            continue
        kept = [part for part in shapes.parts_of(draft.polygon) if not part.equals(splinter.part)]
        draft.polygon = kept[0] if len(kept) == 1 else shapely.multipolygons(kept)
        text = f"a sliver of {_name(draft)} dropped"
        made.append(_change(SLIVER_PART, [draft], text, splinter.area_m2, splinter.part))
    return made


def _split_overlaps(drafts: list[Draft]) -> list[CellChange]:
    ground, known = ground_of(drafts)
    if ground is None:
        return []
    made = []
    overlaps = [overlap for overlap in ground.overlaps if overlap.splittable]
    for overlap in sorted(overlaps, key=lambda one: _rank(known[one.loser]) + _rank(known[one.winner])):
        winner, loser = known[overlap.winner], known[overlap.loser]
        left = _without_hairs(shapely.difference(loser.polygon, winner.polygon), ground.plane)
        lost = shapes.area_m2(loser.polygon) - shapes.area_m2(left)
        if left is None or lost <= 0:  # an earlier split took it already
            continue
        loser.polygon = left
        text = f"ground shared by {_name(winner)} and {_name(loser)} left to {_name(winner)}"
        made.append(_change(OVERLAP, [winner, loser], text, lost, ground.plane.degrees(overlap.ground)))
    return made


def _close_slits(drafts: list[Draft], slit_m: float) -> list[CellChange]:
    ground, known = ground_of(drafts)
    if ground is None:
        return []
    shares: dict[int, list[Shape]] = {}
    beside: dict[int, set[int]] = {}
    cut = [(piece, slit) for slit in ground.gaps(slit_m)[0] for piece in _pieces(slit, ground, slit_m)]
    for (piece, slit), borders in zip(cut, ground.borders([piece for piece, _ in cut]), strict=True):
        first, *rest = (cell for cell, _ in borders or slit.neighbours)
        shares.setdefault(first, []).append(piece)
        beside.setdefault(first, set()).update(rest)
    made = []
    for cell in sorted(shares, key=lambda one: _rank(known[one])):
        owner, pieces = known[cell], sorted(shares[cell], key=lambda piece: -piece.area)
        near = np.unique(ground.tree.query(pieces, predicate="dwithin", distance=2 * NEAR_M)[1])
        others = [known[other].polygon for other in near if other != cell]
        grown = _owned(pieces, ground.plane, owner.polygon, others)
        gained = shapes.area_m2(grown) - shapes.area_m2(owner.polygon)
        if gained <= 0:
            continue
        owner.polygon = grown
        around = sorted((known[other] for other in beside[cell]), key=_rank)
        what = "a slit" if len(pieces) == 1 else f"{len(pieces)} slits"
        text = f"{what} {'beside' if around else 'within'} {_name(owner)} given to it"
        made.append(_change(SLIT, [owner, *around], text, gained, ground.plane.degrees(pieces[0])))
    return made


def _owned(pieces: list[Shape], plane: Plane, owner: Shape, others: list[Shape]) -> Shape:
    """The owner with the pieces, which end exactly where the others begin."""
    grown = plane.degrees(shapely.union_all(shapely.buffer(pieces, SEAM_M, join_style="bevel")))
    free = grown.difference(shapely.union_all(others)) if others else grown
    return shapely.union_all([owner, *(part for part in shapes.parts_of(free) if part.intersects(owner))])


def _pieces(slit: Gap, ground: Ground, slit_m: float) -> list[Shape]:
    """The slit cut across wherever one neighbour ends and the next begins; the pieces, on the plane."""
    if len(slit.neighbours) < 3:
        return [slit.ground]
    cells = [cell for cell, _ in slit.neighbours]
    banks = dict(zip(cells, ground.border(slit.ground, cells), strict=True))
    cuts = []
    for bank in banks.values():
        ends = shapely.boundary(shapely.line_merge(shapely.union_all(shapely.get_parts(bank))))
        for end in shapely.get_parts(ends):
            far = [other for other in banks.values() if other.distance(end) > 2 * NEAR_M]
            if far:
                cut = shapely.shortest_line(end, shapely.union_all(far))
                if cut.length < LONGEST_CUT * slit_m:
                    cuts.append(_lengthened(cut))
    lines = shapely.union_all([shapely.boundary(slit.ground), *cuts])
    faces = shapely.get_parts(shapely.polygonize([lines]))
    inside = [face for face in faces if slit.ground.contains(face.representative_point())]
    return inside or [slit.ground]


def _lengthened(cut: Shape) -> Shape:
    """A line that surely crosses from bank to bank."""
    (x0, y0), (x1, y1) = cut.coords
    length = max(cut.length, 1e-9)
    x, y = (x1 - x0) / length * NEAR_M, (y1 - y0) / length * NEAR_M
    return shapely.linestrings([(x0 - x, y0 - y), (x1 + x, y1 + y)])


def _without_hairs(geometry: Shape, plane: Plane) -> Shape | None:
    """Its polygons, without parts too small to be told of; None if nothing is left."""
    parts = [
        part for part in shapes.parts_of(geometry) if plane.area_m2(plane.metres(part)) > WORTH_TELLING_M2
    ]
    return _solid(shapely.multipolygons(parts)) if parts else None


def _solid(geometry: Shape) -> Shape:
    """Its polygons alone."""
    parts = shapes.parts_of(geometry)
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)


def _rank(draft: Draft) -> tuple[bool, str, int]:
    return not draft.code, draft.code, draft.index


def _change(
    kind: str, drafts: list[Draft], text: str, area_m2: float = 0.0, place: Shape | None = None
) -> CellChange:
    latitude, longitude = place_of(place)
    named = tuple(draft.code for draft in drafts if draft.code)
    features = tuple(draft.index for draft in drafts)
    return CellChange(kind, named, features, text, round(area_m2, 4), latitude, longitude)


def _name(draft: Draft) -> str:
    return f"cell {draft.code}" if draft.code else f"feature {draft.index}"
