"""WGS-84 and local metres.

``LocalFrame`` is an azimuthal equidistant plane about an origin (pyproj): x east, y north, and z is simply
height above the origin's height, so that heights stay comparable with terrain and telemetry. Distances from
the origin are exact; elsewhere they are right to 1e-7 within 5 km.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Geod, Transformer

WGS84 = Geod(ellps="WGS84")
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LocalFrame:
    """East-north-up metres about ``(latitude, longitude)``; up is altitude minus ``altitude_amsl_m``.

    >>> frame = LocalFrame(28.45, 117.97)
    >>> [round(float(v), 6) for v in frame.to_geodetic(frame.to_enu([28.451], [117.972], [50.0]))[0]]
    [28.451, 117.972, 50.0]
    """

    latitude: float
    longitude: float
    altitude_amsl_m: float = 0.0
    _forward: Transformer = field(init=False, repr=False, compare=False)
    _inverse: Transformer = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_position(self.latitude, self.longitude)
        origin = f"+lat_0={float(self.latitude)!r} +lon_0={float(self.longitude)!r}"
        plane = f"+proj=aeqd {origin} +datum=WGS84 +units=m"
        object.__setattr__(self, "_forward", Transformer.from_crs("EPSG:4326", plane, always_xy=True))
        object.__setattr__(self, "_inverse", Transformer.from_crs(plane, "EPSG:4326", always_xy=True))

    def to_enu(self, latitude: ArrayLike, longitude: ArrayLike, altitude_amsl_m: ArrayLike = 0.0) -> Array:
        """Geodetic positions -> shape (N, 3) metres east, north, up."""
        lat, lon, alt = np.broadcast_arrays(
            np.atleast_1d(np.asarray(latitude, float)),
            np.atleast_1d(np.asarray(longitude, float)),
            np.atleast_1d(np.asarray(altitude_amsl_m, float)),
        )
        east, north = self._forward.transform(lon, lat)
        return np.column_stack([east, north, alt - self.altitude_amsl_m])

    def to_geodetic(self, enu: ArrayLike) -> Array:
        """Shape (N, 3) or (N, 2) metres -> shape (N, 3) latitude, longitude, altitude above sea level."""
        points = np.atleast_2d(np.asarray(enu, float))
        lon, lat = self._inverse.transform(points[:, 0], points[:, 1])
        up = points[:, 2] if points.shape[1] > 2 else np.zeros(len(points))
        return np.column_stack([lat, lon, up + self.altitude_amsl_m])


def check_position(latitude: float, longitude: float) -> None:
    """Refuse what is no place on Earth.

    Raises:
        ValueError: latitude or longitude is out of range or not a number.
    """
    if not (-90.0 <= latitude <= 90.0 and -180.0 <= longitude <= 180.0):
        raise ValueError(
            f"latitude {latitude}, longitude {longitude} is no place on Earth: "
            "latitude must lie in [-90, 90] and longitude in [-180, 180] degrees"
        )


def distance_m(latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float) -> float:
    """Geodesic distance in metres (Karney 2013, through pyproj)."""
    return float(WGS84.inv(longitude_a, latitude_a, longitude_b, latitude_b)[2])


def bearing_deg(latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float) -> float:
    """Initial geodesic bearing from a to b, degrees clockwise from north in [0, 360)."""
    return float(WGS84.inv(longitude_a, latitude_a, longitude_b, latitude_b)[0]) % 360.0


def metres_per_degree(latitude: float) -> tuple[float, float]:
    """North and east metres of one degree on the WGS-84 ellipsoid (meridian and prime-vertical radii).

    >>> [round(metres) for metres in metres_per_degree(28.5)]
    [110828, 97904]
    """
    phi = np.radians(min(abs(latitude), 89.999))
    a, e2 = 6_378_137.0, 0.00669437999014
    w = 1 - e2 * np.sin(phi) ** 2
    meridian, normal = a * (1 - e2) / w**1.5, a / np.sqrt(w)
    return float(np.radians(meridian)), float(np.radians(normal * np.cos(phi)))
