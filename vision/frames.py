"""Where frames come from: a file, a folder of stills, or a live stream. Each frame knows its capture time.

A file's frames are captured at its start time plus their presentation time; a still's time is in its own
metadata. Sampling keeps the first frame of every ``1 / fps`` slot, counted from the first frame of the
source, so that the same source always gives the same frames.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable
from urllib.parse import urlsplit

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from vision.errors import BrokenVideo, CaptureTimeUnknown, NoFrames, NotAVideo, SourceMissing

Pixels = NDArray[np.uint8]

STILL_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"})
STREAM_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp", "http", "https", "srt"})
STILL_MEGAPIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
"""The largest still that Pillow opens."""
HEADER_KEEPS_DURATION = frozenset({"mov", "mp4", "m4a", "matroska", "webm", "avi", "flv"})
"""Containers whose header states the duration, so that a missing end is noticed."""

_EXIF_POINTER, _TAKEN, _TAKEN_OFFSET, _TAKEN_FRACTION, _MODIFIED = 0x8769, 0x9003, 0x9011, 0x9291, 0x0132


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture.

    image: uint8 (height, width, 3), red green blue. captured_at: aware UTC. index: number of the frame within
    its source, counted before sampling.
    """

    image: Pixels
    captured_at: datetime
    index: int


@runtime_checkable
class FrameSource(Protocol):
    """Frames in order of capture. ``dropped`` counts those that arrived and were never given."""

    @property
    def dropped(self) -> int: ...

    @property
    def camera_size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels, upright."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None:
        """Give back files and threads. Calling it twice is allowed."""
        ...


class _Closing:
    """``with`` for sources."""

    dropped: int = 0

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_image(image: Pixels) -> Pixels:
    """The image itself when it is uint8 (H, W, 3) with at least one pixel.

    Raises:
        ImageRefused: it is anything else.
    """
    from vision.errors import ImageRefused

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageRefused(
            f"an image must be uint8 of shape (height, width, 3), not {image.dtype} of {image.shape}"
        )
    return image


class Sampler:
    """Chooses the first frame of each slot of ``1 / fps`` seconds; every frame when ``fps`` is None.

    >>> sampler = Sampler(5)
    >>> [i for i in range(10) if sampler.takes(i / 25)]
    [0, 5]
    """

    def __init__(self, fps: float | None) -> None:
        if fps is not None and not fps > 0:
            raise ValueError(f"{fps} frames a second is impossible; give a number above 0")
        self._fps = fps
        self._slot = -1

    def takes(self, seconds: float) -> bool:
        """Whether the frame at that time (from the start of the source) is kept."""
        if self._fps is None:
            return True
        slot = int(np.floor(seconds * self._fps + 1e-3))
        if slot <= self._slot:
            return False
        self._slot = slot
        return True


def upright(frame: av.VideoFrame) -> Pixels:
    """A decoded frame as upright RGB: grey and odd sizes converted, rotation metadata applied.

    Grey of more than 8 bits (thermal) is stretched as that of stills is.
    """
    if re.match(r"gray(9|1\d|f)", frame.format.name):
        deep = "grayf32le" if "f" in frame.format.name else "gray16le"
        image = _stretched(frame.to_ndarray(format=deep).astype(np.float64))
    else:
        image = frame.to_ndarray(format="rgb24")
    quarter_turns = round(float(getattr(frame, "rotation", 0)) / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarter_turns)) if quarter_turns else image


def open_video(path: str, *, options: dict[str, str] | None = None, timeout: float | None = None) -> Any:
    """Open a container with at least one video stream.

    Raises:
        SourceMissing: the file or address cannot be reached.
        NotAVideo: it can be read but holds no video.
    """
    try:
        container = av.open(path, options=options or {}, timeout=timeout)
    except (FileNotFoundError, av.error.HTTPNotFoundError) as error:
        raise SourceMissing(f"{path}: there is no such file or stream; check the path") from error
    except (av.error.InvalidDataError, av.error.EOFError, UnicodeDecodeError) as error:
        raise NotAVideo(
            f"{path}: not a video, or one cut off before its index was written; copy it again or give a video"
        ) from error
    except (av.error.FFmpegError, OSError) as error:
        raise SourceMissing(f"{path}: cannot be opened ({error.strerror or error})") from error
    if not container.streams.video:
        held = ", ".join(stream.type for stream in container.streams) or "nothing"
        container.close()
        raise NotAVideo(f"{path}: holds no video, only {held}; give a video")
    return container


