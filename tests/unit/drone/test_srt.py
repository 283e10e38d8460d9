"""DJI subtitles: generations, faults, and what is never guessed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from drone.recorded.errors import TelemetryBroken, TelemetryIncomplete
from drone.recorded.heading import CARRIED_SIGMA_DEG, course_headings
from drone.recorded.poses import PoseDefaults
from drone.recorded.srt import Generation, read_srt
from drone.recorded.srt_poses import srt_poses
from missions.terrain import FlatTerrain

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "telemetry" / "dji_srt"
GIVEN = PoseDefaults(pitch_deg=-90.0, takeoff_amsl_m=100.0, zone=UTC)

shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared telemetry files are missing")


def cue(number: int, second: float, *text: str) -> str:
    whole, milli = int(second), round(second % 1 * 1000)
    return (
        f"{number}\n00:00:{whole:02d},{milli:03d} --> 00:00:{whole + 1:02d},000\n" + "\n".join(text) + "\n\n"
    )


def modern(number: int, second: float, *, extra: str = "", lat: float = 28.45, lon: float = 117.97) -> str:
    return cue(
        number, second, f'<font size="28">FrameCnt: {number}, DiffTime: 33ms',
        f"2026-05-01 09:00:{int(second):02d}.{round(second % 1 * 1000):03d}",
        f"[iso: 100] [latitude: {lat:.6f}] [longitude: {lon:.6f}] "
        f"[rel_alt: 50.100 abs_alt: 118.300] {extra}</font>",
    )  # fmt: skip


GIMBAL = "[gb_yaw: -90.5 gb_pitch: -55.0 gb_roll: 0.0] "


def written(path: Path, *cues: str) -> Path:
    file = path / "DJI_0001.SRT"
    file.write_text("".join(cues), "utf-8-sig")
    return file


@pytest.mark.shared_data
@shared
@pytest.mark.parametrize(
    ("name", "generation", "samples", "first"),
    [
        ("mavic_pro.SRT", Generation.HOME, 468, (-20.2533, 149.0251, 1.9)),
        ("old_format.SRT", Generation.HOME, 468, (-20.2533, 149.0251, 1.9)),
        ("mavic_pro_buggy.SRT", Generation.HOME, 530, (42.4668, -1.2218, 0.0)),
        ("matrice_300.srt", Generation.MATRICE, 381, (36.6146, -6.1120, 0.3)),
        ("mavic_mini.SRT", Generation.FLAT, 117, (48.0771, -121.7458, 200.7)),
        ("p4p_sample.SRT", Generation.FLAT, 5, (47.4692, 8.2090, 45.6)),
        ("mavic_2_style.SRT", Generation.BRACKETS, 468, (-20.2533, 149.0251, None)),
        ("mavic_2pro_new.SRT", Generation.BRACKETS, 1453, (-35.080155, -60.286702, None)),
    ],
)
def test_every_generation_is_read(
    name: str, generation: Generation, samples: int, first: tuple[float, float, float | None]
) -> None:
    log = read_srt(SHARED / name)
    one = log.samples[0]
    assert log.generation is generation
    assert len(log.samples) == samples
    assert (one.latitude, one.longitude, one.relative_m) == first


@pytest.mark.shared_data
@shared
@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("broken_empty.SRT", TelemetryBroken, "empty"),
        ("broken_empty2.SRT", TelemetryBroken, "line 1"),
        ("broken_incomplete2.SRT", TelemetryBroken, r"2 of 6 .* line 17"),
        ("mavic_air.SRT", TelemetryIncomplete, "not one position"),
    ],
)
def test_broken_files_say_what_and_where(name: str, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        read_srt(SHARED / name)


@pytest.mark.shared_data
@shared
@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("mavic_pro.SRT", PoseDefaults(takeoff_amsl_m=5.0), "--pitch"),
        ("mavic_pro.SRT", PoseDefaults(pitch_deg=-60.0), "--takeoff-amsl"),
        ("mavic_mini.SRT", GIVEN, "--start"),
        ("mavic_2_style.SRT", GIVEN, "no height"),
        ("p4p_sample.SRT", replace(GIVEN, start=datetime(2026, 1, 1, tzinfo=UTC)), "--yaw"),
    ],
)  # fmt: skip
def test_what_is_missing_is_asked_for(name: str, given: PoseDefaults, sentence: str) -> None:
    with pytest.raises(TelemetryIncomplete, match=sentence):
        srt_poses(SHARED / name, given)


@pytest.mark.shared_data
@shared
def test_the_course_stands_in_for_the_heading_with_a_warning() -> None:
    poses = srt_poses(SHARED / "mavic_pro.SRT", GIVEN)
    assert any("the track on the ground is its heading" in warning for warning in poses.warnings)
    assert all(pose.heading_sigma_deg >= 15.0 for pose in poses.track.poses())
    assert all(pose.position_sigma_m > 3.0 for pose in poses.track.poses())  # four decimals only
    assert poses.start == datetime(2017, 8, 5, 14, 11, 50, tzinfo=UTC)


@pytest.mark.shared_data
@shared
def test_stamps_that_leave_the_cues_are_told() -> None:
    given = PoseDefaults(pitch_deg=-90.0, takeoff_amsl_m=0.0, height_m=60.0)
    poses = srt_poses(SHARED / "mavic_2pro_new.SRT", given)
    assert any("stamps leave the cue times" in warning for warning in poses.warnings)
    assert poses.track.end is not None
    assert (poses.track.end - poses.start).total_seconds() == pytest.approx(60.92, abs=0.1)


def test_gimbal_and_heights_of_a_new_aircraft(tmp_path: Path) -> None:
    file = written(tmp_path, *(modern(i + 1, i * 0.5, extra=GIMBAL) for i in range(5)))
    shanghai = timezone(timedelta(hours=8))
    poses = srt_poses(file, PoseDefaults(zone=shanghai))
    pose = poses.track.at(datetime(2026, 5, 1, 1, 0, 1, tzinfo=UTC))
    assert (pose.yaw_deg, pose.pitch_deg) == (-90.5, -55.0)
    assert poses.ground_amsl_m == pytest.approx(68.2)
    assert pose.altitude_amsl_m == pytest.approx(118.3)
    assert pose.heading_sigma_deg < 5


def test_terrain_beats_the_barometric_height(tmp_path: Path) -> None:
    file = written(tmp_path, *(modern(i + 1, i * 0.5, extra=GIMBAL) for i in range(5)))
    poses = srt_poses(file, PoseDefaults(zone=UTC, terrain=FlatTerrain(95.0)))
    assert poses.track.poses()[0].altitude_amsl_m == pytest.approx(145.1)
    assert any("95 m" in warning for warning in poses.warnings)


def test_without_a_zone_utc_is_assumed_aloud(tmp_path: Path) -> None:
    file = written(tmp_path, modern(1, 0, extra=GIMBAL), modern(2, 1, extra=GIMBAL))
    assert any("time zone" in warning for warning in srt_poses(file).warnings)
    assert not any("time zone" in warning for warning in srt_poses(file, PoseDefaults(zone=UTC)).warnings)


def test_one_cut_subtitle_is_left_out_with_its_line(tmp_path: Path) -> None:
    cues = [modern(i + 1, i * 0.5, extra=GIMBAL) for i in range(20)]
    cut = cues[-1][: cues[-1].index("[longitude") + 16]
    log = read_srt(written(tmp_path, *cues[:-1], cut))
    assert len(log.samples) == 19
    assert len(log.warnings) == 1
    assert "line 119" in log.warnings[0]


def test_no_fix_is_no_place_in_the_gulf_of_guinea(tmp_path: Path) -> None:
    cues = [modern(1, 0, extra=GIMBAL, lat=0.0, lon=0.0), *(modern(i, i, extra=GIMBAL) for i in range(2, 6))]
    log = read_srt(written(tmp_path, *cues))
    assert len(log.samples) == 4
    assert "no satellite fix" in log.warnings[0]
    with pytest.raises(TelemetryIncomplete, match="no satellite fix"):
        read_srt(written(tmp_path, cues[0]))


def test_a_bare_altitude_needs_its_datum(tmp_path: Path) -> None:
    cues = [
        cue(
            i + 1,
            i,
            f"2026-05-01 09:00:0{i}",
            f"[latitude : 28.45] [longtitude : 117.97] [altitude: {60 + i}.5]",
        )
        for i in range(3)
    ]
    file = written(tmp_path, *cues)
    yaw = {"pitch_deg": -90.0, "yaw_deg": 0.0, "zone": UTC, "takeoff_amsl_m": 70.0}
    with pytest.raises(TelemetryIncomplete, match="--height-datum"):
        srt_poses(file, PoseDefaults(**yaw))
    above = srt_poses(file, PoseDefaults(**yaw, height_datum="takeoff")).track.poses()[0]
    assert above.altitude_amsl_m == pytest.approx(130.5)
    sea = srt_poses(file, PoseDefaults(**yaw, height_datum="sea")).track.poses()[0]
    assert sea.altitude_amsl_m == pytest.approx(60.5)


@pytest.mark.parametrize(
    "text",
    ["", "   \n\n", "1", "hello world\n", "{}", "1\n00:00:00,000 --> bad\nGPS(1,2,3)\n", "\x00\x01\x02"],
)
def test_nonsense_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.srt"
    file.write_text(text, "utf-8")
    with pytest.raises((TelemetryBroken, TelemetryIncomplete)):
        srt_poses(file, GIVEN)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TelemetryBroken, match=r"nowhere\.srt"):
        read_srt(tmp_path / "nowhere.srt")


def test_course_follows_turns_and_grows_unsure_when_hovering() -> None:
    seconds = np.arange(0.0, 60.0, 0.5)
    east = np.interp(seconds, [0, 20, 30, 60], [0, 100, 100, 100])
    north = np.interp(seconds, [0, 20, 30, 60], [0, 0, 0, 0])
    heading, sigma = course_headings(seconds, east, north, sigma_m=0.3)
    assert heading[10] == pytest.approx(90.0)
    assert sigma[10] < 20
    assert heading[60] == pytest.approx(90.0)  # 30 s: hovers since 10 s
    assert sigma[60] == CARRIED_SIGMA_DEG
    assert np.isnan(heading[-1])


def test_course_of_a_standing_aircraft_is_unknown() -> None:
    seconds = np.arange(10.0)
    heading, _ = course_headings(seconds, np.zeros(10), np.zeros(10), sigma_m=0.3)
    assert np.isnan(heading).all()


@pytest.mark.parametrize(
    ("first", "last", "spread"),
    [("[focal_len: 240]", "[focal_len: 240]", 0.0), ("[focal_len: 240]", "[focal_len: 480]", 0.5),
     ("[dzoom_ratio: 10000, delta:0]", "[dzoom_ratio: 12500, delta:0]", 0.2)],
)  # fmt: skip
def test_a_zoom_that_changes_is_an_alarm_and_makes_places_less_certain(
    tmp_path: Path, first: str, last: str, spread: float
) -> None:
    cues = [modern(i, float(i), extra=f"{GIMBAL}{first if i < 3 else last}") for i in range(1, 6)]
    poses = srt_poses(written(tmp_path, *cues), GIVEN)
    assert poses.zoom_spread == pytest.approx(spread)
    alarms = [warning for warning in poses.warnings if warning.startswith("alarm: the")]
    assert len(alarms) == (spread > 0)
