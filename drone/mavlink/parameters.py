"""Parameters of the vehicle that we set, and those that make an uploaded fence guard something."""

from __future__ import annotations

import math
import struct
from typing import Protocol

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.link_loss import LinkLoss
from drone.mavlink.framing import text_of
from drone.mavlink.link import Link, Patience
from drone.mavlink.modes import Autopilot
from drone.vehicle import Outcome, Verdict
from missions.mission_items import return_height_m
from missions.plan import PatrolPlan

FENCE_TYPE_ALTITUDE_AND_AREAS = 5
FENCE_HEADROOM_M = 20.0
FENCE_TYPE_ALTITUDE = 1
PX4_FENCE_RETURN = 3
"""GF_ACTION: return home when the fence is left."""
_TOLD_OTHERWISE = 3
"""How often another value is read before it is believed: it may have been on its way when we set ours."""


_PX4_LINK_LOSS = {LinkLoss.CONTINUE: 0, LinkLoss.RETURN: 2}
_ARDUPILOT_LINK_LOSS = {LinkLoss.CONTINUE: 0, LinkLoss.RETURN: 1}


class SetsParameter(Protocol):
    """``MavlinkVehicle.set_parameter``."""

    def __call__(self, name: str, value: float, *, whole: bool = False) -> Outcome: ...


def set_parameter(
    link: Link, patience: Patience, autopilot: Autopilot, name: str, value: float, *, whole: bool = False
) -> Outcome:
    """PARAM_SET until the vehicle tells that it has the value.

    Args:
        whole: a whole number; PX4 carries these as the bytes of an INT32.
    """
    bytewise = whole and autopilot.is_px4
    kind = mavlink.MAV_PARAM_TYPE_INT32 if bytewise else mavlink.MAV_PARAM_TYPE_REAL32
    sent = struct.unpack("<f", struct.pack("<i", int(value)))[0] if bytewise else float(value)
    message = mavlink.MAVLink_param_set_message(*link.target, name.encode(), sent, kind)
    kept = math.nan
    for _ in range(_TOLD_OTHERWISE):
        reply = link.request(
            lambda _: message, ("PARAM_VALUE",), lambda m: text_of(m.param_id) == name,
            timeout_s=patience.reply_s, tries=patience.tries,
        )  # fmt: skip
        if reply is None:
            return Outcome(Verdict.UNKNOWN, f"the vehicle does not answer to parameter {name}")
        kept = _number(reply.param_value, bytewise)
        if math.isclose(kept, value, rel_tol=1e-4, abs_tol=1e-4):
            return Outcome(Verdict.ACCEPTED)
    return Outcome(Verdict.REFUSED, f"the vehicle keeps parameter {name} at {kept:g}, not {value:g}")


def _number(told: float, bytewise: bool) -> float:
    return float(struct.unpack("<i", struct.pack("<f", told))[0]) if bytewise else told


def switch_fence_on(set_value: SetsParameter, autopilot: Autopilot, plan: PatrolPlan) -> Outcome | None:
    """An uploaded fence guards nothing until it is enabled; None when it is.

    A plan without an allowed area has its height guarded, and not that of a plan flown before. PX4 comes home
    at a height of its own, which may be over that fence: it is set to the plan's.
    """
    ceiling_m = return_height_m(plan) + FENCE_HEADROOM_M
    if autopilot.is_px4:
        outcome = set_value("GF_MAX_VER_DIST", ceiling_m)
        outcome = outcome and set_value("GF_ACTION", PX4_FENCE_RETURN, whole=True)
        outcome = outcome and set_value("RTL_RETURN_ALT", return_height_m(plan))
        return None if outcome else outcome
    wanted: dict[str, float] = {
        "FENCE_TYPE": FENCE_TYPE_ALTITUDE_AND_AREAS if plan.allowed else FENCE_TYPE_ALTITUDE,
        "FENCE_ALT_MAX": ceiling_m, "FENCE_ENABLE": 1,
    }  # fmt: skip
    for name, value in wanted.items():
        outcome = set_value(name, value)
        if not outcome:
            return outcome
    return None


def set_link_loss(set_value: SetsParameter, autopilot: Autopilot, policy: LinkLoss) -> Outcome | None:
    """Have the autopilot do as ``policy`` says when the link is lost; None when it will."""
    if policy is LinkLoss.KEEP:
        return None
    if autopilot.is_px4:
        outcome = set_value("NAV_DLL_ACT", _PX4_LINK_LOSS[policy], whole=True)
    else:
        outcome = set_value("FS_GCS_ENABLE", _ARDUPILOT_LINK_LOSS[policy])
    return None if outcome else outcome
