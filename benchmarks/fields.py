"""Rays of a field trial with surveyed points, as OpenAthena writes them: one place that reads such files.

A ray file is a CSV with one row per pixel that somebody pointed at: where the aircraft was, how steeply its
camera looked, the camera's numbers, the pixel, and the answer that the trial's own software gave. A control
file is a CSV with the surveyed places (``Latitude``, ``Longitude``).

Two things are not in a ray file and are worked out here:

- **The camera's heading.** The software adds the pixel's angle across the image to the heading, so the
  heading is the bearing from the aircraft to the answer minus ``yawOffsetDegSelectedPoint``. (That sum is
  exact for a level camera only. Ours turns the ray by the whole attitude: that is where the answers differ.)
- **The height over the ground.** Heights of aircraft, answers and control points do not share a datum. The
  aircraft's height counts from the ground that the answer names (``droneElevationHAE - hae``), and the ground
  is flat there. So places are judged horizontally only.

Which point a pixel showed is not in the file either: a place counts as the control point nearest to it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from missions.geodesy import Array, LocalFrame, bearing_deg
from missions.messages import CameraMessage, Look, PoseMessage

RAY_COLUMNS = (
    "lat", "lon", "hae", "droneLatitude", "droneLongitude", "droneElevationHAE", "cameraRollAngleDeg",
    "cameraSlantAngleDeg", "imageWidth", "imageLength", "f_x", "f_y", "imageSelectedProportionX",
    "imageSelectedProportionY", "yawOffsetDegSelectedPoint",
)  # fmt: skip
DISTORTION_COLUMNS = ("k1", "k2", "p1", "p2", "k3")
CONTROL_COLUMNS = ("Latitude", "Longitude")
POSITION_SIGMA_M, ALTITUDE_SIGMA_M = 2.0, 3.0
HEADING_SIGMA_DEG, ATTITUDE_SIGMA_DEG = 2.0, 1.0
PIXEL_SIGMA_PX = 10.0
"""What a small aircraft without RTK says of itself, one standard deviation; a person pointed at the pixel."""


class FieldInvalid(ValueError):
    """The files are no field trial; the message says what is wrong in which one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A trial of N rays in I images over C surveyed points, metres east and north of ``frame``.

    looks: N. images: (N,) number of the image each ray is from. answers: (N, 2) of the trial's software.
    control: (C, 2). left_out: why rays of the file are not in it, one sentence each.
    """

    frame: LocalFrame
    looks: list[Look]
    images: NDArray[np.int64]
    answers: Array
    control: Array
    left_out: list[str]

    def nearest(self, places: Array) -> NDArray[np.int64]:
        """Number of the control point nearest to each place, (N, 2) -> (N,)."""
        gaps = np.linalg.norm(places[:, None] - self.control[None], axis=2)
        return np.asarray(gaps.argmin(1))


def read_field(rays: Path, control_points: Path) -> Field:
    """Read a pair of files.

    Raises:
        FieldInvalid: a file is missing or empty, lacks a column, or holds no usable row.
    """
    points = [_numbers(row, CONTROL_COLUMNS) for row in _rows(control_points, CONTROL_COLUMNS)]
    surveyed = [point for point in points if point is not None and _is_place(point)]
    if not surveyed:
        raise FieldInvalid(f"{control_points} holds no place in degrees (columns Latitude, Longitude)")
    looks, answers, images, left_out = [], [], [], []
    known: dict[tuple[float, ...], int] = {}
    for number, row in enumerate(_rows(rays, RAY_COLUMNS), 2):
        values = _numbers(row, RAY_COLUMNS)
        problem = _problem(row, values)
        if problem or values is None:
            left_out.append(f"line {number}: {problem}")
            continue
        distortion = [_number(row.get(name)) or 0.0 for name in DISTORTION_COLUMNS]
        looks.append(look_of(values, distortion))
        answers.append((values["lat"], values["lon"]))
        shot = tuple(values[name] for name in RAY_COLUMNS[3:8])
        images.append(known.setdefault(shot, len(known)))
    if not looks:
        raise FieldInvalid(f"{rays} holds no usable ray: {left_out[0] if left_out else 'it has no rows'}")
    frame = LocalFrame(*np.mean([(p["Latitude"], p["Longitude"]) for p in surveyed], axis=0))
    return Field(
        frame=frame, looks=looks, images=np.array(images), left_out=left_out,
        answers=frame.to_enu(*zip(*answers, strict=True))[:, :2],
        control=frame.to_enu([p["Latitude"] for p in surveyed], [p["Longitude"] for p in surveyed])[:, :2],
    )  # fmt: skip


def look_of(row: Mapping[str, float], distortion: Iterable[float]) -> Look:
    """One ray as a look; its heights count from the ground that its own answer names."""
    width, height = int(row["imageWidth"]), int(row["imageLength"])
    azimuth = bearing_deg(row["droneLatitude"], row["droneLongitude"], row["lat"], row["lon"])
    k1, k2, p1, p2, k3 = distortion
    return Look(
        frame_index=0, u_px=row["imageSelectedProportionX"] * width,
        v_px=row["imageSelectedProportionY"] * height, box=(0, 0, 1, 1), score=1.0,
        pixel_sigma_px=PIXEL_SIGMA_PX,
        pose=PoseMessage(
            captured_at=datetime(2024, 7, 22, tzinfo=UTC), latitude=row["droneLatitude"],
            longitude=row["droneLongitude"], altitude_amsl_m=row["droneElevationHAE"] - row["hae"],
            yaw_deg=azimuth - row["yawOffsetDegSelectedPoint"], pitch_deg=-row["cameraSlantAngleDeg"],
            roll_deg=row["cameraRollAngleDeg"], position_sigma_m=POSITION_SIGMA_M,
            altitude_sigma_m=ALTITUDE_SIGMA_M, attitude_sigma_deg=ATTITUDE_SIGMA_DEG,
            heading_sigma_deg=HEADING_SIGMA_DEG,
        ),
        camera=CameraMessage(
            width_px=width, height_px=height, fx_px=row["f_x"], fy_px=row["f_y"], cx_px=width / 2,
            cy_px=height / 2, distortion=(k1, k2, p1, p2, k3),
        ),
    )  # fmt: skip


def _rows(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise FieldInvalid(f"{path} lacks the columns {', '.join(missing)}: is it the right file?")
            return list(reader)
    except OSError as error:
        raise FieldInvalid(f"{path} cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FieldInvalid(f"{path} is no CSV file: {error}") from error


def _numbers(row: Mapping[str, str | None], columns: Iterable[str]) -> dict[str, float] | None:
    """The columns as numbers; None when one of them is none."""
    values = {name: _number(row.get(name)) for name in columns}
    return {name: v for name, v in values.items() if v is not None} if None not in values.values() else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _is_place(values: Mapping[str, float]) -> bool:
    latitude, longitude = list(values.values())[:2]
    return abs(latitude) <= 90 and abs(longitude) <= 180


def _problem(row: Mapping[str, str | None], values: Mapping[str, float] | None) -> str:
    """Why a ray cannot be used; empty when it can."""
    if values is None:
        wrong = [name for name in RAY_COLUMNS if _number(row.get(name)) is None]
        return f"no number in {', '.join(wrong)}"
    if (row.get("lensType") or "perspective").strip().lower() != "perspective":
        return f"a lens of the type {row.get('lensType')} is not modelled"
    if min(values["imageWidth"], values["imageLength"], values["f_x"], values["f_y"]) <= 0:
        return "the camera's size or focal length is not positive"
    places = ("lat", "lon"), ("droneLatitude", "droneLongitude")
    if not all(_is_place({name: values[name] for name in pair}) for pair in places):
        return "a place is not in degrees"
    return ""
