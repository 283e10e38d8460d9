"""Same event or new: the rules without a database."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest

from missions.kinds import load_kinds
from missions.messages import SightingKind
from server.sightings.matching import Decision, Event, Move, Seen, match
from tests.fixtures.desk import START

KINDS = load_kinds()
FLIGHT, LATER = uuid4(), uuid4()


def seen(
    east: float, north: float = 0.0, kind: str = "illegal_parking", *, flight: UUID | None = FLIGHT,
    track: int | None = None, second: float = 0.0, sigma_m: float = 1.2, identity: UUID | None = None,
) -> Seen:  # fmt: skip
    return Seen(
        id=identity or uuid4(), kind=SightingKind(kind), flight_id=flight, track_id=track,
        first_seen_at=START + timedelta(seconds=second), last_seen_at=START + timedelta(seconds=second + 5),
        position=np.array([east, north]), covariance=sigma_m**2 * np.eye(2),
    )  # fmt: skip


def event(*sightings: Seen, movable: bool = True) -> Event:
    return Event(id=uuid4(), kind=sightings[0].kind, sightings=sightings, movable=movable)


def decide(new: Seen, *events: Event) -> Decision:
    return match(new, events, KINDS[new.kind])


@pytest.mark.parametrize(
    ("kind", "near", "far"),
    [("fire", 17, 35), ("smoke", 22, 40), ("gathering", 14, 30), ("illegal_parking", 2.0, 4.0)],
)
def test_each_kind_has_its_reach(kind: str, near: float, far: float) -> None:
    known = event(seen(0, kind=kind))
    assert decide(seen(near, kind=kind, flight=LATER, second=60), known).event_id == known.id
    assert decide(seen(far, kind=kind, flight=LATER, second=60), known).event_id is None


def test_the_nearest_of_several_is_taken() -> None:
    a, b = event(seen(0, kind="fire")), event(seen(20, kind="fire"))
    assert decide(seen(12, kind="fire", flight=LATER), a, b).event_id == b.id
    assert decide(seen(12, kind="fire", flight=LATER), b, a).event_id == b.id


@pytest.mark.parametrize("hours", [-5, 5])
def test_outside_the_window_it_is_new_whichever_came_first(hours: float) -> None:
    known = event(seen(0))
    assert decide(seen(0, flight=LATER, second=hours * 3600), known).event_id is None


def test_kinds_do_not_mix_but_crowds_do() -> None:
    fire, crowd = event(seen(0, kind="fire")), event(seen(0, kind="gathering"))
    assert decide(seen(0, kind="smoke"), fire, crowd).event_id is None
    assert decide(seen(5, kind="dispute"), fire, crowd).event_id == crowd.id


def test_two_tracks_at_one_time_are_two_cars_however_close() -> None:
    known = event(seen(0, track=1))
    assert decide(seen(0.5, track=2), known).event_id is None
    assert decide(seen(0.5, track=2, second=60), known).event_id == known.id, "one after the other may be one"
    assert decide(seen(0.5, track=2, flight=LATER), known).event_id == known.id


def test_one_track_is_one_car_even_when_badly_placed() -> None:
    known = event(seen(0, track=1))
    assert decide(seen(9, track=1, second=5), known).event_id == known.id


def test_a_wrong_pairing_is_mended_when_the_neighbour_comes() -> None:
    wrong = seen(1.5, flight=LATER, track=7)
    a, b = event(seen(0, track=1)), event(seen(2.5, track=2), wrong)
    decision = decide(seen(4.0, flight=LATER, track=8), a, b)
    assert decision == Decision(b.id, (Move((wrong.id,), a.id),))


def test_what_a_person_has_touched_is_not_moved() -> None:
    wrong = seen(1.5, flight=LATER, track=7)
    a, b = event(seen(0, track=1)), event(seen(2.5, track=2), wrong, movable=False)
    decision = decide(seen(4.0, flight=LATER, track=8), a, b)
    assert decision == Decision(None)


def test_a_ticket_is_never_emptied() -> None:
    alone = seen(0.2, flight=LATER, track=7)
    a, b = event(seen(0, track=1)), event(alone)
    decision = decide(seen(2.4, flight=LATER, track=8), a, b)
    assert decision.moves == ()
