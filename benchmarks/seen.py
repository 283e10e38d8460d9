"""How well the ledger of ground seen agrees with what a renderer shows, and how fast it is kept.

``python -m benchmarks.seen [--towns 3 --poses 24 --json]``

The town's renderer draws each pose with the ground white and everything that stands on it black: its depth
buffer decides, pixel by pixel, whether ground is what the camera sees. A square of the lattice is visible
there when the pixel of its middle is white; pixels that are half covered by an edge count as half. The ledger
says the same from outlines and heights alone. Poses are random in place, heading, height (40 to 90 m), pitch
(-35 to -90 degrees) and roll. Squares are compared within the ledger's limits of reach and slope, roofs left
out.

- *buildings*: only ground and buildings are drawn. The ledger knows what a base map with heights knows: the
  town's site folder is written and read back, as an agent does.
- *everything*: trees, awnings, market stalls, lamps and all that stands is drawn. Once the ledger knows
  buildings alone, once the crowns of trees as well (height and radius, as a register of trees has them).

``area`` is the difference of areas over the area that the renderer shows, over all poses; ``worst`` the same
of the worst pose; ``differing`` is the area that one of both has and the other has not, which nothing cancels
out; ``behind`` the part of the marked area that the renderer hides. Frames per second are of ``Ledger.look``
on lanes over the town, occlusion, blur and all, in this process.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from panda3d.core import LVecBase4f

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file, too

from drone.sim.renderer import Renderer, pose_at
from drone.sim.town import Town
from drone.sim.view import View
from missions.geodesy import Array
from missions.seen import Ledger
from missions.seen_obstacles import Obstacles, site_obstacles
from missions.seen_tiles import square_m2
from missions.site import load_site
from vision.camera import CameraModel, Pose

LENS = CameraModel.from_field_of_view(1280, 720, 60.0, name="patrol-720p")
ENOUGH_M2 = 200.0
CAMERAS_A_SECOND, SPEED_M_S = 5.0, 7.0


class GroundRenderer(Renderer):
    """The town's renderer with white ground and everything else black."""

    def __init__(self, town: Town, camera: CameraModel) -> None:
        super().__init__(town, camera, supersample=1.0)
        self._painter.paint = lambda *_: np.full((8, 8, 3), 255, np.uint8)  # type: ignore[method-assign]
        self._root.setTextureOff(1)
        self._root.find("standing").setColor(LVecBase4f(0, 0, 0, 1), 1)
        self._root.find("standing").setColorScaleOff(1)
        self._root.find("ground").setColor(LVecBase4f(1, 1, 1, 1), 1)
        self._buffer.setClearColor(LVecBase4f(0, 0, 0, 1))

    def ground(self, pose: Pose) -> Array:
        """How much of each pixel (H, W) shows ground, 0 to 1; nobody moves and nothing burns."""
        view = View.of(self.camera, pose, self.town.frame)
        troupe = self._actors.at(0.0, view)
        nobody = replace(
            troupe, vertices=troupe.vertices[:0], faces=troupe.faces[:0],
            shadow_rings=troupe.shadow_rings[:0], shadow_weights=troupe.shadow_weights[:0],
        )  # fmt: skip
        return np.asarray(self._draw(view, nobody, [], [])[..., 0] / 255.0)


@dataclass(slots=True)
class Tally:
    """Square metres over many frames."""

    renderer: float = 0.0
    ledger: float = 0.0
    differing: float = 0.0
    behind: float = 0.0
    worst: float = 0.0
    frames: int = 0

    def add(self, marked: NDArray[np.bool_], shown: Array, area_m2: Array) -> None:
        renderer, ledger = float((shown * area_m2).sum()), float(area_m2[marked].sum())
        self.renderer += renderer
        self.ledger += ledger
        self.differing += float((np.abs(marked - shown) * area_m2).sum())
        self.behind += float(((1 - shown) * area_m2)[marked].sum())
        self.frames += 1
        if renderer > ENOUGH_M2:
            self.worst = max(self.worst, abs(ledger / renderer - 1))

    def figures(self) -> dict[str, float]:
        shown = max(self.renderer, 1e-9)
        return {
            "frames": self.frames, "renderer_m2": round(self.renderer), "ledger_m2": round(self.ledger),
            "area": round(self.ledger / shown - 1, 5), "worst": round(self.worst, 4),
            "differing": round(self.differing / shown, 4),
            "behind": round(self.behind / max(self.ledger, 1e-9), 4),
        }  # fmt: skip


def poses_over(town: Town, count: int, seed: int) -> list[Pose]:
    rng = np.random.default_rng(seed)
    return [
        pose_at(
            town, rng.uniform(-330, 330), rng.uniform(-240, 250), rng.uniform(40, 90),
            rng.uniform(0, 360), rng.uniform(-90, -35), rng.uniform(-8, 8),
        )
        for _ in range(count)
    ]  # fmt: skip


