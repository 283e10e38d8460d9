"""The eye of an aircraft: the pinned weights put to work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from drone.seen import CROWDS, MakeReporter, RecordingWatch
from missions.kinds import load_kinds
from missions.terrain import Terrain
from missions.zones import Zones
from vision.camera import CameraModel, Pose
from vision.detector import Detector, FrameDetector
from vision.evidence import EvidenceStore
from vision.glances import parts_in_turn
from vision.sightings import Source
from vision.tile_rota import RotaRules
from vision.watch import Watch
from vision.weights import load_weights

PARTS_FROM_PX = 2000
LIVE_PARTS = 6


def watch_factory(
    camera: CameraModel,
    terrain: Terrain,
    evidence: EvidenceStore,
    source: Source,
    *,
    threads: int | None = None,
    seen: MakeReporter | None = None,
    weights_name: str = "patrol-rgb",
) -> Callable[..., Watch]:
    """One detector for all flights, a fresh eye for each.

    Of pictures wider than ``PARTS_FROM_PX`` parts are looked at in turn, ``LIVE_PARTS`` of a frame at most,
    so that an aircraft's computer keeps up with its camera.

    Args:
        threads: of the detector; None takes one for each core.
        seen: keeps the ledger of ground seen; None keeps none.
        weights_name: of the pinned weights, or a pinned file.
    """
    weights = load_weights(weights_name)
    detector = Detector(weights, input_size=(736, 1280), threads=threads)
    kinds = load_kinds()

    def make(flight_id: UUID, pose_at: Callable[..., Pose | None], zones: Zones | None) -> Watch:
        parts: dict[str, Any] = {
            "pose_at": pose_at, "terrain": terrain, "zones": zones, "kinds": kinds, "evidence": evidence,
            "flight_id": flight_id, "source": source, "weights_label": weights.label, "namespace": flight_id,
        }  # fmt: skip
        eye: FrameDetector = detector
        if camera.width_px > PARTS_FROM_PX:
            eye = parts_in_turn(detector, zones, RotaRules(most=LIVE_PARTS))
        if seen is None:
            return Watch(camera, eye, **parts)
        reporter = seen(flight_id, camera, (weights.name, CROWDS))
        return RecordingWatch(camera, eye, seen=reporter, **parts)

    return make
