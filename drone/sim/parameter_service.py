"""The vehicle's side of the parameter protocol."""

from __future__ import annotations

import math
import struct

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.framing import Message, text_of
from drone.sim.parameters import INT32, Parameters
from drone.sim.px4_parameters import Px4Parameters
from drone.sim.session import Session

PER_TICK = 4


class ParameterService:
    """Lists, reads and sets; an unknown name gets no answer.

    PX4 carries whole numbers as the bytes of an INT32 in the float field, ArduPilot as floats.
    """

    def __init__(self, parameters: Parameters | Px4Parameters) -> None:
        self._parameters = parameters
        self._bytewise = isinstance(parameters, Px4Parameters)

    def handle(self, session: Session, message: Message) -> bool:
        """True when the message was one of this protocol."""
        kind = message.get_type()
        if kind == "PARAM_REQUEST_LIST":
            session.parameters_to_send.clear()
            session.parameters_to_send.extend(self._parameters)
        elif kind == "PARAM_REQUEST_READ":
            name = text_of(message.param_id)
            if message.param_index >= 0:
                name = self._parameters.name_at(message.param_index) or ""
            if name in self._parameters:
                session.send(self._value(name))
        elif kind == "PARAM_SET":
            name = text_of(message.param_id)
            if name in self._parameters:
                value = message.param_value
                if self._bytewise and message.param_type == INT32:
                    value = float(struct.unpack("<i", struct.pack("<f", value))[0])
                if math.isfinite(value):
                    self._parameters.set(name, value)
                session.send(self._value(name))
        else:
            return False
        return True

    def tick(self, session: Session) -> None:
        """Send a few of a requested list."""
        for _ in range(min(PER_TICK, len(session.parameters_to_send))):
            session.send(self._value(session.parameters_to_send.popleft()))

    def _value(self, name: str) -> Message:
        p = self._parameters
        value = p[name]
        if self._bytewise and p.kind(name) == INT32:
            value = struct.unpack("<f", struct.pack("<i", int(value)))[0]
        return mavlink.MAVLink_param_value_message(name.encode(), value, p.kind(name), len(p), p.index(name))
