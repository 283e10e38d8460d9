"""Changes of a labelled picture: what height, angle, weather, light and the video link do to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.training.sources import ALL, Boxes, Image, Picture, with_class

Random = np.random.Generator
GREY = 114
LEAST_VISIBLE = 0.35
LEAST_PIXELS = 3.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A labelled picture in memory; the fields mean the same as in ``Picture``."""

    image: Image
    boxes: Boxes
    classes: NDArray[np.int64]
    ignore: Boxes
    labelled: frozenset[str]

    @classmethod
    def of(cls, picture: Picture, image: Image | None = None) -> Sample:
        """The sample of a picture on disk; pass its pixels if they are at hand."""
        pixels = picture.read() if image is None else image
        return cls(pixels, picture.boxes, picture.classes, picture.ignore, picture.labelled)


def window(sample: Sample, left: float, top: float, scale: float, size: int, squash: float = 1.0) -> Sample:
    """A square part of a picture, enlarged by ``scale``, grey where the picture ends.

    Args:
        sample: the picture.
        left: left side of the part, in pixels of the picture; may be outside.
        top: its upper side.
        scale: how much the part is enlarged.
        size: side of the result, pixels.
        squash: further scale of the height, for flatter looks.
    """
    pixels = _part(sample.image, left, top, (scale, scale * squash), size)
    factors = np.array([scale, scale * squash] * 2, np.float32)
    shift = np.array([left, top] * 2, np.float32)
    boxes = (sample.boxes - shift) * factors
    ignore = sample.ignore.copy()
    ignore[:, :4] = (ignore[:, :4] - shift) * factors
    moved = Sample(pixels, boxes, sample.classes, ignore, sample.labelled)
    return clip(moved, size, size)


def _part(image: Image, left: float, top: float, scale: tuple[float, float], size: int) -> Image:
    """The pixels of a window; only the part needed is scaled, since stills are large."""
    canvas = np.full((size, size, 3), GREY, np.uint8)
    height, width = image.shape[:2]
    x0, y0 = max(0, int(left)), max(0, int(top))
    x1 = min(width, int(np.ceil(left + size / scale[0])))
    y1 = min(height, int(np.ceil(top + size / scale[1])))
    if x1 <= x0 or y1 <= y0:
        return canvas
    method = cv2.INTER_AREA if scale[1] < 1 else cv2.INTER_LINEAR
    shape = max(1, round((x1 - x0) * scale[0])), max(1, round((y1 - y0) * scale[1]))
    part = cv2.resize(image[y0:y1, x0:x1], shape, interpolation=method)
    column, row = max(0, round((x0 - left) * scale[0])), max(0, round((y0 - top) * scale[1]))
    part = part[: size - row, : size - column]
    canvas[row : row + part.shape[0], column : column + part.shape[1]] = part
    return canvas


def clip(sample: Sample, width: int, height: int) -> Sample:
    """Boxes cut to the picture; what is hardly visible or tiny becomes a place to ignore."""
    limit = np.array([width, height, width, height], np.float32)
    boxes = np.clip(sample.boxes, 0, limit)
    whole = (sample.boxes[:, 2:] - sample.boxes[:, :2]).clip(1e-6).prod(axis=1)
    sides = boxes[:, 2:] - boxes[:, :2]
    inside = sides.prod(axis=1) > 0
    good = inside & (sides.prod(axis=1) / whole >= LEAST_VISIBLE) & (sides.min(axis=1) >= LEAST_PIXELS)
    ignore = sample.ignore.copy()
    ignore[:, :4] = np.clip(ignore[:, :4], 0, limit)
    ignore = ignore[(ignore[:, 2:4] - ignore[:, :2]).prod(axis=1) > 0]
    doubtful = with_class(boxes[inside & ~good], ALL)
    return replace(
        sample, boxes=boxes[good], classes=sample.classes[good], ignore=np.concatenate([ignore, doubtful])
    )


def flip(sample: Sample) -> Sample:
    """Left and right exchanged."""
    width = sample.image.shape[1]
    boxes, ignore = sample.boxes.copy(), sample.ignore.copy()
    boxes[:, [0, 2]] = width - sample.boxes[:, [2, 0]]
    ignore[:, [0, 2]] = width - sample.ignore[:, [2, 0]]
    return replace(sample, image=np.ascontiguousarray(sample.image[:, ::-1]), boxes=boxes, ignore=ignore)


def quarter_turns(sample: Sample, turns: int) -> Sample:
    """Turned by multiples of 90 degrees; right for views straight down only."""
    boxes, ignore, image = sample.boxes, sample.ignore, sample.image
    for _ in range(turns % 4):
        width = image.shape[1]
        image = np.rot90(image)
        boxes = np.stack([boxes[:, 1], width - boxes[:, 2], boxes[:, 3], width - boxes[:, 0]], axis=1)
        ignore = np.stack(
            [ignore[:, 1], width - ignore[:, 2], ignore[:, 3], width - ignore[:, 0], ignore[:, 4]], axis=1
        )
    return replace(sample, image=np.ascontiguousarray(image), boxes=boxes, ignore=ignore)


