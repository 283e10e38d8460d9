"""Imports point down only: the contracts of pyproject.toml hold."""

from __future__ import annotations

from pathlib import Path

from importlinter import cli

ROOT = Path(__file__).resolve().parents[2]


def test_imports_point_down_only(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    # In this process its way of configuring logging would silence the loggers of all tests that follow.
    monkeypatch.setattr("logging.config.dictConfig", lambda _: None)
    exit_code = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert exit_code == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_only_the_command_line_sees_every_package():
    for package in ("missions", "vision", "drone", "server"):
        for file in (ROOT / package).rglob("*.py"):
            text = file.read_text("utf-8")
            assert "import skybeat" not in text, file
            assert "from skybeat" not in text, file
