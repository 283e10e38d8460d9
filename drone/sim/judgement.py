"""A simulated patrol against the planted truth."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from drone.sim.town import PlantedEvent
from drone.sim.world import Exposure
from missions.geodesy import distance_m
from missions.kinds import load_kinds

SAME_EVENT_M = 12.0
"""A ticket within this distance of a planted event is a ticket of that event."""
OBSERVABLE_EXTRA_S = 2.0
"""An event counts as observable when it was in view this much longer than its kind needs for confirmation."""


@dataclass(slots=True)
class DemoResult:
    """What is needed to judge one patrol."""

    flight: dict[str, Any]
    plan: dict[str, Any]
    tickets: list[dict[str, Any]]
    planted: list[PlantedEvent]
    exposure: Exposure
    figures: dict[str, float] = field(default_factory=dict)


def judge(result: DemoResult) -> dict[str, Any]:
    """Tickets against planted events; the keys are part of the command line's contract.

    An event is observable when the camera had it in view ``OBSERVABLE_EXTRA_S`` longer than its kind needs to
    be confirmed. It is matched when exactly one ticket of its kind lies within ``SAME_EVENT_M`` of it, in
    the cell that contains it. Further tickets there are duplicates; tickets near no planted event are false.
    """
    kinds = load_kinds()
    near: dict[str, list[dict[str, Any]]] = {event.id: [] for event in result.planted}
    false = []
    for ticket in result.tickets:
        event, gap = min(((e, _gap(e, ticket)) for e in result.planted), key=lambda pair: pair[1])
        if gap <= SAME_EVENT_M:
            near[event.id].append(ticket)
        else:
            false.append(_ticket_line(ticket))
    observable, matched, missed, errors, duplicates, wrong_cell = [], 0, [], [], 0, 0
    for event in result.planted:
        seen = result.exposure.events.get(event.id)
        needed = kinds[event.kind].confirm.seconds + OBSERVABLE_EXTRA_S
        seen_s = seen.seconds if seen is not None else 0.0
        is_observable = seen_s >= needed
        observable += [event] if is_observable else []
        right = [ticket for ticket in near[event.id] if ticket["kind"] == event.kind.value]
        duplicates += max(0, len(near[event.id]) - 1)
        errors += [(event, _gap(event, ticket)) for ticket in right[:1]]
        in_cell = [ticket for ticket in right if ticket["cell"] == event.cell]
        wrong_cell += int(bool(right) and not in_cell)
        if is_observable and len(near[event.id]) == 1 and in_cell:
            matched += 1
        elif is_observable:
            missed.append(
                {
                    "event": event.id,
                    "kind": event.kind.value,
                    "cell": event.cell,
                    "seen_seconds": round(seen_s, 1),
                    "tickets": [_ticket_line(ticket) for ticket in near[event.id]],
                }
            )
    metres = [error for _, error in errors]
    figures = result.figures
    return {
        "planted": len(result.planted),
        "observable": len(observable),
        "tickets": len(result.tickets),
        "matched": matched,
        "missed": missed,
        "false": false,
        "duplicates": duplicates,
        "wrong_cell": wrong_cell,
        "false_per_flight_hour": round(len(false) / max(figures["flight_seconds"], 1.0) * 3600, 2),
        "position_error_m": {
            "median": round(statistics.median(metres), 2) if metres else None,
            "p90": round(float(np.percentile(metres, 90)), 2) if metres else None,
            "each": {event.id: round(error, 2) for event, error in errors},
        },
        "flight_phase": result.flight["phase"],
        "flight_seconds": round(figures["flight_seconds"], 1),
        "frames": int(figures["frames"]),
        "frames_per_second": round(figures["frames_per_second"], 2),
        "latency_s": {"p50": round(figures["p50"], 3), "p95": round(figures["p95"], 3)},
        "plan": {key: result.plan[key] for key in PLAN_FIGURES},
    }


PLAN_FIGURES = (
    "cells", "area_m2", "uncovered_fraction", "outside_m", "length_m", "lower_bound_m", "ratio", "seconds",
    "energy_wh", "reserve_fraction",
)  # fmt: skip


def _gap(event: PlantedEvent, ticket: dict[str, Any]) -> float:
    if ticket["lat"] is None:
        return float("inf")
    return distance_m(event.latitude, event.longitude, ticket["lat"], ticket["lon"])


def _ticket_line(ticket: dict[str, Any]) -> dict[str, Any]:
    return {key: ticket[key] for key in ("number", "kind", "cell", "lat", "lon", "ce90_m", "why")}


def show_judgement(figures: dict[str, Any], console: Console) -> None:
    """The same for people."""
    table = Table(title="Patrol against the planted truth", show_header=False)
    error = figures["position_error_m"]
    latency = figures["latency_s"]
    for name, value in (
        ("planted events", f"{figures['planted']}, {figures['observable']} in view long enough"),
        ("tickets", f"{figures['tickets']}"),
        ("one ticket in the right cell", f"{figures['matched']} of {figures['observable']}"),
        ("missed", ", ".join(f"{m['event']} ({m['kind']})" for m in figures["missed"]) or "none"),
        ("false", ", ".join(f"{f['kind']} in {f['cell']}" for f in figures["false"]) or "none"),
        ("position error", f"median {error['median']} m, 90 % within {error['p90']} m"),
        (
            "flight",
            f"{figures['flight_phase']}, {figures['flight_seconds']:.0f} s, {figures['frames']} frames",
        ),
        ("frames per second", f"{figures['frames_per_second']}"),
        ("latency", f"median {latency['p50']} s, 95 % within {latency['p95']} s"),
    ):
        table.add_row(name, value)
    console.print(table)
