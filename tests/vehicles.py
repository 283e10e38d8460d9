"""Simulated vehicles, small plans and bad links for tests of the aircraft side."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.mavlink.aircraft import MavlinkVehicle
from drone.mavlink.framing import Framing, Message
from drone.mavlink.link import Patience
from drone.mavlink.meaning import WireItem
from drone.sim.autopilot import SimulatedAutopilot
from missions.geodesy import LocalFrame
from missions.mission_items import MissionItem
from missions.plan import PatrolPlan, PlanCamera, Sortie, Waypoint, WaypointRole

HOME = (28.45, 117.97, 68.0)
START = datetime(2026, 5, 1, 1, 0, tzinfo=UTC)
FRAME = LocalFrame(*HOME)
QUICK = Patience(
    connect_s=10.0, reply_s=0.3, stall_s=8.0, silence_s=4.0, take_off_s=20.0, mode_s=5.0, hold_s=10.0
)


def place(east: float, north: float) -> tuple[float, float]:
    """Latitude, longitude of metres about home."""
    lat, lon, _ = FRAME.to_geodetic([(east, north, 0.0)])[0]
    return float(lat), float(lon)


def ring(*corners: tuple[float, float]) -> list[tuple[float, float]]:
    """A closed GeoJSON ring from metres about home."""
    points = [place(*corner)[::-1] for corner in corners]
    return [*points, points[0]]


def square(reach: float) -> list[tuple[float, float]]:
    return ring((-reach, -reach), (reach, -reach), (reach, reach), (-reach, reach))


def small_plan(
    *,
    lanes: int = 2,
    length_m: float = 60.0,
    height_m: float = 40.0,
    speed_m_s: float = 8.0,
    reach_m: float = 150.0,
    sorties: int = 1,
) -> PatrolPlan:
    """A lawnmower over a square north-east of home, inside a square fence."""
    corners = []
    for lane in range(lanes):
        ends = [(10.0, 20.0 + 15.0 * lane), (10.0 + length_m, 20.0 + 15.0 * lane)]
        corners += ends if lane % 2 == 0 else ends[::-1]
    points = [(0.0, 0.0, WaypointRole.TAKEOFF), *((*c, WaypointRole.LANE_START) for c in corners)]
    points.append((0.0, 0.0, WaypointRole.RETURN))
    waypoints = [_waypoint(east, north, role, height_m, speed_m_s) for east, north, role in points]
    sortie = Sortie(waypoints=waypoints, length_m=400, seconds=120, energy_wh=20, reserve_fraction=0.8)
    return PatrolPlan(
        name="test", cells=["361102001001"], home=HOME, area=[[square(60)]], allowed=[[square(reach_m)]],
        camera=PlanCamera(
            name="patrol-720p", width_px=1280, height_px=720, horizontal_fov_deg=60, pitch_deg=-55
        ),
        altitude_agl_m=height_m, speed_m_s=speed_m_s, swath_m=50, lane_spacing_m=40, overlap=0.2,
        sorties=[sortie] * sorties, area_m2=3600, uncovered_fraction=0, outside_m=0, length_m=400,
        lower_bound_m=300, ratio=1.3, seconds=120, energy_wh=20, reserve_fraction=0.8,
    )  # fmt: skip


def _waypoint(east: float, north: float, role: WaypointRole, height_m: float, speed_m_s: float) -> Waypoint:
    lat, lon = place(east, north)
    return Waypoint(
        role=role, latitude=lat, longitude=lon, altitude_above_home_m=height_m,
        altitude_amsl_m=HOME[2] + height_m, altitude_agl_m=height_m, speed_m_s=speed_m_s,
    )  # fmt: skip


def at_home(plan: PatrolPlan, home: tuple[float, float, float]) -> PatrolPlan:
    """The same plan about another home."""
    frame, rise = LocalFrame(*home), home[2] - plan.home[2]

    def moved(latitude: float, longitude: float) -> tuple[float, float]:
        lat, lon, _ = frame.to_geodetic(FRAME.to_enu(latitude, longitude)[:, :2])[0]
        return float(lat), float(lon)

    sortie = plan.sorties[0]
    waypoints = []
    for point in sortie.waypoints:
        lat, lon = moved(point.latitude, point.longitude)
        place = {"latitude": lat, "longitude": lon, "altitude_amsl_m": point.altitude_amsl_m + rise}
        waypoints.append(point.model_copy(update=place))
    rings = [[[moved(lat, lon)[::-1] for lon, lat in ring] for ring in rings] for rings in plan.allowed]
    changes = {"home": home, "allowed": rings, "area": rings}
    return plan.model_copy(
        update={**changes, "sorties": [sortie.model_copy(update={"waypoints": waypoints})]}
    )


def parked(**setup: object) -> SimulatedAutopilot:
    """A vehicle that has just become ready to arm."""
    autopilot = SimulatedAutopilot(HOME, start=START, **setup)  # type: ignore[arg-type]
    autopilot.step(15.0)
    return autopilot


@contextlib.contextmanager
def connected(
    autopilot: SimulatedAutopilot, *, speed: float = 10.0, patience: Patience = QUICK, **setup: object
) -> Iterator[MavlinkVehicle]:
    """A running vehicle and our side of it, without sockets; both are closed at the end."""
    transport = autopilot.attach()
    autopilot.run_realtime(speed)
    vehicle = None
    try:
        vehicle = MavlinkVehicle(transport, patience=patience, **setup)  # type: ignore[arg-type]
        yield vehicle
    finally:
        if vehicle is not None:
            vehicle.close()
        autopilot.close()


class LossyRelay:
    """A UDP relay that drops packets both ways at random, like a bad radio.

    ``ground`` is the address for the ground station; the vehicle is reached at ``vehicle_port``.
    """

    def __init__(self, vehicle_port: int, loss: float, seed: int = 0) -> None:
        self._loss, self._random = loss, random.Random(seed)
        self._near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._near.bind(("127.0.0.1", 0))
        self._far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._far.connect(("127.0.0.1", vehicle_port))
        self._ground_address: tuple[str, int] | None = None
        self.dropped = self.passed = 0
        self._closing = False
        self._threads = [
            threading.Thread(target=run, daemon=True) for run in (self._to_vehicle, self._to_ground)
        ]
        for channel in (self._near, self._far):
            channel.settimeout(0.2)
        for thread in self._threads:
            thread.start()

    @property
    def ground(self) -> str:
        return f"udpout:127.0.0.1:{self._near.getsockname()[1]}"

    @staticmethod
    def free_port() -> int:
        """A UDP port that nobody uses now."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def lose(self, share: float) -> None:
        """Lose this share of packets from now on."""
        self._loss = share

    def _lost(self) -> bool:
        lost = self._random.random() < self._loss
        self.dropped += lost
        self.passed += not lost
        return lost

    def _to_vehicle(self) -> None:
        while not self._closing:
            with contextlib.suppress(OSError):
                data, self._ground_address = self._near.recvfrom(65536)
                if not self._lost():
                    self._far.send(data)

    def _to_ground(self) -> None:
        while not self._closing:
            with contextlib.suppress(OSError):
                data = self._far.recv(65536)
                if self._ground_address is not None and not self._lost():
                    self._near.sendto(data, self._ground_address)

    def close(self) -> None:
        self._closing = True
        for thread in self._threads:
            thread.join(1.0)
        self._near.close()
        self._far.close()


