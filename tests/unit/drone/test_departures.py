"""The common launch moment as a person writes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drone.departures import LaunchMomentInvalid, launch_moment
from drone.flying import launch_notice
from missions.plan import PatrolPlan
from tests.vehicles import small_plan

NOW = datetime(2026, 5, 1, 14, 0, tzinfo=UTC)


def shared() -> PatrolPlan:
    sortie = small_plan().sorties[0]
    later = sortie.model_copy(update={"aircraft": 1, "start_s": 95.0})
    return small_plan().model_copy(update={"sorties": [sortie, later]})


@pytest.mark.parametrize("text", ["14:05", "14:05:00", "2026-05-01T14:05:00+00:00", "2026-05-01T22:05+08:00"])
def test_times_are_read(text: str) -> None:
    assert launch_moment(text, shared(), 1, NOW) == NOW + timedelta(minutes=5)


def test_one_aircraft_alone_needs_none() -> None:
    assert launch_moment(None, small_plan(), 0, NOW) is None
    assert "common launch moment" not in launch_notice(small_plan())
    assert "aircraft 2 takes off 95 s after the common launch moment" in launch_notice(shared())


def test_a_moment_serves_as_long_as_the_take_off_is_ahead() -> None:
    assert launch_moment("13:59", shared(), 1, NOW) == NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "number", "sentence"),
    [
        (None, 0, "give all of them the same --start-at"),
        ("half past two", 0, "write 14:05"),
        ("13:59", 0, "the take-off time of aircraft 1 passed 60 s ago"),
        ("14:05", 2, "the plan has no aircraft 3; choose one of 1, 2"),
    ],
)
def test_moments_that_mean_nothing_are_refused(text: str | None, number: int, sentence: str) -> None:
    with pytest.raises(LaunchMomentInvalid, match=sentence):
        launch_moment(text, shared(), number, NOW)
