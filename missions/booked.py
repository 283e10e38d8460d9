"""What departments book, what flies for them, and what becomes of it: the parts that merging works with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

OVERLAP = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What one department wants to see.

    Args:
        finest_m: ground that a pixel may cover at most, in metres.
        opens, deadline: it must be flown between these (freshness).
        lowest_m, highest_m: limits of height over the ground.
        pitch_deg: steepest and flattest camera pitch, -90 straight down.
        priority: flights with a higher one go first; the police's pre-empts.
    """

    code: str
    department: str
    cells: tuple[str, ...]
    opens: datetime
    deadline: datetime
    finest_m: float = 0.1
    algorithms: frozenset[str] = frozenset()
    lowest_m: float = 30.0
    highest_m: float = 120.0
    pitch_deg: tuple[float, float] = (-90.0, -45.0)
    priority: int = 0


@dataclass(frozen=True, slots=True)
class BookedCell:
    """A cell as flights see it: its middle (east, north), its area, and the least height over its roofs."""

    place: tuple[float, float]
    area_m2: float
    lowest_m: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What flies: the camera decides height and swath, the battery how long a flight may be."""

    aircraft: int = 1
    home: tuple[float, float] = (0.0, 0.0)
    image_width_px: int = 4000
    horizontal_fov_deg: float = 70.0
    speed_m_s: float = 10.0
    battery_minutes: float = 30.0
    overhead_minutes: float = 2.0
    turnaround_minutes: float = 5.0
    one_setting: bool = False
    """Whether a flight keeps one height and pitch throughout, as a patrol plan does."""

    def highest_for(self, finest_m: float, pitch_deg: float = -90.0) -> float:
        """The height at which a pixel in the middle of the view covers ``finest_m`` metres."""
        straight_down = (
            finest_m * self.image_width_px / 2 / math.tan(math.radians(self.horizontal_fov_deg) / 2)
        )
        return float(straight_down * math.sin(math.radians(max(-pitch_deg, 10.0))) ** 1.5)

    def minutes_over(self, cell: BookedCell, height_m: float) -> float:
        """Lanes over a cell at that height, a turn of ten seconds between two."""
        swath = 2 * height_m * math.tan(math.radians(self.horizontal_fov_deg) / 2) * (1 - OVERLAP)
        lanes = max(1, math.ceil(math.sqrt(cell.area_m2) / swath))
        return (cell.area_m2 / swath / self.speed_m_s + 10 * lanes) / 60

    def minutes_between(self, a: tuple[float, float], b: tuple[float, float]) -> float:
        return math.dist(a, b) / self.speed_m_s / 60


@dataclass(frozen=True, slots=True)
class Pass:
    """One look at one cell that serves all its bookings; heights in metres, window in time."""

    cell: str
    bookings: tuple[Booking, ...]
    opens: datetime
    deadline: datetime
    height_m: float
    pitch_deg: float

    @property
    def priority(self) -> int:
        return max(booking.priority for booking in self.bookings)


@dataclass(frozen=True, slots=True)
class Flight:
    """Passes on one battery, in flying order."""

    passes: tuple[Pass, ...]
    minutes: float
    aircraft: int = 0
    starts: datetime | None = None

    @property
    def opens(self) -> datetime:
        return max(p.opens for p in self.passes)

    @property
    def deadline(self) -> datetime:
        return min(p.deadline for p in self.passes)

    @property
    def priority(self) -> int:
        return max(p.priority for p in self.passes)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why bookings cannot be met, or not together, and what would mend it."""

    bookings: tuple[str, ...]
    cell: str
    text: str
