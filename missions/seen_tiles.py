"""The lattice of the ledger of ground seen: squares, tiles of them, and how records are merged and packed.

A square is 1/128 of 0.001 degree of latitude and of longitude: 0.87 m from south to north and, between 18 and
54 degrees, 0.83 to 0.51 m from west to east. The lattice is the same for everybody, so that agents and
servers need to agree on nothing, and cells can be redrawn without losing what was seen. A tile holds 128 x
128 squares.

For each square a tile keeps the last time it was seen, by the set of algorithms that looked and by class of
fineness. Merging takes the greater time of each: a join of a semilattice (commutative, associative,
idempotent; a state-based CRDT in the sense of Shapiro et al. 2011), so that neither order nor repetition of
reports matters and a square once seen stays seen.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from missions.errors import FileInvalid
from missions.geodesy import Array, LocalFrame

SIDE = 128
TILE_DEG = 0.001
SQUARE_DEG = TILE_DEG / SIDE
FINENESS_M = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.20, 0.50)
"""Upper bounds of the classes of fineness, metres of ground for one pixel; coarser ground counts as not
seen."""
DWELL_STEP_S = 0.1
MAGIC = b"SEEN1"
MOST_LAYERS = 64
MOST_BYTES = (MOST_LAYERS + 1) * SIDE * SIDE * 4 + 65536

TileKey = tuple[int, int]
"""Row and column of a tile: its south-west corner is (row, column) x ``TILE_DEG``."""
Layer = tuple[str, int]
"""Who looked (names of algorithms, sorted, joined by ``+``) and the class of fineness."""
Times = NDArray[np.uint32]
"""(128, 128) seconds since 1970 UTC, row 0 in the south; 0 stands for never."""


class SeenInvalid(FileInvalid):
    """The report of ground seen cannot be read: send what ``SeenTile.packed`` gives."""


def squares_at(latitude: ArrayLike, longitude: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column in the whole lattice, (N,) each, of the squares that hold points in degrees."""
    lat, lon = np.asarray(latitude, float), np.asarray(longitude, float)
    return np.floor(lat / SQUARE_DEG).astype(np.int64), np.floor(lon / SQUARE_DEG).astype(np.int64)


def tiles_within(bounds: tuple[float, float, float, float]) -> list[TileKey]:
    """Tiles that touch west, south, east, north in degrees."""
    west, south, east, north = bounds
    rows = range(int(np.floor(south / TILE_DEG)), int(np.floor(north / TILE_DEG)) + 1)
    columns = range(int(np.floor(west / TILE_DEG)), int(np.floor(east / TILE_DEG)) + 1)
    return [(row, column) for row in rows for column in columns]


def centres_of(tile: TileKey) -> tuple[Array, Array]:
    """Latitude (128,) of the rows and longitude (128,) of the columns of a tile, at the middle of squares."""
    steps = np.asarray((np.arange(SIDE) + 0.5) * SQUARE_DEG, np.float64)
    return tile[0] * TILE_DEG + steps, tile[1] * TILE_DEG + steps


def square_m2(tile: TileKey) -> float:
    """Area of one square of a tile; within a tile it varies by less than 2e-5."""
    return _square_m2(tile[0])


@lru_cache(maxsize=4096)
def _square_m2(row: int) -> float:
    """All tiles of a row are alike."""
    latitude = (row + 0.5) * TILE_DEG
    frame = LocalFrame(latitude, 0.0)
    east, north, _ = frame.to_enu(latitude + SQUARE_DEG, SQUARE_DEG)[0]
    return float(east * north)


def fineness_class(fineness_m: ArrayLike) -> NDArray[np.int64]:
    """Class of each fineness, ``len(FINENESS_M)`` for ground too coarse to count."""
    return np.searchsorted(np.array(FINENESS_M), np.asarray(fineness_m, float) - 1e-9)


