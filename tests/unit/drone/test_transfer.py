"""Uploads end in accepted, refused with a sentence, or unknown; meaning is compared, not bytes."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.framing import Framing
from drone.mavlink.link import Link, Patience
from drone.mavlink.meaning import FENCE, MISSION, RALLY, WireItem, difference, sentence_for
from drone.mavlink.transfer import MissionTransfer
from drone.sim.autopilot import SimulatedAutopilot
from drone.sim.loopback import Loopback
from drone.vehicle import Verdict
from missions.mission_items import MissionItem, fence_items, mission_items, rally_items
from tests.vehicles import home_item, parked, small_plan

PATIENCE = Patience(reply_s=0.25, stall_s=4.0, silence_s=2.0)


def wire(*items: MissionItem) -> list[WireItem]:
    return [WireItem.of(item) for item in items]


MISSION_ITEMS = wire(home_item(), *mission_items(small_plan()))
FENCE_ITEMS = wire(*fence_items(small_plan()))
RALLY_ITEMS = wire(*rally_items(small_plan()))


class Lossy:
    """A transport that loses packets both ways; ``drop`` sees what is sent and may lose it by kind."""

    description = "lossy"

    def __init__(self, inner: Loopback, loss: float = 0.0, seed: int = 0) -> None:
        self._inner, self.loss, self._random = inner, loss, random.Random(seed)

    def read(self, timeout_s: float) -> bytes:
        data = self._inner.read(timeout_s)
        packets = _packets(data)
        return b"".join(p for p in packets if self._random.random() >= self.loss)

    def write(self, data: bytes) -> None:
        if self._random.random() >= self.loss:
            self._inner.write(data)

    def close(self) -> None:
        self._inner.close()


def _packets(data: bytes) -> list[bytes]:
    packets = []
    while data:
        length = data[1] + 12
        packets.append(data[:length])
        data = data[length:]
    return packets


@pytest.fixture
def autopilot() -> Iterator[SimulatedAutopilot]:
    autopilot = parked()
    yield autopilot
    autopilot.close()


def connect(autopilot: SimulatedAutopilot, loss: float = 0.0, speed: float = 10.0, seed: int = 0) -> Link:
    lossy = Lossy(autopilot.attach(), seed=seed)
    autopilot.run_realtime(speed)
    link = Link(lossy)
    link.start()
    link.wait_for_vehicle(5.0)
    lossy.loss = loss
    return link


def test_a_set_is_uploaded_and_verified(autopilot: SimulatedAutopilot) -> None:
    link = connect(autopilot)
    begun = time.monotonic()
    outcome = MissionTransfer(link, PATIENCE).upload_set(MISSION_ITEMS, FENCE_ITEMS, RALLY_ITEMS)
    assert outcome.verdict is Verdict.ACCEPTED
    assert time.monotonic() - begun < 5
    stored = [autopilot.flight.store.items(kind) for kind in (MISSION, FENCE, RALLY)]
    assert [len(items) for items in stored] == [len(MISSION_ITEMS), 4, 1]
    link.close()


@pytest.mark.parametrize(("loss", "seed"), [(0.1, 1), (0.2, 2), (0.3, 3)])
def test_a_bad_link_only_makes_it_slower(autopilot: SimulatedAutopilot, loss: float, seed: int) -> None:
    link = connect(autopilot, loss=loss, seed=seed)
    patience = replace(PATIENCE, stall_s=20.0, silence_s=5.0)
    outcome = MissionTransfer(link, patience).upload(MISSION, MISSION_ITEMS)
    assert outcome.verdict is Verdict.ACCEPTED, outcome.why
    link.close()


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (MissionItem(command=42, frame=3), "does not know the command"),
        (MissionItem(command=16, frame=1), "coordinate frame"),
        (MissionItem(command=16, frame=3, x=95.0), "latitude"),
        (MissionItem(command=16, frame=3, z=math.nan), "height"),
    ],
)
def test_a_refusal_is_a_sentence_with_the_item(
    autopilot: SimulatedAutopilot, item: MissionItem, words: str
) -> None:
    link = connect(autopilot)
    outcome = MissionTransfer(link, PATIENCE).upload(MISSION, [*MISSION_ITEMS[:2], *wire(item)])
    assert outcome.verdict is Verdict.REFUSED
    assert words in outcome.why
    assert "item 2" in outcome.why
    link.close()


def test_an_invalid_fence_is_refused_and_stops_the_set(autopilot: SimulatedAutopilot) -> None:
    link = connect(autopilot)
    broken = wire(*[MissionItem(command=5001, frame=0, param1=2, x=1, y=1)] * 2)
    outcome = MissionTransfer(link, PATIENCE).upload_set(MISSION_ITEMS, broken, RALLY_ITEMS)
    assert outcome.verdict is Verdict.REFUSED
    assert "fence" in outcome.why
    assert not autopilot.flight.store.items(MISSION)
    link.close()


def test_a_dead_vehicle_leaves_it_unknown_soon(autopilot: SimulatedAutopilot) -> None:
    link = connect(autopilot)
    autopilot.inject("silent")
    begun = time.monotonic()
    outcome = MissionTransfer(link, PATIENCE).upload(MISSION, MISSION_ITEMS)
    assert outcome.verdict is Verdict.UNKNOWN
    assert time.monotonic() - begun < 15
    link.close()


def test_a_vehicle_that_beats_but_does_not_hear_leaves_it_unknown(autopilot: SimulatedAutopilot) -> None:
    link = connect(autopilot)
    autopilot.inject("deaf")
    outcome = MissionTransfer(link, replace(PATIENCE, stall_s=1.0)).upload(MISSION, MISSION_ITEMS)
    assert outcome.verdict is Verdict.UNKNOWN
    link.close()


def test_a_vehicle_that_dies_half_way_leaves_it_unknown(autopilot: SimulatedAutopilot) -> None:
    link = connect(autopilot)

    def die(message: mavlink.MAVLink_message) -> None:
        if message.get_type() == "MISSION_REQUEST" and message.seq == 5:
            autopilot.inject("silent")

    link.add_listener(die)
    outcome = MissionTransfer(link, PATIENCE).upload(MISSION, MISSION_ITEMS)
    assert outcome.verdict is Verdict.UNKNOWN
    link.close()


def test_a_break_in_the_link_is_settled_by_reading_back(autopilot: SimulatedAutopilot) -> None:
    """The last acknowledgement is lost with everything else for a while; afterwards the truth is known."""
    link = connect(autopilot)

    def hide(message: mavlink.MAVLink_message) -> None:
        if message.get_type() == "MISSION_REQUEST" and message.seq == len(MISSION_ITEMS) - 1:
            autopilot.inject("silent")
            threading.Timer(1.0, lambda: autopilot.clear("silent")).start()

    link.add_listener(hide)
    patience = replace(PATIENCE, silence_s=4.0)
    outcome = MissionTransfer(link, patience).upload(MISSION, MISSION_ITEMS)
    assert outcome.verdict is Verdict.ACCEPTED
    link.close()


def test_another_ground_station_that_uploads_is_named(autopilot: SimulatedAutopilot) -> None:
    link = connect(autopilot)
    rival = autopilot.attach()
    framing = Framing(254, 190)
    stop = threading.Event()

    def keep_uploading() -> None:
        while not stop.wait(0.05):
            rival.write(framing.pack(mavlink.MAVLink_mission_count_message(1, 1, 5, MISSION)))

    thread = threading.Thread(target=keep_uploading)
    thread.start()
    time.sleep(0.3)
    outcome = MissionTransfer(link, PATIENCE).upload(MISSION, MISSION_ITEMS)
    stop.set()
    thread.join()
    assert outcome.verdict is Verdict.REFUSED
    assert "another ground station" in outcome.why
    link.close()


def test_an_empty_list_clears_what_was_there(autopilot: SimulatedAutopilot) -> None:
    link = connect(autopilot)
    transfer = MissionTransfer(link, PATIENCE)
    assert transfer.upload(FENCE, FENCE_ITEMS)
    assert transfer.upload(FENCE, [])
    assert not autopilot.flight.store.items(FENCE)
    assert transfer.download(FENCE) == []
    link.close()


def test_what_an_autopilot_changes_without_changing_meaning_is_equal() -> None:
    sent = wire(
        home_item(),
        MissionItem(command=22, frame=3, param4=math.nan, x=28.45, y=117.97, z=40.004),
        MissionItem(command=16, frame=6, param4=math.nan, x=28.451, y=117.971, z=40.0),
        MissionItem(command=205, frame=2, param1=-55.0, z=2.0),
        MissionItem(command=20, frame=2),
    )
    read = [
        replace(sent[0], z=71.3, x=sent[0].x + 120),
        replace(sent[1], params=(0, 0, 0, 0), z=40.0),
        replace(sent[2], frame=3, params=(0, 0, 0, 0), x=sent[2].x + 1),
        replace(sent[3], frame=0),
        replace(sent[4], frame=0, params=(0, 0, 0, 1)),
    ]
    assert difference(MISSION, sent, read) is None


BASE = wire(home_item(), MissionItem(command=16, frame=3, param1=5, x=28.451, y=117.971, z=40.0))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"command": 17}, "command 17"),
        ({"frame": 0}, "frame 0"),
        ({"z": 41.0}, "41 m instead of 40 m"),
        ({"x": BASE[1].x + 100}, "degrees away"),
        ({"params": (9.0, 0.0, 0.0, 0.0)}, "parameter 1"),
    ],
)
def test_a_change_of_meaning_is_named(changed: dict[str, object], words: str) -> None:
    read = [BASE[0], replace(BASE[1], **changed)]  # type: ignore[arg-type]
    assert words in (difference(MISSION, BASE, read) or "")


def test_a_missing_item_and_a_changed_fence_corner_are_named() -> None:
    assert "1 items are stored, 2 were sent" in (difference(MISSION, BASE, BASE[:1]) or "")
    moved = [replace(FENCE_ITEMS[0], y=0), *FENCE_ITEMS[1:]]
    assert "item 0" in (difference(FENCE, FENCE_ITEMS, moved) or "")


@pytest.mark.parametrize("code", range(1, 16))
def test_every_refusal_code_has_its_own_words(code: int) -> None:
    text = sentence_for(code, MISSION, 3)
    assert text.startswith("the vehicle refused the mission")
    assert f"code {code}" not in text
    assert "code 99" in sentence_for(99, RALLY)
