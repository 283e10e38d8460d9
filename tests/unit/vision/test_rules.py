from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from missions.messages import SightingKind
from vision.errors import RulesInvalid
from vision.rules import RULES, load_rules


def test_the_shipped_rules_hold_for_every_kind() -> None:
    rules = load_rules()
    assert set(rules.sightings.same_place) == set(SightingKind)
    assert set(rules.tracker.top_speed) == set(rules.tracker.start_speed) == set(rules.tracker.acceleration)


@pytest.mark.parametrize(
    ("part", "key", "value", "match"),
    [
        ("crowds", "gathering_peple", 8, "gathering_peple"),
        ("crowds", "gathering_people", 1, "gathering_people"),
        ("tracker", "gate_sigma", -1, "gate_sigma"),
        ("sightings", "looks", 65, "looks"),
        ("hazards", "zone_fraction", 1.5, "zone_fraction"),
    ],
)
def test_wrong_rules_are_refused_by_name(
    tmp_path: Path, part: str, key: str, value: object, match: str
) -> None:
    content = yaml.safe_load(RULES.read_text("utf-8"))
    content[part][key] = value
    file = tmp_path / "watch.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(RulesInvalid, match=match):
        load_rules(file)


@pytest.mark.parametrize("text", ["", "tracker: [", "tracker: {}"])
def test_broken_files_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "watch.yaml"
    file.write_text(text)
    with pytest.raises(RulesInvalid):
        load_rules(file)
    with pytest.raises(RulesInvalid, match="cannot be read"):
        load_rules(tmp_path / "none.yaml")