def class_within(fineness_m: float) -> float:
    """The coarsest class of ``FINENESS_M`` that is as fine as asked for; the finest where none is.

    >>> class_within(0.10), class_within(0.12), class_within(0.001)
    (0.08, 0.12, 0.01)
    """
    return max((one for one in FINENESS_M if one <= fineness_m + 1e-9), default=FINENESS_M[0])


def algorithms_key(names: Iterable[str]) -> str:
    """The name of a set of algorithms.

    >>> algorithms_key(["patrol-rgb", "crowds", "crowds"])
    'crowds+patrol-rgb'

    Raises:
        ValueError: there is none, or a name is empty, too long or holds ``+``.
    """
    found = sorted(set(names))
    if not found or any(not name or "+" in name or len(name) > 64 for name in found):
        raise ValueError("name at least one algorithm, each in 1 to 64 characters without '+'")
    return "+".join(found)


@dataclass(slots=True)
class SeenTile:
    """What was seen in one tile.

    layers: last times by layer. dwell_s: (128, 128) float32 seconds that each square was in view; of one
    flight.
    """

    key: TileKey
    layers: dict[Layer, Times] = field(default_factory=dict)
    dwell_s: NDArray[np.float32] = field(default_factory=lambda: np.zeros((SIDE, SIDE), np.float32))

    def layer(self, layer: Layer) -> Times:
        """The times of a layer, made when new."""
        found = self.layers.get(layer)
        if found is None:
            found = self.layers[layer] = np.zeros((SIDE, SIDE), np.uint32)
        return found

    def last_seen(self, fineness_m: float | None = None, algorithm: str | None = None) -> Times:
        """When each square was last seen at that fineness or better, by that algorithm; None asks for any."""
        best = np.zeros((SIDE, SIDE), np.uint32)
        for (names, index), times in self.layers.items():
            fine = fineness_m is None or FINENESS_M[index] <= fineness_m + 1e-9
            if fine and (algorithm is None or algorithm in names.split("+")):
                np.maximum(best, times, out=best)
        return best

    def finest(self, since: int = 0, algorithm: str | None = None) -> NDArray[np.uint8]:
        """The best class at which each square was seen at or after ``since``; 255 where it was not."""
        best = np.full((SIDE, SIDE), 255, np.uint8)
        for (names, index), times in self.layers.items():
            if algorithm is None or algorithm in names.split("+"):
                best[(times > 0) & (times >= since)] = np.minimum(
                    best[(times > 0) & (times >= since)], np.uint8(index)
                )
        return best

    @property
    def span(self) -> tuple[int, int]:
        """First and last of the times kept, seconds since 1970; (0, 0) when nothing was seen."""
        known = [times[times > 0] for times in self.layers.values()]
        known = [times for times in known if len(times)]
        return (min(int(t.min()) for t in known), max(int(t.max()) for t in known)) if known else (0, 0)

    def packed(self) -> bytes:
        """A compact form; the same content gives the same bytes."""
        first, last = self.span
        step = np.dtype("<u2") if last - first < 65_535 else np.dtype("<u4")
        names = sorted(layer for layer, times in self.layers.items() if times.any())
        parts = []
        for name in names:
            times = self.layers[name].astype(np.int64)
            parts.append(_shuffled(np.where(times > 0, times - first + 1, 0).astype(step)))
        dwell = np.clip(np.round(self.dwell_s / DWELL_STEP_S), 0, 65_535).astype("<u2")
        parts.append(_shuffled(dwell))
        header = {"key": self.key, "first": first, "bytes": step.itemsize, "layers": names}
        text = json.dumps(header, separators=(",", ":")).encode()
        return MAGIC + zlib.compress(struct.pack("<I", len(text)) + text + b"".join(parts), 6)