def tiles_of(samples: Sequence[Sample], columns: int, size: int) -> Sample:
    """Samples of ``size // columns`` pixels side by side in one picture."""
    cell = size // columns
    image = np.full((size, size, 3), GREY, np.uint8)
    boxes, classes, ignore = [], [], []
    for index, sample in enumerate(samples):
        top, left = (index // columns) * cell, (index % columns) * cell
        image[top : top + cell, left : left + cell] = sample.image
        shift = np.array([left, top, left, top], np.float32)
        boxes.append(sample.boxes + shift)
        classes.append(sample.classes)
        ignore.append(sample.ignore + np.append(shift, 0).astype(np.float32))
    return Sample(
        image,
        np.concatenate(boxes),
        np.concatenate(classes),
        np.concatenate(ignore),
        frozenset.intersection(*[s.labelled for s in samples]),
    )


def colours(image: Image, random: Random, strength: float = 1.0) -> Image:
    """Hue, saturation and brightness changed."""
    hue, saturation, value = random.uniform(-1, 1, 3) * np.array([0.015, 0.5, 0.35]) * strength
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    steps = np.arange(256)
    tables = [
        ((steps + hue * 180) % 180).astype(np.uint8),
        np.clip(steps * (1 + saturation), 0, 255).astype(np.uint8),
        np.clip(steps * (1 + value), 0, 255).astype(np.uint8),
    ]
    changed = cv2.merge(
        [cv2.LUT(channel, table) for channel, table in zip(cv2.split(hsv), tables, strict=True)]
    )
    return np.asarray(cv2.cvtColor(changed, cv2.COLOR_HSV2RGB), np.uint8)


def night(image: Image, random: Random) -> Image:
    """Dark, bluish and noisy."""
    gain = random.uniform(0.2, 0.5)
    tint = np.array([0.9, 0.95, 1.1]) * gain
    noise = random.normal(0, random.uniform(3, 9), image.shape[:2])[..., None]
    return np.asarray(np.clip(image * tint + noise + 4, 0, 255), np.uint8)


def haze(image: Image, random: Random) -> Image:
    """Contrast lost towards a bright grey, more towards the upper side."""
    strength = random.uniform(0.1, 0.5)
    depth = np.linspace(strength, strength * random.uniform(0.3, 1.0), image.shape[0])[:, None, None]
    return np.asarray(image * (1 - depth) + random.uniform(170, 225) * depth, np.uint8)


def blur(image: Image, random: Random) -> Image:
    """Out of focus, or moved during the exposure."""
    if random.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), random.uniform(0.4, 1.4)), np.uint8)
    length = int(random.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    angle = random.uniform(0, np.pi)
    middle = (length - 1) / 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * middle
    start, end = (np.round(middle + sign * reach).astype(int) for sign in (-1, 1))
    cv2.line(kernel, tuple(map(int, start)), tuple(map(int, end)), 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / max(float(kernel.sum()), 1e-6)), np.uint8)


def recompress(image: Image, random: Random) -> Image:
    """Through JPEG at a quality of 25 to 75."""
    quality = int(random.integers(25, 76))
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def degrade(image: Image, random: Random) -> Image:
    """A random selection of what light, weather and the video link do."""
    image = colours(image, random)
    if random.random() < 0.10:
        image = night(image, random)
    elif random.random() < 0.15:
        image = haze(image, random)
    if random.random() < 0.25:
        image = blur(image, random)
    if random.random() < 0.4:
        image = recompress(image, random)
    return image


def degrade_thermal(image: Image, random: Random) -> Image:
    """What a thermal camera does: other gain and level, black for hot, noise, blur, the video link."""
    gain, level = random.uniform(0.6, 1.4), random.uniform(-35, 35)
    noise = random.normal(0, random.uniform(0, 5), image.shape[:2])[..., None]
    middle = float(image.mean())
    image = np.asarray(np.clip((image - middle) * gain + middle + level + noise, 0, 255), np.uint8)
    if random.random() < 0.1:
        image = np.asarray(255 - image, np.uint8)
    if random.random() < 0.2:
        image = blur(image, random)
    if random.random() < 0.3:
        image = recompress(image, random)
    return image


def paste_fire(sample: Sample, patch: Image, index: int, random: Random, bright: bool) -> Sample:
    """A patch of flames or smoke put onto a picture with soft edges.

    Flames are brighter than what is behind them and are screened in; smoke covers. The place must not hide
    labelled objects: after eight tries the sample is returned unchanged.
    """
    side = float(np.exp(random.uniform(np.log(16), np.log(140))))
    scale = side / max(patch.shape[:2])
    patch = np.asarray(cv2.resize(patch, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    height, width = patch.shape[:2]
    canvas_height, canvas_width = sample.image.shape[:2]
    if min(height, width) < 6 or height >= canvas_height or width >= canvas_width:
        return sample
    for _ in range(8):
        left = int(random.integers(0, canvas_width - width))
        top = int(random.integers(0, canvas_height - height))
        box = np.array([[left, top, left + width, top + height]], np.float32)
        low = np.maximum(box[:, :2], sample.boxes[:, :2])
        high = np.minimum(box[:, 2:], sample.boxes[:, 2:])
        if not (np.clip(high - low, 0, None).prod(axis=1) > 0).any():
            break
    else:
        return sample
    image = sample.image.copy()
    place = image[top : top + height, left : left + width]
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    soft = np.clip((1.05 - np.sqrt(x**2 + y**2)) * 2.5, 0, 1)[..., None]
    if bright:
        light = np.clip((patch.astype(np.float32) - 60) * 1.3, 0, 255) * soft
        mixed = 255 - (255 - place) * (255 - light) / 255
    else:
        mixed = place * (1 - 0.85 * soft) + patch * 0.85 * soft
    place[:] = np.clip(mixed, 0, 255).astype(np.uint8)
    return replace(
        sample,
        image=image,
        boxes=np.concatenate([sample.boxes, box]),
        classes=np.append(sample.classes, index).astype(np.int64),
    )
