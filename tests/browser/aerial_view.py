"""Pictures of a site from above, drawn from its base map: enough for a console to have something to show."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageDraw

from missions.geodesy import LocalFrame
from missions.site import Site

PIXELS_PER_M = 14.0
COLOURS = {
    "ground": "#7b7f6c", "field": "#7d8b52", "green": "#4f7145", "water": "#3d5f73", "road": "#6d6f71",
    "square": "#a09784", "building": "#b5a899",
}  # fmt: skip

Ring = list[tuple[float, float]]


class AerialView:
    """The base map's polygons in the plane of a frame (east, north in metres)."""

    def __init__(self, site: Site, frame: LocalFrame) -> None:
        self._rings: list[tuple[str, Ring]] = []
        order = [name for name in COLOURS if name != "ground"]
        features = [f for f in site.basemap.get("features", []) if f["properties"]["layer"] in order]
        for feature in sorted(features, key=lambda f: order.index(f["properties"]["layer"])):
            if feature["geometry"]["type"] == "Polygon":
                ring = feature["geometry"]["coordinates"][0]
                plane = frame.to_enu([p[1] for p in ring], [p[0] for p in ring])
                self._rings.append(
                    (feature["properties"]["layer"], [(float(p[0]), float(p[1])) for p in plane])
                )

    def picture(
        self,
        east: float,
        north: float,
        heading: float,
        *,
        size: tuple[int, int] = (1280, 720),
        label: str | None = None,
    ) -> bytes:
        """JPEG of the ground about a place, heading up; with a label, the middle is framed."""
        image = Image.new("RGB", size, COLOURS["ground"])
        draw = ImageDraw.Draw(image)
        turn = math.radians(heading)
        for layer, ring in self._rings:
            points = []
            for x, y in ring:
                right = (x - east) * math.cos(turn) - (y - north) * math.sin(turn)
                up = (x - east) * math.sin(turn) + (y - north) * math.cos(turn)
                points.append((size[0] / 2 + right * PIXELS_PER_M, size[1] / 2 - up * PIXELS_PER_M))
            draw.polygon(points, fill=COLOURS[layer], outline="#5a5a52" if layer == "building" else None)
        if label is not None:
            middle = (size[0] / 2 - 50, size[1] / 2 - 45, size[0] / 2 + 50, size[1] / 2 + 45)
            draw.rectangle(middle, outline="#ff6a55", width=4)
            draw.text((16, 16), label, fill="white")
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=80)
        return buffer.getvalue()
