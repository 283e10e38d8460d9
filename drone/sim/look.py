"""How the light falls and how the camera renders it: fixed by default, varied for training pictures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Sun (azimuth clockwise from north, elevation), shadow depth, haze per 100 m, and the camera's own
    marks.
    """

    sun_azimuth_deg: float = 148.0
    sun_elevation_deg: float = 52.0
    shadow: float = 0.46
    haze_per_100m: float = 0.07
    haze_colour: tuple[float, float, float] = (206.0, 212.0, 218.0)
    gain: float = 1.13
    contrast: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise: float = 2.4
    blur_px: float = 0.0
    vignette: float = 0.12
    night: bool = False

    @property
    def sun(self) -> Array:
        """Unit vector towards the sun, shape (3,)."""
        a, e = np.radians(self.sun_azimuth_deg), np.radians(self.sun_elevation_deg)
        return np.array([np.sin(a) * np.cos(e), np.cos(a) * np.cos(e), np.sin(e)])

    @property
    def shadow_shift(self) -> Array:
        """Horizontal shift (2,) of the shadow of a point one metre up."""
        sun = self.sun
        return np.asarray(-sun[:2] / max(sun[2], 0.2))

    def shade(self, normals: Array) -> Array:
        """Light on surfaces with unit normals (..., 3), about 1 on sunlit level ground."""
        if self.night:
            return 0.92 + 0.08 * normals[..., 2]
        sunlit = np.maximum(normals @ self.sun, 0.0) / self.sun[2]
        sky = 0.5 + 0.5 * normals[..., 2]
        direct = np.clip(1.15 * self.shadow, 0.0, 0.7)
        return np.asarray(np.clip((1 - direct) * (0.62 + 0.38 * sky) + direct * sunlit, 0.3, 1.2))


def random_look(seed: int, night: bool = False) -> Look:
    """A look for training: any sun from bright to overcast, haze, exposure, colour balance, noise, blur."""
    rng = np.random.default_rng(seed)
    overcast = rng.random() < 0.4
    warm = rng.normal(0, 0.035)
    return Look(
        sun_azimuth_deg=float(rng.uniform(80, 280)),
        sun_elevation_deg=float(rng.uniform(32, 72)),
        shadow=float(rng.uniform(0.05, 0.2) if overcast else rng.uniform(0.3, 0.58)),
        haze_per_100m=float(rng.uniform(0.0, 0.22) ** 1.3),
        gain=float(rng.uniform(0.82, 1.4)),
        contrast=float(rng.uniform(0.82, 1.18)),
        tint=(1.0 + warm, 1.0, 1.0 - warm + float(rng.normal(0, 0.015))),
        noise=float(rng.uniform(0.5, 6.0)),
        blur_px=float(max(0.0, rng.normal(0.2, 0.45))),
        vignette=float(rng.uniform(0.0, 0.25)),
        night=night,
    )


class Darkroom:
    """Turns a raw picture into what the camera would have recorded. Deterministic in the time given."""

    def __init__(self, look: Look, width_px: int, height_px: int) -> None:
        self.look = look
        rng = np.random.default_rng(17)
        grain = rng.normal(0, look.noise, (height_px + 64, width_px + 64))
        grain = 0.55 * grain + 0.45 * cv2.GaussianBlur(grain, (0, 0), 0.8) * 2.0
        self._plus = cv2.merge([np.clip(np.round(grain), 0, 60).astype(np.uint8)] * 3)
        self._minus = cv2.merge([np.clip(np.round(-grain), 0, 60).astype(np.uint8)] * 3)
        y, x = np.mgrid[0:height_px, 0:width_px]
        r2 = ((x / width_px - 0.5) ** 2 + (y / height_px - 0.5) ** 2) * 2
        self._vignette = cv2.merge([np.round(255 * (1 - look.vignette * r2**1.2)).astype(np.uint8)] * 3)
        levels = np.arange(256, dtype=np.float64)
        curves = [
            np.clip(((levels * look.gain * tint) - 118) * look.contrast + 118, 0, 255) for tint in look.tint
        ]
        self._curves = np.stack(curves, 1).round().astype(np.uint8)[None]

    def develop(self, picture: Picture, time_s: float, distances_m: Array) -> Picture:
        """Apply haze by row (``distances_m``, shape (H,)), exposure, blur, vignette and grain."""
        look = self.look
        veil = 1.0 - np.exp(-look.haze_per_100m * np.minimum(distances_m, 2000.0) / 100.0)
        height, width = picture.shape[:2]
        glow = np.asarray(look.haze_colour) * (0.12 if look.night else 1.0)
        keep = np.repeat(np.round(255 * (1 - veil)).astype(np.uint8)[:, None, None], 3, 2)
        add = np.round(veil[:, None, None] * glow).astype(np.uint8)
        keep, add = (
            cv2.resize(column, (width, height), interpolation=cv2.INTER_NEAREST) for column in (keep, add)
        )
        picture = cv2.add(cv2.multiply(picture, keep, scale=1 / 255), add)
        picture = cv2.LUT(picture, self._curves)
        if look.blur_px > 0.25:
            picture = cv2.GaussianBlur(picture, (0, 0), look.blur_px)
        if look.vignette > 0.01:
            picture = cv2.multiply(picture, self._vignette, scale=1 / 255)
        if look.noise > 0.2:
            step = round(time_s * 1000)
            dy, dx = (step * 7919) % 64, (step * 104729) % 61
            window = np.s_[dy : dy + height, dx : dx + width]
            picture = cv2.subtract(cv2.add(picture, self._plus[window]), self._minus[window])
        return np.asarray(picture, np.uint8)
