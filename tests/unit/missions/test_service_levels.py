"""Every cell has its own service level; wrong files are refused with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from missions.errors import FileInvalid, ServiceLevelsInvalid
from missions.seen_coverage import ServiceLevel
from missions.service_levels import LevelChange, load_service_levels, site_service_levels

SHIPPED_SITE = Path(__file__).resolve().parents[3] / "configs/sites/yunxi"
DEFAULT = "default: {hours: 24, fineness_cm: 12, share: 0.95}\n"
RULES = """
default: {hours: 24, fineness_cm: 12, share: 0.95, algorithm: patrol-rgb}
cells:
  "361102": {hours: 12}
  "361102001002": {fineness_cm: 5, share: 0.9, algorithm: any}
  "0361": {algorithm: crowds}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "service_levels.yaml"
    path.write_text(text, "utf-8")
    return path


def test_the_shipped_default_is_the_level_that_was_always_meant() -> None:
    levels = load_service_levels()
    assert levels.default == ServiceLevel(hours=24, fineness_m=0.12, share=0.95, algorithm=None)
    assert levels.of("361102001001") == levels.default


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("361102001001", ServiceLevel(hours=12, algorithm="patrol-rgb")),
        ("361102001002", ServiceLevel(hours=24, fineness_m=0.05, share=0.9, algorithm=None)),
        ("361102001002-7", ServiceLevel(hours=24, fineness_m=0.05, share=0.9, algorithm=None)),
        ("361103001001", ServiceLevel(algorithm="patrol-rgb")),
        ("036100000001", ServiceLevel(algorithm="crowds")),
        (None, ServiceLevel(algorithm="patrol-rgb")),
    ],
)
def test_the_longest_beginning_counts_and_the_rest_is_the_default(tmp_path: Path, code, level) -> None:
    assert load_service_levels(written(tmp_path, RULES)).of(code) == level


def test_what_is_asked_for_goes_before_the_cells_own(tmp_path: Path) -> None:
    levels = load_service_levels(written(tmp_path, RULES))
    assert levels.of("361102001002", LevelChange.of(hours=2)) == ServiceLevel(
        hours=2, fineness_m=0.05, share=0.9
    )
    assert levels.of("361102001001", LevelChange.of(algorithm="any")).algorithm is None
    assert levels.of("361102001001", LevelChange.of(algorithm="")).algorithm == "patrol-rgb"


def test_rules_that_fit_no_cell_are_found(tmp_path: Path) -> None:
    levels = load_service_levels(written(tmp_path, RULES))
    assert levels.without_cell(["361102001001", "361102001002"]) == ["0361"]


def test_the_file_of_the_site_goes_first(tmp_path: Path) -> None:
    site, other = tmp_path / "site", tmp_path / "other"
    site.mkdir()
    other.mkdir()
    elsewhere = written(other, DEFAULT.replace("24", "48"))
    assert site_service_levels(site, elsewhere).default.hours == 48
    written(site, DEFAULT)
    assert site_service_levels(site, elsewhere).default.hours == 24


def test_the_shipped_town_promises_more_where_many_people_are() -> None:
    levels = site_service_levels(SHIPPED_SITE)
    school, market = levels.of("361102001002"), levels.of("361102001006")
    assert school == market == ServiceLevel(hours=8, fineness_m=0.08)
    assert levels.of("361102001001") == ServiceLevel()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file: "),
        ("cells: {}", "default: Field required"),
        ("default: {hours: 24, fineness_cm: 12}", "default.share: Field required"),
        (DEFAULT.replace("24", "0"), "default.hours: Input should be greater than 0"),
        (DEFAULT.replace("24", "yes"), "default.hours"),
        (DEFAULT.replace("24", ".nan"), "default.hours"),
        (DEFAULT.replace("0.95", "95"), "0.95 is 95 %"),
        (DEFAULT + "cells: {'3611': {hours: 8, minutes: 2}}", "cells.3611.minutes: Extra inputs"),
        (DEFAULT + "cells: {'3611': {fineness_cm: 0.4}}", "cells.3611.fineness_cm"),
        (DEFAULT + "cells: {'3611': {algorithm: crowds+patrol-rgb}}", "cells.3611.algorithm"),
        (DEFAULT + "cells: {361102001002: {hours: 8}}", "361102001002: a code is text"),
        (DEFAULT + "cells: {'': {hours: 8}}", "of 1 to 64 characters: write it in quotes"),
        (DEFAULT + "cells: {'3611': {hours: 8}, '3611': {hours: 9}}", "3611 is there twice: keep one"),
        (DEFAULT + "cells: [", "cannot be read"),
        (DEFAULT + "cells: 3", "cells: "),
    ],
)
def test_a_wrong_file_is_one_error_that_says_what_to_do(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ServiceLevelsInvalid) as caught:
        load_service_levels(path)
    assert str(caught.value).startswith(f"{path} cannot be ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, FileInvalid)


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, DEFAULT.replace("24", "-1") + "cells: {'36': {share: 2}, '37': {hours: x}}")
    with pytest.raises(ServiceLevelsInvalid, match=r"default\.hours.*cells\.36\.share.*cells\.37\.hours"):
        load_service_levels(path)


@pytest.mark.parametrize("kind", ["missing", "folder", "bytes"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "service_levels.yaml"
    if kind == "folder":
        path.mkdir()
    if kind == "bytes":
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ServiceLevelsInvalid, match="cannot be read"):
        load_service_levels(path)
