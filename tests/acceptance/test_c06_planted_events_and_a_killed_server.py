"""C06: planted events become exactly one ticket each, also when the server is killed in mid-flight.

One real flight serves both: ``skybeat demo`` with a real server process below it, which is killed
without warning while sightings arrive. The judgement is the demo's own; what was sent and what was stored is
compared in the two databases.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEED = 23
FLIGHT_TIMEOUT_S = 1500.0


@dataclass
class Flown:
    """One finished demo."""

    figures: dict[str, Any]
    directory: Path
    killed_pids: list[int]


def stored(database: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def server_pid(directory: Path) -> int | None:
    file = directory / "server.pid"
    return int(file.read_text()) if file.exists() and file.read_text().strip() else None


def kill_when_tickets_arrive(process: subprocess.Popen[str], directory: Path) -> list[int]:
    """Kill the server once a sighting has been stored; the pid that was killed."""
    until = time.monotonic() + FLIGHT_TIMEOUT_S
    database = directory / "skybeat.db"
    while process.poll() is None and time.monotonic() < until:
        pid = server_pid(directory)
        try:
            arrived = database.exists() and stored(database, "SELECT count(*) FROM sightings")[0][0]
        except sqlite3.OperationalError:
            arrived = 0
        if pid and arrived:
            os.kill(pid, signal.SIGKILL)
            return [pid]
        time.sleep(0.5)
    return []


@pytest.fixture(scope="module")
def flown(tmp_path_factory) -> Flown:
    directory = tmp_path_factory.mktemp("demo") / "data"
    command = [
        sys.executable, "-m", "skybeat", "demo", "--exit-when-done", "--json", "--seed", str(SEED),
        "--cells", "1", "--data-directory", str(directory),
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        killed = kill_when_tickets_arrive(process, directory)
        try:
            out, err = process.communicate(timeout=FLIGHT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0, err[-3000:]
    return Flown(json.loads(out), directory, killed)


@pytest.mark.slow
@pytest.mark.timeout(FLIGHT_TIMEOUT_S + 60)
class TestPatrol:
    def test_the_flight_ends_on_the_ground(self, flown):
        assert flown.figures["flight_phase"] == "finished"
        assert flown.figures["plan"]["outside_m"] == 0

    def test_planted_events_in_view_become_one_ticket_each_in_the_right_cell(self, flown):
        figures = flown.figures
        assert figures["observable"] >= 1, figures
        assert figures["matched"] >= 1, figures["missed"]
        assert figures["duplicates"] == 0
        assert figures["wrong_cell"] == 0

    def test_tickets_lie_where_the_events_are(self, flown):
        assert flown.figures["position_error_m"]["median"] <= 3.0

    def test_the_server_was_killed_while_sightings_arrived(self, flown):
        assert flown.killed_pids
        assert server_pid(flown.directory) not in flown.killed_pids

    def test_no_sighting_is_lost_and_none_is_doubled(self, flown):
        sent = stored(flown.directory / "spool.sqlite", "SELECT key, state FROM item WHERE kind = 'sighting'")
        assert sent
        assert {state for _, state in sent} == {"delivered"}
        sent_ids = {key[:36].replace("-", "") for key, _ in sent}
        arrived = [
            row[0].replace("-", "")
            for row in stored(flown.directory / "skybeat.db", "SELECT id FROM sightings")
        ]
        assert sorted(arrived) == sorted(sent_ids)

    def test_every_sighting_has_one_ticket_and_every_ticket_a_sighting(self, flown):
        database = flown.directory / "skybeat.db"
        without = stored(database, "SELECT count(*) FROM sightings WHERE placed AND ticket_id IS NULL")
        assert without == [(0,)]
        empty = stored(
            database, "SELECT count(*) FROM tickets WHERE id NOT IN (SELECT ticket_id FROM sightings)"
        )
        assert empty == [(0,)]
