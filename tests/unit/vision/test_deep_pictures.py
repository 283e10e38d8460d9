"""Pictures of more than 8 bits, very large ones, and videos that are to be turned."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from vision.errors import NotAVideo
from vision.frames import VideoFile, read_still

START = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
WARM = (7000 + np.arange(48 * 64).reshape(48, 64) % 300).astype(np.uint16)


def test_thermal_stills_use_the_whole_range_of_grey(tmp_path: Path) -> None:
    pictures = {"a.png": WARM, "b.tif": WARM, "c.png": np.dstack([WARM] * 3), "d.tif": np.dstack([WARM] * 3)}
    for name, values in pictures.items():
        cv2.imwrite(str(tmp_path / name), values)
        image = read_still(tmp_path / name)
        assert (image.shape, image.min(), image.max()) == ((48, 64, 3), 0, 255), name
        assert (image[..., 0] == image[..., 2]).all()


def test_colours_of_16_bits_keep_their_brightness(tmp_path: Path) -> None:
    colours = np.zeros((4, 4, 3), np.uint16)
    colours[:] = (10 << 8, 20 << 8, 200 << 8)  # blue first
    cv2.imwrite(str(tmp_path / "a.png"), colours)
    assert read_still(tmp_path / "a.png")[0, 0].tolist() == [200, 20, 10]


def test_what_is_no_number_does_not_hide_the_rest(tmp_path: Path) -> None:
    values = WARM.astype(np.float32)
    values[0, 0], values[0, 1] = np.nan, np.inf
    cv2.imwrite(str(tmp_path / "a.tif"), values)
    image = read_still(tmp_path / "a.tif")
    assert (image[0, 0, 0], image.max()) == (0, 255)
    cv2.imwrite(str(tmp_path / "b.tif"), np.full((4, 4), np.nan, np.float32))
    assert read_still(tmp_path / "b.tif").max() == 0


def test_a_picture_too_large_to_open_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 60), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    assert read_still(tmp_path / "a.png").shape == (40, 60, 3)  # large, but no warning that would be an error
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(NotAVideo, match=r"a\.png: larger than"):
        read_still(tmp_path / "a.png")


def test_thermal_videos_use_the_whole_range_of_grey(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray16le"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(WARM, format="gray16le")))
        container.mux(stream.encode(None))
    (frame,) = VideoFile(tmp_path / "a.mkv", START)
    assert (frame.image.min(), frame.image.max()) == (0, 255)


@pytest.mark.parametrize(
    ("turn", "corner"),
    [((0, 1, -1, 0), (0, -1)), ((-1, 0, 0, -1), (-1, -1)), ((0, -1, 1, 0), (-1, 0))],
    ids=["a quarter right", "half", "a quarter left"],
)
def test_a_display_matrix_turns_the_picture(
    tmp_path: Path, turn: tuple[int, int, int, int], corner: tuple[int, int]
) -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48] = 255
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    upright = _matrix(1, 0, 0, 1)
    at = content.rindex(upright)  # the track's; the film's comes first
    path.write_bytes(content[:at] + _matrix(*turn) + content[at + len(upright) :])
    video = VideoFile(path, START)
    (frame,) = video
    assert video.camera_size == (frame.image.shape[1], frame.image.shape[0])
    assert frame.image.shape[:2] == ((96, 64) if turn[0] == 0 else (64, 96))
    assert [c for c in ((0, 0), (0, -1), (-1, 0), (-1, -1)) if frame.image[c][0] > 128] == [corner]


def _matrix(a: int, b: int, c: int, d: int) -> bytes:
    """A display matrix as MP4 stores it (ISO 14496-12)."""
    return struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
