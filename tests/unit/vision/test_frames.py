from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vision.errors import (
    BrokenVideo,
    CaptureTimeUnknown,
    ImageRefused,
    NoFrames,
    NotAVideo,
    SourceMissing,
)
from vision.frames import (
    FrameFolder,
    FrameSource,
    Sampler,
    VideoFile,
    check_image,
    is_stream,
    open_source,
    read_still,
    still_captured_at,
)

START = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)


def shade(index: int) -> int:
    return 20 + 4 * (index % 50)


def write_video(
    path: Path, frames: int = 30, size: tuple[int, int] = (64, 48), fps: int = 10, codec: str = "mpeg4",
    pixels: str = "yuv420p", **metadata: str,
) -> Path:  # fmt: skip
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata)
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.gop_size = 5
        for index in range(frames):
            picture = np.full((size[1], size[0], 3), shade(index), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_every_frame_with_its_capture_time(tmp_path: Path) -> None:
    video = write_video(tmp_path / "flight.mp4")
    with VideoFile(video, START) as source:
        frames = list(source)
    assert isinstance(source, FrameSource)
    assert source.camera_size == (64, 48)
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.captured_at for frame in frames] == [START + timedelta(seconds=i / 10) for i in range(30)]
    assert frames[7].image.shape == (48, 64, 3)
    assert frames[7].image.dtype == np.uint8
    assert abs(int(frames[7].image.mean()) - shade(7)) <= 3


def test_local_start_time_becomes_utc(tmp_path: Path) -> None:
    local = datetime(2026, 5, 1, 12, 0, tzinfo=timezone(timedelta(hours=8)))
    first = next(iter(VideoFile(write_video(tmp_path / "a.mp4"), local)))
    assert first.captured_at == START
    assert first.captured_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("fps", "expected"),
    [(5, [0, 2, 4, 6, 8]), (2.5, [0, 4, 8]), (3, [0, 4, 7]), (10, list(range(10))), (25, list(range(10)))],
)
def test_sampling_takes_the_first_frame_of_each_slot(tmp_path: Path, fps: float, expected: list[int]) -> None:
    video = write_video(tmp_path / "a.mp4", frames=10)
    assert [frame.index for frame in VideoFile(video, START, fps)] == expected


