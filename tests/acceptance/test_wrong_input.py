"""Wrong input ends in one sentence that says what to do: through the real command line, and over HTTP."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

from missions.geodesy import LocalFrame
from tests.fixtures.desk import settings_for

ROOT = Path(__file__).resolve().parents[2]
CELL = "361102001010"
SECONDS, RATE = 4, 10
CAMERA = ("--camera", "patrol-720p")
NOBODY = "http://127.0.0.1:9"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def refusal(*arguments: str | Path) -> str:
    """The last line that ``skybeat ARGUMENTS`` says when it refuses; a traceback fails the test."""
    run = subprocess.run(
        [sys.executable, "-m", "skybeat", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip
    assert run.returncode not in (0, -9), run.stdout + run.stderr
    assert "Traceback" not in run.stderr, run.stderr
    assert "─ Traceback" not in run.stderr, run.stderr
    return run.stderr.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a video of four seconds, ``good.mp4``, and its DJI subtitles."""
    folder = tmp_path_factory.mktemp("footage")
    with av.open(str(folder / "good.mp4"), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        random = np.random.default_rng(3)
        for _ in range(SECONDS * RATE):
            picture = random.integers(0, 255, (180, 320, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    frame = LocalFrame(28.45, 117.97)
    cues = []
    for i in range(SECONDS * RATE):
        latitude, longitude, _ = frame.to_geodetic([[0.0, 0.5 * i, 0.0]])[0]
        first, last = (f"00:00:{n // RATE:02d},{n % RATE * 100:03d}" for n in (i, i + 1))
        cues.append(
            f"{i + 1}\n{first} --> {last}\n<font>FrameCnt: {i + 1}, DiffTime: 100ms\n"
            f"2026-05-01 09:00:{i // RATE:02d}.{i % RATE * 100:03d}\n[latitude: {latitude:.7f}] "
            f"[longitude: {longitude:.7f}] [rel_alt: 50.000 abs_alt: 118.000] "
            "[gb_yaw: 0.0 gb_pitch: -90.0 gb_roll: 0.0] </font>\n"
        )
    (folder / "good.srt").write_text("\n".join(cues), "utf-8")
    return folder


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("plan") / "patrol.json"
    command = [sys.executable, "-m", "skybeat", "plan", "--cell", CELL, "--out", str(file)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return file


class TestFootage:
    def test_a_video_that_is_not_there(self) -> None:
        assert "no such file or folder" in refusal("replay", "nowhere.mp4")

    def test_missing_telemetry(self, footage: Path, tmp_path: Path) -> None:
        shutil.copy(footage / "good.mp4", tmp_path / "alone.mp4")
        assert "give it with --telemetry" in refusal("replay", tmp_path / "alone.mp4")

    def test_telemetry_that_is_none(self, footage: Path, tmp_path: Path) -> None:
        (tmp_path / "bad.srt").write_text("no subtitles\n")
        said = refusal("replay", footage / "good.mp4", "--telemetry", tmp_path / "bad.srt", *CAMERA)
        assert "no subtitle with telemetry" in said

    def test_a_broken_video(self, footage: Path, tmp_path: Path) -> None:
        (tmp_path / "good.mp4").write_bytes(b"nonsense" * 1000)
        said = refusal("replay", tmp_path / "good.mp4", "--telemetry", footage / "good.srt", *CAMERA)
        assert "not a video" in said

    def test_a_video_that_stops(self, footage: Path, tmp_path: Path) -> None:
        whole = (footage / "good.mp4").read_bytes()
        (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
        said = refusal("replay", tmp_path / "cut.mp4", "--telemetry", footage / "good.srt", *CAMERA)
        assert "the video stops after frame" in said

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--start", "yesterday"), "write e.g. 2026-05-01T12:00:00+08:00"),
            (("--time-zone", "Mars/Base"), "write e.g. Asia/Shanghai"),
            (("--camera", "none"), "no camera is named none; known are"),
            (("--junit", "report.xml"), "--expect"),
            (("--server", NOBODY, "--token", "x"), f"the server {NOBODY} does not answer"),
            (("--server", "here", "--token", "x"), "no address of a server"),
        ],
    )
    def test_options(self, footage: Path, options: tuple[str, ...], words: str) -> None:
        said = refusal("replay", footage / "good.mp4", *CAMERA, *options)
        assert said.startswith("skybeat: ")
        assert words in said

    @pytest.mark.parametrize("option", ["--zones", "--grids", "--expect"])
    def test_a_broken_file_is_named_as_it_was_given(self, footage: Path, tmp_path: Path, option: str) -> None:
        (tmp_path / "broken.json").write_text("{broken")
        said = refusal("replay", footage / "good.mp4", *CAMERA, option, tmp_path / "broken.json")
        assert str(tmp_path / "broken.json") in said

    def test_good_footage_is_replayed_in_a_sandbox(self, footage: Path) -> None:
        command = [sys.executable, "-m", "skybeat", "replay", str(footage / "good.mp4"), *CAMERA, "--json"]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout)["frames"] == SECONDS * 5


class TestPlans:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--cell", "999"), "there is no cell '999': choose one of"),
            ((), "name at least one cell"),
            (("--cell", CELL, "--camera", "none"), "there is no camera 'none'"),
            (("--cell", CELL, "--out", "patrol.xyz"), "choose .json, .plan"),
            (("--cell", CELL, "--altitude-agl", "500"), "the findings forbid flying this plan"),
        ],
    )
    def test_options(self, options: tuple[str, ...], words: str) -> None:
        assert words in refusal("plan", *options)

    def test_an_area_outside_every_cell(self, tmp_path: Path) -> None:
        ring = [[10, 50], [10.001, 50], [10.001, 50.001], [10, 50]]
        area = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        (tmp_path / "far.geojson").write_text(json.dumps(area))
        assert "outside every cell" in refusal("plan", "--area", tmp_path / "far.geojson")

    def test_a_broken_plan_file_is_not_flown(self, tmp_path: Path) -> None:
        (tmp_path / "broken.json").write_text("{broken")
        said = refusal("fly", tmp_path / "broken.json", *self._flight())
        assert "is no Skybeat plan" in said

    def test_a_plan_for_another_program_is_not_flown(self, plan: Path, tmp_path: Path) -> None:
        shutil.copy(plan, tmp_path / "patrol.plan")
        assert "give the .json" in refusal("fly", tmp_path / "patrol.plan", *self._flight())

    @pytest.mark.parametrize(
        ("vehicle", "words"),
        [("tcp:127.0.0.1:9", "cannot open tcp:127.0.0.1:9"), ("nonsense", "is no address of a vehicle")],
    )
    def test_no_vehicle(self, plan: Path, tmp_path: Path, vehicle: str, words: str) -> None:
        assert words in refusal("fly", plan, *self._flight(vehicle), "--data-directory", tmp_path)

    @staticmethod
    def _flight(vehicle: str = "tcp:127.0.0.1:9") -> tuple[str, ...]:
        return ("--vehicle", vehicle, "--video", "none.mp4", "--server", NOBODY, "--token", "x", "--yes")