class VideoFile(_Closing):
    """A recorded video.

    Args:
        start: capture time of the first frame; None takes ``creation_time`` of the container.
        fps: frames a second to look at; None for all.
        skip_s: leave out frames earlier than this, from the start of the video. Sampling is not moved by it.

    Raises:
        SourceMissing, NotAVideo, CaptureTimeUnknown: on opening.
        NoFrames, BrokenVideo: while iterating; a broken video gives its good frames first.
    """

    def __init__(
        self,
        path: Path | str,
        start: datetime | None = None,
        fps: float | None = None,
        *,
        skip_s: float = 0.0,
    ) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise SourceMissing(f"{self.path}: there is no such file; check the path")
        self._sampling = fps
        Sampler(fps)
        self._skip_s = skip_s
        with open_video(str(self.path)) as container:
            self._formats = frozenset(container.format.name.split(","))
            self.start = start or _creation_time(container)
            first = self._first_frame(container)
            self._size = (first.shape[1], first.shape[0])
        if self.start is None:
            raise CaptureTimeUnknown(
                f"{self.path}: the file does not say when it was recorded; give the start time"
            )
        if self.start.tzinfo is None:
            raise CaptureTimeUnknown(f"{self.path}: the start time {self.start} has no time zone; add one")

    @property
    def camera_size(self) -> tuple[int, int]:
        return self._size

    def __iter__(self) -> Iterator[Frame]:
        assert self.start is not None
        sampler = Sampler(self._sampling)
        count, last_s, origin = 0, 0.0, None
        with open_video(str(self.path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            frame_s = float(1 / stream.average_rate) if stream.average_rate else 0.04
            expected = self._expected_end(container, stream)
            failure = ""
            try:
                for picture in container.decode(stream):
                    seconds = picture.time if picture.time is not None else last_s + frame_s
                    origin = seconds if origin is None else origin
                    last_s = seconds - origin
                    if sampler.takes(last_s) and last_s >= self._skip_s - 1e-6:
                        captured_at = (self.start + timedelta(seconds=last_s)).astimezone(UTC)
                        yield Frame(upright(picture), captured_at, count)
                    count += 1
            except (av.error.FFmpegError, OSError) as error:
                failure = error.strerror or str(error)
            self._check_end(count, last_s, frame_s, stream.frames, expected, failure)

    def close(self) -> None:
        """Nothing stays open between iterations."""

    def _first_frame(self, container: Any) -> Pixels:
        try:
            for picture in container.decode(container.streams.video[0]):
                return upright(picture)
        except (av.error.FFmpegError, OSError) as error:
            raise BrokenVideo(f"{self.path}: not one frame can be decoded ({error.strerror})") from error
        raise NoFrames(f"{self.path}: the video holds not a single frame; record it again")

    def _expected_end(self, container: Any, stream: Any) -> float | None:
        """The end that the header states, in seconds from the first frame; None where it states none."""
        if not self._formats & HEADER_KEEPS_DURATION:
            return None
        if stream.duration is not None and stream.time_base is not None:
            seconds: float = float(stream.duration * stream.time_base)
            return seconds
        if container.duration is not None and len(container.streams) == 1:
            return float(container.duration / av.time_base)
        return None

    def _check_end(
        self, count: int, last_s: float, frame_s: float, stated: int, expected: float | None, failure: str
    ) -> None:
        early = expected is not None and last_s + frame_s < expected - max(2.5 * frame_s, 0.1)
        if not failure and not early and (not stated or count >= stated - 1):
            return
        why = failure or (
            f"{expected:.1f} s were announced" if early and expected else f"{stated} frames were announced"
        )
        raise BrokenVideo(
            f"{self.path}: the video stops after frame {count} at {last_s:.1f} s ({why}); copy it again",
            frames=count,
            seconds=last_s,
        )


def _creation_time(container: Any) -> datetime | None:
    text = container.metadata.get("creation_time") or container.streams.video[0].metadata.get("creation_time")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment if moment.year > 1980 else None


class FrameFolder(_Closing):
    """Stills, in order of capture time and then of name.

    Args:
        folder: a folder of images, or a list of images.
        start: capture time of the first still where the files do not say it; the others follow at
            ``interval_s``. Given, it takes the place of what the files say.
        zone: time zone of the cameras' clocks where EXIF has none.

    Raises:
        SourceMissing: no such folder or file.
        NoFrames: the folder holds no image.
        CaptureTimeUnknown: a file does not say when it was taken and ``start`` is not given.
        NotAVideo: while iterating, a file is no image or is cut off.
    """

    def __init__(
        self,
        folder: Path | str | Sequence[Path],
        start: datetime | None = None,
        *,
        interval_s: float = 1.0,
        zone: tzinfo = UTC,
    ) -> None:
        files = _stills(folder)
        if start is not None and start.tzinfo is None:
            raise CaptureTimeUnknown(f"the start time {start} has no time zone; add one")
        if start is None:
            timed = sorted((still_captured_at(file, zone), file.name, file) for file in files)
        else:
            timed = [(start + timedelta(seconds=i * interval_s), f.name, f) for i, f in enumerate(files)]
        self._stills = [(moment.astimezone(UTC), file) for moment, _, file in timed]
        with _open_still(self._stills[0][1]) as first:
            width, height = first.size
            turned = first.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        self._size = (height, width) if turned else (width, height)

    @property
    def camera_size(self) -> tuple[int, int]:
        return self._size

    @property
    def files(self) -> list[Path]:
        """The images in the order in which they are given."""
        return [file for _, file in self._stills]

    def __iter__(self) -> Iterator[Frame]:
        for index, (captured_at, file) in enumerate(self._stills):
            yield Frame(read_still(file), captured_at, index)

    def close(self) -> None:
        """Nothing stays open between images."""


def _stills(folder: Path | str | Sequence[Path]) -> list[Path]:
    if isinstance(folder, str | Path):
        place = Path(folder)
        if place.is_file():
            return [place]
        if not place.is_dir():
            raise SourceMissing(f"{place}: there is no such folder; check the path")
        files = sorted(f for f in place.iterdir() if f.suffix.lower() in STILL_SUFFIXES and f.is_file())
        if not files:
            raise NoFrames(f"{place}: the folder holds no image ({', '.join(sorted(STILL_SUFFIXES))})")
        return files
    files = [Path(file) for file in folder]
    if not files:
        raise NoFrames("the list of images is empty; give at least one")
    for file in files:
        if not file.is_file():
            raise SourceMissing(f"{file}: there is no such file; check the path")
    return files


def _open_still(file: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # large stills are usual here
            return Image.open(file)
    except (UnidentifiedImageError, OSError) as error:
        raise NotAVideo(f"{file}: not an image that can be read; remove or replace it") from error
    except Image.DecompressionBombError as error:
        raise NotAVideo(f"{file}: larger than {STILL_MEGAPIXELS} megapixels; cut it into parts") from error


def _stretched(values: NDArray[np.float64]) -> Pixels:
    """Numbers (H, W) of any range as grey between their 1st and 99th percentile; what is no number, black."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros((*values.shape, 3), np.uint8)
    low, high = np.percentile(values[known], [1, 99])
    shares = (np.where(known, values, low) - low) / max(high - low, 1e-9)
    return np.repeat(np.clip(shares * 255, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def _deep_colours(file: Path, picture: Image.Image) -> Pixels | None:
    """A picture of three or four channels of 16 bits; None where it is none.

    Thermal cameras write grey so, three times the same: this is stretched.
    """
    tiles = getattr(picture, "tile", [])
    if picture.mode not in ("RGB", "RGBA", "RGBX") or not any(";16" in str(tile[3]) for tile in tiles):
        return None
    values = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        return None
    red_first = values[:, :, 2::-1]
    if (red_first == red_first[:, :, :1]).all():
        return _stretched(red_first[:, :, 0].astype(np.float64))
    return np.ascontiguousarray((red_first >> 8).astype(np.uint8))


def read_still(file: Path) -> Pixels:
    """An image file as upright RGB, uint8 (H, W, 3).

    Grey pictures of more than 8 bits (thermal ones) are stretched between their 1st and 99th percentile.

    Raises:
        NotAVideo: it is no image, or it is cut off.
    """
    with _open_still(file) as picture:
        try:
            deep = _deep_colours(file, picture)
            if deep is not None:
                turned = Image.fromarray(deep)
                turned.getexif().update(picture.getexif())
                return np.asarray(ImageOps.exif_transpose(turned))
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith(("I", "F")):
                return _stretched(np.asarray(upright, np.float64))
            return np.asarray(upright.convert("RGB"))
        except (OSError, SyntaxError) as error:
            raise NotAVideo(f"{file}: the image is damaged or cut off; copy it again") from error


def still_captured_at(file: Path, zone: tzinfo = UTC) -> datetime:
    """When a still was taken: XMP UTC exposure time, EXIF DateTimeOriginal, or XMP CreateDate.

    Raises:
        CaptureTimeUnknown: the file does not say.
    """
    with _open_still(file) as picture:
        exif = picture.getexif()
        details = exif.get_ifd(_EXIF_POINTER)
        packet = picture.info.get("xmp", b"")
    xmp = packet.decode("utf-8", "replace") if isinstance(packet, bytes) else str(packet)
    exposure = re.search(r'UTCAtExposure[=">]+([0-9T:.\- ]{19,32})', xmp)
    moment = _iso(exposure.group(1), UTC) if exposure else None
    moment = moment or _exif_time(details.get(_TAKEN), details, zone)
    if moment is None:
        created = re.search(r'(?:CreateDate|DateTimeOriginal)[=">]+([0-9T:.+\-Z]{16,35})', xmp)
        moment = _iso(created.group(1), zone) if created else None
    moment = moment or _exif_time(exif.get(_MODIFIED), {}, zone)
    if moment is None:
        raise CaptureTimeUnknown(f"{file}: the image does not say when it was taken; give the start time")
    return moment.astimezone(UTC)


def _iso(text: str, zone: tzinfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _exif_time(text: object, details: dict[int, Any], zone: tzinfo) -> datetime | None:
    match = re.match(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)", str(text or ""))
    if not match:
        return None
    try:
        moment = datetime(*(int(part) for part in match.groups()), tzinfo=zone)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    fraction = re.match(r"\d+", str(details.get(_TAKEN_FRACTION, "")))
    if fraction:
        moment += timedelta(seconds=float(f"0.{fraction.group()}"))
    offset = re.match(r"([+-])(\d\d):(\d\d)", str(details.get(_TAKEN_OFFSET, "")))
    if offset:
        minutes = int(offset.group(2)) * 60 + int(offset.group(3))
        signed = timedelta(minutes=minutes if offset.group(1) == "+" else -minutes)
        moment = moment.replace(tzinfo=timezone(signed))
    return moment


def is_stream(source: str) -> bool:
    """Whether this is a live address and not a path.

    >>> is_stream("rtsp://camera/1"), is_stream("flight.mp4")
    (True, False)
    """
    return urlsplit(source).scheme.lower() in STREAM_SCHEMES


def open_source(source: Path | str, start: datetime | None = None, fps: float | None = None) -> FrameSource:
    """Open a stream's address, a video, an image or a folder of images.

    Args:
        start: capture time of the first frame, where the source does not say it; not for streams.
        fps: frames a second to look at; stills are all looked at, ``1 / fps`` s apart if ``start`` is given.

    Raises:
        SourceError: it is missing, no video, empty, or its capture time is unknown.
    """
    from vision.live import LiveStream

    text = str(source)
    if is_stream(text):
        return LiveStream(text, fps=fps)
    place = Path(text)
    if place.is_dir() or place.suffix.lower() in STILL_SUFFIXES:
        return FrameFolder(place, start, interval_s=1.0 / fps if fps else 1.0)
    return VideoFile(place, start, fps)
