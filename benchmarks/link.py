"""How uploads end on a bad radio, in virtual time: 100 items, packets lost, doubled, late and out of order.

``python -m benchmarks.link [--runs 1000] [--loss 0.3] [--delay 0.3] [--flavour both] [--seed 0] [--json]``

Our transfer and the simulated vehicle's side of the mission protocol talk through a channel that loses each
packet with the given probability each way, doubles one in twenty, and delays every one by the given time and
up to half as much again, so that they overtake each other. Nothing waits: the clock jumps to the next event,
and the same seed gives the same runs. A verdict is wrong when it says accepted and the vehicle holds another
mission, or refused although the vehicle refuses nothing. For every ten runs one more uploads a mission that
the vehicle must refuse.

The baseline is the specification's rule: each of the 101 exchanges is tried once and repeated five times.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import json
import random
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.framing import Framing, Message
from drone.mavlink.link import Patience, send_until_reply
from drone.mavlink.meaning import MISSION, WireItem, difference
from drone.mavlink.transfer import MissionTransfer
from drone.sim.flavours import flavour_of
from drone.sim.mission_store import MissionStore, StoredItem
from drone.sim.session import Session
from drone.sim.transfers import Transfers
from drone.vehicle import Verdict
from missions.mission_items import MissionItem

ITEMS = 100
DOUBLED = 0.05
RETRIES_OF_THE_SPECIFICATION = 5
TICK_S = 0.1
START = datetime(2026, 5, 1, tzinfo=UTC)
HOME = WireItem(command=16, frame=0, params=(0.0, 0.0, 0.0, 0.0), x=284500000, y=1179700000, z=68.0)


@dataclass(frozen=True, slots=True)
class Run:
    """One upload; seconds of virtual time."""

    verdict: str
    wrong: bool
    seconds: float
    packets: int


class Mailbox:
    """Messages of some kinds; waiting for one lets virtual time pass."""

    def __init__(self, radio: Radio, kinds: frozenset[str]) -> None:
        self._radio, self.kinds = radio, kinds
        self.messages: deque[Message] = deque()

    def get(self, timeout_s: float) -> Message | None:
        self._radio.pass_time(timeout_s, lambda: bool(self.messages))
        return self.messages.popleft() if self.messages else None


class Radio:
    """The ground's side of a bad channel, and the vehicle at its other end; obeys ``TransferLink``."""

    target = (1, 1)

    def __init__(self, flavour: str, loss: float, delay_s: float, seed: int) -> None:
        self._random = random.Random(seed)
        self._loss, self._delay_s = loss, delay_s
        self._now = self.last_heard = 0.0
        self.packets = 0
        self._count = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._boxes: list[Mailbox] = []
        self._framing = Framing(255, 190)
        self._session = Session(
            1, lambda _, data: self._carry(data, self._hear), system_id=1, signing_key=None, at=START
        )
        self.store = MissionStore(lambda: StoredItem(command=16, frame=0, x=HOME.x, y=HOME.y, z=HOME.z))
        self._vehicle = Transfers(
            self.store,
            now=self.now,
            flying_auto=lambda: False,
            say=lambda *_: None,
            flavour=flavour_of(flavour),
        )
        self._at(TICK_S, self._tick)
        self._at(0.0, self._beat)

    def now(self) -> float:
        return self._now

    def send(self, message: Message) -> None:
        self._carry(self._framing.pack(message), self._reach_vehicle)

    @contextlib.contextmanager
    def open_inbox(self, *kinds: str) -> Iterator[Mailbox]:
        box = Mailbox(self, frozenset(kinds))
        self._boxes.append(box)
        try:
            yield box
        finally:
            self._boxes.remove(box)

    def request(
        self,
        message: Callable[[int], Message],
        kinds: tuple[str, ...],
        fits: Callable[[Message], bool],
        *,
        timeout_s: float,
        tries: int,
    ) -> Message | None:
        return send_until_reply(self, message, kinds, fits, timeout_s=timeout_s, tries=tries)

    def pass_time(self, seconds: float, met: Callable[[], bool]) -> None:
        """Let events happen until ``met`` or so many seconds have passed."""
        until = self._now + max(0.0, seconds)
        while not met() and self._events and self._events[0][0] <= until:
            self._now, _, event = heapq.heappop(self._events)
            event()
        if not met():
            self._now = until

    def _at(self, instant: float, event: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (instant, self._count, event))

    def _carry(self, data: bytes, arrive: Callable[[bytes], None]) -> None:
        self.packets += 1
        for _ in range(2 if self._random.random() < DOUBLED else 1):
            if self._random.random() >= self._loss:
                delay = self._delay_s * self._random.uniform(1.0, 1.5)
                self._at(self._now + delay, lambda: arrive(data))

    def _reach_vehicle(self, data: bytes) -> None:
        for message in self._session.parse(data):
            self._vehicle.handle(self._session, message)

    def _hear(self, data: bytes) -> None:
        for message in self._framing.parse(data):
            self.last_heard = self._now
            for box in self._boxes:
                if message.get_type() in box.kinds:
                    box.messages.append(message)

    def _tick(self) -> None:
        self._vehicle.tick()
        self._at(self._now + TICK_S, self._tick)

    def _beat(self) -> None:
        self._session.send(mavlink.MAVLink_heartbeat_message(2, 3, 81, 0, 3, 3))
        self._at(self._now + 1.0, self._beat)