def merged(tiles: Iterable[SeenTile]) -> SeenTile:
    """Reports of one tile as one: of each square the greater times, and the longer stay.

    Raises:
        ValueError: there is none, or they are of different tiles.
    """
    result: SeenTile | None = None
    for tile in tiles:
        if result is None:
            result = SeenTile(tile.key)
        if tile.key != result.key:
            raise ValueError(f"tiles {result.key} and {tile.key} are different ground")
        for layer, times in tile.layers.items():
            kept = result.layer(layer)
            np.maximum(kept, times, out=kept)
        np.maximum(result.dwell_s, tile.dwell_s, out=result.dwell_s)
    if result is None:
        raise ValueError("there is nothing to merge")
    return result


def over_flights(tiles: Iterable[SeenTile]) -> SeenTile:
    """The reports of one tile by several flights, one each: latest times, and stays added up."""
    several = list(tiles)
    result = merged(several)
    result.dwell_s = np.sum([tile.dwell_s for tile in several], axis=0, dtype=np.float32)
    return result


def unpacked(data: bytes) -> SeenTile:
    """What ``SeenTile.packed`` wrote.

    Raises:
        SeenInvalid: it is something else, or damaged.
    """
    if not data.startswith(MAGIC):
        raise SeenInvalid(f"this is no report of ground seen: it must begin with {MAGIC.decode()}")
    try:
        inflater = zlib.decompressobj()
        body = inflater.decompress(data[len(MAGIC) :], MOST_BYTES)
        if not inflater.eof:
            raise SeenInvalid("the report of ground seen is cut off or too large: send it again")
        size = struct.unpack_from("<I", body)[0]
        header = json.loads(body[4 : 4 + size])
        return _read(header, body[4 + size :])
    except SeenInvalid:
        raise
    except (zlib.error, struct.error, ValueError, KeyError, TypeError, OverflowError) as error:
        raise SeenInvalid(f"the report of ground seen is damaged ({error}): send it again") from error


def _read(header: Any, body: bytes) -> SeenTile:
    row, column = (int(value) for value in header["key"])
    names = [(str(who), int(index)) for who, index in header["layers"]]
    first, width = int(header["first"]), int(header["bytes"])
    if not (-90_000 <= row < 90_000 and -180_000 <= column < 180_000):
        raise SeenInvalid(f"tile {row}, {column} is no place on Earth: rows and columns count 0.001 degree")
    if len(names) > MOST_LAYERS or any(not 0 <= index < len(FINENESS_M) for _, index in names):
        raise SeenInvalid(
            f"a report has at most {MOST_LAYERS} layers of {len(FINENESS_M)} classes of fineness"
        )
    if width not in (2, 4) or not 0 <= first < 2**32 - 65_536:
        raise SeenInvalid("times are seconds since 1970, kept in 2 or 4 bytes")
    count = SIDE * SIDE
    if len(body) != count * (width * len(names) + 2):
        raise SeenInvalid(f"the report should hold {len(names)} layers and the dwell, and has another length")
    tile = SeenTile((row, column))
    for number, (who, index) in enumerate(names):
        offsets = _unshuffled(body[number * count * width : (number + 1) * count * width], width)
        layer = (algorithms_key(who.split("+")), index)
        tile.layers[layer] = np.where(offsets > 0, first + offsets.astype(np.int64) - 1, 0).astype(np.uint32)
    tile.dwell_s = (_unshuffled(body[len(names) * count * width :], 2) * DWELL_STEP_S).astype(np.float32)
    return tile


def _shuffled(values: NDArray[Any]) -> bytes:
    """Bytes by significance: the high ones are nearly constant, so that they compress to nothing."""
    return values.reshape(-1).view(np.uint8).reshape(-1, values.itemsize).T.tobytes()


def _unshuffled(data: bytes, width: int) -> NDArray[Any]:
    planes = np.frombuffer(data, np.uint8).reshape(width, -1)
    return np.ascontiguousarray(planes.T).view(f"<u{width}").reshape(SIDE, SIDE)
