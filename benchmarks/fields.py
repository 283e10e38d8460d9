"""Rays of a field trial with surveyed points, as OpenAthena writes them: one place that reads such files.

A ray file is a CSV with one row per pixel that somebody pointed at: where the aircraft was, how steeply its
camera looked, the camera's numbers, the pixel, and the answer that the trial's own software gave. A control
file is a CSV with the surveyed places (``Latitude``, ``Longitude``). Columns may stand in any order and in
either case, with commas, semicolons or tabs between them; further ones are ignored.

What is not in a ray file is worked out here:

- **The camera's heading.** The software adds the pixel's angle across the image to the heading, so the
  heading is the bearing from the aircraft to the answer minus ``yawOffsetDegSelectedPoint``, turned round
  where the ray points back under the aircraft. (That sum is exact for a level camera only. Ours turns the ray
  by the whole attitude: that is where the answers differ.) A ray straight down has no bearing: the heading is
  that of another ray of its image. Where the column is missing, the angle is worked out from the pixel.
- **The height over the ground.** Heights of aircraft, answers and control points do not share a datum. The
  aircraft's height counts from the ground that the answer names (``droneElevationHAE - hae``), and the ground
  is flat there. So places are judged horizontally only.
- **The zoom.** Whether the focal length holds the digital zoom already is not said: of both readings that one
  counts which agrees with the angles of the pixel in the file.
- **Other lenses.** Of a lens that is not perspective (a fisheye) those angles count instead of the pixel.

Which point a pixel showed is not in the file either: a place counts as the control point nearest to it. Rays
whose answer lies more than ``FAR_M`` from every control point show none of them and are left out.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from missions.geodesy import Array, LocalFrame, bearing_deg, distance_m
from missions.messages import CameraMessage, Look, PoseMessage
from vision.camera import CameraModel

RAY_COLUMNS = (
    "lat", "lon", "hae", "droneLatitude", "droneLongitude", "droneElevationHAE", "cameraSlantAngleDeg",
    "imageWidth", "imageLength", "imageSelectedProportionX", "imageSelectedProportionY",
)  # fmt: skip
IMAGE_COLUMNS = ("droneLatitude", "droneLongitude", "droneElevationHAE", "cameraSlantAngleDeg")
FOCAL_COLUMNS = ("f_x", "f_y")
DISTORTION_COLUMNS = ("k1", "k2", "p1", "p2", "k3")
ROLL, ACROSS, UPWARDS = "cameraRollAngleDeg", "yawOffsetDegSelectedPoint", "pitchOffsetDegSelectedPoint"
CONTROL_COLUMNS = ("Latitude", "Longitude")
POSITION_SIGMA_M, ALTITUDE_SIGMA_M = 2.0, 3.0
HEADING_SIGMA_DEG, ATTITUDE_SIGMA_DEG = 2.0, 1.0
PIXEL_SIGMA_SHARE = 10 / 4056
"""What a small aircraft without RTK says of itself, one standard deviation. A person pointed at the pixel, as
well as a picture as large as the screen lets them: that share of its width."""
UNKNOWN_FOCAL_SIGMA = 0.03
"""Of the focal length as a share of it, where the trial's software did not know the camera."""
FAR_M = 60.0
STRAIGHT_DOWN_M = 0.5
WIDEST_DEG = 80.0
USUAL_FOCAL = 0.7
"""Focal length over width, where a lens is known by angles alone; it only tells what a pixel is worth."""


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


@dataclass(frozen=True, slots=True)
class _Ray:
    """A usable row: its numbers by column, the pixel, and the camera that the pixel is of."""

    line: int
    row: Mapping[str, float]
    pixel: tuple[float, float]
    camera: CameraModel

    @property
    def image(self) -> tuple[float, ...]:
        return (*(self.row[name] for name in IMAGE_COLUMNS), self.row.get(ROLL, 0.0))

    @property
    def aircraft(self) -> tuple[float, float]:
        return self.row["droneLatitude"], self.row["droneLongitude"]

    @property
    def answer(self) -> tuple[float, float]:
        return self.row["lat"], self.row["lon"]


