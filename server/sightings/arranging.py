"""What belongs together among all sightings of a neighbourhood, whatever the order in which they came.

Bringing one sighting after the other to what is known makes the result depend on what was known when: where
GNSS jumps between two flights, the first few cars of the second one look like new cars. So the sightings of
a neighbourhood are arranged anew when one comes in: flight after flight is moved to where those before saw
the same, then all are brought together in the order in which they were seen last. Crowds move: they come in
the order in which they were seen first, and a new one is compared with where the others were then.

Nothing in it depends on when a sighting arrived or on how tickets are numbered: the same sightings give the
same groups.

What a person has seen in a ticket and acted on stays there: such sightings are given, not arranged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from missions.kinds import Kind
from missions.messages import SightingKind
from server.sightings.matching import CROWDS, Event, Seen, flight_shift, is_single, match_in_frame

NEAR_M = 60.0
"""Objects farther off have no say in where one belongs, once GNSS is the same for all."""


def arrange(
    free: Iterable[Seen], fixed: Mapping[UUID, Sequence[Seen]], kinds: Mapping[SightingKind, Kind]
) -> list[Event]:
    """Groups of sightings that show one event each.

    Args:
        free: sightings of one sort, to be arranged.
        fixed: by ticket, sightings that stay in it; others may join them.
        kinds: the rules of each kind.

    Returns:
        One event for each ticket of ``fixed``, with its id and its sightings pinned, then one for each
        further group, with the id of its first sighting. Positions may be shifted.
    """
    free = sorted(free, key=order_of)
    held = sorted(fixed.items(), key=lambda item: min(order_of(seen) for seen in item[1]))
    everything = [*free, *(seen for _, sightings in held for seen in sightings)]
    if any(is_single(kinds[seen.kind]) for seen in everything):
        moved = {seen.id: seen for seen in in_common_frame(everything)}
        free = [moved[seen.id] for seen in free]
        held = [(ticket, [moved[seen.id] for seen in sightings]) for ticket, sightings in held]
    events = {
        ticket: Event(id=ticket, kind=sightings[0].kind, sightings=tuple(sightings),
                      pinned=frozenset(seen.id for seen in sightings))
        for ticket, sightings in held
    }  # fmt: skip
    for new in free:
        _bring(new, events, kinds[new.kind])
    return list(events.values())


def order_of(seen: Seen) -> tuple[bool, datetime, datetime, str]:
    """Confirmed ones first, then by time; nothing of when they came."""
    times = seen.last_seen_at, seen.first_seen_at
    return (not seen.confirmed, *(times[::-1] if seen.kind in CROWDS else times), str(seen.id))


def in_common_frame(sightings: Iterable[Seen]) -> list[Seen]:
    """Each flight moved to where the flights before it, by what they saw first, saw the same."""
    flights: dict[UUID, list[Seen]] = {}
    done: list[Seen] = []
    for seen in sorted(sightings, key=order_of):
        if seen.flight_id is None:
            done.append(seen)
        else:
            flights.setdefault(seen.flight_id, []).append(seen)
    begun = sorted(flights.items(), key=lambda item: (min(s.first_seen_at for s in item[1]), str(item[0])))
    for _, mine in begun:
        shift = flight_shift(mine, done)
        done += mine if not shift.any() else [replace(s, position=s.position - shift) for s in mine]
    return done


def _bring(new: Seen, events: dict[UUID, Event], kind: Kind) -> None:
    """Add a sighting to the event that it belongs to, and move what that shows to have been wrong."""
    near = list(events.values())
    if is_single(kind):  # the others are few, some of them move, and a person may have merged what lies apart
        east, north = new.position.tolist()
        near = [e for e in near if abs(e.east - east) <= NEAR_M and abs(e.north - north) <= NEAR_M]
    if new.kind in CROWDS:
        began = new.first_seen_at
        then = [replace(event, sightings=[seen.at(began) for seen in event.sightings]) for event in near]
        decision = match_in_frame(new.at(began), then, kind)
    else:
        decision = match_in_frame(new, near, kind)
    for move in decision.moves:
        moving = [s for event in near for s in event.sightings if s.id in move.sightings]
        for event in near:
            rest = tuple(s for s in events[event.id].sightings if s.id not in move.sightings)
            events[event.id] = replace(events[event.id], sightings=rest)
        _add(events, move.event_id, moving)
    _add(events, decision.event_id, [new])


def _add(events: dict[UUID, Event], event_id: UUID | None, sightings: Sequence[Seen]) -> None:
    if event_id is None:
        first = sightings[0]
        events[first.id] = Event(id=first.id, kind=first.kind, sightings=tuple(sightings))
    else:
        event = events[event_id]
        events[event_id] = replace(event, sightings=(*event.sightings, *sightings))
