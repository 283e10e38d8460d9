"""The agent's patience with its camera, and what it tells of what it saw."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest

from drone import agent as agents
from drone.agent import Agent
from missions.clock import SystemClock
from missions.messages import FlightLogEntry, FlightPhase
from tests.fixtures.desk import sighting


class Camera:
    """Fails to open a number of times; may end the flight while it does."""

    def __init__(self, failures: int, patrol: Any = None) -> None:
        self.failures, self.patrol, self.tries = failures, patrol, 0

    def __call__(self) -> str:
        self.tries += 1
        if self.tries > self.failures:
            return "the picture"
        if self.patrol is not None:
            self.patrol.phase = FlightPhase.FINISHED
        raise OSError("nobody sends")


@pytest.fixture
def patrol(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.setattr(agents, "CAMERA_AGAIN_S", 0.0)
    return SimpleNamespace(phase=FlightPhase.FLYING)


def idle_agent(camera: Camera) -> tuple[Agent, Mock]:
    spool = Mock()
    agent = Agent(
        Mock(), Mock(), camera, Mock(),  # type: ignore[arg-type]
        client=Mock(), spool=spool, uplink=Mock(), clock=SystemClock(), terrain=Mock(),
    )  # fmt: skip
    return agent, spool


def flight_of(patrol: SimpleNamespace) -> agents._Flight:
    return agents._Flight(uuid4(), Mock(), None, patrol, threading.Thread())  # type: ignore[arg-type]


def logged(spool: Mock) -> list[FlightLogEntry]:
    return [call.args[1] for call in spool.put_log.call_args_list]


def opened(camera: Camera, patrol: SimpleNamespace) -> tuple[object, list[FlightLogEntry]]:
    agent, spool = idle_agent(camera)
    return agent._open_patiently(flight_of(patrol)), logged(spool)


def test_a_camera_that_comes_late_is_still_watched(patrol: SimpleNamespace) -> None:
    source, log = opened(Camera(failures=3), patrol)
    assert source == "the picture"
    assert [entry.code for entry in log] == ["camera_failed"]
    assert "nobody sends" in log[0].text


def test_a_flight_that_ended_waits_for_no_camera(patrol: SimpleNamespace) -> None:
    camera = Camera(failures=3, patrol=patrol)
    source, _ = opened(camera, patrol)
    assert source is None
    assert camera.tries == 1


def test_the_log_tells_of_a_sighting_once_and_of_its_end(patrol: SimpleNamespace) -> None:
    agent, spool = idle_agent(Camera(0))
    flight = flight_of(patrol)
    first = sighting()
    later = first.model_copy(update={"revision": 2})
    agent._deliver(flight, [first])
    agent._deliver(flight, [later, sighting(kind="smoke")])
    agent._deliver(flight, [sighting(sighting_id=first.sighting_id, revision=3, state="retracted")])
    assert spool.put_sighting.call_count == 4
    assert [(entry.code, entry.text.split(":")[0]) for entry in logged(spool)] == [
        ("sighting_confirmed", "fire"), ("sighting_confirmed", "smoke"), ("sighting_retracted", "fire"),
    ]  # fmt: skip
