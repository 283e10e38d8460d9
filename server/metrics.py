"""Counters for Prometheus, one registry per application."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """What the server counts; ``text()`` is what ``/metrics`` answers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "skybeat_http_requests", "HTTP requests", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "skybeat_http_request_seconds", "Time to answer", ["method", "route"], registry=self.registry
        )
        self.sightings = Counter(
            "skybeat_sightings", "Sightings received", ["kind", "outcome"], registry=self.registry
        )
        self.tickets = Counter("skybeat_tickets_opened", "Tickets opened", ["kind"], registry=self.registry)
        self.agents_online = Gauge("skybeat_agents_online", "Agents heard lately", registry=self.registry)
        self.consoles = Gauge("skybeat_consoles", "Consoles connected", registry=self.registry)
        self.sweep_errors = Counter("skybeat_sweep_errors", "Failed sweeps", registry=self.registry)

    def text(self) -> bytes:
        return generate_latest(self.registry)
