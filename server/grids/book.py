"""The site in use: cells, zones, terrain and base map, loaded once; cells can be replaced by an import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from missions.errors import FileInvalid
from missions.grids import Grid
from missions.site import Site, load_site, no_fly_geojson
from server.errors import SiteInvalid


class SiteBook:
    """What the server knows of its place. ``grid`` may be exchanged while running.

    Args:
        path: the site folder.

    Raises:
        SiteInvalid: the folder cannot be used.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._site = load_site(path)
        except (FileInvalid, OSError) as error:
            raise SiteInvalid(f"the site {path} cannot be used: {error}") from error
        self.grid = self._site.grid
        self.zones: dict[str, Any] = self._site.zones.to_geojson()
        self.no_fly: dict[str, Any] = no_fly_geojson(self._site.no_fly)

    @property
    def site(self) -> Site:
        """The site with the cells now in force."""
        base = self._site
        return Site(
            grid=self.grid, name=base.name, zones=base.zones, no_fly=base.no_fly, terrain=base.terrain,
            basemap=base.basemap, home=base.home, path=base.path,
        )  # fmt: skip

    def use_cells(self, cells: dict[str, Any]) -> None:
        """Exchange the cells.

        Raises:
            missions.errors.GridsInvalid: they are not valid.
        """
        self.grid = Grid.from_geojson(cells)

    def cell_name(self, code: str | None) -> str:
        """Name of a cell for people; the code where the cell is unknown, empty outside all cells."""
        if not code:
            return ""
        return next((cell.name for cell in self.grid.cells if cell.code == code), code)

    def cell_name_en(self, code: str | None) -> str:
        """English name of a cell, its own name where there is none."""
        if not code:
            return ""
        cell = next((cell for cell in self.grid.cells if cell.code == code), None)
        return (cell.name_en or cell.name) if cell else code

    def knows(self, code: str) -> bool:
        return any(cell.code == code for cell in self.grid.cells)

    @property
    def centre(self) -> tuple[float, float]:
        """Latitude and longitude of the middle of the cells."""
        bounds = [cell.polygon.bounds for cell in self.grid.cells]
        west, south = min(b[0] for b in bounds), min(b[1] for b in bounds)
        east, north = max(b[2] for b in bounds), max(b[3] for b in bounds)
        return (south + north) / 2, (west + east) / 2
