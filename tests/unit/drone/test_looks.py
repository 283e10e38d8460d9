"""What the eye makes of a second look, and what the desk is told of it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from drone.errors import SetupWrong
from drone.look_verdict import LookJudge, LookVerdict
from drone.looks import Looks
from drone.vantage import LookRules, load_look_rules
from drone.vehicle import Outcome, Verdict
from missions.messages import SightingKind, SightingMessage, SightingState
from missions.second_look import LookTarget
from missions.terrain import FlatTerrain
from tests.vehicles import FRAME, HOME, START, place
from vision.camera import CameraModel, Pose, project
from vision.detections import Detections
from vision.tracker import Track, TrackPoint
from vision.watch import WatchResult

CAMERA = CameraModel.from_field_of_view(1280, 720, 60, name="patrol-720p")
RULES = LookRules(confirm_looks=3, retract_looks=10)
SPOT = (*place(0.0, 40.0), HOME[2])
POSE = Pose(
    captured_at=START, latitude=HOME[0], longitude=HOME[1], altitude_amsl_m=HOME[2] + 40.0, yaw_deg=0.0,
    pitch_deg=-45.0,
)  # fmt: skip


def track(group: str, north: float, index: int, id: int = 1) -> Track:
    (pixel,), _ = project(CAMERA, POSE, FRAME, [(0.0, north, 0.0)])
    u, v = float(pixel[0]), float(pixel[1])
    one = Track(id=id, group=group)
    one.points.append(
        TrackPoint(
            captured_at=START, seconds=0.0, frame_index=index, name=group, box=(u - 5, v - 10, u + 5, v),
            score=0.5, pixel=(u, v), pixel_sigma_px=3.0, place=None, pose=POSE, whole=True,
        )
    )  # fmt: skip
    return one


def result(index: int, *tracks: Track, alert: SightingKind | None = None) -> WatchResult:
    alerts = {one.id: alert for one in tracks} if alert else {}
    at = START + timedelta(seconds=index / 5)
    return WatchResult(index, at, (1280, 720), Detections.empty(), list(tracks), [], alerts)


def judged(kind: SightingKind | None, frames: int, show: Callable[[int], WatchResult]) -> LookJudge:
    judge = LookJudge(SPOT, kind, CAMERA, RULES)
    judge.take(show(-1), POSE)
    assert judge.figures.frames == 0, "on the way there nothing counts"
    judge.begin_view()
    for index in range(frames):
        judge.take(show(index), POSE)
    judge.end_view()
    judge.take(show(frames), POSE)
    assert judge.figures.frames <= frames
    return judge


def test_alerts_at_the_spot_confirm() -> None:
    fire = judged(SightingKind.FIRE, 3, lambda i: result(i, track("fire", 42.0, i), alert=SightingKind.FIRE))
    assert fire.verdict() is LookVerdict.CONFIRMED
    assert fire.reason().fulfilled
    smoke_as_fire = judged(
        SightingKind.SMOKE, 3, lambda i: result(i, track("fire", 42.0, i), alert=SightingKind.FIRE)
    )
    assert smoke_as_fire.verdict() is LookVerdict.CONFIRMED


def test_nothing_for_long_retracts_and_for_a_moment_does_not() -> None:
    assert judged(SightingKind.FIRE, 10, result).verdict() is LookVerdict.RETRACTED
    assert judged(SightingKind.FIRE, 9, result).verdict() is LookVerdict.UNDECIDED
    assert judged(None, 50, result).verdict() is LookVerdict.UNDECIDED


def test_a_trace_without_an_alert_is_not_retracted_and_a_fire_elsewhere_is_no_trace() -> None:
    glow = judged(SightingKind.FIRE, 20, lambda i: result(i, track("fire", 42.0, i)))
    assert glow.verdict() is LookVerdict.UNDECIDED
    elsewhere = judged(
        SightingKind.FIRE, 20, lambda i: result(i, track("fire", 60.0, i), alert=SightingKind.FIRE)
    )
    assert elsewhere.verdict() is LookVerdict.RETRACTED
    alone = judged(SightingKind.DISPUTE, 20, lambda i: result(i, track("person", 40.0, i)))
    assert alone.verdict() is LookVerdict.RETRACTED, "one person disputes with nobody"
    pair = judged(
        SightingKind.DISPUTE, 20,
        lambda i: result(i, track("person", 40.0, i, 1), track("person", 41.0, i, 2)),
    )  # fmt: skip
    assert pair.verdict() is LookVerdict.UNDECIDED


def test_frames_without_the_spot_or_its_pose_do_not_count() -> None:
    judge = LookJudge(SPOT, SightingKind.FIRE, CAMERA, RULES)
    judge.begin_view()
    away = Pose(
        captured_at=START, latitude=HOME[0], longitude=HOME[1], altitude_amsl_m=HOME[2] + 40.0, yaw_deg=180.0,
        pitch_deg=-45.0,
    )  # fmt: skip
    for index in range(40):
        judge.take(result(index), away)
        judge.take(result(index), None)
    assert judge.figures.frames == 0
    assert judge.verdict() is LookVerdict.UNDECIDED


@dataclass
class Told:
    """The desk's side: what was delivered, and a patrol whose look ends as the test wants."""

    verdict: LookVerdict | None = None
    refusal: str = ""
    frames: int = 0

    def __post_init__(self) -> None:
        self.delivered: list[SightingMessage] = []
        self.notes: list[tuple[str, str, str]] = []
        self.asked: list[LookTarget] = []

    def second_look(self, target: LookTarget, terrain: Any, rules: Any, judge_at: Any, done: Any) -> Outcome:
        self.asked.append(target)
        if self.refusal:
            return Outcome(Verdict.REFUSED, self.refusal)
        judge = judge_at(SPOT)
        judge.figures = SimpleNamespace(
            frames=20, alerts=9 if self.verdict is LookVerdict.CONFIRMED else 0,
            traces=20 if self.verdict is LookVerdict.UNDECIDED else 0, views=2,
            first_at=START, last_at=START + timedelta(seconds=60),
        )  # fmt: skip
        done(self.verdict, judge)
        return Outcome.ok()