def mission(seed: int, home_item: bool) -> list[WireItem]:
    """A hundred items around home."""
    places = random.Random(seed)
    items = [
        MissionItem(
            command=16, frame=3, x=28.45 + places.uniform(-0.01, 0.01),
            y=117.97 + places.uniform(-0.01, 0.01), z=round(places.uniform(30, 110), 2),
        )
        for _ in range(ITEMS - home_item)
    ]  # fmt: skip
    return [*([HOME] if home_item else []), *(WireItem.of(item) for item in items)]


def upload(flavour: str, loss: float, delay_s: float, seed: int, *, refusable: bool = False) -> Run:
    """One upload over a fresh channel."""
    radio = Radio(flavour, loss, delay_s, seed)
    home_item = flavour_of(flavour).home_item
    items = mission(seed, home_item)
    if refusable:
        items[ITEMS // 2] = WireItem(command=99, frame=3, params=(0.0, 0.0, 0.0, 0.0), x=0, y=0, z=0.0)
    outcome = MissionTransfer(radio, Patience(), home_item=home_item).upload(MISSION, items)
    stored = radio.store.items(MISSION)[0 if home_item else 1 :]
    equal = difference(MISSION, items, [_wire(item) for item in stored], home_item=home_item) is None
    wrong = outcome.verdict is Verdict.ACCEPTED and not equal
    wrong |= outcome.verdict is Verdict.REFUSED and not refusable
    return Run(outcome.verdict.value, wrong, radio.now(), radio.packets)


def _wire(item: StoredItem) -> WireItem:
    return WireItem(
        command=item.command, frame=item.frame, x=item.x, y=item.y, z=item.z,
        params=(item.param1, item.param2, item.param3, item.param4),
    )  # fmt: skip


def specification_succeeds(loss: float, chance: random.Random) -> bool:
    """Whether every exchange of an upload survives in one try and five retries, both packets of it."""
    passes = (1 - loss) ** 2
    tries = 1 + RETRIES_OF_THE_SPECIFICATION
    return all(any(chance.random() < passes for _ in range(tries)) for _ in range(ITEMS + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--loss", type=float, default=0.3)
    parser.add_argument("--delay", type=float, default=0.3, help="seconds each way")
    parser.add_argument("--flavour", choices=["ardupilot", "px4", "both"], default="both")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    base = sum(specification_succeeds(options.loss, chance) for _ in range(options.runs)) / options.runs
    tables = {}
    for flavour in ("ardupilot", "px4") if options.flavour == "both" else (options.flavour,):
        begun = time.process_time()
        runs = [upload(flavour, options.loss, options.delay, options.seed + n) for n in range(options.runs)]
        bad = [
            upload(flavour, options.loss, options.delay, options.seed + n, refusable=True)
            for n in range(0, options.runs, 10)
        ]
        seconds = [run.seconds for run in runs]
        tables[flavour] = {
            "runs": len(runs),
            "accepted": sum(run.verdict == "accepted" for run in runs) / len(runs),
            "unknown": sum(run.verdict == "unknown" for run in runs),
            "wrong": sum(run.wrong for run in [*runs, *bad]),
            "must_be_refused": len(bad),
            "refused": sum(run.verdict == "refused" for run in bad),
            "virtual_seconds_median": round(statistics.median(seconds), 1),
            "virtual_seconds_longest": round(max(seconds), 1),
            "packets_median": statistics.median(run.packets for run in runs),
            "processor_seconds": round(time.process_time() - begun, 1),
        }
    if options.json:
        print(json.dumps({"specification": base, **tables}))
        return
    print(
        f"{ITEMS} items, {options.loss:.0%} lost each way, {options.delay:g} s each way, seed {options.seed}"
    )
    print(f"the specification's 5 retries: {base:.1%} arrive")
    for flavour, table in tables.items():
        print(flavour)
        for name, value in table.items():
            print(f"  {name.replace('_', ' '):26} {value}")


if __name__ == "__main__":
    main()
