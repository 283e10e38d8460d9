"""News: nobody is held up by a console that reads slowly."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from missions.clock import ManualClock
from missions.messages import FrameMessage
from server.live import PICTURES_KEPT, QUEUE_LENGTH, Hub, Picture, PictureRelay
from tests.fixtures.desk import START


def _hub() -> Hub:
    hub = Hub(ManualClock(START))
    hub.attach(asyncio.get_running_loop())
    return hub


async def _settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_telemetry_that_was_not_read_is_replaced_and_events_are_kept() -> None:
    async def scene() -> list[str]:
        hub = _hub()
        with hub.subscribe() as console:
            for number in range(50):
                hub.publish("telemetry", number, replaces="telemetry lark")
            hub.publish("ticket", "a")
            hub.publish("ticket", "b")
            await _settle()
            return await console.take()

    texts = asyncio.run(scene())
    assert len(texts) == 3
    assert '"data":49' in texts[0]


def test_a_console_that_never_reads_is_cut_off_and_costs_a_bounded_queue() -> None:
    async def scene() -> None:
        hub = _hub()
        with hub.subscribe() as sleeper, hub.subscribe() as reader:
            read = 0
            for _ in range(QUEUE_LENGTH // 100 + 2):
                for number in range(100):
                    hub.publish("log", number)
                await _settle()
                read += len(await reader.take())
            assert read == QUEUE_LENGTH + 200
            assert not reader.overrun
            assert sleeper.overrun
            assert len(sleeper.pending) == QUEUE_LENGTH
        assert hub.consoles == 0

    asyncio.run(scene())


def test_publishing_without_a_loop_is_harmless() -> None:
    Hub(ManualClock(START)).publish("ticket", {})


def _picture(second: int) -> Picture:
    header = FrameMessage(
        agent="lark", flight_id=uuid4(), captured_at=START.replace(second=second), width_px=1, height_px=1
    )
    return Picture(header, bytes([second]))


def test_a_slow_watcher_skips_pictures() -> None:
    async def scene() -> list[bytes]:
        relay, flight, seen = PictureRelay(), uuid4(), []
        shown = relay.watch(flight)
        relay.show(flight, _picture(1))
        seen.append((await anext(shown)).jpeg)
        for second in (2, 3, 4):
            relay.show(flight, _picture(second))
        seen.append((await anext(shown)).jpeg)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(shown), 0.01)
        await shown.aclose()
        return seen

    assert asyncio.run(scene()) == [b"\x01", b"\x04"]


def test_only_so_many_flights_are_kept_in_memory() -> None:
    relay = PictureRelay()
    flights = [uuid4() for _ in range(PICTURES_KEPT + 5)]
    for flight in flights:
        relay.show(flight, _picture(1))
    assert relay.latest(flights[0]) is None
    assert relay.latest(flights[-1]) is not None