def read_field(rays: Path, control_points: Path) -> Field:
    """Read a pair of files.

    Raises:
        FieldInvalid: a file is missing or empty, lacks a column, or holds no usable row.
    """
    surveyed = [
        (row["Latitude"], row["Longitude"])
        for _, _, row in _rows(control_points, CONTROL_COLUMNS)
        if _is_place(row, *CONTROL_COLUMNS)
    ]
    if not surveyed:
        raise FieldInvalid(f"{control_points} holds no place in degrees (columns Latitude, Longitude)")
    frame = LocalFrame(*np.mean(surveyed, axis=0))
    control = frame.to_enu(*zip(*surveyed, strict=True))[:, :2]
    found: list[_Ray] = []
    left_out: list[str] = []
    for line, texts, row in _rows(rays, RAY_COLUMNS):
        ray = _ray(line, texts, row)
        if isinstance(ray, _Ray):
            gap_m = np.linalg.norm(control - frame.to_enu(*ray.answer)[0, :2], axis=1).min()
            if gap_m <= FAR_M:
                found.append(ray)
                continue
            ray = f"its answer lies {gap_m:.0f} m from the nearest control point"
        left_out.append(f"line {line}: {ray}")
    if not found:
        why = left_out[0] if left_out else "it has no rows"
        raise FieldInvalid(f"{rays} holds no usable ray: {why}")
    looks, known = _looks(found), dict[tuple[float, ...], int]()
    return Field(
        frame=frame, looks=looks, left_out=left_out, control=control,
        images=np.array([known.setdefault(ray.image, len(known)) for ray in found]),
        answers=frame.to_enu(*zip(*(ray.answer for ray in found), strict=True))[:, :2],
    )  # fmt: skip


def _ray(line: int, texts: Mapping[str, str], row: Mapping[str, float]) -> _Ray | str:
    """A ray, or why it cannot be used."""
    known = (texts.get("isCameraModelRecognized") or "true").strip().lower() != "false"
    lens = (texts.get("lensType") or "perspective").strip().lower()
    by_angles = lens != "perspective"
    needed = (*RAY_COLUMNS, *((ACROSS, UPWARDS) if by_angles else FOCAL_COLUMNS))
    wrong = [name for name in needed if name not in row]
    if wrong:
        return f"no number in {', '.join(wrong)}" + (f", of a {lens} lens" if by_angles else "")
    width, height = int(row["imageWidth"]), int(row["imageLength"])
    focal = (USUAL_FOCAL * width,) * 2 if by_angles else (row["f_x"], row["f_y"])
    if min(width, height, *focal) <= 0:
        return "the camera's size or focal length is not positive"
    if not (_is_place(row, "lat", "lon") and _is_place(row, "droneLatitude", "droneLongitude")):
        return "a place is not in degrees"
    pixel = row["imageSelectedProportionX"] * width, row["imageSelectedProportionY"] * height
    distortion = 0.0, 0.0, 0.0, 0.0, 0.0
    if by_angles:
        across, upwards = row[ACROSS], row[UPWARDS]
        if max(abs(across), abs(upwards)) > WIDEST_DEG:
            return f"it lies more than {WIDEST_DEG:.0f} degrees off the axis of its {lens} lens"
        tangents = math.tan(math.radians(across)), -math.tan(math.radians(upwards))
        pixel = width / 2 + focal[0] * tangents[0], height / 2 + focal[1] * tangents[1]
    else:
        zoom = _zoom(row, pixel)
        focal = focal[0] * zoom, focal[1] * zoom
        k1, k2, p1, p2, k3 = (row.get(name, 0.0) for name in DISTORTION_COLUMNS)
        distortion = k1, k2, p1, p2, k3
    camera = CameraModel(
        width_px=width, height_px=height, fx_px=focal[0], fy_px=focal[1], cx_px=width / 2, cy_px=height / 2,
        distortion=distortion, focal_sigma=0.0 if known else UNKNOWN_FOCAL_SIGMA,
    )  # fmt: skip
    return _Ray(line, row, pixel, camera)


def _zoom(row: Mapping[str, float], pixel: tuple[float, float]) -> float:
    """What the focal length has to be multiplied with: 1, or the digital zoom where the angles say so."""
    zoom = row.get("digitalZoomRatio", 1.0)
    if zoom <= 0 or zoom == 1 or ACROSS not in row or UPWARDS not in row:
        return 1.0
    told = np.tan(np.radians([row[ACROSS], -row[UPWARDS]]))
    middle = np.array([row["imageWidth"], row["imageLength"]]) / 2
    tangents = (np.array(pixel) - middle) / [row["f_x"], row["f_y"]]
    return min((1.0, zoom), key=lambda factor: float(np.linalg.norm(tangents / factor - told)))


