"""What differs between the autopilots that the simulated vehicle behaves as.

ArduCopter 4.6 and PX4 1.16, as they were observed: PX4 keeps no home item, knows modes by main and sub
number, sends telemetry without being asked, requests the first item with the old message, reports a finished
item about ten times, hands a return over to its return mode and does not check where an item lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.errors import AutopilotUnsupported
from drone.sim.modes import ARMABLE, CopterMode

_MAIN_AUTO = 4


def px4_mode(main: int, sub: int = 0) -> int:
    """PX4's custom mode: main number in the third byte, sub number in the fourth."""
    return main << 16 | sub << 24


_PX4_MODES = {
    CopterMode.STABILIZE: px4_mode(7),
    CopterMode.ALT_HOLD: px4_mode(2),
    CopterMode.POSHOLD: px4_mode(3),
    CopterMode.LOITER: px4_mode(_MAIN_AUTO, 3),
    CopterMode.AUTO: px4_mode(_MAIN_AUTO, 4),
    CopterMode.RTL: px4_mode(_MAIN_AUTO, 5),
    CopterMode.LAND: px4_mode(_MAIN_AUTO, 6),
}
_PX4_STREAMS_HZ = {
    mavlink.MAVLINK_MSG_ID_SYS_STATUS: 1.0,
    mavlink.MAVLINK_MSG_ID_ATTITUDE: 10.0,
    mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT: 5.0,
    mavlink.MAVLINK_MSG_ID_GPS_RAW_INT: 1.0,
    mavlink.MAVLINK_MSG_ID_SYSTEM_TIME: 1.0,
    mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE: 1.0,
    mavlink.MAVLINK_MSG_ID_HOME_POSITION: 0.5,
    mavlink.MAVLINK_MSG_ID_MISSION_CURRENT: 1.0,
    mavlink.MAVLINK_MSG_ID_BATTERY_STATUS: 0.5,
    mavlink.MAVLINK_MSG_ID_VFR_HUD: 4.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """One autopilot's habits.

    Args:
        autopilot: MAV_AUTOPILOT.
        home_item: whether item 0 of a mission is home; it is not sent or read back where it is not.
        modes: custom mode numbers; None where they are those of ``CopterMode``.
        armable: modes in which it can be armed.
        streams_hz: messages that flow without being asked for.
        absent: messages that it does not have.
        reached_times: how often a finished item is reported.
        text_pieces: whether a STATUSTEXT longer than 50 bytes comes in pieces, or is cut.
        return_is_a_mode: whether a mission's return ends the mission and changes the mode.
        unsupported: commands that it does not know.
        ask_again_s: when an item that did not come is asked for again.
        give_up_s: when an upload without an item ends.
    """

    name: str
    autopilot: int
    version: tuple[int, int, int]
    home_item: bool
    modes: Mapping[CopterMode, int] | None
    armable: frozenset[CopterMode]
    streams_hz: Mapping[int, float]
    absent: frozenset[int]
    reached_times: int
    text_pieces: bool
    return_is_a_mode: bool
    unsupported: frozenset[int]
    ask_again_s: float
    give_up_s: float

    @property
    def is_px4(self) -> bool:
        return bool(self.autopilot == mavlink.MAV_AUTOPILOT_PX4)

    def custom_mode(self, mode: CopterMode) -> int:
        """The number that a heartbeat carries; PX4 shows guided flight as hold."""
        if self.modes is None:
            return int(mode)
        return self.modes.get(mode, self.modes[CopterMode.LOITER])

    def mode_of(self, custom_mode: int) -> CopterMode | None:
        """The mode of a number, None when there is none."""
        if self.modes is None:
            return CopterMode(custom_mode) if custom_mode in list(CopterMode) else None
        return next((mode for mode, number in self.modes.items() if number == custom_mode), None)

    def on_wire(self, index: int) -> int:
        """A mission item's number in messages; inside, 0 is always home."""
        return index if self.home_item else max(0, index - 1)

    def inside(self, number: int) -> int:
        """The reverse of ``on_wire``."""
        return number if self.home_item else number + 1


ARDUPILOT = Flavour(
    name="ardupilot", autopilot=mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA, version=(4, 6, 0), home_item=True,
    modes=None, armable=ARMABLE, streams_hz={},
    absent=frozenset({mavlink.MAVLINK_MSG_ID_ESTIMATOR_STATUS, mavlink.MAVLINK_MSG_ID_WIND_COV}),
    reached_times=1, text_pieces=False, return_is_a_mode=False, unsupported=frozenset(),
    ask_again_s=1.0, give_up_s=8.0,
)  # fmt: skip
PX4 = Flavour(
    name="px4", autopilot=mavlink.MAV_AUTOPILOT_PX4, version=(1, 16, 0), home_item=False,
    modes=_PX4_MODES, armable=frozenset({*ARMABLE, CopterMode.AUTO}),
    streams_hz=_PX4_STREAMS_HZ,
    absent=frozenset({mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT, mavlink.MAVLINK_MSG_ID_WIND}),
    reached_times=10, text_pieces=True, return_is_a_mode=True,
    unsupported=frozenset({mavlink.MAV_CMD_DO_SET_MISSION_CURRENT, mavlink.MAV_CMD_DO_PAUSE_CONTINUE}),
    ask_again_s=0.25, give_up_s=5.0,
)  # fmt: skip
FLAVOURS = {flavour.name: flavour for flavour in (ARDUPILOT, PX4)}


def flavour_of(name: str) -> Flavour:
    """Raises ``AutopilotUnsupported`` for a name that is none."""
    if name not in FLAVOURS:
        raise AutopilotUnsupported(
            f"the simulated autopilot has no flavour {name!r}; choose one of {', '.join(FLAVOURS)}"
        )
    return FLAVOURS[name]
