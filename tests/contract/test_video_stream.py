"""The simulated camera's live video, received by a player of its own: PyAV in another process."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from drone.sim.renderer import Renderer
from drone.sim.town import Town
from drone.sim.video import SimulatedVideo, VideoRefused, next_address, over_the_town
from missions.cameras import load_cameras
from vision.camera import CameraModel, Pose

ROOT = Path(__file__).resolve().parents[2]
SEED = 5
BOOT = datetime(2026, 5, 1, 1, tzinfo=UTC)
TURN_DEG_S = 12.0
PLAYER = """
import sys, av, numpy as np
url, count, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
pictures, times = [], []
with av.open(url + "?timeout=120000000", format="mpegts", options={"fflags": "nobuffer"}) as stream:
    assert stream.streams.video[0].codec_context.name == "h264"
    for frame in stream.decode(video=0):
        pictures.append(frame.to_ndarray(format="rgb24")[::8, ::8])
        times.append(float(frame.pts * frame.time_base))
        if len(times) == count:
            break
np.savez(out, pictures=np.array(pictures), times=np.array(times))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def player(url: str, count: int, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PLAYER, url, str(count), str(out)])


def model() -> CameraModel:
    entry = load_cameras()["patrol-720p"]
    return CameraModel.from_field_of_view(
        entry.width_px, entry.height_px, entry.horizontal_fov_deg, name="patrol-720p"
    )


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two pictures' brightness."""
    return float(np.corrcoef(one.mean(axis=2).ravel(), other.mean(axis=2).ravel())[0, 1])


@pytest.fixture(scope="module")
def town() -> Town:
    return Town.generate(SEED)


def turning(town: Town, seconds: float) -> Pose:
    """A camera 60 m above the pad that turns at a constant rate."""
    return Pose(
        captured_at=BOOT + timedelta(seconds=seconds), latitude=town.home[0], longitude=town.home[1],
        altitude_amsl_m=town.home[2] + 60.0, yaw_deg=TURN_DEG_S * seconds % 360.0, pitch_deg=-60.0,
    )  # fmt: skip


def test_each_frame_shows_the_instant_that_its_time_stamp_says(town: Town, tmp_path: Path) -> None:
    url = f"udp://127.0.0.1:{free_udp_port()}"
    receiver = player(url, 8, tmp_path / "frames.npz")
    began = time.monotonic()
    video = SimulatedVideo(
        lambda: turning(town, 3.0 + time.monotonic() - began), BOOT, SEED, model(), url, frames_per_second=5.0
    )
    video.start()
    try:
        assert receiver.wait(300) == 0
    finally:
        receiver.kill()
        video.close()
    with np.load(tmp_path / "frames.npz") as received:
        pictures, times = received["pictures"], received["times"]
    assert (np.diff(times) > 0).all()
    assert video.sent >= len(times)
    renderer = Renderer(town, model())
    for picture, seconds in zip(pictures[::3], times[::3], strict=True):
        shown = {
            shift: likeness(picture, renderer.render(seconds, turning(town, seconds + shift))[0][::8, ::8])
            for shift in (-0.3, 0.0, 0.3)
        }
        assert shown[0.0] > 0.95, shown
        assert max(shown, key=lambda shift: shown[shift]) == 0.0, shown


def test_the_command_line_sends_what_its_vehicle_sees(town: Town, tmp_path: Path) -> None:
    url = f"udp://127.0.0.1:{free_udp_port()}"
    receiver = player(url, 3, tmp_path / "frames.npz")
    command = [sys.executable, "-m", "skybeat", "sim", "--port", "0", "--json", "--seed", str(SEED)]
    vehicle = subprocess.Popen([*command, "--video", url], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert vehicle.stdout is not None
        told = json.loads(vehicle.stdout.readline())["vehicles"][0]
        assert told["video"] == url
        assert told["address"].startswith("tcp:")
        assert receiver.wait(300) == 0
    finally:
        receiver.kill()
        vehicle.send_signal(signal.SIGINT)
        assert vehicle.wait(60) == 0
        vehicle.stdout.close()
    with np.load(tmp_path / "frames.npz") as received:
        pictures, times = received["pictures"], received["times"]
    on_the_pad = Pose(
        captured_at=BOOT, latitude=town.home[0], longitude=town.home[1], altitude_amsl_m=town.home[2],
        yaw_deg=0.0, pitch_deg=0.0,
    )  # fmt: skip
    expected, _ = Renderer(town, model()).render(float(times[-1]), on_the_pad)
    assert likeness(pictures[-1], expected[::8, ::8]) > 0.9


def test_nobody_needs_to_listen(town: Town) -> None:
    video = SimulatedVideo(
        lambda: turning(town, time.monotonic() % 1000), BOOT, SEED, model(),
        f"udp://127.0.0.1:{free_udp_port()}", frames_per_second=5.0,
    )  # fmt: skip
    video.start()
    sent_some = threading.Event()
    deadline = time.monotonic() + 120
    while video.sent < 4 and time.monotonic() < deadline:
        sent_some.wait(0.2)
    video.close()
    assert video.sent >= 4


@pytest.mark.parametrize(
    "address", ["rtsp://127.0.0.1:554", "udp://127.0.0.1", "udp://:5600", "5600", "udp://a:b"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(VideoRefused, match="udp://HOST:PORT"):
        next_address(address, 0)


def test_each_vehicle_sends_to_a_port_of_its_own() -> None:
    assert next_address("udp://192.0.2.7:5600", 20) == "udp://192.0.2.7:5620"
    with pytest.raises(VideoRefused, match="lower"):
        next_address("udp://192.0.2.7:65530", 10)


def test_a_vehicle_elsewhere_sees_no_town(town: Town) -> None:
    here = turning(town, 0.0)
    over_the_town(here)
    elsewhere = Pose(
        captured_at=BOOT, latitude=here.latitude + 1.0, longitude=here.longitude, altitude_amsl_m=100.0,
        yaw_deg=0.0, pitch_deg=-60.0,
    )  # fmt: skip
    with pytest.raises(VideoRefused, match="demo town"):
        over_the_town(elsewhere)
