"""How near to the truth places are, how honest their ellipses, and how fast they come.

``python benchmarks/geotag.py [--rays FILE --control-points FILE] [--json]``

**Field** (needs two files; see ``benchmarks/fields.py``): rays of a real aircraft over surveyed points. The
reference is the answer that the trial's own software (OpenAthena) wrote into the same file. Each place counts
against the control point nearest to it, for the reference and for us alike. Looks are grouped into things by
the same rule. CE90 is the 90th percentile of horizontal errors. *Fused* is over things with at least 8 looks:
median of the looks; robust fusion of one thing's looks (``geotag.fuse``); and the adjustment of all things
with the errors of each image (``adjustment.adjust``). Every figure is also given for the images with even and
with odd numbers, each half by itself: the shares of the error model were chosen on all images, in coarse
steps; and how often ellipses hold the truth as a mean over random halves of the images. *Cells*: 100 m
squares laid over the field at random offsets; a ticket is confident when its cell holds at least 90 % of the
probability, and wrong when the truth lies in another.

**Town**: one pass of parallel lanes at 80 m over 60 things. Errors wander as first-order Gauss-Markov
processes (GNSS and barometer over 60 s, attitude 10 s, gimbal 5 s), not the model that fusion assumes.
GNSS 1.5 m is given in both readings: in the plane (1.06 m on each axis), and on each axis.

**Speed**: pixels of 1280x720 frames with their covariance, and points to 3,119 cells; per second of wall time
and of the processor, in this process. The baselines, measured in the same run: one pixel after the other
through the same function, and a query of shapely's STRtree with all points at once.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file, too

from benchmarks.fields import Field, FieldInvalid, read_field
from missions.geodesy import Array, LocalFrame
from missions.grids import Grid, GridCell
from missions.messages import CameraMessage, Look, PoseMessage
from missions.terrain import FlatTerrain, sampled_ground
from server.sightings.adjustment import Moments, adjust, moments_of
from server.sightings.ellipses import CHI2_90
from server.sightings.frame_tags import tag_frame
from server.sightings.geotag import LOOK_SIGMA_M, Limits, fuse, look_at_ground
from vision.camera import CameraModel, Pose, project

MANY = 8
FIELD_TERRAIN_SIGMA_M = 3.0  # a global elevation model's, which the answers' heights are from
FIELD_LOOK_SIGMA_M = (
    1.5  # on which spot of a surveyed mark a person put the pixel, from one image to the next
)
TOWN_TERRAIN_SIGMA_M = 0.5
CELL_M, CONFIDENT, LAYOUTS = 100.0, 0.9, 60
HALVES = 20
TOWN = LocalFrame(28.45, 117.97)
HEIGHT_M, SPEED_M_S, LANE_M = 80.0, 8.0, 40.0
LENS = CameraModel.from_field_of_view(1280, 720, 60.0)
CELLS = 3119


@dataclass(frozen=True, slots=True)
class Placed:
    """K places: positions and truths (K, 2), covariances (K, 2, 2), and the looks behind each."""

    positions: Array
    truths: Array
    covariances: Array
    views: NDArray[np.int64]

    @property
    def errors(self) -> Array:
        return np.asarray(np.linalg.norm(self.positions - self.truths, axis=1))

    def of(self, chosen: NDArray[np.bool_]) -> Placed:
        return Placed(
            self.positions[chosen], self.truths[chosen], self.covariances[chosen], self.views[chosen]
        )

    def inside(self) -> float | None:
        """Share of truths in the 90 % ellipse."""
        if not len(self.views):
            return None
        gaps = (self.positions - self.truths)[:, :, None]
        distances = (gaps * np.linalg.solve(self.covariances, gaps)).sum(axis=(1, 2))
        return round(float(np.mean(distances <= CHI2_90)), 3)


def ce90(errors: Array) -> float | None:
    return round(float(np.percentile(errors, 90)), 2) if len(errors) else None


def crossings(looks: list[Look], frame: LocalFrame, terrain_sigma_m: float) -> tuple[Array, Array, list[str]]:
    """Each look alone on flat ground at height 0: points (N, 2), Jacobian (N, 2, 9), problems."""
    ground = look_at_ground(looks, FlatTerrain(0.0), Limits(terrain_sigma_m=terrain_sigma_m))
    good = np.isfinite(ground.points[:, 0])
    points = np.full((len(looks), 2), np.nan)
    places = ground.frame.to_geodetic(ground.points[good, :2])
    points[good] = frame.to_enu(places[:, 0], places[:, 1])[:, :2]
    return points, ground.jacobian, ground.problems


def fuse_each(
    points: Array,
    jacobian: Array,
    things: NDArray[np.int64],
    truths: Array,
    look_sigma_m: float = LOOK_SIGMA_M,
) -> Placed:
    """One thing after the other."""
    found = [
        fuse(points[things == t], jacobian[things == t], look_sigma_m)[:2] for t in range(things.max() + 1)
    ]
    return Placed(np.array([f[0] for f in found]), truths, np.array([f[1] for f in found]),
                  np.bincount(things))  # fmt: skip


def adjust_all(
    points: Array, jacobian: Array, things: NDArray[np.int64], moments: Moments, truths: Array, **more: float
) -> Placed:
    """All things and the errors of all moments together."""
    found = adjust(points, jacobian, things, moments, **more)
    return Placed(found.positions, truths, found.covariances, np.bincount(things))


def field_figures(field: Field) -> dict[str, Any]:
    """Everything about one pair of files, whole and by halves."""
    points, jacobian, problems = crossings(field.looks, field.frame, FIELD_TERRAIN_SIGMA_M)
    good = np.array([not problem for problem in problems])
    halves = {"all": good, "even": good & (field.images % 2 == 0), "odd": good & (field.images % 2 == 1)}
    figures: dict[str, Any] = {
        "rays": len(field.looks), "images": int(field.images.max()) + 1, "left_out": len(field.left_out),
        "refused": int((~good).sum()),
    }  # fmt: skip
    if not good.any():
        raise FieldInvalid(f"no ray can be placed: {problems[0]}")
    for name, chosen in halves.items():
        if chosen.any():
            figures[name] = _field_part(field, points, jacobian, chosen)
    figures["inside_ellipse_of_random_halves"] = _random_halves(field, points, jacobian, good)
    return figures


def _random_halves(
    field: Field, points: Array, jacobian: Array, good: NDArray[np.bool_]
) -> dict[str, float | None]:
    """Means of ``inside`` over random halves of the images: things are few, halves are many."""
    rng, found = np.random.default_rng(4), []
    images = np.unique(field.images[good])
    for _ in range(HALVES):
        chosen = good & np.isin(field.images, rng.permutation(images)[: -(-len(images) // 2)])
        found.append(_placed(field, points, jacobian, chosen))
    sums = {name: [ways[name].inside() for ways in found] for name in found[0]}
    return {
        name: round(float(np.mean([v for v in values if v is not None])), 3) for name, values in sums.items()
    }


def _placed(field: Field, points: Array, jacobian: Array, chosen: NDArray[np.bool_]) -> dict[str, Placed]:
    """The chosen looks as single views, and things fused and adjusted."""
    points, jacobian = points[chosen], jacobian[chosen]
    nearest = field.nearest(points)
    targets, things = np.unique(nearest, return_inverse=True)
    moments = Moments.apart(np.unique(field.images[chosen], return_inverse=True)[1])
    truths = field.control[targets]
    alone = Placed(points, field.control[nearest], np.einsum("nip,njp->nij", jacobian, jacobian),
                   np.ones(len(points), np.int64))  # fmt: skip
    return {
        "single": alone, "fused": fuse_each(points, jacobian, things, truths, FIELD_LOOK_SIGMA_M),
        "adjusted": adjust_all(points, jacobian, things, moments, truths, look_sigma_m=FIELD_LOOK_SIGMA_M),
    }  # fmt: skip


def _field_part(field: Field, points: Array, jacobian: Array, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    answers = field.answers[chosen]
    placed = _placed(field, points, jacobian, chosen)
    alone, together, adjusted = placed["single"], placed["fused"], placed["adjusted"]
    points, nearest, theirs = alone.positions, field.nearest(alone.positions), field.nearest(answers)
    many = together.views >= MANY
    reference = np.linalg.norm(answers - field.control[theirs], axis=1)
    single = ce90(alone.errors)
    return {
        "rays": len(points),
        "single_ce90_m": {"reference": ce90(reference), "ours": single},
        "single_ratio": round(float(single or 0) / float(ce90(reference) or np.nan), 3),
        "things_with_8_views": int(many.sum()),
        "fused_ce90_m": {
            "reference_median": ce90(_medians(answers, theirs, field.control)),
            "median": ce90(_medians(points, nearest, field.control)),
            "fused": ce90(together.of(many).errors), "adjusted": ce90(adjusted.of(many).errors),
        },
        "inside_ellipse": {
            "single": alone.inside(), "fused": together.inside(), "adjusted": adjusted.inside(),
            "adjusted_8_views": adjusted.of(many).inside(),
        },
        "cells": {
            "reference_all_wrong": _wrong_cells(answers, field.control[theirs]),
            "single": confident_cells(alone), "fused": confident_cells(together),
            "adjusted": confident_cells(adjusted),
        },
    }  # fmt: skip


def _medians(points: Array, nearest: NDArray[np.int64], control: Array) -> Array:
    """Errors of the median of views, of things with many views."""
    errors = [
        np.linalg.norm(np.median(points[nearest == t], axis=0) - control[t])
        for t in np.unique(nearest) if (nearest == t).sum() >= MANY
    ]  # fmt: skip
    return np.array(errors)


def _layouts() -> Array:
    return np.random.default_rng(9).uniform(0, CELL_M, (LAYOUTS, 2))


def _wrong_cells(positions: Array, truths: Array) -> float:
    """Share of places in another square than their truth, whatever is said of them."""
    shifts = _layouts()[:, None]
    other = np.floor((positions + shifts) / CELL_M) != np.floor((truths + shifts) / CELL_M)
    return round(float(other.any(-1).mean()), 4)


def confident_cells(placed: Placed) -> dict[str, float | None]:
    """Share of tickets that are sure of their cell, and how many of those are wrong."""
    shifts = _layouts()
    sure = wrong = total = 0
    draws = np.random.default_rng(1).standard_normal((2000, 2))
    for position, truth, covariance in zip(placed.positions, placed.truths, placed.covariances, strict=True):
        cloud = draws @ np.linalg.cholesky(covariance).T
        corner = (position + shifts) % CELL_M
        moved = corner[:, None] + cloud[None]
        boxes = np.floor(moved / CELL_M).astype(int)
        codes = (boxes[..., 0] + 8) * 17 + boxes[..., 1] + 8
        real = np.floor((truth - position + corner) / CELL_M).astype(int)
        actual = (real[:, 0] + 8) * 17 + real[:, 1] + 8
        for row, code in zip(codes, actual, strict=True):
            counts = np.bincount(np.clip(row, 0, 288))
            best = int(counts.argmax())
            total += 1
            if counts[best] >= CONFIDENT * len(row):
                sure += 1
                wrong += best != code
    return {
        "confident": round(sure / total, 3) if total else None,
        "wrong_of_confident": round(wrong / sure, 4) if sure else None,
    }


def wander(rng: np.random.Generator, steps: int, step_s: float, sigma: float, time_s: float) -> Array:
    """A first-order Gauss-Markov process, (steps,)."""
    keep = np.exp(-step_s / time_s)
    values = rng.standard_normal(steps) * sigma
    for i in range(1, steps):
        values[i] = keep * values[i - 1] + np.sqrt(1 - keep**2) * values[i]
    return np.asarray(values)


def town_pass(seed: int, gnss_axis_m: float) -> tuple[list[Look], NDArray[np.int64], Moments, Array]:
    """One pass: looks, the thing each shows, the moment each is from, and the true places (T, 2)."""
    rng = np.random.default_rng(seed)
    truths = rng.uniform([0, 0], [240, 200], (60, 2))
    step_s, legs = 1.0, []
    for number, east in enumerate(np.arange(LANE_M / 2, 240, LANE_M)):
        north = np.arange(-40.0, 240.0, SPEED_M_S * step_s)
        legs += [(east, y, 180.0) for y in north[::-1]] if number % 2 else [(east, y, 0.0) for y in north]
    n = len(legs)
    off = np.column_stack([
        *(wander(rng, n, step_s, gnss_axis_m, 60) for _ in range(2)), wander(rng, n, step_s, 1.5, 60),
        *(wander(rng, n, step_s, 1.0, 10) + wander(rng, n, step_s, 0.5, 5) for _ in range(3)),
    ])  # fmt: skip
    camera = CameraMessage(
        name="patrol-720p", width_px=1280, height_px=720, fx_px=LENS.fx_px, fy_px=LENS.fy_px, cx_px=640,
        cy_px=360,
    )  # fmt: skip
    looks, things = [], []
    for step, ((east, north, yaw), error) in enumerate(zip(legs, off, strict=True)):
        true = _pose(east, north, HEIGHT_M, yaw, -60.0, 0.0, gnss_axis_m)
        told = _pose(east + error[0], north + error[1], HEIGHT_M + error[2], yaw + error[3], -60 + error[4],
                     error[5], gnss_axis_m, step * step_s)  # fmt: skip
        pixels, depth = project(LENS, true, TOWN, np.column_stack([truths, np.zeros(len(truths))]))
        inside = (depth > 0) & ((pixels > 0) & (pixels < [1280, 720])).all(1)
        for thing in np.flatnonzero(inside):
            u, v = pixels[thing] + rng.standard_normal(2) * 3
            message = PoseMessage(**{k: getattr(told, k) for k in Pose.__dataclass_fields__})
            looks.append(Look(frame_index=0, u_px=u, v_px=v, box=(0, 0, 1, 1), score=1.0, pose=message,
                              camera=camera))  # fmt: skip
            things.append(thing)
    seen, numbers = np.unique(things, return_inverse=True)
    return looks, numbers, moments_of(looks), truths[seen]


def _pose(
    east: float, north: float, up: float, yaw: float, pitch: float, roll: float, gnss_m: float,
    seconds: float = 0.0,
) -> Pose:  # fmt: skip
    latitude, longitude, height = TOWN.to_geodetic([[east, north, up]])[0]
    return Pose(
        captured_at=datetime(2026, 5, 1, tzinfo=UTC) + timedelta(seconds=seconds),
        latitude=latitude, longitude=longitude, altitude_amsl_m=height,
        yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll, position_sigma_m=gnss_m, altitude_sigma_m=1.5,
        attitude_sigma_deg=float(np.hypot(1, 0.5)), heading_sigma_deg=float(np.hypot(1, 0.5)),
    )  # fmt: skip


def town_figures(passes: int) -> dict[str, Any]:
    """CE90 after one pass, over several passes with other errors."""
    figures: dict[str, Any] = {"passes": passes}
    for name, axis_m in (("gnss_1.5_m_in_the_plane", 1.5 / np.sqrt(2)), ("gnss_1.5_m_per_axis", 1.5)):
        each, whole, alone = [], [], []
        for seed in range(passes):
            looks, things, moments, truths = town_pass(seed, axis_m)
            points, jacobian, _ = crossings(looks, TOWN, TOWN_TERRAIN_SIGMA_M)
            alone.append(np.linalg.norm(points - truths[things], axis=1))
            each.append(fuse_each(points, jacobian, things, truths))
            whole.append(adjust_all(points, jacobian, things, moments, truths))
        figures[name] = {
            "single_ce90_m": ce90(np.concatenate(alone)),
            "fused_ce90_m": ce90(np.concatenate([p.errors for p in each])),
            "adjusted_ce90_m": ce90(np.concatenate([p.errors for p in whole])),
            "adjusted_inside_ellipse": round(float(np.mean([p.inside() for p in whole])), 3),
        }
    return figures


def speed_figures(count: int) -> dict[str, Any]:
    """Things per second: pixels onto the ground, and points into cells."""
    rng = np.random.default_rng(0)
    pixels = rng.uniform([0, 0], [1280, 720], (count, 2))
    pose = _pose(0, 0, HEIGHT_M, 30, -60, 0, 1.5)
    origin = [0.0, 0.0, HEIGHT_M]
    hills = sampled_ground(lambda e, n: 5 * np.sin(e / 50) + 0.05 * n, (-800, -800, 800, 800), 10.0)
    grid, latitude, longitude = _cells(rng, count)
    one_by_one = max(1, count // 20_000)

    def singly(ground: Any) -> None:
        for pixel in pixels[:one_by_one]:
            tag_frame(LENS, pose, origin, pixel, ground)

    tree = STRtree([cell.polygon for cell in grid.cells])
    some = max(1, count // 20)
    figures = {
        "flat_per_s": _rate(lambda: tag_frame(LENS, pose, origin, pixels, 0.0), count),
        "flat_singly_per_s": _rate(lambda: singly(0.0), one_by_one),
        "terrain_per_s": _rate(
            lambda: tag_frame(LENS, pose, origin, pixels[: count // 5], hills), count // 5
        ),
        "terrain_singly_per_s": _rate(lambda: singly(hills), one_by_one),
        "cells_per_s": _rate(lambda: grid.locate_many(latitude, longitude), count),
        "cells_by_tree_per_s": _rate(
            lambda: tree.query(shapely.points(longitude[:some], latitude[:some]), "intersects"), some
        ),
    }
    pairs = (
        ("flat", "flat_singly"), ("terrain", "terrain_singly"), ("cells", "cells_by_tree"),
    )  # fmt: skip
    ratios = {
        name: round(figures[f"{name}_per_s"]["processor"] / figures[f"{base}_per_s"]["processor"], 1)
        for name, base in pairs
    }
    return {**figures, "ratio_to_baseline": ratios}


def _cells(rng: np.random.Generator, count: int) -> tuple[Grid, Array, Array]:
    """3,119 skewed cells of about 100 m, and points over them."""
    side = int(np.ceil(np.sqrt(CELLS)))
    corners = rng.uniform(-3e-4, 3e-4, (side + 1, side + 1, 2))
    corners += 1e-3 * np.stack(np.meshgrid(np.arange(side + 1), np.arange(side + 1)), -1) + [117.97, 28.45]
    cells = []
    for number in range(CELLS):
        i, j = divmod(number, side)
        ring = [corners[i, j], corners[i, j + 1], corners[i + 1, j + 1], corners[i + 1, j]]
        cells.append(GridCell(f"{number:05d}", str(number), shapely.Polygon(ring)))
    places = rng.uniform([117.97, 28.45], np.array([117.97, 28.45]) + side * 1e-3, (count, 2))
    return Grid(cells), places[:, 1], places[:, 0]


def _rate(work: Callable[[], object], count: int) -> dict[str, int]:
    """The better of two rounds after one to warm up."""
    work()
    wall, processor = [], []
    for _ in range(2):
        start, started = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - started)
    return {"wall": round(count / min(wall)), "processor": round(count / min(processor))}


def _print(figures: dict[str, Any], indent: str = "") -> None:
    for name, value in figures.items():
        if isinstance(value, dict) and any(isinstance(v, dict) for v in value.values()):
            print(f"{indent}{name}")
            _print(value, indent + "  ")
        else:
            text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
            print(f"{indent}{name:{28 - len(indent)}} {text}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rays", type=Path, help="rays of a field trial (CSV)")
    parser.add_argument("--control-points", type=Path, help="surveyed points of the same trial (CSV)")
    parser.add_argument(
        "--passes", type=int, default=10, help="simulated passes over the town; 0 leaves it out"
    )
    parser.add_argument("--points", type=int, default=1_000_000, help="points timed; 0 leaves it out")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if (chosen.rays is None) != (chosen.control_points is None):
        parser.error("--rays and --control-points belong together")
    figures: dict[str, Any] = {}
    try:
        if chosen.rays is not None:
            figures["field"] = field_figures(read_field(chosen.rays, chosen.control_points))
    except FieldInvalid as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if chosen.passes:
        figures["town"] = town_figures(chosen.passes)
    if chosen.points:
        figures["speed"] = speed_figures(chosen.points)
    if chosen.json:
        print(json.dumps(figures))
    else:
        _print(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
