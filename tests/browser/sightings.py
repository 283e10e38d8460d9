"""Sightings as an agent would send them, made up for a place."""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from missions.cameras import CameraEntry
from missions.geodesy import LocalFrame
from missions.messages import (
    EvidenceItem,
    EvidenceRole,
    Look,
    PoseMessage,
    Reason,
    SightingKind,
    SightingMessage,
)

HEIGHT_M = 50.0
PITCH_DEG = -55.0

REASONS: dict[SightingKind, list[tuple[str, float, float, str, bool]]] = {
    SightingKind.FIRE: [
        ("seen_seconds", 3.4, 1.0, "s", True), ("looks", 17, 4, "", True),
        ("mean_score", 0.82, 0.4, "", True),
    ],
    SightingKind.SMOKE: [
        ("seen_seconds", 4.1, 1.2, "s", True), ("looks", 20, 5, "", True), ("spread", 4.2, 7.0, "m", True),
    ],
    SightingKind.ILLEGAL_PARKING: [
        ("standing_seconds", 6.2, 3.0, "s", True), ("speed", 0.06, 0.3, "m/s", True),
        ("in_zone", 0.96, 0.7, "", True),
    ],
    SightingKind.GATHERING: [
        ("people_count", 14, 8, "", True), ("still_seconds", 7.8, 3.0, "s", True),
        ("member_speed", 0.21, 0.5, "m/s", True),
    ],
    SightingKind.DISPUTE: [
        ("pair_acceleration", 3.1, 2.2, "m/s^2", True), ("pair_score", 2.4, 1.6, "m^2/s^3", True),
        ("held_seconds", 1.9, 1.2, "s", True), ("people_around", 3, 5, "", False),
    ],
}  # fmt: skip

Piece = tuple[EvidenceRole, bytes, bool]
"""Role, JPEG, and whether it is redacted."""


def make_sighting(
    kind: SightingKind,
    place: tuple[float, float],
    frame: LocalFrame,
    *,
    flight_id: UUID | None,
    ground_amsl_m: float,
    camera: CameraEntry,
    pieces: list[Piece],
    seen: datetime,
    confidence: float,
    people: int | None,
) -> SightingMessage:
    """A sighting at ``place`` (east, north in the frame) with three looks and its chained evidence."""
    evidence: list[EvidenceItem] = []
    for role, data, redacted in pieces:
        item = EvidenceItem(
            sha256=hashlib.sha256(data).hexdigest(), role=role, media_type="image/jpeg", bytes=len(data),
            captured_at=seen, redacted=redacted, previous_sha256=evidence[-1].sha256 if evidence else None,
        )  # fmt: skip
        evidence.append(item)
    return SightingMessage(
        sighting_id=uuid4(), flight_id=flight_id, source="simulator", kind=kind, confidence=confidence,
        first_seen_at=seen - timedelta(seconds=4), last_seen_at=seen, people_count=people, evidence=evidence,
        looks=[_look(place, frame, ground_amsl_m, camera, heading, seen) for heading in (0.0, 80.0, 160.0)],
        weights="patrol-rgb 0123456789ab",
        reasons=[
            Reason(term=term, value=value, threshold=threshold, unit=unit, fulfilled=met)
            for term, value, threshold, unit, met in REASONS[kind]
        ],
    )  # fmt: skip


def _look(
    place: tuple[float, float],
    frame: LocalFrame,
    ground_amsl_m: float,
    camera: CameraEntry,
    heading: float,
    at: datetime,
) -> Look:
    """A look from where the optical axis meets the place."""
    turn = math.radians(heading)
    back = HEIGHT_M / math.tan(math.radians(-PITCH_DEG))
    eye = frame.to_geodetic([[place[0] - back * math.sin(turn), place[1] - back * math.cos(turn)]])[0]
    pose = PoseMessage(
        captured_at=at, latitude=eye[0], longitude=eye[1], altitude_amsl_m=ground_amsl_m + HEIGHT_M,
        yaw_deg=heading, pitch_deg=PITCH_DEG,
    )  # fmt: skip
    return Look(
        frame_index=1, u_px=camera.width_px / 2, v_px=camera.height_px / 2, box=(600, 320, 680, 360),
        score=0.8, pose=pose, camera=camera.message(),
    )  # fmt: skip
