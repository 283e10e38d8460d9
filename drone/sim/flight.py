"""The simulated autopilot's mind: boot, arming checks, modes, failsafes. It knows nothing of MAVLink packets.

The behaviour follows ArduCopter 4.6. The pilot's sticks are centred, so that STABILIZE, ALT_HOLD, LOITER and
POSHOLD stay where they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum

from drone.sim.airframe import Airframe
from drone.sim.dynamics import Vector
from drone.sim.flavours import ARDUPILOT, Flavour
from drone.sim.geofence import Geofence
from drone.sim.manoeuvres import Aim, Climb, GoTo, Hold, Land, Manoeuvre, Return, Surroundings
from drone.sim.mission_runner import NOT_STARTED, MissionRunner
from drone.sim.mission_store import MISSION, RALLY, MissionStore, StoredItem
from drone.sim.modes import NEEDS_POSITION, CopterMode
from drone.sim.navigation import Leg
from drone.sim.parameters import Parameters
from missions.geodesy import LocalFrame

GPS_AFTER_S = 3.0
BIT_GLITCH_S = (7.0, 7.6)
"""The PREARM bit is briefly true before the aircraft is ready, as on real ones."""
EMERGENCY, CRITICAL, WARNING, NOTICE, INFO = 0, 2, 4, 5, 6
"""MAV_SEVERITY."""


class Fault(StrEnum):
    """What can be made to go wrong."""

    GPS_LOSS = "gps_loss"
    LOW_BATTERY = "low_battery"
    PILOT_TAKES_OVER = "pilot_takes_over"
    SILENT = "silent"
    DEAF = "deaf"


class Flight:
    """State of the autopilot. ``tick`` advances it; all else only asks or commands.

    Args:
        say: sends a STATUSTEXT (severity, text).
        reached: called with the number of each finished mission item.
        ready_after_s: seconds after boot until it can be armed.
    """

    def __init__(
        self,
        *,
        frame: LocalFrame,
        body: Airframe,
        parameters: Parameters,
        store: MissionStore,
        say: Callable[[int, str], None],
        reached: Callable[[int], None],
        ready_after_s: float,
        flavour: Flavour = ARDUPILOT,
    ) -> None:
        self.frame, self.body, self.parameters, self.store = frame, body, parameters, store
        self.flavour = flavour
        self._say = say
        self._ready_after_s = ready_after_s
        self.time_s = 0.0
        self.mode = CopterMode.STABILIZE
        self.armed = False
        self.armed_at_s = 0.0
        self.home_enu: Vector = (0.0, 0.0, body.ground_up)
        self.faults: set[Fault] = set()
        self.last_gcs_s: float | None = None
        self.landing_in_guided = False
        around = Surroundings(body, parameters, lambda: self.home_enu, self._rally, flavour.is_px4)
        self.around = around
        self.mission = MissionRunner(
            store, around, place=self.place, act=self.act, reached=reached,
            return_home=(lambda: self._enter(CopterMode.RTL)) if flavour.return_is_a_mode else None,
        )  # fmt: skip
        self.fence = Geofence(
            store, parameters, lambda item: self.place(item, (0.0, 0.0, 0.0)), lambda: self.home_enu,
            only_about_home=flavour.is_px4,
        )  # fmt: skip
        self._mission_fault = ""
        self._manoeuvre: Manoeuvre = Hold(around)
        self._velocity: tuple[Aim, float] | None = None
        self._breached: str | None = None
        self._battery_level = 0
        self._yaw_deg: float | None = None
        self._idle_s = 0.0

    # what it knows

    @property
    def gps_good(self) -> bool:
        return self.time_s >= GPS_AFTER_S and Fault.GPS_LOSS not in self.faults

    @property
    def position_good(self) -> bool:
        """Whether the estimator gives a position that may be flown with."""
        return self.gps_good and self.time_s >= self._ready_after_s - 2.0

    @property
    def prearm_bit(self) -> bool:
        if BIT_GLITCH_S[0] <= self.time_s < BIT_GLITCH_S[1] and self.gps_good:
            return True
        # PX4 judges by the mode that it stands in
        if self.flavour.is_px4 and self.mode not in self.flavour.armable:
            return False
        return not self.arming_faults(with_mode=False)

    def arming_faults(self, *, with_mode: bool = True) -> list[str]:
        """Why it cannot be armed now, in ArduPilot's words."""
        faults = []
        if not self.gps_good:
            faults.append("GPS 1: Bad fix")
        if not self.position_good:
            faults.append("Need Position Estimate")
        if self.time_s < self._ready_after_s:
            faults.append("AHRS: EKF3 not started")
        if self._battery_state() > 0:
            faults.append("Battery 1 low capacity failsafe")
        if self.position_good and (part := self.fence.breach(self.body.position)):
            faults.append(f"Vehicle breaching {part} fence")
        if self.body.crashed:
            faults.append("Crashed, inspect the airframe")
        if with_mode and self.mode not in self.flavour.armable:
            faults.append(f"{self.mode.name} mode not armable")
        if with_mode and self.flavour.is_px4 and self._begins_on_the_ground():
            faults.append("Mission rejected: the first item is not above home")
        return faults

    def judge_mission(self) -> None:
        """PX4 compares a mission with its fence when one of them changes, and not again."""
        self._mission_fault = ""
        for number, item in enumerate(self.store.items(MISSION)[1:], start=1):
            sane = item.placed and abs(item.latitude) <= 90
            if self.flavour.is_px4 and sane and self.fence.breach(self.place(item, self.home_enu)):
                self._mission_fault = f"Geofence violation for waypoint {number}"
                self._say(CRITICAL, self._mission_fault)
                return

    def _begins_on_the_ground(self) -> bool:
        """Whether the first item is a waypoint at home's height, as a home item is."""
        first = self.store.items(MISSION)[1:2]
        return bool(
            first and first[0].command == 16 and self.place(first[0], self.home_enu)[2] < self.home_enu[2] + 1
        )

    @property
    def home_geodetic(self) -> tuple[float, float, float]:
        lat, lon, alt = self.frame.to_geodetic([self.home_enu])[0]
        return float(lat), float(lon), float(alt)

    @property
    def landing(self) -> bool:
        if self.mode == CopterMode.AUTO:
            return self.mission.landing
        m = self._manoeuvre
        return isinstance(m, Land) or (isinstance(m, Return) and m.landing)

    def place(self, item: StoredItem, otherwise: Vector) -> Vector:
        """An item's place in metres about the frame's origin."""
        east, north = otherwise[0], otherwise[1]
        if item.placed:
            latitude = max(-90.0, min(90.0, item.latitude))
            east, north, _ = (float(v) for v in self.frame.to_enu(latitude, item.longitude)[0])
        if item.frame in (0, 5):
            return east, north, item.z - self.frame.altitude_amsl_m
        if item.frame in (10, 11):
            return east, north, self.body.ground_up + item.z
        return east, north, self.home_enu[2] + item.z

    def _rally(self, position: Vector) -> Vector:
        """Where RTL goes: the nearest rally point within reach, or home."""
        best = self.home_enu
        reach = 1000 * self.parameters["RALLY_LIMIT_KM"] or math.inf
        distance = math.dist(position[:2], best[:2]) if self.parameters["RALLY_INCL_HOME"] else math.inf
        for item in self.store.items(RALLY):
            point = self.place(item, position)
            away = math.dist(position[:2], point[:2])
            if away <= reach and away < distance:
                best, distance = point, away
        return best

    # what it can be told

    def set_home(self, point: Vector) -> None:
        self.home_enu = point

    def arm(self, *, force: bool = False) -> list[str]:
        """Arm; the answer lists why not, and is empty when armed."""
        if self.armed:
            return []
        faults = [] if force else self.arming_faults()
        if faults:
            return faults
        if self.position_good:
            # ArduPilot takes the place where it is armed as home
            self.set_home(self.body.position)
        self.armed, self.armed_at_s, self._idle_s = True, self.time_s, 0.0
        self._breached = None
        self._manoeuvre = Hold(self.around)
        self._say(INFO, "Arming motors")
        if self.mode == CopterMode.AUTO:
            # only PX4 can be armed in it, and then takes off
            self.mission.start()
        return []

    def disarm(self, *, force: bool = False) -> bool:
        """False when it flies and is not forced."""
        if self.armed and not self.body.landed and not force:
            return False
        if self.armed:
            self._say(INFO, "Disarming motors")
        self.armed = False
        if self.mission.state != NOT_STARTED and self.mode == CopterMode.AUTO:
            self.mission.reset()
        return True

    def set_mode(self, number: int) -> str | None:
        """Change mode; the answer says why not, None when changed."""
        try:
            mode = CopterMode(number)
        except ValueError:
            return f"No such mode {number}"
        if mode == self.mode:
            return None
        if mode in NEEDS_POSITION and not self.position_good:
            return f"Mode change to {mode.name} failed: requires position"
        if mode == CopterMode.AUTO:
            if len(self.mission.items) < 2:
                return "Mode change to AUTO failed: init failed"
            if self._mission_fault:
                return f"Mission rejected: {self._mission_fault}"
            if self.armed and self.body.landed and not self.mission.starts_with_takeoff():
                return "Auto: Missing Takeoff Cmd"
        self._enter(mode)
        return None

    def _enter(self, mode: CopterMode) -> None:
        left, self.mode = self.mode, mode
        self._velocity, self._yaw_deg = None, None
        if left == CopterMode.AUTO:
            self.mission.pause()
        if mode == CopterMode.AUTO:
            if self.parameters["MIS_RESTART"]:
                self.mission.reset()
            if self.armed:
                if not self.flavour.is_px4:
                    # ArduPilot forgets DO_CHANGE_SPEED whenever AUTO is entered again; PX4 repeats it
                    self.mission.speed_m_s = self.parameters["WPNAV_SPEED"] / 100
                self.mission.start()
        elif mode == CopterMode.RTL:
            self._manoeuvre = Return(self.around, self.mission.speed_m_s)
        elif mode == CopterMode.LAND:
            self._manoeuvre = Land(self.around)
        else:
            self._manoeuvre = Hold(self.around)

    def start_mission(self) -> bool:
        """MISSION_START: into AUTO, and run if the motors do."""
        if why := self.set_mode(CopterMode.AUTO):
            self._say(CRITICAL, why)
            return False
        if self.armed and self.mission.state == NOT_STARTED:
            self.mission.start()
        return True

    def take_off(self, height_m: float) -> bool:
        """In GUIDED, armed, on the ground."""
        if self.mode != CopterMode.GUIDED or not self.armed or not self.body.landed or height_m <= 0:
            return False
        self._manoeuvre = Climb(self.around, self.home_enu[2] + height_m, 1.5)
        return True

    def go_to(self, target: Vector, *, speed_m_s: float | None = None, yaw_deg: float | None = None) -> None:
        """In GUIDED: fly to a place and stay there."""
        leg = Leg(
            start=self.body.position, end=target, speed_m_s=speed_m_s or self.parameters["WPNAV_SPEED"] / 100
        )
        self._velocity = None
        self._manoeuvre = GoTo(self.around, leg, yaw_deg=yaw_deg, wait_s=math.inf)

    def go_with(self, velocity: Vector, yaw_deg: float | None) -> None:
        """In GUIDED: keep this velocity for three seconds unless told again."""
        self._velocity = Aim(velocity, yaw_deg), self.time_s + 3.0

    def act(self, item: StoredItem) -> None:
        """A command that takes no time, from the mission or by itself."""
        gimbal = self.body.gimbal
        if item.command == 178 and item.param2 > 0 and item.param1 in (0, 1):
            self.change_speed(item.param2)
        elif item.command == 205:
            gimbal.point(item.param1)
        elif item.command == 1000:
            if math.isfinite(item.param1):
                gimbal.point(item.param1)
        elif item.command in (195, 201):
            gimbal.look_at(self.place(item, self.body.position) if item.placed else None)
        elif item.command == 197:
            gimbal.look_at(None)
        elif item.command == 115:
            self._yaw_deg = item.param1 % 360.0
        elif item.command == 179 and item.placed:
            self.set_home(self.place(item, self.body.position))

    def change_speed(self, speed_m_s: float) -> None:
        self.mission.speed_m_s = min(20.0, max(0.1, speed_m_s))

    # time

    def tick(self, dt: float, time_s: float) -> None:
        """Advance by ``dt`` seconds to ``time_s`` after boot."""
        self.time_s = time_s
        if round(self.time_s / dt) % 10 == 0:
            self._watch(10 * dt)
        aim = self._aim(dt) if self.armed else Aim((0.0, 0.0, 0.0))
        # ArduPilot turns a vehicle whose gimbal cannot pan; PX4 leaves that to who sends it there
        region = None if self.flavour.is_px4 else self.body.gimbal.bearing_deg(self.body.position)
        yaw = region if region is not None else self._yaw_deg if self._yaw_deg is not None else aim.yaw_deg
        flying = not self.body.landed
        self.body.step(dt, aim.velocity, yaw, armed=self.armed)
        if flying and self.body.crashed and self.armed:
            self.armed = False
            self._say(EMERGENCY, "Crash: Disarming")
        if self.armed and self.body.landed:
            self._stop_on_ground(dt)

    def _aim(self, dt: float) -> Aim:
        if self.mode == CopterMode.AUTO:
            if self.mission.state == NOT_STARTED:
                return Aim((0.0, 0.0, 0.0))
            return self.mission.aim(dt)
        if self.body.landed and isinstance(self._manoeuvre, Hold):
            return Aim((0.0, 0.0, 0.0))
        if self._velocity is not None:
            aim, until = self._velocity
            if self.time_s <= until:
                return aim
            self._velocity, self._manoeuvre = None, Hold(self.around)
        return self._manoeuvre.aim(dt)

    def _stop_on_ground(self, dt: float) -> None:
        landed_by = self.mission.landed if self.mode == CopterMode.AUTO else (
            isinstance(self._manoeuvre, Land | Return) and self._manoeuvre.done
        )  # fmt: skip
        self._idle_s += dt
        delay = self.parameters["DISARM_DELAY"]
        if landed_by or (delay > 0 and self._idle_s > delay):
            self.disarm()

    # what it looks after by itself

    def _watch(self, dt: float) -> None:
        self._watch_battery()
        if not self.armed or self.body.landed:
            return
        if self.mode in NEEDS_POSITION and not self.position_good:
            self._say(EMERGENCY, "EKF Failsafe: changed to LAND Mode")
            self._enter(CopterMode.LAND)
        self._watch_fence()
        self._watch_gcs()

    def _watch_fence(self) -> None:
        part = self.fence.breach(self.body.position)
        if part == self._breached:
            return
        self._breached = part
        if part is None:
            self._say(NOTICE, "Fence breach cleared")
            return
        self._say(CRITICAL, f"{part} fence breached")
        action = int(self.parameters["FENCE_ACTION"])
        if self.mode not in (CopterMode.LAND, CopterMode.RTL) and action:
            self._enter({2: CopterMode.LAND, 4: CopterMode.BRAKE}.get(action, CopterMode.RTL))

    def _watch_gcs(self) -> None:
        if not self.parameters["FS_GCS_ENABLE"] or self.last_gcs_s is None:
            return
        lost = self.time_s - self.last_gcs_s > self.parameters["FS_GCS_TIMEOUT"]
        if lost and self.mode not in (CopterMode.RTL, CopterMode.LAND):
            self._say(WARNING, "GCS Failsafe - RTL")
            self._enter(CopterMode.RTL)
            self.last_gcs_s = None

    def _battery_state(self) -> int:
        """0 good, 1 low, 2 critical."""
        p, battery = self.parameters, self.body.battery
        left = battery.fraction * battery.capacity_mah
        if left < p["BATT_CRT_MAH"]:
            return 2
        low = left < p["BATT_LOW_MAH"] or Fault.LOW_BATTERY in self.faults
        return 1 if low or battery.voltage_v < p["BATT_LOW_VOLT"] else 0

    def _watch_battery(self) -> None:
        state = self._battery_state()
        if state <= self._battery_level:
            self._battery_level = state
            return
        self._battery_level = state
        self._say(WARNING if state == 1 else CRITICAL, f"Battery 1 is {'low' if state == 1 else 'critical'}")
        if not self.armed or self.body.landed:
            return
        action = int(self.parameters["BATT_FS_LOW_ACT" if state == 1 else "BATT_FS_CRT_ACT"])
        if action == 1:
            self._enter(CopterMode.LAND)
        elif action == 2 and self.mode not in (CopterMode.RTL, CopterMode.LAND):
            self._say(WARNING, "Battery Failsafe - RTL")
            self._enter(CopterMode.RTL)
