"""Lanes into sorties for real batteries, and sorties shared among several aircraft."""

from __future__ import annotations

from missions.energy import Cost


def split_lanes(
    lanes: list[Cost], links: list[Cost], out: list[Cost], back: list[Cost], limit_wh: float, least: int = 1
) -> list[tuple[int, int]]:
    """Cut a tour of lanes into sorties that each fit a battery.

    Args:
        lanes: cost of each lane in flying order.
        links: cost from each lane's end to the next one's start, one fewer.
        out: cost from standing at home to the start of each lane; back: from its end to standing at home.
        limit_wh: energy that one sortie may use. A single lane that needs more stays alone.
        least: the number of sorties wanted at least, for several aircraft.

    Returns:
        Half-open ranges of lanes: as few sorties as the battery allows, then the shortest longest sortie,
        then the least total time.
    """
    count = len(lanes)
    if not count:
        return []
    if least <= 1 and _trip(lanes, links, out, back).energy_wh <= limit_wh:
        return [(0, count)]
    trips = _trips(lanes, links, out, back)
    best: list[dict[int, tuple[float, float, int]]] = [{} for _ in range(count + 1)]
    best[0][0] = (0.0, 0.0, 0)
    for end in range(1, count + 1):
        for start in range(end):
            cost = trips[start, end]
            if cost.energy_wh > limit_wh and end - start > 1:
                continue
            for used, (longest, total, _) in best[start].items():
                entry = (max(longest, cost.seconds), total + cost.seconds, start)
                if used + 1 not in best[end] or entry < best[end][used + 1]:
                    best[end][used + 1] = entry
    wanted = [number for number in best[count] if number >= min(least, count)]
    number = min(wanted)
    cuts, end = [], count
    while end > 0:
        start = best[end][number][2]
        cuts.append((start, end))
        end, number = start, number - 1
    return cuts[::-1]


def _trip(lanes: list[Cost], links: list[Cost], out: list[Cost], back: list[Cost]) -> Cost:
    """Cost of flying all lanes in one sortie."""
    return sum([*lanes, *links, back[-1]], start=out[0])


def _trips(
    lanes: list[Cost], links: list[Cost], out: list[Cost], back: list[Cost]
) -> dict[tuple[int, int], Cost]:
    """Cost of flying lanes start to end - 1 in one sortie."""
    trips: dict[tuple[int, int], Cost] = {}
    for start in range(len(lanes)):
        inside = Cost()
        for end in range(start + 1, len(lanes) + 1):
            inside = inside + lanes[end - 1]
            trips[start, end] = out[start] + inside + back[end - 1]
            if end < len(lanes):
                inside = inside + links[end - 1]
    return trips


def share_out(seconds: list[float], aircraft: int) -> list[int]:
    """Which aircraft flies each sortie: the longest first, always to the least busy one."""
    busy = [0.0] * aircraft
    owner = [0] * len(seconds)
    for index in sorted(range(len(seconds)), key=lambda i: -seconds[i]):
        least = min(range(aircraft), key=lambda number: (busy[number], number))
        owner[index] = least
        busy[least] += seconds[index]
    return owner
