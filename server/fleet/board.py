"""What is known of the aircraft right now, in memory: newest telemetry and when each agent was last heard."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from missions.messages import TelemetryMessage


@dataclass(slots=True)
class Presence:
    """The newest word from one agent."""

    seen_at: datetime
    online: bool = True
    telemetry: TelemetryMessage | None = None
    stored: TelemetryMessage | None = None
    flights: set[UUID | None] = field(default_factory=lambda: {None})


class FleetBoard:
    """Presence of all agents; safe to use from several threads.

    Args:
        offline_seconds: an agent unheard for longer counts as offline.
    """

    def __init__(self, offline_seconds: float) -> None:
        self._offline_seconds = offline_seconds
        self._presence: dict[UUID, Presence] = {}
        self._lock = threading.Lock()

    def heard(self, agent: UUID, now: datetime, telemetry: TelemetryMessage | None = None) -> bool:
        """Note a sign of life; True when the agent was offline before."""
        with self._lock:
            presence = self._presence.get(agent)
            if presence is None:
                presence = self._presence[agent] = Presence(now, online=False)
            came_back = not presence.online
            presence.online = True
            presence.seen_at = max(presence.seen_at, now)
            if telemetry is not None and (
                presence.telemetry is None
                or presence.telemetry.at <= telemetry.at
                or presence.telemetry.flight_id != telemetry.flight_id
            ):
                presence.telemetry = telemetry
            return came_back

    def due(self, agent: UUID, message: TelemetryMessage, seconds: float) -> bool:
        """Whether a telemetry message has something to store: another phase or flight, or time has passed."""
        presence = self._presence.get(agent)
        last = presence.stored if presence else None
        return (
            last is None
            or (last.agent, last.flight_id, last.phase) != (message.agent, message.flight_id, message.phase)
            or not 0 <= (message.at - last.at).total_seconds() < seconds
        )

    def note_stored(self, agent: UUID, message: TelemetryMessage) -> None:
        """Remember what ``due`` compares with, once it is stored."""
        with self._lock:
            presence = self._presence.get(agent)
            if presence is not None:
                presence.stored = message
                presence.flights.add(message.flight_id)

    def knows_flight(self, agent: UUID, flight_id: UUID | None) -> bool:
        """Whether the flight was checked to be this agent's."""
        presence = self._presence.get(agent)
        return presence is not None and flight_id in presence.flights

    def learn_flight(self, agent: UUID, flight_id: UUID | None) -> None:
        with self._lock:
            presence = self._presence.get(agent)
            if presence is not None:
                presence.flights.add(flight_id)

    def seen_at(self, agent: UUID) -> datetime | None:
        presence = self._presence.get(agent)
        return presence.seen_at if presence else None

    def telemetry(self, agent: UUID) -> TelemetryMessage | None:
        presence = self._presence.get(agent)
        return presence.telemetry if presence else None

    def online(self, seen_at: datetime | None, now: datetime) -> bool:
        """Whether an agent that was last heard then counts as online."""
        return seen_at is not None and (now - seen_at).total_seconds() <= self._offline_seconds

    def newly_offline(self, now: datetime) -> list[UUID]:
        """Agents that fell silent since the last call."""
        with self._lock:
            silent = [
                (agent, presence)
                for agent, presence in self._presence.items()
                if presence.online and not self.online(presence.seen_at, now)
            ]
            for _, presence in silent:
                presence.online = False
            return [agent for agent, _ in silent]

    @property
    def count_online(self) -> int:
        return sum(presence.online for presence in self._presence.values())