class Station:
    """A bare ground station for stepping a vehicle by hand: sends messages, keeps what it hears."""

    def __init__(self, autopilot: SimulatedAutopilot, system_id: int = 255, **framing: object) -> None:
        self.autopilot = autopilot
        self._framing = Framing(system_id, 190, **framing)  # type: ignore[arg-type]
        self.transport = autopilot.attach()
        self.heard: list[Message] = []
        self.step(0)

    def step(self, seconds: float) -> None:
        self.autopilot.step(seconds)
        while data := self.transport.read(0.0):
            self.heard += self._framing.parse(data)

    def send(self, message: Message) -> None:
        self.transport.write(self._framing.pack(message))
        self.step(0)

    def all(self, kind: str) -> list[Message]:
        return [message for message in self.heard if message.get_type() == kind]

    def last(self, kind: str) -> Message:
        return self.all(kind)[-1]

    def texts(self) -> list[str]:
        return [str(message.text) for message in self.all("STATUSTEXT")]

    def command(self, command: int, *params: float) -> int:
        """COMMAND_LONG; the answer is the MAV_RESULT."""
        before = len(self.all("COMMAND_ACK"))
        padded = [*params, *([0.0] * (7 - len(params)))]
        self.send(mavlink.MAVLink_command_long_message(1, 1, command, 0, *padded))
        acks = self.all("COMMAND_ACK")[before:]
        assert [ack.command for ack in acks] == [command]
        return int(acks[0].result)

    def set_mode(self, number: int) -> int:
        return self.command(mavlink.MAV_CMD_DO_SET_MODE, 1, number)

    def upload(self, items: list[MissionItem], kind: int = 0) -> int:
        """Upload as given, answering each request; the answer is the MAV_MISSION_RESULT."""
        self.send(mavlink.MAVLink_mission_count_message(1, 1, len(items), kind))
        done = len(self.all("MISSION_ACK"))
        while len(self.all("MISSION_ACK")) == done:
            request = self.last("MISSION_REQUEST")
            self.send(item_message(items[request.seq], request.seq, kind))
        return int(self.last("MISSION_ACK").type)


def item_message(item: MissionItem, seq: int, kind: int = 0) -> Message:
    wire = WireItem.of(item)
    return mavlink.MAVLink_mission_item_int_message(
        1, 1, seq, wire.frame, wire.command, 0, 1, *wire.params, wire.x, wire.y, wire.z, kind
    )


def home_item() -> MissionItem:
    return MissionItem(command=16, frame=0, x=HOME[0], y=HOME[1], z=HOME[2])
