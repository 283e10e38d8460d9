"""Camera models of stills: from the aircraft's own calibration, else from the table of sensors, else EXIF."""

from __future__ import annotations

import math
from collections.abc import Mapping

from drone.recorded.errors import StillsUnusable
from vision.camera import CameraModel

SENSORS_MM: dict[str, tuple[float, int]] = {
    "FC300S": (6.317, 4000), "FC300X": (6.317, 4000), "FC300C": (6.317, 4000),
    "FC330": (6.317, 4000), "FC350": (6.317, 4000), "FC220": (6.317, 4000), "FC7203": (6.317, 4000),
    "FC2103": (6.317, 4056), "FC3170": (6.4, 4000), "FC3582": (9.6, 4032), "FC8482": (9.6, 4032),
    "FC550": (17.3, 4608), "FC6520": (17.3, 5280), "L2D-20C": (17.3, 5280), "M3E": (17.3, 5280),
    "FC6310": (13.2, 5472), "FC6310S": (13.2, 5472), "FC6310R": (13.2, 5472), "L1D-20C": (13.2, 5472),
    "FC3411": (13.2, 5472), "ZENMUSEP1": (35.9, 8192),
}  # fmt: skip
"""Width of the sensor that the widest photo uses, and that photo's width in pixels, by EXIF model."""
FILM_DIAGONAL_MM = 43.2666
SENSOR_ASPECT = 4 / 3
CALIBRATED_SIGMA, SENSOR_SIGMA, FILM_SIGMA = 0.005, 0.01, 0.03
"""One sigma of a focal length as a share of it: calibrated, of a known sensor, of a 35 mm equivalent."""


def camera_of(
    width_px: int,
    height_px: int,
    exif: Mapping[str, float | str],
    xmp: Mapping[str, str],
    warnings: list[str],
) -> CameraModel:
    """The camera of a still.

    Args:
        exif: ``Model``, ``FocalLength`` in mm, ``FocalLengthIn35mmFilm``, as far as the file has them.
        xmp: the aircraft's own pairs, names without their prefix.

    Raises:
        StillsUnusable: the picture says nothing about its focal length.
    """
    model = str(exif.get("Model", "")).strip().strip("\x00") or "camera"
    centre = (width_px / 2, height_px / 2)
    calibrated = _dewarp(width_px, height_px, xmp, model)
    if calibrated is not None:
        return calibrated
    focal_px, sigma = 0.0, CALIBRATED_SIGMA
    if _number(xmp.get("CalibratedFocalLength")) > 0:
        focal_px = _number(xmp.get("CalibratedFocalLength"))
        x, y = (_number(xmp.get(f"CalibratedOpticalCenter{axis}")) for axis in "XY")
        if abs(x - centre[0]) < 0.1 * width_px and abs(y - centre[1]) < 0.1 * height_px:
            centre = (x, y)
    else:
        focal_px, sigma = _focal_px(width_px, model, exif, warnings)
    return CameraModel(
        width_px=width_px, height_px=height_px, fx_px=focal_px, fy_px=focal_px,
        cx_px=centre[0], cy_px=centre[1], name=model, focal_sigma=sigma,
    )  # fmt: skip


def _dewarp(width_px: int, height_px: int, xmp: Mapping[str, str], model: str) -> CameraModel | None:
    """``DewarpData`` "date;fx,fy,cx,cy,k1,k2,p1,p2,k3", centre counted from the middle of the picture.

    ``DewarpFlag`` 1 says that the picture was straightened already: then only the focal length is taken.
    """
    values = [_number(part) for part in xmp.get("DewarpData", "").partition(";")[2].split(",")]
    if len(values) < 9 or values[0] <= 0 or values[1] <= 0:
        return None
    straight = xmp.get("DewarpFlag", "0").strip() == "1"
    k1, k2, p1, p2, k3 = (0.0,) * 5 if straight else values[4:9]
    return CameraModel(
        width_px=width_px, height_px=height_px, fx_px=values[0], fy_px=values[1],
        cx_px=width_px / 2 + values[2], cy_px=height_px / 2 + values[3],
        distortion=(k1, k2, p1, p2, k3), name=model, focal_sigma=CALIBRATED_SIGMA,
    )  # fmt: skip


def _focal_px(
    width_px: int, model: str, exif: Mapping[str, float | str], warnings: list[str]
) -> tuple[float, float]:
    """Focal length in pixels, and one sigma of it as a share."""
    focal_mm, film_mm = _number(exif.get("FocalLength")), _number(exif.get("FocalLengthIn35mmFilm"))
    known = SENSORS_MM.get(model.upper().replace(" ", ""))
    if known is not None and focal_mm > 0:
        sensor_mm, native_px = known
        if width_px not in (native_px, 2 * native_px):
            warnings.append(
                f"the {model} takes photos {native_px} px wide, these are {width_px} px: taken as the "
                "whole picture resized, not cut"
            )
        return focal_mm / sensor_mm * width_px, SENSOR_SIGMA
    if film_mm > 0:
        warnings.append(
            f"the sensor of {model} is not known: its focal length is taken from the 35 mm equivalent of "
            f"{film_mm:g} mm, right to a few per cent"
        )
        diagonal_px = width_px * math.hypot(1.0, 1 / SENSOR_ASPECT)
        return film_mm / FILM_DIAGONAL_MM * diagonal_px, FILM_SIGMA
    raise StillsUnusable(
        f"the stills of {model} do not say their focal length: give the camera by name with --camera"
    )


def _number(value: float | str | None) -> float:
    """A number, 0 where there is none."""
    try:
        number = float(value) if value is not None else 0.0
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0
