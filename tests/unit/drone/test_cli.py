"""``skybeat sim``: addresses out, wrong input in one sentence."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drone.cli import app

SITE = Path(__file__).resolve().parents[2] / "fixtures" / "site_small"


def test_it_tells_the_addresses_as_one_json_object() -> None:
    result = CliRunner().invoke(
        app, ["sim", "--vehicles", "3", "--port", "0", "--site", str(SITE), "--seconds", "0.1", "--json"]
    )
    assert result.exit_code == 0, result.stderr
    vehicles = json.loads(result.stdout)["vehicles"]
    assert [vehicle["system_id"] for vehicle in vehicles] == [1, 2, 3]
    assert len({vehicle["address"] for vehicle in vehicles}) == 3


def test_ports_are_ten_apart() -> None:
    result = CliRunner().invoke(
        app, ["sim", "--vehicles", "2", "--port", "35760", "--site", str(SITE), "--seconds", "0.1"]
    )
    assert result.exit_code == 0, result.stderr
    assert "tcp:127.0.0.1:35760" in result.stderr
    assert "tcp:127.0.0.1:35770" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--wind", "strong"], "two numbers"),
        (["--wind", "1,2,3"], "two numbers"),
        (["--site", "nowhere"], "nowhere is no site"),
        (["--host", "256.0.0.1"], "cannot open"),
        (["--udpout", "here"], "udpout:HOST:PORT"),
    ],
)
def test_wrong_input_is_one_sentence(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(
        app, ["sim", "--port", "0", "--seconds", "0.1", "--site", str(SITE), *arguments]
    )
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["sim", "--port", str(port), "--site", str(SITE)])
    assert result.exit_code == 2
    assert str(port) in result.stderr
