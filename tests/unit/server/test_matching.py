"""Same event or new: the rules without a database."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest

from missions.kinds import load_kinds
from missions.messages import SightingKind
from server.sightings.matching import Decision, Event, Move, Seen, flight_shift, match
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


def event(*sightings: Seen, pinned: bool = False) -> Event:
    return Event(
        id=uuid4(), kind=sightings[0].kind, sightings=sightings,
        pinned=frozenset(s.id for s in sightings) if pinned else frozenset(),
    )  # fmt: skip


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
    a, b = event(seen(0, track=1)), event(seen(2.5, track=2), wrong, pinned=True)
    decision = decide(seen(4.0, flight=LATER, track=8), a, b)
    assert decision == Decision(None)


def test_a_ticket_is_never_emptied() -> None:
    alone = seen(0.2, flight=LATER, track=7)
    a, b = event(seen(0, track=1)), event(alone)
    decision = decide(seen(2.4, flight=LATER, track=8), a, b)
    assert decision.moves == ()


LOT = [(0.0, 0.0), (14.0, 3.0), (31.0, -8.0), (9.0, 40.0), (-35.0, 22.0)]
JUMP = np.array([2.7, -2.7])


def _lot(second: bool) -> tuple[Seen, list[Event]]:
    """Cars that one flight saw; a later one, off by ``JUMP``, saw all but the last, which comes now."""
    events = [event(seen(east, north, track=i)) for i, (east, north) in enumerate(LOT)]
    late = [
        seen(east + JUMP[0], north + JUMP[1], flight=LATER, track=10 + i, second=600 + 9 * i)
        for i, (east, north) in enumerate(LOT)
    ]
    if second:
        events = [
            Event(id=e.id, kind=e.kind, sightings=[*e.sightings, s])
            for e, s in zip(events[:-1], late, strict=False)
        ] + events[-1:]
    return late[-1], events


def _shift(new: Seen, events: list[Event]) -> list[float]:
    seen = [new, *(s for event in events for s in event.sightings)]
    mine, others = ([s for s in seen if (s.flight_id == LATER) == later] for later in (True, False))
    assert flight_shift(mine, others) == pytest.approx(flight_shift(mine[::-1], others[::-1]))
    return [float(value) for value in flight_shift(mine, others)]


def test_a_jump_of_gnss_between_flights_opens_no_second_ticket() -> None:
    new, events = _lot(second=True)
    assert _shift(new, events) == pytest.approx(JUMP, abs=0.01)
    assert match(new, events, KINDS[new.kind]).event_id == events[-1].id


def test_a_car_alone_is_not_taken_for_its_neighbour_of_earlier() -> None:
    new, events = _lot(second=False)
    assert _shift(new, events) == [0.0, 0.0]
    assert match(new, events, KINDS[new.kind]).event_id is None


def test_a_new_car_among_shifted_ones_is_new() -> None:
    _, events = _lot(second=True)
    new = seen(60 + JUMP[0], JUMP[1], flight=LATER, track=50, second=700)
    assert _shift(new, events) == pytest.approx(JUMP, abs=0.01)
    assert match(new, events, KINDS[new.kind]).event_id is None
