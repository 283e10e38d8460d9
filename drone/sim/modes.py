"""ArduCopter's flight modes by number."""

from __future__ import annotations

from enum import IntEnum


class CopterMode(IntEnum):
    STABILIZE = 0
    ALT_HOLD = 2
    AUTO = 3
    GUIDED = 4
    LOITER = 5
    RTL = 6
    LAND = 9
    POSHOLD = 16
    BRAKE = 17


ARMABLE = frozenset({
    CopterMode.STABILIZE, CopterMode.ALT_HOLD, CopterMode.GUIDED, CopterMode.LOITER, CopterMode.POSHOLD,
})  # fmt: skip
NEEDS_POSITION = frozenset({
    CopterMode.AUTO, CopterMode.GUIDED, CopterMode.LOITER, CopterMode.RTL, CopterMode.POSHOLD,
    CopterMode.BRAKE,
})  # fmt: skip
