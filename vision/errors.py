"""The error tree of vision. A class docstring is the message that is shown when none is given.

VisionError
├── SourceError
│   ├── SourceMissing
│   ├── NotAVideo
│   ├── NoFrames
│   ├── BrokenVideo
│   ├── CaptureTimeUnknown
│   └── StreamLost
├── WeightsError
│   ├── WeightsMissing
│   └── WeightsRefused
├── ImageRefused
├── RulesInvalid
├── DatasetInvalid
├── EvidenceMissing
└── ToolMissing
"""

from __future__ import annotations


class VisionError(Exception):
    """Something is wrong with what vision was given."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class SourceError(VisionError, ValueError):
    """The source of frames cannot be used."""


class SourceMissing(SourceError):
    """There is no such file, folder or stream: check the path or address."""


class NotAVideo(SourceError):
    """This file holds no video: give a video, a folder of images, or a stream's address."""


class NoFrames(SourceError):
    """The source holds not a single frame: record it again."""


class BrokenVideo(SourceError):
    """The video stops before its proper end: copy it again from the recorder.

    Attributes:
        frames: how many frames could be read.
        seconds: time of the last readable frame from the start of the video.
    """

    def __init__(self, message: str = "", *, frames: int = 0, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.frames = frames
        self.seconds = seconds


class CaptureTimeUnknown(SourceError):
    """Nothing says when this was captured: give the start time, e.g. 2026-05-01T12:00:00Z."""


class StreamLost(SourceError):
    """The live stream ended and could not be opened again: check the camera and the network."""


class WeightsError(VisionError, ValueError):
    """The weights cannot be used."""


class WeightsMissing(WeightsError):
    """No such weights in the manifest: `skybeat weights verify` lists those there are."""


class WeightsRefused(WeightsError):
    """The weights differ from what the manifest pins: restore the file, or pin the new one."""


class ImageRefused(VisionError, ValueError):
    """An image must be uint8 of shape (height, width, 3), red green blue."""


class RulesInvalid(VisionError, ValueError):
    """The watch rules are wrong: mend configs/watch.yaml."""


class DatasetInvalid(VisionError, ValueError):
    """The dataset is not in YOLO format: images/ and labels/ with one text file per image."""


class EvidenceMissing(VisionError, LookupError):
    """The evidence store does not hold this file."""


class ToolMissing(VisionError):
    """A tool that this command needs is not installed."""
