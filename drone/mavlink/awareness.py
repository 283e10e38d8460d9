"""What is known of the vehicle from its telemetry: state, camera poses, its own clock.

Filled in the link's reader thread, read from any other. Position comes from GLOBAL_POSITION_INT, attitude
from ATTITUDE, the camera from GIMBAL_DEVICE_ATTITUDE_STATUS or MOUNT_ORIENTATION; all of them carry the time
since boot, and SYSTEM_TIME ties that to UTC.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.errors import NoTelemetry
from drone.mavlink.framing import Message, text_of
from drone.mavlink.modes import ARDUPILOT, AUTOPILOTS, Autopilot
from drone.mavlink.samples import Angles, accuracy, angles_at, append, euler_deg, possible
from drone.telemetry import PoseTrack
from drone.vehicle import VehicleState
from missions.clock import Clock
from vision.camera import Pose

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK_JUMP_US = 50_000
"""SYSTEM_TIME jitters on a loaded autopilot; only a real step of its clock moves the mapping."""
_REPEATED_WITHIN_S = 2.0
_RESTARTED_MS = 5000
"""A clock since boot that falls back by more is a new boot; by less, a packet that was overtaken."""
_FALLBACK_AFTER_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMounting:
    """How the camera sits on the vehicle when no gimbal reports, and how well poses are known (one sigma)."""

    fixed_pitch_deg: float = -90.0
    yaw_offset_deg: float = 0.0
    pitch_offset_deg: float = 0.0
    attitude_sigma_deg: float = 0.6
    heading_sigma_deg: float = 1.5
    position_sigma_m: float = 1.5
    altitude_sigma_m: float = 2.0
    time_sigma_s: float = 0.05


class Awareness:
    """Telemetry in, knowledge out."""

    def __init__(self, clock: Clock, mounting: CameraMounting) -> None:
        self.poses = PoseTrack(time_sigma_s=mounting.time_sigma_s)
        self._clock, self._mounting = clock, mounting
        self._lock = threading.RLock()
        self._latest: dict[str, Message] = {}
        self._seen_at: dict[str, float] = {}
        self._offset_us: int | None = None
        self._positions: deque[Message] = deque(maxlen=50)
        self._attitudes: deque[Angles] = deque(maxlen=60)
        self._camera: deque[Angles] = deque(maxlen=60)
        self._camera_relative = False
        self._texts: list[str] = []
        self._recent_texts: deque[tuple[float, str]] = deque(maxlen=50)
        self._chunks: dict[int, str] = {}
        self._since = time.monotonic()
        self._newest_ms = 0
        self.boots = 0
        self.fell_back = False
        self.uploaded: int | None = None
        self._handlers: dict[str, Callable[[Message], None]] = {
            "SYSTEM_TIME": self._system_time,
            "GLOBAL_POSITION_INT": self._position,
            "ATTITUDE": self._attitude,
            "GIMBAL_DEVICE_ATTITUDE_STATUS": self._gimbal,
            "MOUNT_ORIENTATION": self._mount,
            "STATUSTEXT": self._text,
        }

    def take(self, message: Message) -> None:
        """One message of the vehicle; one that tells what cannot be is left out."""
        kind = message.get_type()
        if not possible(kind, message):
            return
        with self._lock:
            placeless = kind == "GLOBAL_POSITION_INT" and self._lost_place(message)
            self._latest[kind] = message
            self._seen_at[kind] = time.monotonic()
            if kind == "GLOBAL_POSITION_INT" or kind == "SYSTEM_TIME":
                self._notice_restart(kind, message.time_boot_ms)
            handler = self._handlers.get(kind)
            if handler is not None and not placeless:
                handler(message)

    def _lost_place(self, message: Message) -> bool:
        """A vehicle that has lost its position tells (0, 0): it is where it was, with its new height.

        What it does then (it lands, for example) must still be known.
        """
        before = self._latest.get(message.get_type())
        if (message.lat, message.lon) != (0, 0) or before is None:
            return False
        message.lat, message.lon = before.lat, before.lon
        return True

    def _notice_restart(self, kind: str, boot_ms: int) -> None:
        """After a restart nothing is known but the message in hand and the heartbeat."""
        if boot_ms < self._newest_ms - _RESTARTED_MS:
            self._texts.append("ALARM: the autopilot has restarted; what it was told before may be forgotten")
            self._newest_ms = boot_ms
            self.boots += 1
            self._latest = {name: self._latest[name] for name in ("HEARTBEAT", kind) if name in self._latest}
            self._offset_us, self._since = None, time.monotonic()
            self._positions.clear()
        self._newest_ms = max(self._newest_ms, boot_ms)

    # questions

    def latest(self, kind: str) -> Message | None:
        with self._lock:
            return self._latest.get(kind)

    def age_s(self, kind: str) -> float:
        """Wall seconds since a message of that kind; infinite when there was none."""
        with self._lock:
            return time.monotonic() - self._seen_at.get(kind, -math.inf)

    @property
    def knows_time(self) -> bool:
        """Whether the vehicle's time since boot can be told as UTC."""
        return self._offset_us is not None

    @property
    def boot_s(self) -> float:
        """The vehicle's clock: seconds since its boot by its newest position or attitude."""
        with self._lock:
            reports = (self._latest.get("GLOBAL_POSITION_INT"), self._latest.get("ATTITUDE"))
            return max((r.time_boot_ms / 1000 for r in reports if r is not None), default=0.0)

    def say(self, text: str) -> None:
        """Add a line of our own to what the vehicle says."""
        with self._lock:
            self._texts.append(text)

    def new_texts(self) -> list[str]:
        with self._lock:
            texts, self._texts = self._texts, []
            return texts

    def texts_since(self, instant: float) -> list[str]:
        """STATUSTEXT since a ``time.monotonic`` instant, whether asked for before or not."""
        with self._lock:
            return [text for at, text in self._recent_texts if at >= instant]

    @property
    def home(self) -> tuple[float, float, float] | None:
        message = self.latest("HOME_POSITION")
        if message is None or (message.latitude, message.longitude) == (0, 0):
            return None
        return message.latitude / 1e7, message.longitude / 1e7, message.altitude / 1000

    @property
    def height_m(self) -> float | None:
        """Height above home."""
        message = self.latest("GLOBAL_POSITION_INT")
        return None if message is None else message.relative_alt / 1000

    @property
    def armed(self) -> bool:
        heartbeat = self.latest("HEARTBEAT")
        return heartbeat is not None and bool(heartbeat.base_mode & mavlink.MAV_MODE_FLAG_SAFETY_ARMED)

    @property
    def autopilot(self) -> Autopilot:
        """Whose numbers the vehicle speaks in."""
        heartbeat = self.latest("HEARTBEAT")
        return ARDUPILOT if heartbeat is None else AUTOPILOTS.get(heartbeat.autopilot, ARDUPILOT)

    @property
    def mode(self) -> int | None:
        heartbeat = self.latest("HEARTBEAT")
        return None if heartbeat is None else int(heartbeat.custom_mode)

    def state(self, *, link_alive: bool, silent_s: float) -> VehicleState:
        """Raises ``NoTelemetry`` before the first position and the vehicle's time."""
        with self._lock:
            position = self._latest.get("GLOBAL_POSITION_INT")
            if position is None or (position.lat, position.lon) == (0, 0):
                raise NoTelemetry
            at = self._instant(position.time_boot_ms)
            if at is None:
                raise NoTelemetry("the aircraft has not told the time yet; wait for its GPS")
            mode, attitude = self.mode, self._latest.get("ATTITUDE")
            return VehicleState(
                at=at,
                latitude=position.lat / 1e7,
                longitude=position.lon / 1e7,
                altitude_amsl_m=position.alt / 1000,
                altitude_above_home_m=position.relative_alt / 1000,
                heading_deg=self._heading(position),
                roll_deg=math.degrees(attitude.roll) if attitude else 0.0,
                pitch_deg=math.degrees(attitude.pitch) if attitude else 0.0,
                ground_speed_m_s=math.hypot(position.vx, position.vy) / 100,
                climb_m_s=-position.vz / 100,
                mode=self.autopilot.meaning(mode),
                mode_name=self.autopilot.mode_name(mode),
                armed=self.armed,
                landed=self._landed(),
                battery_fraction=self._battery_fraction(),
                battery_voltage_v=self._field("SYS_STATUS", "voltage_battery", 0.001, unknown=65535),
                gps_fix=int(self._field("GPS_RAW_INT", "fix_type") or 0),
                satellites=self._whole("GPS_RAW_INT", "satellites_visible", unknown=255),
                wind_m_s=self._wind_m_s(),
                current_item=self._current_item(),
                items=self._items(),
                home=self.home,
                link_alive=link_alive,
                seconds_since_heartbeat=silent_s,
            )

    def _heading(self, position: Message) -> float:
        attitude = self._latest.get("ATTITUDE")
        if position.hdg != 65535:
            return float(position.hdg) / 100 % 360.0
        return math.degrees(attitude.yaw) % 360.0 if attitude else 0.0

    def heading_deg(self) -> float:
        """Where the nose points, clockwise from north; 0 before the first position."""
        position = self.latest("GLOBAL_POSITION_INT")
        return 0.0 if position is None else self._heading(position)

    def _landed(self) -> bool:
        """Landed, from EXTENDED_SYS_STATE or, without it, from the armed bit."""
        message = self._latest.get("EXTENDED_SYS_STATE")
        if message is None or message.landed_state == mavlink.MAV_LANDED_STATE_UNDEFINED:
            return not self.armed
        return bool(message.landed_state == mavlink.MAV_LANDED_STATE_ON_GROUND)

    def _battery_fraction(self) -> float | None:
        percent = self._field("SYS_STATUS", "battery_remaining", unknown=-1)
        return None if percent is None else min(1.0, max(0.0, percent / 100))

    def _current_item(self) -> int | None:
        """Counted from 1 without a home item, whatever the autopilot counts from."""
        current = self._whole("MISSION_CURRENT", "seq", unknown=65535)
        if current is None or self.autopilot.home_item:
            return current
        items = self._items()
        # PX4 hands the mission's return over to its return mode, and may still tell the waypoint before
        if items is not None and current + 1 >= items - 1 and self.mode == self.autopilot.rtl:
            return items
        return current + 1

    @property
    def ended_by_return(self) -> bool:
        """Whether the mission ended in a mode of its own that brings the aircraft home."""
        items = self._items()
        return not self.autopilot.home_item and items is not None and (self._current_item() or 0) >= items

    def _wind_m_s(self) -> float | None:
        north, east = self._field("WIND_COV", "wind_x"), self._field("WIND_COV", "wind_y")
        if self.autopilot.is_px4:
            return None if north is None or east is None else math.hypot(north, east)
        return self._field("WIND", "speed")

    def _items(self) -> int | None:
        # MISSION_CURRENT.total is an extension; 0 or 65535 says that it is not known
        total = self._whole("MISSION_CURRENT", "total", unknown=65535)
        return total or self.uploaded

    def _field(
        self, kind: str, name: str, scale: float = 1.0, *, unknown: float | None = None
    ) -> float | None:
        message = self._latest.get(kind)
        value = None if message is None else float(getattr(message, name))
        return None if value is None or value == unknown or not math.isfinite(value) else value * scale

    def _whole(self, kind: str, name: str, *, unknown: int) -> int | None:
        value = self._field(kind, name, unknown=unknown)
        return None if value is None else int(value)

    # clock

    def _system_time(self, message: Message) -> None:
        if message.time_unix_usec == 0:
            return
        offset = message.time_unix_usec - message.time_boot_ms * 1000
        if self._offset_us is None or abs(offset - self._offset_us) > _CLOCK_JUMP_US:
            self._offset_us = offset
            self.fell_back = False
            self._emit_poses()

    def _instant(self, boot_ms: int) -> datetime | None:
        if self._offset_us is None:
            return None
        return _EPOCH + timedelta(microseconds=self._offset_us + boot_ms * 1000)

    def use_own_clock_if_needed(self) -> None:
        """A vehicle that never tells UTC is dated by our clock at reception, said once."""
        with self._lock:
            position = self._latest.get("GLOBAL_POSITION_INT")
            late = time.monotonic() - self._since > _FALLBACK_AFTER_S
            if self._offset_us is None and position is not None and late:
                since_epoch = self._clock.now() - _EPOCH
                self._offset_us = since_epoch // timedelta(microseconds=1) - position.time_boot_ms * 1000
                self.fell_back = True
                self._texts.append("WARNING: the vehicle does not tell UTC; its data are dated on arrival")

    # poses

    def _position(self, message: Message) -> None:
        if (message.lat, message.lon) != (0, 0):
            self._positions.append(message)
            self._emit_poses()

    def _attitude(self, message: Message) -> None:
        roll, pitch, yaw = (math.degrees(v) for v in (message.roll, message.pitch, message.yaw))
        if all(math.isfinite(v) for v in (roll, pitch, yaw)):
            append(self._attitudes, Angles(message.time_boot_ms, roll, pitch, yaw))
            self._emit_poses()

    def _gimbal(self, message: Message) -> None:
        if not all(math.isfinite(v) for v in message.q):
            return
        roll, pitch, yaw = euler_deg(message.q)
        earth = message.flags & (
            mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME | mavlink.GIMBAL_DEVICE_FLAGS_YAW_LOCK
        )
        if message.flags & mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME:
            earth = 0
        self._camera_relative = not earth
        append(self._camera, Angles(message.time_boot_ms, roll, pitch, yaw))
        self._emit_poses()

    def _mount(self, message: Message) -> None:
        if "GIMBAL_DEVICE_ATTITUDE_STATUS" in self._latest:
            return
        angles = (message.roll, message.pitch, message.yaw)
        if all(math.isfinite(v) for v in angles):
            self._camera_relative = True
            append(self._camera, Angles(message.time_boot_ms, *angles))
            self._emit_poses()

    def _emit_poses(self) -> None:
        """Make a pose of each position whose attitudes are known by now."""
        if self._offset_us is None or not self._attitudes:
            return
        known_until = self._attitudes[-1].boot_ms
        if self._camera and self._recently("GIMBAL_DEVICE_ATTITUDE_STATUS", "MOUNT_ORIENTATION"):
            known_until = min(known_until, self._camera[-1].boot_ms)
        while self._positions and self._positions[0].time_boot_ms <= known_until:
            pose = self._pose_of(self._positions.popleft())
            if pose is not None:
                self.poses.add(pose)

    def _recently(self, *kinds: str) -> bool:
        return any(self.age_s(kind) < _REPEATED_WITHIN_S for kind in kinds)

    def _pose_of(self, position: Message) -> Pose | None:
        boot_ms, mounting = position.time_boot_ms, self._mounting
        body, instant = angles_at(self._attitudes, boot_ms), self._instant(boot_ms)
        if body is None or instant is None:
            return None
        camera = angles_at(self._camera, boot_ms)
        if camera is None:
            roll, pitch, yaw = body.roll_deg, mounting.fixed_pitch_deg + body.pitch_deg, body.yaw_deg
        else:
            roll, pitch = camera.roll_deg, camera.pitch_deg
            yaw = camera.yaw_deg + (body.yaw_deg if self._camera_relative else 0.0)
        gps = self._latest.get("GPS_RAW_INT")
        return Pose(
            captured_at=instant,
            latitude=position.lat / 1e7,
            longitude=position.lon / 1e7,
            altitude_amsl_m=position.alt / 1000,
            yaw_deg=(yaw + mounting.yaw_offset_deg + 180.0) % 360.0 - 180.0,
            pitch_deg=pitch + mounting.pitch_offset_deg,
            roll_deg=roll,
            position_sigma_m=accuracy(gps, "h_acc", mounting.position_sigma_m),
            altitude_sigma_m=accuracy(gps, "v_acc", mounting.altitude_sigma_m),
            attitude_sigma_deg=mounting.attitude_sigma_deg,
            heading_sigma_deg=mounting.heading_sigma_deg,
        )

    # texts

    def _text(self, message: Message) -> None:
        text, piece = text_of(message.text), len(text_of(message.text).encode())
        # a text whose last piece is lost is told as far as it came, when the next one begins
        for other in [number for number in self._chunks if number != message.id]:
            self._tell(self._chunks.pop(other) + " ...")
        if message.id:
            # long texts come in pieces of 50 bytes; a shorter piece is the last
            text = self._chunks.pop(message.id, "" if message.chunk_seq == 0 else "... ") + text
            if piece >= 50:
                self._chunks[message.id] = text
                return
        self._tell(text)

    def _tell(self, text: str) -> None:
        # PX4 ends texts that it also sends as events with a tab
        self._texts.append(text.strip())
        self._recent_texts.append((time.monotonic(), text.strip()))
