"""What can go wrong in planning.

MissionsError
├── FileInvalid            a file cannot be used: TerrainInvalid, GridsInvalid, ZonesInvalid, SiteInvalid,
│                          CamerasInvalid, ServiceLevelsInvalid, PlanFileInvalid, FormatUnknown
├── TerrainUnknown         no elevation is known there
└── PlanImpossible         NothingSelected, CellUnknown, CameraUnknown, CameraLooksUp, AreaInvalid,
                           AreaOutsideCells, AreaForbidden, AreaTooLarge, TerrainMissing, HomeForbidden,
                           BookingInvalid, WindTooStrong
"""

from __future__ import annotations


class MissionsError(Exception):
    """Planning failed; see the message of the particular error."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or " ".join((type(self).__doc__ or "").split()))


class FileInvalid(MissionsError, ValueError):
    """The file cannot be used: correct it and try again."""


class TerrainInvalid(FileInvalid):
    """The elevation file cannot be read: give an SRTM .hgt, an ESRI ASCII .asc or a GeoTIFF in degrees."""


class GridsInvalid(FileInvalid):
    """The file of cells cannot be used: correct the cells that the message names."""


class ZonesInvalid(FileInvalid):
    """The file of zones cannot be used: correct the zones that the message names."""


class SiteInvalid(FileInvalid):
    """The site folder cannot be used: it needs at least cells.geojson."""


class CamerasInvalid(FileInvalid):
    """The file of cameras cannot be used: correct the entry that the message names."""


class ServiceLevelsInvalid(FileInvalid):
    """The file of service levels cannot be used: correct the entry that the message names."""


class PlanFileInvalid(FileInvalid):
    """The plan file cannot be used: export it again."""


class FormatUnknown(FileInvalid):
    """This kind of file is not supported: use .json, .plan, .waypoints, .kmz, .kml or .geojson."""


class TerrainUnknown(MissionsError, LookupError):
    """No elevation is known there: give a terrain file that covers the place."""


class PlanImpossible(MissionsError):
    """No patrol can be planned from this request: change it as the message says."""


class NothingSelected(PlanImpossible):
    """Nothing is selected to patrol: name at least one cell, or draw an area."""


class CellUnknown(PlanImpossible, LookupError):
    """There is no cell of that code: choose one from the file of cells."""


class CameraUnknown(PlanImpossible):
    """There is no camera of that name: choose one from configs/cameras.yaml."""


class CameraLooksUp(PlanImpossible):
    """The camera would not see the ground: tilt it further down."""


class TooFine(PlanImpossible):
    """So fine a picture would need too low a flight: take a finer camera, or fly slower."""


class AreaInvalid(PlanImpossible, FileInvalid):
    """The drawn area is no valid polygon: draw it without crossing its own border."""


class AreaOutsideCells(PlanImpossible):
    """The drawn area lies outside every cell: draw it within the cells of this site."""


class AreaForbidden(PlanImpossible):
    """The selected ground lies wholly within no-fly zones: select other ground."""


class AreaTooLarge(PlanImpossible):
    """The selected ground is too large for one plan: select fewer cells."""


class TerrainMissing(PlanImpossible):
    """The height of the ground is not known along the way: give terrain that covers the whole area."""


class HomeForbidden(PlanImpossible):
    """The take-off point lies within a no-fly zone or is cut off by them: choose another home."""


class BookingInvalid(PlanImpossible):
    """The booking cannot be used: correct what the message names."""


class WindTooStrong(PlanImpossible):
    """The wind is too strong for this aircraft: wait until it drops."""
