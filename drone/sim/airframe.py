"""The simulated aircraft's body: true motion, battery, gimbal and air, and what its sensors make of them."""

from __future__ import annotations

import math
from collections.abc import Callable

from drone.sim.battery import Battery, PowerModel
from drone.sim.dynamics import Limits, Multirotor, Vector
from drone.sim.gimbal import Gimbal
from drone.sim.sensors import Sensors

Ground = Callable[[float, float], float]
"""(east, north) -> height of the ground, metres about home."""

CRASH_SPEED_M_S = 3.0


class Airframe:
    """True state (in ``rotor.motion``) and believed state (``position``, ``attitude_deg`` ...)."""

    def __init__(
        self, *, ground: Ground, wind: tuple[float, float], seed: int, battery: Battery, gimbal: Gimbal
    ) -> None:
        self.rotor = Multirotor(Limits())
        self.battery = battery
        self.gimbal = gimbal
        self.sensors = Sensors(seed, gust_m_s=0.15 * math.hypot(*wind) + 0.1)
        self.mean_wind = wind
        self._ground = ground
        self._power = PowerModel()
        self.landed = True
        self.crashed = False
        self.ground_up = ground(0.0, 0.0)
        self._ticks = 0
        self.rotor.rest(self.ground_up)

    @property
    def wind(self) -> tuple[float, float]:
        """Metres per second towards east and north, gusts included."""
        gust = self.sensors.gust
        return self.mean_wind[0] + gust[0], self.mean_wind[1] + gust[1]

    @property
    def position(self) -> Vector:
        """Believed east, north, up."""
        true, error = self.rotor.motion.position, self.sensors.position_error
        return true[0] + error[0], true[1] + error[1], true[2] + error[2]

    @property
    def velocity(self) -> Vector:
        return self.rotor.motion.velocity

    @property
    def attitude_deg(self) -> Vector:
        """Believed roll, pitch, yaw; yaw in [0, 360)."""
        motion, error = self.rotor.motion, self.sensors.attitude_error
        return motion.roll_deg + error[0], motion.pitch_deg + error[1], (motion.yaw_deg + error[2]) % 360.0

    @property
    def camera_deg(self) -> Vector:
        """Believed roll, pitch, yaw of the camera."""
        error = self.sensors.gimbal_error
        return error[0], self.gimbal.pitch_deg + error[1], self.attitude_deg[2]

    @property
    def airspeed_m_s(self) -> float:
        wind, velocity = self.wind, self.rotor.motion.velocity
        return math.hypot(velocity[0] - wind[0], velocity[1] - wind[1])

    def step(self, dt: float, wanted: Vector, yaw_wanted_deg: float | None, *, armed: bool) -> None:
        """Advance; on the ground only a wanted climb with running motors lifts it off."""
        self.sensors.step(dt)
        if self.landed and armed and wanted[2] > 0.1:
            self.landed = False
        if not self.landed and not armed:
            self._hit_ground()
        if not self.landed:
            self.rotor.step(dt, wanted, yaw_wanted_deg, self.wind)
            self._touch()
        self.gimbal.step(dt, self.position)
        self.battery.draw(self._watts(armed), dt)

    def _watts(self, armed: bool) -> float:
        if not armed:
            return self._power.electronics_w
        if self.landed:
            return 0.25 * self._power.hover_w
        return self._power.watts(self.airspeed_m_s, self.rotor.motion.velocity[2])

    def _touch(self) -> None:
        motion = self.rotor.motion
        self._ticks += 1
        if self._ticks % 5 == 0:
            self.ground_up = self._ground(motion.position[0], motion.position[1])
        if motion.position[2] > self.ground_up or motion.velocity[2] > 0:
            return
        if math.hypot(*motion.velocity) > CRASH_SPEED_M_S:
            self._hit_ground()
            return
        self.landed = True
        self.rotor.rest(self.ground_up)

    def _hit_ground(self) -> None:
        self.crashed = self.landed = True
        self.rotor.rest(self._ground(*self.rotor.motion.position[:2]))
