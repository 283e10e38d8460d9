"""What can be wrong with a recording. A class docstring is the default message.

RecordingError
├── TelemetryMissing
├── TelemetryBroken
├── TelemetryIncomplete
├── TelemetryDoesNotOverlap
├── StillsUnusable
├── CameraUnknown
├── VideoStopped
├── ExpectationInvalid
├── NotDelivered
└── TicketsUnreadable
"""

from __future__ import annotations

from drone.errors import DroneError


class RecordingError(DroneError, ValueError):
    """The recording cannot be replayed; the message says what to give."""


class TelemetryMissing(RecordingError):
    """A video has no poses of its own: give its telemetry with --telemetry."""


class TelemetryBroken(RecordingError):
    """The telemetry cannot be read: copy it again from the aircraft."""


class TelemetryIncomplete(RecordingError):
    """The telemetry lacks what placing needs; give it on the command line."""


class TelemetryDoesNotOverlap(RecordingError):
    """The telemetry and the video are of different times: check the start time and the time zone."""


class StillsUnusable(RecordingError):
    """The folder holds no stills with a pose: give the originals with their XMP data."""


class ExpectationInvalid(RecordingError):
    """The file of expected tickets is wrong; the message names the entry."""


class CameraUnknown(RecordingError):
    """The camera of the footage is not known: give it by name with --camera."""


class VideoStopped(RecordingError):
    """The video stops before its proper end: copy it again from the recorder."""


class NotDelivered(RecordingError):
    """The server did not take everything: start it and run the replay again."""


class TicketsUnreadable(RecordingError):
    """The server does not let an agent read tickets: compare in the sandbox, without --server."""