def test_skipping_does_not_move_the_sampling(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    whole = [(f.index, f.captured_at) for f in VideoFile(video, START, 3) if f.index >= 11]
    assert [(f.index, f.captured_at) for f in VideoFile(video, START, 3, skip_s=1.1)] == whole


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_impossible_sampling_is_refused(fps: float) -> None:
    with pytest.raises(ValueError, match="impossible"):
        Sampler(fps)


def test_start_from_the_container(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", creation_time="2026-05-01T04:00:00.000000Z")
    assert next(iter(VideoFile(video))).captured_at == START


def test_unknown_start_is_said(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    with pytest.raises(CaptureTimeUnknown, match="give the start time"):
        VideoFile(video)
    with pytest.raises(CaptureTimeUnknown, match="no time zone"):
        VideoFile(video, datetime(2026, 5, 1))  # noqa: DTZ001


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="no such file"):
        open_source(tmp_path / "none.mp4", START)
    with pytest.raises(SourceMissing, match="no such folder"):
        FrameFolder(tmp_path / "none")


def test_not_a_video(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("no video at all\n" * 50)
    with pytest.raises(NotAVideo, match="not a video"):
        VideoFile(text, START)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    with pytest.raises(NotAVideo):
        VideoFile(empty, START)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(NotAVideo, match="audio"):
        VideoFile(path, START)


def test_video_without_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(NoFrames, match="not a single frame"):
        VideoFile(path, START)


@pytest.mark.parametrize("suffix", ["mkv", "avi"])
def test_cut_off_video_gives_its_good_frames_and_then_says_where_it_stops(
    tmp_path: Path, suffix: str
) -> None:
    whole = write_video(tmp_path / f"a.{suffix}", frames=60, size=(320, 240))
    content = whole.read_bytes()
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(content[: int(len(content) * 0.6)])
    frames = []
    with pytest.raises(BrokenVideo, match=r"stops after frame \d+ at \d+\.\d s") as caught:
        frames.extend(iter(VideoFile(cut, START)))
    assert 20 < len(frames) < 55
    assert caught.value.frames == len(frames)
    assert caught.value.seconds == pytest.approx((len(frames) - 1) / 10, abs=0.11)
    assert len(list(VideoFile(whole, START))) == 60


def test_cut_off_fast_start_mp4(tmp_path: Path) -> None:
    path = tmp_path / "fast.mp4"
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 320, 240
        random = np.random.default_rng(0)
        for _ in range(40):
            picture = random.integers(0, 255, (240, 320, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    frames = []
    with pytest.raises(BrokenVideo):
        frames.extend(iter(VideoFile(path, START)))
    assert 5 < len(frames) < 30


def test_mp4_without_its_index(tmp_path: Path) -> None:
    content = write_video(tmp_path / "a.mp4", frames=60).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(NotAVideo, match="cut off"):
        VideoFile(tmp_path / "cut.mp4", START)


@pytest.mark.parametrize(("pixels", "codec"), [("gray", "ffv1"), ("yuv444p", "ffv1")])
def test_grey_and_odd_sizes(tmp_path: Path, pixels: str, codec: str) -> None:
    video = write_video(tmp_path / "a.mkv", frames=3, size=(63, 47), codec=codec, pixels=pixels)
    frames = list(VideoFile(video, START))
    assert [frame.image.shape for frame in frames] == [(47, 63, 3)] * 3
    assert abs(int(frames[2].image.mean()) - shade(2)) <= 3


def write_still(path: Path, taken: str = "", offset: str = "", shade: int = 90, orientation: int = 1) -> Path:
    picture = Image.new("RGB", (40, 20), (shade, shade, shade))
    exif = Image.Exif()
    exif[0x0112] = orientation
    details = exif.get_ifd(0x8769)
    if taken:
        details[0x9003] = taken
        details[0x9291] = "25"
    if offset:
        details[0x9011] = offset
    picture.save(path, exif=exif)
    return path


def test_stills_in_order_of_capture(tmp_path: Path) -> None:
    write_still(tmp_path / "a.jpg", "2026:05:01 12:00:07", "+08:00", shade=10)
    write_still(tmp_path / "b.jpg", "2026:05:01 12:00:00", "+08:00", shade=200)
    (tmp_path / "notes.txt").write_text("not a picture")
    folder = FrameFolder(tmp_path)
    frames = list(folder)
    assert [f.captured_at for f in frames] == [START + timedelta(seconds=s) for s in (0.25, 7.25)]
    assert [int(f.image.mean()) for f in frames] == [200, 10]
    assert folder.camera_size == (40, 20)
    assert [file.name for file in folder.files] == ["b.jpg", "a.jpg"]


def test_still_clock_without_zone(tmp_path: Path) -> None:
    file = write_still(tmp_path / "a.jpg", "2026:05:01 12:00:00")
    assert still_captured_at(file, timezone(timedelta(hours=8))) == START + timedelta(seconds=0.25)


def test_still_time_from_xmp(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    packet = b'<x:xmpmeta drone-dji:UTCAtExposure="2026-05-01T04:00:00.500000"></x:xmpmeta>'
    Image.new("RGB", (8, 8)).save(file, xmp=packet)
    assert still_captured_at(file) == START + timedelta(seconds=0.5)


def test_stills_without_time_need_one(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("L", (9, 7), 50).save(tmp_path / name)
    with pytest.raises(CaptureTimeUnknown, match="does not say when"):
        FrameFolder(tmp_path)
    frames = list(FrameFolder(tmp_path, START, interval_s=2.0))
    assert [f.captured_at for f in frames] == [START, START + timedelta(seconds=2)]
    assert frames[0].image.shape == (7, 9, 3)


def test_turned_still_is_turned_back(tmp_path: Path) -> None:
    file = write_still(tmp_path / "a.jpg", "2026:05:01 12:00:00", orientation=6)
    folder = FrameFolder(tmp_path)
    assert folder.camera_size == (20, 40)
    assert next(iter(folder)).image.shape == (40, 20, 3)
    assert file.is_file()


def test_empty_folder_and_damaged_image(tmp_path: Path) -> None:
    with pytest.raises(NoFrames, match="holds no image"):
        FrameFolder(tmp_path)
    good = write_still(tmp_path / "a.jpg", "2026:05:01 12:00:00").read_bytes()
    (tmp_path / "a.jpg").write_bytes(good[:-150])
    with pytest.raises(NotAVideo, match="damaged"):
        list(FrameFolder(tmp_path, START))
    (tmp_path / "a.jpg").write_text("text")
    with pytest.raises(NotAVideo, match="not an image"):
        FrameFolder(tmp_path, START)


def test_open_source_chooses_by_what_is_there(tmp_path: Path) -> None:
    still = write_still(tmp_path / "a.jpg", "2026:05:01 12:00:00")
    assert isinstance(open_source(tmp_path), FrameFolder)
    assert isinstance(open_source(str(still)), FrameFolder)
    assert isinstance(open_source(write_video(tmp_path / "v.mp4"), START), VideoFile)
    assert is_stream("RTSP://10.0.0.1/main")
    assert not is_stream(str(tmp_path / "v.mp4"))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3)),
    ],
)
def test_wrong_images_are_refused(image: np.ndarray) -> None:
    with pytest.raises(ImageRefused):
        check_image(image)


def test_a_sixteen_bit_thermal_still_is_stretched(tmp_path: Path) -> None:
    heat = np.full((60, 80), 29_000, np.uint16)
    heat[20:40, 30:50] = 31_500
    file = tmp_path / "thermal.png"
    Image.fromarray(heat).save(file)
    picture = read_still(file)
    assert picture.shape == (60, 80, 3)
    assert picture.dtype == np.uint8
    assert picture[30, 40].tolist() == [255] * 3
    assert picture[5, 5].tolist() == [0] * 3