class TestWeights:
    def test_a_changed_byte(self, tmp_path: Path) -> None:
        folder = shutil.copytree(ROOT / "weights", tmp_path / "weights")
        changed = sorted(folder.glob("*.onnx"))[0]
        content = bytearray(changed.read_bytes())
        content[1000] ^= 1
        changed.write_bytes(content)
        manifest = folder / "manifest.json"
        assert "differs from its pin" in refusal("weights", "verify", "--manifest", manifest)
        said = refusal("detect", "none.mp4", "--weights", changed, "--out", tmp_path / "out")
        assert "skybeat: " in said
        assert not (tmp_path / "out").exists()

    def test_an_unknown_name(self, tmp_path: Path) -> None:
        said = refusal("detect", "none.mp4", "--weights", "none", "--out", tmp_path / "out")
        assert "no weights named none; pinned are" in said


class TestPlaces:
    @pytest.mark.parametrize("command", ["serve", "demo"])
    def test_a_port_in_use(self, command: str, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            said = refusal(command, "--port", port, "--data-directory", tmp_path / "data")
        assert port in said
        assert "choose another" in said

    @pytest.mark.parametrize("command", ["serve", "demo", "sim"])
    @pytest.mark.parametrize("port", ["-1", "70000", "http"])
    def test_a_port_that_is_none(self, command: str, port: str) -> None:
        assert "Stopped" not in refusal(command, "--port", port)

    @pytest.mark.parametrize("command", [("serve", "--port", "0"), ("demo",), ("db", "upgrade")])
    def test_a_data_directory_that_cannot_be_written(self, command: tuple[str, ...], tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        for place in (tmp_path / "file", Path("/proc/nowhere")):
            said = refusal(*command, "--data-directory", place)
            assert str(place) in said
            assert "choose another" in said

    def test_a_folder_that_no_demo_made_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("mine")
        assert "no demo made it" in refusal("demo", "--data-directory", tmp_path)
        assert (tmp_path / "mine.txt").read_text() == "mine"

    def test_a_database_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "skybeat.db").write_text("garbage" * 100)
        said = refusal("serve", "--port", "0", "--data-directory", tmp_path)
        assert "The database cannot be opened" in said

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
    def test_a_full_disk(self, plan: Path) -> None:
        command = f"{sys.executable} -m skybeat plan --cell {CELL} --json > /dev/full"
        run = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.returncode != 0
        assert "No space left on device" in run.stderr


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    from server.serving import ServerThread

    with (
        ServerThread(settings_for(tmp_path_factory.mktemp("desk"))) as server,
        httpx.Client(base_url=f"{server.url}/api/v1", timeout=60) as client,
    ):
        answer = client.post("/session", json={"username": "demo", "password": "skybeat-demo"})
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield client


class TestOverHttp:
    def problem(self, answer: httpx.Response, status: int) -> dict[str, object]:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status
        assert problem["code"]
        assert problem["detail"]
        return dict(problem)

    def test_a_wrong_password(self, desk: httpx.Client) -> None:
        answer = desk.post("/session", json={"username": "demo", "password": "wrong"})
        assert self.problem(answer, 401)["code"] == "wrong_credentials"

    def test_a_wrong_password_at_the_command_line(self, desk: httpx.Client, footage: Path) -> None:
        server = str(desk.base_url).removesuffix("/api/v1/")
        said = refusal(
            "replay", footage / "good.mp4", *CAMERA, "--server", server, "--token", "x", "--user", "demo",
            "--password", "wrong",
        )  # fmt: skip
        assert "refuses the user demo" in said

    def test_an_unknown_cell(self, desk: httpx.Client) -> None:
        answer = desk.post("/plans", json={"cells": ["999"], "camera": "patrol-720p"})
        assert "999" in str(self.problem(answer, 409)["detail"])

    def test_an_area_outside_every_cell(self, desk: httpx.Client) -> None:
        ring = [[10, 50], [10.001, 50], [10.001, 50.001], [10, 50]]
        area = {"type": "Polygon", "coordinates": [ring]}
        self.problem(desk.post("/plans", json={"area": area, "camera": "patrol-720p"}), 409)

    def test_a_body_that_is_no_json(self, desk: httpx.Client) -> None:
        headers = {"Content-Type": "application/json"}
        self.problem(desk.post("/plans", content=b"{broken", headers=headers), 422)

    def test_a_flight_without_its_plan(self, desk: httpx.Client) -> None:
        body = {"plan_id": "00000000-0000-0000-0000-000000000000", "agent": "lark"}
        self.problem(desk.post("/flights", json=body), 404)
