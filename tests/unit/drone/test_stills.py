"""DJI stills: pose from XMP, cameras, and pictures that were turned after capture."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from drone.recorded.errors import StillsUnusable, TelemetryIncomplete
from drone.recorded.lenses import camera_of
from drone.recorded.overlap import turned_pixels
from drone.recorded.poses import PoseDefaults
from drone.recorded.stills import Stills, read_stills
from missions.geodesy import LocalFrame
from missions.terrain import FlatTerrain
from missions.zones import Zones
from vision.camera import CameraModel, Pose, ground_points, project
from vision.errors import NoFrames, SourceMissing

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "brighton"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "stills" / "brighton_beach"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared stills are missing")

HOME = (28.45, 117.97)
SIZE = (640, 480)
CAMERA = CameraModel(width_px=640, height_px=480, fx_px=500, fy_px=500, cx_px=320, cy_px=240, name="FC9999")
GIVEN = PoseDefaults(zone=UTC)


def packet(**pairs: str) -> bytes:
    attributes = " ".join(f'drone-dji:{name}="{value}"' for name, value in pairs.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="DJI Meta Data" xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" '
        f"{attributes}/></rdf:RDF></x:xmpmeta>"
    ).encode()


def pairs(east: float = 0.0, north: float = 0.0, yaw: float = 0.0, **more: str) -> dict[str, str]:
    latitude, longitude, _ = LocalFrame(*HOME).to_geodetic([[east, north, 0.0]])[0]
    return {
        "GpsLatitude": f"{latitude:.9f}", "GpsLongtitude": f"{longitude:.9f}", "AbsoluteAltitude": "+118.20",
        "RelativeAltitude": "+50.00", "GimbalYawDegree": f"{yaw:+.2f}", "GimbalPitchDegree": "-90.00",
        "GimbalRollDegree": "+0.00", "CalibratedFocalLength": "500.0",
    } | more  # fmt: skip


def write(path: Path, image: np.ndarray, second: int, xmp: dict[str, str], model: str = "FC9999") -> None:
    exif = Image.Exif()
    exif[0x0110] = model
    exif.get_ifd(0x8769)[0x9003] = f"2026:05:01 09:00:{second:02d}"
    Image.fromarray(image).save(path, exif=exif, xmp=packet(**xmp), quality=92)


def plain() -> np.ndarray:
    return np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)


def ground_picture() -> np.ndarray:
    """A textured ground of 200 x 200 m at 10 px/m, north up, its middle at HOME."""
    random = np.random.default_rng(7)
    picture = cv2.resize(
        random.integers(0, 255, (250, 250, 3), np.uint8), (2000, 2000), interpolation=cv2.INTER_CUBIC
    )
    for _ in range(900):
        corner = random.integers(0, 1960, 2)
        far = corner + random.integers(6, 40, 2)
        cv2.rectangle(picture, corner.tolist(), far.tolist(), random.integers(0, 255, 3).tolist(), -1)
    return np.asarray(picture, np.uint8)


def look_down(ground: np.ndarray, east: float, north: float, yaw: float) -> np.ndarray:
    """What the camera sees from 50 m straight above (east, north)."""
    frame = LocalFrame(*HOME)
    latitude, longitude, _ = frame.to_geodetic([[east, north, 0.0]])[0]
    pose = Pose(
        captured_at=datetime(2026, 5, 1, tzinfo=UTC), latitude=latitude, longitude=longitude,
        altitude_amsl_m=50.0, yaw_deg=yaw, pitch_deg=-90.0,
    )  # fmt: skip
    corners = np.array([[-80.0, 80.0, 0], [80, 80, 0], [80, -80, 0], [-80, -80, 0]])
    pixels, _ = project(CAMERA, pose, frame, corners)
    on_ground = np.column_stack([corners[:, 0] * 10 + 1000, 1000 - corners[:, 1] * 10])
    mapping = cv2.getPerspectiveTransform(on_ground.astype(np.float32), pixels.astype(np.float32))
    return np.asarray(cv2.warpPerspective(ground, mapping, SIZE), np.uint8)


def test_pose_time_and_camera_of_a_still(tmp_path: Path) -> None:
    write(tmp_path / "a.jpg", plain(), 3, pairs(yaw=12.5))
    stills = read_stills(tmp_path, GIVEN)
    pose = stills.stills[0].pose
    assert (pose.latitude, pose.longitude) == pytest.approx(HOME, abs=1e-7)
    assert (pose.yaw_deg, pose.pitch_deg, pose.altitude_amsl_m) == (12.5, -90.0, pytest.approx(118.2))
    assert pose.captured_at == datetime(2026, 5, 1, 9, 0, 3, tzinfo=UTC)
    assert stills.poses.ground_amsl_m == pytest.approx(68.2)
    assert stills.camera.fx_px == 500.0
    assert any("taken as flat at the take-off height of 68.2 m" in w for w in stills.poses.warnings)
    frames = list(stills)
    assert frames[0].image.shape == (480, 640, 3)
    assert stills.poses.track.at(frames[0].captured_at).yaw_deg == 12.5


def test_terrain_and_take_off_come_before_the_barometer(tmp_path: Path) -> None:
    write(tmp_path / "a.jpg", plain(), 3, pairs())
    by_terrain = read_stills(tmp_path, PoseDefaults(zone=UTC, terrain=FlatTerrain(95.0)))
    assert by_terrain.stills[0].pose.altitude_amsl_m == pytest.approx(145.0)
    assert any("the terrain is believed" in w for w in by_terrain.poses.warnings)
    by_hand = read_stills(tmp_path, PoseDefaults(zone=UTC, takeoff_amsl_m=10.0))
    assert by_hand.stills[0].pose.altitude_amsl_m == pytest.approx(60.0)


def test_rtk_positions_are_surer(tmp_path: Path) -> None:
    write(tmp_path / "a.jpg", plain(), 3, pairs(RtkFlag="50"))
    write(tmp_path / "b.jpg", plain(), 4, pairs(RtkFlag="0"))
    first, second = (still.pose for still in read_stills(tmp_path, GIVEN).stills)
    assert first.position_sigma_m < 0.5 < second.position_sigma_m


def test_stills_of_one_second_keep_their_order(tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path / f"{name}.jpg", plain(), 3, pairs())
    moments = [still.captured_at for still in read_stills(tmp_path, GIVEN).stills]
    assert moments == sorted(set(moments))


@pytest.mark.parametrize("lacking", ["GimbalYawDegree", "GimbalPitchDegree", "RelativeAltitude"])
def test_a_still_without_pose_is_refused_by_name(tmp_path: Path, lacking: str) -> None:
    xmp = pairs()
    del xmp[lacking]
    write(tmp_path / "poor.jpg", plain(), 3, xmp)
    with pytest.raises(StillsUnusable, match=rf"poor\.jpg: no {lacking}"):
        read_stills(tmp_path, GIVEN)


def test_other_faults_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing):
        read_stills(tmp_path / "nowhere", GIVEN)
    with pytest.raises(NoFrames):
        read_stills(tmp_path, GIVEN)
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff nonsense")
    with pytest.raises(StillsUnusable, match="not a picture"):
        read_stills(tmp_path, GIVEN)
    write(tmp_path / "a.jpg", plain(), 3, pairs(GpsLatitude="0.0", GpsLongtitude="0.0"))
    with pytest.raises(StillsUnusable, match="no satellite fix"):
        read_stills(tmp_path, GIVEN)
    xmp = pairs()
    del xmp["AbsoluteAltitude"]
    write(tmp_path / "a.jpg", plain(), 3, xmp)
    with pytest.raises(TelemetryIncomplete, match="--takeoff-amsl"):
        read_stills(tmp_path, GIVEN)
    write(tmp_path / "a.jpg", plain(), 3, pairs())
    write(tmp_path / "b.jpg", plain()[:, :320], 4, pairs())
    with pytest.raises(StillsUnusable, match="another camera or size"):
        read_stills(tmp_path, GIVEN)


@pytest.mark.parametrize("turn", [0, 180])
def test_turned_pictures_are_noticed_and_turned_back(tmp_path: Path, turn: int) -> None:
    ground = ground_picture()
    for i in range(3):
        seen = look_down(ground, 8.0 * i, 3.0 * i, 30.0)
        stored = np.ascontiguousarray(np.rot90(seen, turn // 90))
        write(tmp_path / f"{i}.jpg", stored, 10 * i, pairs(8.0 * i, 3.0 * i, 30.0))
    stills = read_stills(tmp_path, GIVEN)
    assert stills.turn_deg == turn
    assert stills.consistency_m is not None
    assert stills.consistency_m < 0.3
    assert any("turned after capture" in w for w in stills.poses.warnings) == bool(turn)
    given = next(iter(stills)).image.astype(int)
    assert np.abs(given - look_down(ground, 0.0, 0.0, 30.0)).mean() < 12


def test_quarter_turns_are_undone_too(tmp_path: Path) -> None:
    ground = ground_picture()
    for i in range(3):
        stored = np.ascontiguousarray(np.rot90(look_down(ground, 8.0 * i, 0.0, 0.0), 1))  # counter-clockwise
        write(tmp_path / f"{i}.jpg", stored, 10 * i, pairs(8.0 * i, 0.0, 0.0))
    stills = read_stills(tmp_path, GIVEN)
    assert stills.turn_deg == 90
    assert stills.camera_size == (640, 480)
    assert next(iter(stills)).image.shape == (480, 640, 3)


def test_pictures_that_contradict_their_poses_are_told(tmp_path: Path) -> None:
    ground = ground_picture()
    for i in range(3):
        write(
            tmp_path / f"{i}.jpg",
            look_down(ground, 3.0 * i, 0.0, 0.0),
            10 * i,
            pairs(22.0 * i, 4.0 * i, 60.0),
        )
    stills = read_stills(tmp_path, GIVEN)
    assert stills.turn_deg == 0
    assert any("disagree" in w for w in stills.poses.warnings)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turned_pixels_match_turned_pictures(turn: int) -> None:
    picture = np.zeros((30, 40), np.uint8)
    picture[5, 12] = 255
    row, column = np.argwhere(np.rot90(picture, -turn // 90))[0]
    assert turned_pixels(np.array([[12.5, 5.5]]), (40, 30), turn).tolist() == [[column + 0.5, row + 0.5]]


def test_cameras_by_dewarp_data_table_and_film_equivalent() -> None:
    warnings: list[str] = []
    dewarp = "2022-06-08;3713.29,3713.29,7.02,-8.72,-0.112,0.0148,0.0001,0.0002,-0.027"
    camera = camera_of(5280, 3956, {"Model": "M3E"}, {"DewarpData": dewarp, "DewarpFlag": "0"}, warnings)
    assert camera.distortion == (-0.112, 0.0148, 0.0001, 0.0002, -0.027)
    assert camera.cx_px == pytest.approx(2647.02)
    straight = camera_of(5280, 3956, {"Model": "M3E"}, {"DewarpData": dewarp, "DewarpFlag": "1"}, warnings)
    assert not any(straight.distortion)
    table = camera_of(4000, 2250, {"Model": "FC300S", "FocalLength": 3.61}, {}, warnings)
    assert table.fx_px == pytest.approx(2286, abs=1)
    assert not warnings
    film = camera_of(4000, 3000, {"Model": "NEW1", "FocalLengthIn35mmFilm": 24}, {}, warnings)
    assert film.horizontal_fov_deg == pytest.approx(71.6, abs=0.6)
    assert "35 mm equivalent" in warnings[0]
    with pytest.raises(StillsUnusable, match="--camera"):
        camera_of(4000, 3000, {"Model": "NEW1"}, {}, warnings)


# -- the five real stills


@pytest.fixture(scope="module")
def brighton() -> Stills:
    return read_stills(SHARED, GIVEN)


def places_of_cars(brighton: Stills) -> dict[str, list[tuple[float, float]]]:
    """Latitude and longitude of each labelled car, one for each still that shows it."""
    labels = json.loads((FIXTURES / "cars.json").read_text("utf-8"))
    places: dict[str, list[tuple[float, float]]] = {}
    for still in brighton.stills:
        for car in labels["stills"][still.path.name]:
            left, top, right, bottom = car["box"]
            pixel = np.array([[(left + right) / 2, (top + bottom) / 2]])
            pixel = turned_pixels(pixel, still.size, brighton.turn_deg)
            frame = still.pose.frame()
            point = ground_points(brighton.camera, still.pose, frame, pixel, brighton.poses.ground_amsl_m)
            latitude, longitude, _ = frame.to_geodetic(point)[0]
            places.setdefault(car["id"], []).append((float(latitude), float(longitude)))
    return places


@pytest.mark.shared_data
@shared
def test_the_real_stills_were_turned_by_a_viewer(brighton: Stills) -> None:
    assert brighton.turn_deg == 180
    assert brighton.consistency_m is not None
    assert brighton.consistency_m < 1.5
    assert any("Windows Photo Viewer" in warning for warning in brighton.poses.warnings)


@pytest.mark.shared_data
@shared
def test_one_car_lands_on_itself_in_every_still(brighton: Stills) -> None:
    places = places_of_cars(brighton)
    assert {car: len(seen) for car, seen in places.items()} == dict.fromkeys(places, 3)
    assert len(places) == 3
    for seen in places.values():
        frame = LocalFrame(*seen[0])
        points = frame.to_enu(*zip(*seen, strict=True))[:, :2]
        assert max(np.linalg.norm(a - b) for a, b in combinations(points, 2)) < 1.2


@pytest.mark.shared_data
@shared
def test_the_zone_parts_the_cars(brighton: Stills) -> None:
    zones = Zones.from_geojson(FIXTURES / "zones.geojson")
    for car, seen in places_of_cars(brighton).items():
        inside = {bool(zones.containing(*place)) for place in seen}
        assert inside == {car != "silver-saloon"}
