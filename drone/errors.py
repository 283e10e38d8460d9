"""Errors of the aircraft side. A class docstring is the default message."""

from __future__ import annotations

import inspect


class DroneError(Exception):
    """Something on the aircraft side failed; the log of the agent says where."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or inspect.cleandoc(type(self).__doc__ or type(self).__name__))


class AddressRefused(DroneError, ValueError):
    """This is no address of a vehicle: write tcp:HOST:PORT, tcpin:HOST:PORT, udp:HOST:PORT (listen),
    udpout:HOST:PORT or serial:DEVICE:BAUD."""


class PortUnavailable(DroneError):
    """The address cannot be opened; check that the port is free and the host is reachable."""


class LinkClosed(DroneError):
    """The link was closed; connect again."""


class NoVehicle(DroneError):
    """No heartbeat of an autopilot arrived; check the address, the power and the radio."""


class NoTelemetry(DroneError):
    """No position has arrived from the aircraft yet; wait, and check that telemetry streams are on."""


class AutopilotUnsupported(DroneError):
    """This autopilot is not flown yet; use an ArduPilot or PX4 multirotor."""


class SetupWrong(DroneError, ValueError):
    """The setting is impossible; the message says which and what is allowed."""
