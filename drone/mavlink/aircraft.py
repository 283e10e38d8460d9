"""An ArduPilot or PX4 multirotor as a ``drone.vehicle.Vehicle``.

What it answers is what it has seen: armed bit, mode, height and current mission item, never an
acknowledgement alone. All waiting is in wall time.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.autopilot_words import autopilot_words
from drone.errors import AutopilotUnsupported, DroneError
from drone.link_loss import LinkLoss
from drone.mavlink.alarms import Alarms
from drone.mavlink.awareness import Awareness, CameraMounting
from drone.mavlink.checks import CEILING_AGL_M, plan_faults
from drone.mavlink.framing import Message
from drone.mavlink.guiding import Guiding
from drone.mavlink.link import GROUND_SYSTEM_ID, Link, Patience
from drone.mavlink.looking import CameraPointing
from drone.mavlink.meaning import FENCE, MISSION, RALLY, WireItem
from drone.mavlink.modes import AUTOPILOTS, MULTIROTOR_TYPES, Autopilot
from drone.mavlink.parameters import set_link_loss, set_parameter, switch_fence_on
from drone.mavlink.streams import DEFAULT_RATES_HZ, Streams
from drone.mavlink.transfer import MissionTransfer
from drone.mavlink.transport import Transport
from drone.telemetry import PoseTrack
from drone.vehicle import Outcome, Readiness, VehicleState, Verdict
from missions.clock import Clock, SystemClock
from missions.fences import fence_of
from missions.mission_items import MissionItem, fence_items, mission_items, rally_items
from missions.plan import PatrolPlan

FLYING_HEIGHT_M = 1.0
STILL_M_S = 0.8
HOME_HEIGHT_M = 30.0
"""Receivers are wrong by metres in height, and by tens of them without a model of the geoid."""
_POLL_S = 0.05
_MOST_COUNTED_S = 0.5
"""Of a wait, between two telemetry messages: more is a vehicle that was held up, or a gap in the link."""
_EKF_ABSOLUTE_POSITION = mavlink.EKF_POS_HORIZ_ABS
_ASK_HOLD_AGAIN_S = 5.0
_COMPARED_FOR_S = 60.0
_NOTHING = "no verified mission is on board; upload one first"
_HEARD_LATELY_S = 3.0
"""Positions come ten times a second. An autopilot that has just restarted sends none until asked again: what
it told before is not true any more."""
_LATE_S = 1.5
"""A refusal may be the late answer to a request before: so long it is looked whether this one was obeyed."""
_RESULTS = {1: "temporarily rejected", 2: "denied", 3: "not supported", 4: "failed", 6: "cancelled"}


class MavlinkVehicle:
    """A vehicle at an address; connects when made.

    Args:
        where: an address (``tcp:HOST:PORT``, ``udp:HOST:PORT`` ...), several with commas between them, with
            ``#SYSTEM`` behind where several vehicles speak there; or an open transport.
        clock: dates telemetry of a vehicle that does not tell UTC.
        mounting: camera mounting and pose uncertainties.
        patience: all timeouts and retries.
        rates_hz: message names to rates wanted of the vehicle, in the vehicle's own time.
        signing_key: 32 bytes for MAVLink signing.
        ceiling_agl_m: plans above it are refused.
        battery_swap: called for ``swap_battery``; None where nobody can swap it.
        link_loss: what the autopilot is told to do by itself when it hears nobody any more.

    Raises:
        AddressRefused, PortUnavailable: the address is wrong or cannot be opened.
        NoVehicle: nothing there speaks as an autopilot.
        AutopilotUnsupported: it is neither an ArduPilot nor a PX4 multirotor.
    """

    def __init__(
        self,
        where: str | Transport,
        *,
        clock: Clock | None = None,
        mounting: CameraMounting | None = None,
        patience: Patience | None = None,
        system_id: int = GROUND_SYSTEM_ID,
        rates_hz: Mapping[str, float] = DEFAULT_RATES_HZ,
        signing_key: bytes | None = None,
        ceiling_agl_m: float = CEILING_AGL_M,
        battery_swap: Callable[[], bool] | None = None,
        link_loss: LinkLoss = LinkLoss.KEEP,
    ) -> None:
        self._patience = patience or Patience()
        self._ceiling_agl_m = ceiling_agl_m
        self._battery_swap = battery_swap
        self._link_loss = link_loss
        self._awareness = Awareness(clock or SystemClock(), mounting or CameraMounting())
        self._requests = threading.RLock()
        self._verified: dict[int, list[WireItem]] | None = None
        self._compared = (-math.inf, 0)
        self._rewound = False
        self._streams: Streams | None = None
        self._hold_asked_at = -math.inf
        self._link = Link(
            where, system_id=system_id, signing_key=signing_key, tick=self._supervise,
            foreign=self._notice_station,
        )  # fmt: skip
        self._alarms = Alarms(self._awareness, self._link, self._patience.silence_s)
        self._camera = CameraPointing(self._link, self._patience, self._awareness.heading_deg)
        self._guiding = Guiding(
            self._link, self._patience, self._awareness, self._camera, lambda mode: self._change_mode(mode)
        )
        self._link.quiet_s = self._patience.silence_s
        self._link.add_listener(self._take)
        self._link.start()
        try:
            self._meet(rates_hz)
        except DroneError:
            self.close()
            raise

    def _meet(self, rates_hz: Mapping[str, float]) -> None:
        heartbeat = self._link.wait_for_vehicle(self._patience.connect_s)
        if heartbeat.autopilot not in AUTOPILOTS:
            raise AutopilotUnsupported(
                f"the vehicle runs autopilot {heartbeat.autopilot}; ArduPilot (3) and PX4 (12) are flown"
            )
        if heartbeat.type not in MULTIROTOR_TYPES:
            raise AutopilotUnsupported(f"vehicle type {heartbeat.type} is no multirotor")
        mine = AUTOPILOTS[heartbeat.autopilot]
        absent = {
            report
            for other in AUTOPILOTS.values()
            for report in (other.position_report, other.wind_report)
            if report not in (mine.position_report, mine.wind_report)
        }
        self._streams = Streams(self._link, self._awareness, rates_hz, frozenset(absent))

    @property
    def _autopilot(self) -> Autopilot:
        return self._awareness.autopilot

    # what is known

    @property
    def description(self) -> str:
        version = self._awareness.latest("AUTOPILOT_VERSION")
        name = self._autopilot.name
        if version is None:
            return f"{name} (system {self._link.target[0]})"
        number = version.flight_sw_version
        return (
            f"{name} {number >> 24 & 255}.{number >> 16 & 255}.{number >> 8 & 255} "
            f"(system {self._link.target[0]})"
        )

    @property
    def poses(self) -> PoseTrack:
        return self._awareness.poses

    @property
    def link_alive(self) -> bool:
        """Whether the vehicle has been heard lately."""
        return time.monotonic() - self._link.last_heard < self._patience.silence_s

    @property
    def malformed_packets(self) -> int:
        return self._link.malformed

    def state(self) -> VehicleState:
        silent_s = time.monotonic() - self._link.last_heartbeat
        return self._awareness.state(link_alive=self.link_alive, silent_s=silent_s)

    def new_messages(self) -> list[str]:
        return self._awareness.new_texts()

    def readiness(self) -> Readiness:
        """Ready when link, GPS, position estimate and the autopilot's own checks are good."""
        reasons = []
        if not self.link_alive:
            reasons.append("the link is lost")
        gps = self._awareness.latest("GPS_RAW_INT")
        estimate = self._awareness.latest(self._autopilot.position_report)
        if gps is None or gps.fix_type < mavlink.GPS_FIX_TYPE_3D_FIX:
            reasons.append("no 3D position from GPS")
        if estimate is None or not estimate.flags & _EKF_ABSOLUTE_POSITION:
            reasons.append("the position estimate is not ready")
        if not self._awareness.knows_time or self._awareness.age_s("GLOBAL_POSITION_INT") > _HEARD_LATELY_S:
            reasons.append("position and time have not arrived")
        status = self._awareness.latest("SYS_STATUS")
        if status is None:
            reasons.append("no SYS_STATUS yet")
        elif not status.onboard_control_sensors_health & mavlink.MAV_SYS_STATUS_PREARM_CHECK:
            reasons.append("the autopilot's pre-arm checks fail")
            self._hold_to_be_ready()
            reasons += self._arming_texts(time.monotonic() - 30.0)
        if self._awareness.home is None:
            reasons.append("home is not set")
        return Readiness(not reasons, tuple(reasons))

    def _hold_to_be_ready(self) -> None:
        """PX4 judges by the mode that it stands in: after a return or a landing it is ready only in HOLD."""
        now, mine = time.monotonic(), self._autopilot
        idle = mine.is_px4 and not self._awareness.armed and self._awareness.mode != mine.arm_in
        if not idle or now - self._hold_asked_at < _ASK_HOLD_AGAIN_S:
            return
        self._hold_asked_at = now
        self._alarms.asked_for(mine.arm_in, now)
        self._link.send(
            self._command_message(mavlink.MAV_CMD_DO_SET_MODE, *mine.mode_parameters(mine.arm_in))
        )

    def _arming_texts(self, since: float) -> list[str]:
        texts = [
            t for t in self._awareness.texts_since(since) if t.startswith(self._autopilot.arming_prefixes)
        ]
        return [autopilot_words(text) for text in dict.fromkeys(texts)]

    # requests

    def upload(self, plan: PatrolPlan, sortie: int = 0) -> Outcome:
        with self._requests:
            self._verified, self._compared, self._rewound = None, (-math.inf, 0), False
            if not self.link_alive:
                return Outcome(Verdict.UNKNOWN, "the link is lost")
            if self._awareness.armed and self._awareness.mode == self._autopilot.auto:
                return Outcome(Verdict.REFUSED, "it is flying a mission; pause it before uploading another")
            home = self._awareness.home
            faults = plan_faults(plan, sortie, home, ceiling_agl_m=self._ceiling_agl_m)
            if faults:
                return Outcome(Verdict.REFUSED, "; ".join(faults))
            mission = _wire(mission_items(plan, sortie))
            if self._autopilot.home_item:
                mission = [_home_item(home or plan.home), *mission]
            fence = _wire(fence_items(plan))
            ground = self._autopilot.rally_on_the_ground
            rally: list[WireItem] | None = _wire(rally_items(plan, on_the_ground=ground))
            if not self._capable(mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_RALLY):
                self._awareness.say("WARNING: the vehicle keeps no rally points; it returns to its home")
                rally = None
            self._alarms.uploading()
            outcome = self._transfer().upload_set(
                mission, fence, rally, lambda: switch_fence_on(self.set_parameter, self._autopilot, plan)
            )
            if outcome:
                outcome = set_link_loss(self.set_parameter, self._autopilot, self._link_loss) or outcome
            if outcome:
                self._verified = {MISSION: mission, FENCE: fence}
                self._verified |= {} if rally is None else {RALLY: rally}
                self._awareness.uploaded = len(mission) - int(self._autopilot.home_item)
                self._tell_of_the_fence(plan)
                self._compare_heights(home, plan)
            return outcome

    def _tell_of_the_fence(self, plan: PatrolPlan) -> None:
        if wider_m := fence_of(plan).wider_m:
            self._awareness.say(
                "WARNING: autopilots store few fence corners; the fence on board is up to "
                f"{wider_m:.0f} m wider than the allowed area"
            )

    def _compare_heights(self, home: tuple[float, float, float] | None, plan: PatrolPlan) -> None:
        """Heights are flown above the vehicle's own home: where that lies elsewhere, a person should know."""
        if home is not None and abs(home[2] - plan.home[2]) > HOME_HEIGHT_M:
            self._awareness.say(
                f"WARNING: the vehicle tells its home at {home[2]:.0f} m above sea level, the plan's lies at "
                f"{plan.home[2]:.0f} m; all heights are flown above the place where it takes off"
            )

    def _capable(self, capability: int) -> bool:
        """Whether the vehicle has a capability of MAVLink; one that did not tell is taken to have it."""
        version = self._awareness.latest("AUTOPILOT_VERSION")
        return version is None or not version.capabilities or bool(version.capabilities & capability)

    def _transfer(self) -> MissionTransfer:
        return MissionTransfer(self._link, self._patience, home_item=self._autopilot.home_item)

    def _still_planned(self) -> Outcome:
        """Whether mission, fence and rally points on board are still those that were uploaded."""
        for kind, items in (self._verified or {}).items():
            outcome = self._transfer().verify(kind, items)
            if not outcome:
                return outcome
        self._alarms.read_back()
        return Outcome(Verdict.ACCEPTED)

    def read_back(self) -> Outcome:
        """Compare what is on board with the plan now, so that arming within a minute need not."""
        with self._requests:
            outcome = self._still_planned() if self._verified else Outcome(Verdict.REFUSED, _NOTHING)
            if outcome:
                self._compared = (time.monotonic(), self._awareness.boots)
            return outcome

    def _just_compared(self) -> bool:
        at, boots = self._compared
        fresh = time.monotonic() - at < _COMPARED_FOR_S and boots == self._awareness.boots
        return fresh and not self._alarms.changed_elsewhere

    def set_parameter(self, name: str, value: float, *, whole: bool = False) -> Outcome:
        """See ``drone.mavlink.parameters``."""
        return set_parameter(self._link, self._patience, self._autopilot, name, value, whole=whole)

    def arm(self) -> Outcome:
        """Arm; accepted when the armed bit is seen, refused when another plan is on board than uploaded."""
        with self._requests:
            if self._verified is None:
                return Outcome(Verdict.REFUSED, f"not armed: {_NOTHING}")
            if not self._just_compared() and not (outcome := self._still_planned()):
                return Outcome(outcome.verdict, f"not armed: {outcome.why}")
            if self._awareness.armed:
                return Outcome(Verdict.ACCEPTED, "already armed")
            outcome = self._change_mode(self._autopilot.arm_in)
            if not outcome:
                return outcome
            # a mission that was flown before must begin at its beginning; once armed, time is short
            self._set_current_item(0)
            self._rewound = True
            begun = time.monotonic()
            result = self._command(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 1)
            if result == mavlink.MAV_RESULT_ACCEPTED or result is None:
                if self._wait(lambda: self._awareness.armed, self._patience.mode_s):
                    return Outcome(Verdict.ACCEPTED)
                return Outcome(Verdict.UNKNOWN, "no armed bit was seen after the request to arm")
            self._wait(lambda: self._awareness.armed or bool(self._arming_texts(begun)), 0.5)
            if self._wait(lambda: self._awareness.armed, _LATE_S):
                return Outcome(Verdict.ACCEPTED)
            reasons = "; ".join(self._arming_texts(begun)) or "no reason given"
            return Outcome(Verdict.REFUSED, f"arming was {_RESULTS.get(result, result)}: {reasons}")

    def disarm(self) -> Outcome:
        """Stop the motors; refused by the vehicle while it flies."""
        with self._requests:
            result = self._command(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 0)
            if self._wait(lambda: not self._awareness.armed, self._patience.mode_s):
                return Outcome(Verdict.ACCEPTED)
            verdict = Verdict.UNKNOWN if result is None else Verdict.REFUSED
            return Outcome(verdict, "the vehicle stays armed")

    def start(self) -> Outcome:
        with self._requests:
            if self._verified is None:
                return Outcome(Verdict.REFUSED, _NOTHING)
            if not self._awareness.armed:
                return Outcome(Verdict.REFUSED, "the vehicle is not armed")
            if not self._rewound:
                self._set_current_item(0)
            self._rewound = False
            begun = time.monotonic()
            outcome = self._change_mode(self._autopilot.auto)
            if not outcome:
                return outcome
            # PX4 flies the mission in this mode, and would take a start as a request to arm
            result = None if self._autopilot.is_px4 else self._command(mavlink.MAV_CMD_MISSION_START)
            if self._wait(self._is_flying_mission, self._patience.take_off_s, self._take_off_ended):
                return Outcome(Verdict.ACCEPTED, "flying the mission")
            said = "; ".join(map(autopilot_words, self._awareness.texts_since(begun)))
            if not self.link_alive:
                return Outcome(Verdict.UNKNOWN, "the link was lost during take-off")
            if self._awareness.armed and self._awareness.mode == self._autopilot.auto and not result:
                return Outcome(Verdict.UNKNOWN, f"no take-off was seen in time; the vehicle said: {said}")
            return Outcome(Verdict.REFUSED, f"the vehicle did not take off; it said: {said or 'nothing'}")

    def _set_current_item(self, number: int) -> None:
        """PX4 refuses the command and takes the message; ArduPilot denies an index that is none."""
        if self._autopilot.is_px4:
            message = mavlink.MAVLink_mission_set_current_message(*self._link.target, number)
            self._link.request(
                lambda _: message, ("MISSION_CURRENT",), lambda m: m.seq == number,
                timeout_s=self._patience.reply_s, tries=self._patience.tries,
            )  # fmt: skip
        else:
            self._command(mavlink.MAV_CMD_DO_SET_MISSION_CURRENT, number, float(number == 0))

    def _is_flying_mission(self) -> bool:
        current = self._awareness.latest("MISSION_CURRENT")
        return (
            self._awareness.armed
            and self._awareness.mode == self._autopilot.auto
            and (self._awareness.height_m or 0.0) > FLYING_HEIGHT_M
            and current is not None
            and current.seq >= int(self._autopilot.home_item)
        )

    def _take_off_ended(self) -> bool:
        return not self._awareness.armed or self._awareness.mode != self._autopilot.auto

    def pause(self) -> Outcome:
        """Hold in the best mode that it has for that; accepted when it is seen to stand."""
        with self._requests:
            if not self._awareness.armed:
                return Outcome(Verdict.REFUSED, "the vehicle is not flying")
            outcome = Outcome(Verdict.REFUSED)
            for mode in self._autopilot.holds:
                outcome = self._change_mode(mode)
                if outcome.verdict is not Verdict.REFUSED:
                    break
            if not outcome:
                return outcome
            if self._wait(lambda: self._speed() < STILL_M_S, self._patience.hold_s):
                return Outcome(Verdict.ACCEPTED, "holding")
            return Outcome(Verdict.UNKNOWN, "the vehicle holds by its mode but still moves")

    def resume(self) -> Outcome:
        """Back to AUTO at the item where it was paused, at the mission's speed and with its camera angle."""
        with self._requests:
            if not self._awareness.armed:
                return Outcome(Verdict.REFUSED, "the vehicle is not flying")
            if self._verified is None:
                return Outcome(Verdict.REFUSED, "no verified mission is on board")
            if self._alarms.changed_elsewhere and not (checked := self._still_planned()):
                return Outcome(checked.verdict, f"not resumed, it may have been changed: {checked.why}")
            held_at = self._awareness.latest("MISSION_CURRENT")
            outcome = self._change_mode(self._autopilot.auto)
            if outcome:
                self._go_on_at(0 if held_at is None else held_at.seq)
                self._guiding.repeat_settings(self._verified[MISSION])
            return outcome

    def _go_on_at(self, held_at: int) -> None:
        """ArduPilot may be set to begin its mission anew whenever AUTO is entered (MIS_RESTART).

        PX4 goes back by itself where photos are taken, to the place before: that is left to it.
        """
        if self._autopilot.is_px4:
            return
        asked = time.monotonic()
        self._link.send(
            self._command_message(mavlink.MAV_CMD_REQUEST_MESSAGE, mavlink.MAVLINK_MSG_ID_MISSION_CURRENT)
        )
        self._wait(
            lambda: self._awareness.age_s("MISSION_CURRENT") < time.monotonic() - asked,
            2 * self._patience.reply_s,
        )
        current = self._awareness.latest("MISSION_CURRENT")
        if current is None or current.seq >= held_at:
            return
        self._awareness.say(
            f"WARNING: the autopilot began the mission anew at item {current.seq}; "
            f"it is sent on to item {held_at}, where it was paused"
        )
        self._set_current_item(held_at)

    def return_home(self) -> Outcome:
        with self._requests:
            return self._change_mode(self._autopilot.rtl)

    def land(self) -> Outcome:
        with self._requests:
            return self._change_mode(self._autopilot.land)

    def point_camera(self, pitch_deg: float) -> Outcome:
        """Hold the gimbal at this pitch (0 at the horizon, -90 straight down)."""
        with self._requests:
            return self._camera.at_angles(pitch_deg, None)

    # a second look

    def go_to(
        self, latitude: float, longitude: float, height_m: float, *, heading_deg: float, speed_m_s: float
    ) -> Outcome:
        """To a place, ``height_m`` above home, and hold there; refused in a mode that nobody asked for."""
        with self._requests:
            return self._guiding.go_to(latitude, longitude, height_m, heading_deg, speed_m_s)

    def look_at(self, latitude: float, longitude: float, height_m: float) -> Outcome:
        """Keep the camera on a spot, ``height_m`` above home."""
        with self._requests:
            return self._guiding.look_at(latitude, longitude, height_m)

    def look_ahead(self, pitch_deg: float) -> Outcome:
        with self._requests:
            return self._camera.ahead(pitch_deg)

    def swap_battery(self) -> Outcome:
        """A fresh battery between sorties, where somebody can put one in."""
        if self._battery_swap is None:
            return Outcome(Verdict.REFUSED, "nobody is there to swap the battery")
        if self._awareness.armed:
            return Outcome(Verdict.REFUSED, "the vehicle is armed")
        if self._battery_swap():
            return Outcome(Verdict.ACCEPTED)
        return Outcome(Verdict.REFUSED, "the battery could not be swapped")

    def close(self) -> None:
        self._link.close()

    # inside

    def _command(self, command: int, *params: float) -> int | None:
        return self._link.command(
            command, *params, timeout_s=self._patience.reply_s, tries=self._patience.tries
        )

    def _command_message(self, command: int, *params: float) -> Message:
        padded = [*params, *([0.0] * (7 - len(params)))]
        return mavlink.MAVLink_command_long_message(*self._link.target, command, 0, *padded)

    def _change_mode(self, number: int) -> Outcome:
        """Ask for a mode; accepted when the heartbeat shows it."""
        if self._awareness.mode == number and self.link_alive:
            return Outcome(Verdict.ACCEPTED)
        # however late it comes while we wait, it is the mode that we asked for
        self._alarms.asked_for(number, math.inf)
        try:
            return self._mode_outcome(number, time.monotonic())
        finally:
            self._alarms.asked_for(number, time.monotonic())

    def _mode_outcome(self, number: int, begun: float) -> Outcome:
        name = self._autopilot.mode_name(number)
        result = self._command(mavlink.MAV_CMD_DO_SET_MODE, *self._autopilot.mode_parameters(number))
        if result is None or result == mavlink.MAV_RESULT_ACCEPTED:
            if self._wait(lambda: self._awareness.mode == number, self._patience.mode_s):
                return Outcome(Verdict.ACCEPTED)
            return Outcome(Verdict.UNKNOWN, f"mode {name} was asked for but not seen")
        if self._wait(lambda: self._awareness.mode == number, _LATE_S):
            return Outcome(Verdict.ACCEPTED)
        said = "; ".join(map(autopilot_words, self._awareness.texts_since(begun)))
        said = said or _RESULTS.get(result, f"code {result}")
        return Outcome(Verdict.REFUSED, f"the vehicle refused mode {name}: {said}")

    def _speed(self) -> float:
        position = self._awareness.latest("GLOBAL_POSITION_INT")
        if position is None:
            return math.inf
        return math.hypot(position.vx, position.vy, position.vz) / 100

    def _wait(
        self, met: Callable[[], bool], timeout_s: float, given_up: Callable[[], bool] = lambda: False
    ) -> bool:
        """Poll ``met``; the heartbeat, which tells mode and arming, is asked for more often than it comes.

        Seconds count only while the vehicle's clock runs: a simulated one may be held up for long.
        """
        left_s, before, boot_s, ask_at = timeout_s, time.monotonic(), self._awareness.boot_s, 0.0
        while not met():
            now, ran_to = time.monotonic(), self._awareness.boot_s
            if ran_to != boot_s:
                left_s -= min(now - before, _MOST_COUNTED_S)
                before, boot_s = now, ran_to
            silent = now - before > timeout_s + self._patience.silence_s
            if left_s <= 0 or silent or given_up() or not self.link_alive:
                return met()
            if now >= ask_at:
                ask_at = now + self._patience.reply_s
                self._link.send(
                    self._command_message(mavlink.MAV_CMD_REQUEST_MESSAGE, mavlink.MAVLINK_MSG_ID_HEARTBEAT)
                )
            time.sleep(_POLL_S)
        return True

    # reader thread

    def _take(self, message: Message) -> None:
        if message.get_srcComponent() != self._link.target[1]:
            # a gimbal may be a component of its own; other components say nothing about the flight
            if message.get_type() in ("GIMBAL_DEVICE_ATTITUDE_STATUS", "MOUNT_ORIENTATION"):
                self._awareness.take(message)
            return
        before = self._awareness.mode
        self._awareness.take(message)
        self._alarms.notice(message, before)

    def _notice_station(self, station: int, transfer: bool) -> None:
        self._alarms.notice_station(station, transfer)

    def _supervise(self) -> None:
        if self._link.last_heard == 0.0:
            return
        alive = self.link_alive
        self._alarms.supervise(alive=alive)
        if alive and self._streams is not None:
            self._streams.maintain()
            self._awareness.use_own_clock_if_needed()


def _wire(items: list[MissionItem]) -> list[WireItem]:
    return [WireItem.of(item) for item in items]


def _home_item(home: tuple[float, float, float]) -> WireItem:
    """Item 0 of an ArduPilot mission."""
    return WireItem(
        command=mavlink.MAV_CMD_NAV_WAYPOINT, frame=mavlink.MAV_FRAME_GLOBAL, params=(0.0, 0.0, 0.0, 0.0),
        x=round(home[0] * 1e7), y=round(home[1] * 1e7), z=home[2],
    )  # fmt: skip
