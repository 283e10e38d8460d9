"""The command line: sentences instead of tracebacks, and what it prints."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from typer.testing import CliRunner

from server.cli import app
from server.db import alembic_config
from server.errors import AddressInUse, SettingsInvalid
from server.serving import DeskServer, ServerThread
from tests.fixtures.desk import SITE, open_desk, settings_for

runner = CliRunner()


def _run(*arguments: str, input: str | None = None) -> Any:
    return runner.invoke(app, list(arguments), input=input)


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYBEAT_PASSWORD_MEMORY_KIB", "8")
    monkeypatch.setenv("SKYBEAT_PASSWORD_ROUNDS", "1")
    monkeypatch.setenv("SKYBEAT_SITE", str(SITE))


def test_users_and_agents_are_added(tmp_path: Path) -> None:
    data = ("--data-directory", str(tmp_path / "data"))
    added = _run("users", "add", "wang", "--role", "desk", "--password-stdin", *data, input="long enough\n")
    assert added.exit_code == 0, added.output
    again = _run("users", "add", "Wang", "--role", "desk", "--password-stdin", *data, input="long enough\n")
    assert (again.exit_code, "already" in again.stderr) == (2, True)
    short = _run("users", "add", "li", "--role", "desk", "--password-stdin", *data, input="short\n")
    assert (short.exit_code, "password" in short.stderr) == (2, True)
    assert "short" not in short.stderr.replace("shorter", ""), "a password is never repeated"
    token = _run("agents", "add", "lark", *data).stdout.strip()
    assert token.startswith("skb_a_")
    assert _run("agents", "add", "lark", *data).exit_code == 2
    verified = _run("audit", "verify", "--json", *data)
    assert json.loads(verified.stdout)["ok"] is True
    assert json.loads(verified.stdout)["entries"] == 2


def test_the_printed_token_opens_the_door(tmp_path: Path) -> None:
    token = _run("agents", "add", "swift", "--data-directory", str(tmp_path / "data")).stdout.strip()
    with open_desk(tmp_path / "data", demo=False) as desk:
        headers = {"Authorization": f"Bearer {token}"}
        answer = desk.call("GET", "agent/requests?wait_s=0", user=None, headers=headers)
        assert answer.json() == {"requests": []}


def test_db_upgrade_says_the_revision(tmp_path: Path) -> None:
    done = _run("db", "upgrade", "--data-directory", str(tmp_path / "data"))
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert (done.exit_code, f"revision {newest}" in done.stderr) == (0, True)


def test_config_check_names_every_problem_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYBEAT_KINDS_FILE", str(tmp_path / "none.yaml"))
    monkeypatch.setenv("SKYBEAT_CONSOLE_DIRECTORY", str(tmp_path))
    found = _run("config", "check", "--site", str(tmp_path), "--json")
    assert found.exit_code == 1
    problems = json.loads(found.stdout)["problems"]
    assert len(problems) == 3
    monkeypatch.setenv("SKYBEAT_TIME_ZONE", "Mars/Olympus")
    monkeypatch.setenv("SKYBEAT_ZOOM", "99")
    wrong = _run("config", "check")
    assert "SKYBEAT_TIME_ZONE" in wrong.stderr
    assert "SKYBEAT_ZOOM" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--site", "/nowhere"), "the site /nowhere cannot be used"),
        (("--demo", "--host", "0.0.0.0"), "only listens on 127.0.0.1"),
        (("--host", "203.0.113.7"), "cannot listen on 203.0.113.7"),
        (("--log-level", "chatty"), "unknown log level"),
        (("--data-directory", "/proc/nothing"), "cannot be written"),
    ],
)
def test_serve_says_what_is_wrong(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    extra = () if "--data-directory" in arguments else ("--data-directory", str(tmp_path / "data"))
    done = _run("serve", "--port", "0", *extra, *arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.output


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AddressInUse, match=f"127.0.0.1:{port}.*--port"):
            DeskServer(settings_for(tmp_path / "data"), port=port)


def test_a_demo_never_listens_to_the_world(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid):
        DeskServer(settings_for(tmp_path / "data"), "0.0.0.0", 0)


def test_a_real_server_serves_and_stops_while_an_agent_waits(tmp_path: Path) -> None:
    import threading
    import time

    import httpx

    from tests.fixtures.desk import AGENT_TOKEN

    answers: list[int] = []
    with ServerThread(settings_for(tmp_path / "data")) as server:
        assert httpx.get(f"{server.url}/healthz").json() == {"status": "ok"}

        def wait() -> None:
            headers = {"Authorization": f"Bearer {AGENT_TOKEN}"}
            address = f"{server.url}/api/v1/agent/requests?wait_s=60"
            answers.append(httpx.get(address, headers=headers, timeout=70).status_code)

        waiting = threading.Thread(target=wait)
        waiting.start()
        started = time.monotonic()
        while not server.app.state.context.hub._bells and time.monotonic() - started < 10:
            time.sleep(0.02)
        stopping = time.monotonic()
    waiting.join(10)
    assert answers == [200], "the waiting agent is sent home, not cut off"
    assert time.monotonic() - stopping < 10
