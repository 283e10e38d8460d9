"""Heights of every datum, the geoid, and signs of a mix-up."""

from __future__ import annotations

import numpy as np
import pytest

from missions.geoid import undulation_m
from missions.heights import HeightDatum, HeightUnknown, above_sea_m, datum_alarm, from_sea_m
from missions.terrain import FlatTerrain

PLACE = (28.45, 117.97)


@pytest.mark.parametrize(
    ("place", "published_m"),
    [
        ((27.988056, 86.925278), -28.7444),  # MathWorks' documentation of egm96geoid
        ((48.14, 11.58), 45.48),
        ((90.0, 0.0), 13.606),  # NGA's test values of EGM96
        ((0.0, 0.0), 17.162),
    ],
)
def test_the_geoid_agrees_with_published_heights(place: tuple[float, float], published_m: float) -> None:
    assert undulation_m(*place)[0] == pytest.approx(published_m, abs=0.6)


def test_the_geoid_is_whole_around_the_date_line_and_the_poles() -> None:
    around = undulation_m(10.0, [179.9999, -179.9999, 540.0001, 0.0001, -0.0001])
    assert np.abs(np.diff(around[:3])).max() < 0.01
    assert abs(around[4] - around[3]) < 0.01
    assert np.ptp(undulation_m(-90.0, np.arange(0.0, 360.0, 7.0))) < 0.05


@pytest.mark.parametrize("bad", [(91.0, 0.0), (float("nan"), 0.0), (0.0, float("inf"))])
def test_no_place_has_no_geoid(bad: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="latitudes from -90 to 90"):
        undulation_m(*bad)


@pytest.mark.parametrize("datum", HeightDatum)
def test_every_datum_goes_there_and_back(datum: HeightDatum) -> None:
    options = {"terrain": FlatTerrain(68.0), "home_amsl_m": 70.0}
    told = from_sea_m([150.0, 160.0], datum, *PLACE, **options)
    assert above_sea_m(told, datum, *PLACE, **options) == pytest.approx([150.0, 160.0], abs=1e-9)
    expected = {"sea": 150.0, "home": 80.0, "ground": 82.0, "ellipsoid": 152.1}[datum.value]
    assert told[0] == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize("datum", [HeightDatum.HOME, HeightDatum.GROUND])
def test_a_missing_level_is_asked_for(datum: HeightDatum) -> None:
    with pytest.raises(HeightUnknown, match="need"):
        above_sea_m(80.0, datum, *PLACE)


def test_ground_that_is_not_known_is_not_guessed() -> None:
    with pytest.raises(HeightUnknown, match="does not cover"):
        above_sea_m(80.0, HeightDatum.GROUND, *PLACE, terrain=FlatTerrain(float("nan")))


def test_heights_that_agree_raise_no_alarm() -> None:
    relative = np.linspace(0, 80, 20)
    assert datum_alarm(relative + 70, relative, 68.0, PLACE) == ""
    assert datum_alarm([np.nan], [3.0], 68.0, PLACE) == ""
    assert datum_alarm(relative + 400, relative, None, PLACE) == "", "no terrain, nothing to compare with"


def test_heights_above_the_ellipsoid_are_recognised() -> None:
    munich = (48.14, 11.58)
    relative = np.linspace(0, 80, 20)
    assert "ellipsoid" in datum_alarm(relative + 520 + 45.5, relative, 520.0, munich)
    other = datum_alarm(relative + 520 - 30, relative, 520.0, munich)
    assert "-30 m" in other
    assert "do not count from sea level" in other


def test_heights_that_run_apart_raise_an_alarm() -> None:
    relative = np.linspace(0, 80, 20)
    assert "run apart" in datum_alarm(70 + 1.4 * relative, relative, 70.0, PLACE)