def looks(told: Told, **rules: Any) -> Looks:
    return Looks(
        told, CAMERA, FlatTerrain(HOME[2]), LookRules(**rules), told.delivered.append,  # type: ignore[arg-type]
        lambda *note: told.notes.append(note),
    )  # fmt: skip


def sighting(identity: UUID, revision: int, seconds: float, **changes: Any) -> SightingMessage:
    (pixel,), _ = project(CAMERA, POSE, FRAME, [(0.0, 40.0, 0.0)])
    camera = {"width_px": 1280, "height_px": 720, "fx_px": CAMERA.fx_px, "fy_px": CAMERA.fy_px}
    pose = {name: getattr(POSE, name) for name in ("captured_at", "latitude", "longitude", "altitude_amsl_m")}
    body = {
        "sighting_id": identity, "revision": revision, "kind": "fire", "confidence": 0.8,
        "first_seen_at": START, "last_seen_at": START + timedelta(seconds=seconds),
        "looks": [{
            "frame_index": 1, "u_px": pixel[0], "v_px": pixel[1], "box": (1, 1, 2, 2), "score": 0.5,
            "pose": {**pose, "yaw_deg": 0.0, "pitch_deg": -45.0},
            "camera": {**camera, "cx_px": CAMERA.cx_px, "cy_px": CAMERA.cy_px},
        }],
        "reasons": [{"term": "looks", "value": 5, "threshold": 4}],
    }  # fmt: skip
    return SightingMessage.model_validate(body | changes)


def target(identity: UUID) -> LookTarget:
    return LookTarget(latitude=SPOT[0], longitude=SPOT[1], kind=SightingKind.FIRE, sighting_id=identity)


def test_a_retraction_is_a_revision_that_stands_until_the_thing_is_seen_again() -> None:
    told, identity = Told(LookVerdict.RETRACTED), uuid4()
    desk = looks(told)
    assert desk.pass_on(sighting(identity, 1, 5)).revision == 1
    assert desk.request(target(identity))
    (message,) = told.delivered
    assert (message.revision, message.state) == (2, SightingState.RETRACTED)
    assert message.confidence <= 0.1
    assert message.reasons[0].term == "second_look"
    assert "nothing of it was seen" in message.reasons[0].text
    clip = desk.pass_on(sighting(identity, 2, 5))
    assert (clip.revision, clip.state) == (3, SightingState.RETRACTED), "its clip came late"
    seen = desk.pass_on(sighting(identity, 3, 90))
    assert (seen.revision, seen.state) == (4, SightingState.CONFIRMED)


def test_a_confirmation_and_an_undecided_look_are_told_with_their_reason() -> None:
    told, identity = Told(LookVerdict.CONFIRMED), uuid4()
    desk = looks(told)
    desk.pass_on(sighting(identity, 1, 5))
    desk.request(target(identity))
    told.verdict = LookVerdict.UNDECIDED
    desk.request(target(identity))
    first, second = told.delivered
    assert (first.state, first.revision, second.revision) == (SightingState.CONFIRMED, 2, 3)
    assert first.last_seen_at == START + timedelta(seconds=60)
    assert "seen again in 9 frames" in first.reasons[0].text
    assert "neither" in second.reasons[0].text
    assert second.state is SightingState.CONFIRMED


def test_a_look_that_is_broken_off_or_of_another_flight_tells_the_desk_nothing() -> None:
    told = Told(None)
    desk = looks(told)
    desk.request(target(uuid4()))
    told.verdict = LookVerdict.RETRACTED
    desk.request(target(uuid4()))
    assert told.delivered == []


def test_it_looks_by_itself_only_where_it_is_configured_once_each_and_not_for_ever() -> None:
    told = Told(LookVerdict.UNDECIDED)
    looks(told).consider(sighting(uuid4(), 1, 5))
    assert told.asked == [], "by default a person asks"
    desk = looks(told, automatic=["fire"], most_per_flight=2)
    identity = uuid4()
    for message in (
        sighting(identity, 1, 5), sighting(identity, 2, 6), sighting(uuid4(), 1, 5),
        sighting(uuid4(), 1, 5), sighting(uuid4(), 1, 5, kind="smoke"),
    ):  # fmt: skip
        desk.consider(message)
    for thread in [one for one in threading.enumerate() if one.name == "second look"]:
        thread.join()
    assert [one.kind for one in told.asked] == [SightingKind.FIRE] * 2
    east, north, _ = FRAME.to_enu(told.asked[0].latitude, told.asked[0].longitude)[0]
    assert math.hypot(east, north - 40.0) < 1.0, "where the look meets the ground"


def test_a_refused_look_of_its_own_is_noted() -> None:
    told = Told(refusal="the battery holds 30%")
    desk = looks(told, automatic=["fire"])
    desk.consider(sighting(uuid4(), 1, 5))
    for thread in [one for one in threading.enumerate() if one.name == "second look"]:
        thread.join()
    assert told.notes == [("second_look_refused", "no second look: the battery holds 30%", "warning")]


def test_rules_that_are_none_are_refused(tmp_path: Any) -> None:
    assert load_look_rules().automatic == ()
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("viewz: 3\n")
    with pytest.raises(SetupWrong, match="viewz"):
        load_look_rules(wrong)
