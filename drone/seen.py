"""Keeping the ledger of ground seen in flight, and reporting it through the spool.

A tile is reported when the camera has moved on from it, again when it comes back, and all that is left when
the flight ends. Every report holds all that the flight has seen of the tile, so that a later one replaces an
earlier one, and the server may take them twice or out of order.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from drone.spool import Spool
from missions.geodesy import Array, LocalFrame
from missions.messages import SeenMessage, SightingMessage
from missions.seen import Ledger, Limits
from missions.seen_obstacles import Obstacles, site_obstacles
from missions.seen_tiles import SeenTile
from missions.site import Site
from missions.terrain import Terrain
from vision.camera import CameraModel, Pose
from vision.frames import Frame
from vision.glances import Looked
from vision.watch import Watch, WatchResult

log = logging.getLogger(__name__)

CROWDS = "crowds"
"""The rules for gatherings and disputes: they look at every frame that the detector looks at."""
QUIET_S = 10.0


class SeenReporter:
    """The ledger of one flight.

    Args:
        algorithms: names of what looks at the frames.
    """

    def __init__(
        self, ledger: Ledger, spool: Spool, flight_id: UUID, lens: CameraModel, algorithms: Sequence[str]
    ) -> None:
        self.refused = 0
        self._ledger, self._spool, self._flight_id = ledger, spool, flight_id
        self._lens, self._algorithms = lens, tuple(algorithms)
        self._reports: dict[tuple[int, int], int] = {}

    def look(self, captured_at: datetime, pose: Pose | None, looked: Looked | None = None) -> None:
        """Enter one frame; without a pose nobody knows what it shows.

        Args:
            looked: the parts of it that were looked at; None: all of it.
        """
        if pose is None:
            return
        try:
            self._ledger.look(self._lens, pose, captured_at, self._algorithms, self._shown(looked))
        except ValueError as error:
            self.refused += 1
            if self.refused == 1:
                log.warning("a frame is not entered into the ledger of ground seen: %s", error)
            return
        self._report(self._ledger.take(quiet_s=QUIET_S))

    def _shown(self, looked: Looked | None) -> Callable[[Array], NDArray[np.bool_]] | None:
        """Which pixels of the lens were looked at; the frame may have come in another size."""
        if looked is None:
            return None
        scale = np.array(looked.size) / [self._lens.width_px, self._lens.height_px]
        return lambda pixels: looked.shows(pixels * scale)

    def finish(self) -> None:
        """Report what is left; the flight is over."""
        self._report(self._ledger.take())

    def _report(self, tiles: list[SeenTile]) -> None:
        for tile in tiles:
            revision = self._reports[tile.key] = self._reports.get(tile.key, 0) + 1
            self._spool.put_seen(
                SeenMessage(
                    flight_id=self._flight_id, row=tile.key[0], column=tile.key[1], revision=revision,
                    squares=base64.b64encode(tile.packed()).decode(),
                )
            )  # fmt: skip


MakeReporter = Callable[[UUID, CameraModel, Sequence[str]], SeenReporter]


def seen_at(site: Site, spool: Spool, limits: Limits | None = None) -> MakeReporter:
    """Reporters for flights over a site; its buildings and trees hide ground."""
    bounds = [cell.polygon.bounds for cell in site.grid.cells]
    west, south = min(b[0] for b in bounds), min(b[1] for b in bounds)
    east, north = max(b[2] for b in bounds), max(b[3] for b in bounds)
    frame = LocalFrame((south + north) / 2, (west + east) / 2)
    return _over(frame, site.terrain, site_obstacles(site, frame), spool, limits)


def seen_from(latitude: float, longitude: float, terrain: Terrain, spool: Spool) -> MakeReporter:
    """Reporters for flights over ground of which no buildings are known."""
    return _over(LocalFrame(latitude, longitude), terrain, Obstacles(), spool, None)


def _over(
    frame: LocalFrame, terrain: Terrain, obstacles: Obstacles, spool: Spool, limits: Limits | None
) -> MakeReporter:
    def make(flight_id: UUID, lens: CameraModel, algorithms: Sequence[str]) -> SeenReporter:
        ledger = Ledger(frame, terrain, obstacles, limits or Limits())
        return SeenReporter(ledger, spool, flight_id, lens, algorithms)

    return make


class RecordingWatch(Watch):
    """An eye that enters every frame it has looked at into a ledger of ground seen."""

    def __init__(
        self, *arguments: Any, seen: SeenReporter, pose_at: Callable[[datetime], Pose | None], **more: Any
    ) -> None:
        super().__init__(*arguments, pose_at=pose_at, **more)
        self._seen, self._known_pose = seen, pose_at

    def process(self, frame: Frame) -> WatchResult:
        """Take in one frame, then note what ground it showed."""
        result = super().process(frame)
        self._seen.look(frame.captured_at, self._known_pose(frame.captured_at), result.looked)
        return result

    def finish(self) -> list[SightingMessage]:
        """End the flight's eye and its ledger."""
        self._seen.finish()
        return super().finish()