def _looks(rays: Sequence[_Ray]) -> list[Look]:
    """All rays as looks; those straight down take the heading of another ray of their image."""
    headings = [_heading_deg(ray) for ray in rays]
    of_image: dict[tuple[float, ...], float] = {}
    for ray, heading in zip(rays, headings, strict=True):
        if heading is not None:
            of_image.setdefault(ray.image, heading)
    return [
        _look(ray, of_image.get(ray.image, 0.0) if heading is None else heading)
        for ray, heading in zip(rays, headings, strict=True)
    ]


def _heading_deg(ray: _Ray) -> float | None:
    """Where the camera looked by the trial's software, clockwise from north; None straight down."""
    if distance_m(*ray.aircraft, *ray.answer) < STRAIGHT_DOWN_M:
        return None
    bearing = bearing_deg(*ray.aircraft, *ray.answer)
    right, down, ahead = ray.camera.camera_rays([ray.pixel])[0]
    across = ray.row.get(ACROSS, math.degrees(math.atan2(right, ahead)))
    upwards = ray.row.get(UPWARDS, math.degrees(math.atan2(-down, ahead)))
    backwards = ray.row["cameraSlantAngleDeg"] - upwards > 90.0
    return bearing - across + (180.0 if backwards else 0.0)


def _look(ray: _Ray, heading_deg: float) -> Look:
    """One ray as a look; its heights count from the ground that its own answer names."""
    camera, row = ray.camera, ray.row
    return Look(
        frame_index=0, u_px=ray.pixel[0], v_px=ray.pixel[1], box=(0, 0, 1, 1), score=1.0,
        pixel_sigma_px=PIXEL_SIGMA_SHARE * camera.width_px,
        pose=PoseMessage(
            captured_at=datetime(2024, 7, 22, tzinfo=UTC), latitude=row["droneLatitude"],
            longitude=row["droneLongitude"], altitude_amsl_m=row["droneElevationHAE"] - row["hae"],
            yaw_deg=heading_deg, pitch_deg=-row["cameraSlantAngleDeg"], roll_deg=row.get(ROLL, 0.0),
            position_sigma_m=POSITION_SIGMA_M, altitude_sigma_m=ALTITUDE_SIGMA_M,
            attitude_sigma_deg=ATTITUDE_SIGMA_DEG, heading_sigma_deg=HEADING_SIGMA_DEG,
        ),
        camera=CameraMessage(
            width_px=camera.width_px, height_px=camera.height_px, fx_px=camera.fx_px, fy_px=camera.fy_px,
            cx_px=camera.cx_px, cy_px=camera.cy_px, distortion=camera.distortion,
            focal_sigma=camera.focal_sigma,
        ),
    )  # fmt: skip


def _rows(path: Path, columns: Iterable[str]) -> Iterator[tuple[int, dict[str, str], dict[str, float]]]:
    """Line number, texts and numbers of each row, by the columns' usual names."""
    usual = {
        name.lower(): name
        for name in (*RAY_COLUMNS, *FOCAL_COLUMNS, *DISTORTION_COLUMNS, *CONTROL_COLUMNS, ROLL, ACROSS,
                     UPWARDS, "digitalZoomRatio", "lensType", "isCameraModelRecognized")
    }  # fmt: skip
    try:
        text = path.read_text(encoding="utf-8-sig")
        if not text.strip():
            raise FieldInvalid(f"{path} is empty")
        first = text.lstrip().splitlines()[0]
        reader = csv.reader(text.splitlines(), delimiter=max(",;\t", key=first.count))
        header = [usual.get(name.strip().lower(), name.strip()) for name in next(filter(any, reader))]
        missing = [name for name in columns if name not in header]
        if missing:
            raise FieldInvalid(f"{path} lacks the columns {', '.join(missing)}: is it the right file?")
        for values in reader:
            if any(value.strip() for value in values):
                texts = dict(zip(header, values, strict=False))
                numbers = {name: v for name, text in texts.items() if (v := _number(text)) is not None}
                yield reader.line_num, texts, numbers
    except OSError as error:
        raise FieldInvalid(f"{path} cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FieldInvalid(f"{path} is no CSV file: {error}") from error


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _is_place(row: Mapping[str, float], latitude: str, longitude: str) -> bool:
    return abs(row.get(latitude, math.inf)) <= 90 and abs(row.get(longitude, math.inf)) <= 180