def compare(ledger: Ledger, free: Ledger, renderer: GroundRenderer, poses: list[Pose], tally: Tally) -> None:
    """Add the agreement over all poses. ``free`` knows no obstacle but the roofs: it says what could be
    seen."""
    for pose in poses:
        eye = ledger.eye(renderer.camera, pose)
        marked = {
            part.tile: set(zip(part.rows.tolist(), part.columns.tolist(), strict=True))
            for part in ledger.visible(eye)
        }
        ground = renderer.ground(pose)
        flags, shares, areas = [], [], []
        for part in free.visible(eye):
            here = marked.get(part.tile, set())
            places = free.places(part.tile)[part.rows, part.columns]
            pixels, _ = eye.pixels(places)
            column = np.clip(pixels[:, 0].astype(int), 0, ground.shape[1] - 1)
            row = np.clip(pixels[:, 1].astype(int), 0, ground.shape[0] - 1)
            flags += [key in here for key in zip(part.rows.tolist(), part.columns.tolist(), strict=True)]
            shares.append(ground[row, column])
            areas.append(np.full(len(part.rows), square_m2(part.tile)))
        if flags:
            tally.add(np.array(flags), np.concatenate(shares), np.concatenate(areas))


class RoofsOnly(Obstacles):
    """Obstacles that cover ground and hide none."""

    def hidden(self, places: Array, camera: Array) -> NDArray[np.bool_]:
        return np.zeros(len(places), bool)


def frames_per_second(ledger: Ledger, town: Town, minutes: float = 1.0) -> dict[str, float]:
    """Lanes over the town as a patrol flies them."""
    at = datetime(2026, 5, 1, tzinfo=UTC)
    steps = int(minutes * 60 * CAMERAS_A_SECOND)
    poses = []
    for step in range(steps):
        along = step * SPEED_M_S / CAMERAS_A_SECOND
        lane, place = divmod(along, 500.0)
        east = -250 + place if lane % 2 == 0 else 250 - place
        poses.append(pose_at(town, east, -60 + 45 * lane, 50.0, 90.0 if lane % 2 == 0 else 270.0, -55.0))
    squares = 0
    began, busy = time.perf_counter(), time.process_time()
    for step, pose in enumerate(poses):
        squares += ledger.look(
            LENS, pose, at + timedelta(seconds=step / CAMERAS_A_SECOND), ["patrol-rgb", "crowds"]
        )
    wall, busy = time.perf_counter() - began, time.process_time() - busy
    packed = [len(tile.packed()) for tile in ledger.take()]
    return {
        "frames": steps, "squares_per_frame": round(squares / steps),
        "frames_per_second": round(steps / wall, 1),
        "frames_per_processor_second": round(steps / busy, 1), "tiles": len(packed),
        "packed_bytes_per_tile": round(sum(packed) / max(len(packed), 1)),
        "packed_bytes_per_minute": round(sum(packed) / minutes),
    }  # fmt: skip


def measure(towns: int, poses: int) -> dict[str, Any]:
    tallies = {name: Tally() for name in ("buildings", "everything", "everything_without_crowns")}
    speed: dict[str, float] = {}
    for seed in range(1, towns + 1):
        town = Town.generate(seed)
        with tempfile.TemporaryDirectory() as folder:
            town.export(folder)
            site = load_site(Path(folder))
        obstacles = site_obstacles(site, town.frame)
        views = poses_over(town, poses, seed)
        free = Ledger(town.frame, site.terrain, RoofsOnly(obstacles.prisms))
        plain = Ledger(town.frame, site.terrain, Obstacles(obstacles.prisms))
        bare = copy.copy(town)
        bare.fabric = replace(town.fabric, trees=[], props=[])
        renderer = GroundRenderer(bare, LENS)
        compare(plain, free, renderer, views, tallies["buildings"])
        renderer.close()
        renderer = GroundRenderer(town, LENS)
        compare(Ledger(town.frame, site.terrain, obstacles), free, renderer, views, tallies["everything"])
        compare(plain, free, renderer, views, tallies["everything_without_crowns"])
        renderer.close()
        speed = speed or frames_per_second(Ledger(town.frame, site.terrain, obstacles), town)
    return {**{name: tally.figures() for name, tally in tallies.items()}, "speed": speed}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--towns", type=int, default=3)
    parser.add_argument("--poses", type=int, default=24, help="for each town")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    figures = measure(arguments.towns, arguments.poses)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name in ("buildings", "everything", "everything_without_crowns"):
        f = figures[name]
        print(f"{name}: {f['frames']} frames, renderer {f['renderer_m2']} m2, ledger {f['ledger_m2']} m2: "
              f"area {f['area']:+.2%} (worst frame {f['worst']:.1%}), differing {f['differing']:.2%}, "
              f"marked behind something {f['behind']:.2%}")  # fmt: skip
    s = figures["speed"]
    print(
        f"speed: {s['frames_per_second']} frames/s, {s['frames_per_processor_second']} a second of processor"
    )
    print(f"a frame shows {s['squares_per_frame']} squares; a minute of flight packs into "
          f"{s['packed_bytes_per_minute']} bytes, a tile into {s['packed_bytes_per_tile']}")  # fmt: skip


if __name__ == "__main__":
    main()
