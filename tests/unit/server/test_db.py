"""Migrations, portability, and what survives a kill. PostgreSQL where its programs are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from server.db import Database
from server.errors import DatabaseNewer, DatabaseUnusable
from server.tables import METADATA
from tests.fixtures.desk import AGENT_TOKEN, PASSWORD, SITE, Desk, open_desk, sighting

POSTGRES = Path("/usr/lib/postgresql/15/bin")
ROOT = Path(__file__).resolve().parents[3]


def _same_as_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_migrations_make_what_the_models_say(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/fresh.db")
    assert database.revision() is None
    database.migrate()
    database.migrate()
    _same_as_models(database)
    database.close()


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/newer.db")
    database.migrate()
    with database.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseNewer, match="newer Skybeat"):
        database.migrate()
    database.close()


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "skybeat.db").write_bytes(b"this is a letter, not a database" * 100)
    database = Database(f"sqlite:///{tmp_path}/skybeat.db")
    with pytest.raises(DatabaseUnusable, match="cannot be opened"):
        database.migrate()
    database.close()


def test_sqlite_is_set_up_to_lose_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    with database.read() as session:
        values = [
            session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert values == ["wal", 2, 1]
    database.close()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A throw-away cluster; its address."""
    if not (POSTGRES / "initdb").is_file():
        pytest.skip(f"PostgreSQL 15 is not installed in {POSTGRES}")
    pytest.importorskip("psycopg", reason="install the extra 'postgres'")
    folder = Path("/tmp") / f"skybeat-pg-{os.getpid()}"
    folder.mkdir(mode=0o700)
    port = _free_port()
    run: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    if os.geteuid() == 0:
        run["user"] = "postgres"
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    data = str(folder / "data")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
    try:
        subprocess.run(
            [POSTGRES / "initdb", "--no-sync", "-A", "trust", "-E", "UTF8", "-D", data], cwd=folder, **run
        )
        subprocess.run([POSTGRES / "pg_ctl", "-D", data, "-o", options, "-w", "start"], cwd=folder, **run)
        name = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        yield f"postgresql://{name}@127.0.0.1:{port}/postgres"
        subprocess.run([POSTGRES / "pg_ctl", "-D", data, "-m", "immediate", "stop"], cwd=folder, **run)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_same_desk_runs_on_postgresql(postgres: str, tmp_path: Path) -> None:
    with open_desk(tmp_path / "data", database_url=postgres) as desk:
        _same_as_models(desk.context.database)
        desk.hello()
        _work_a_day(desk)
    with open_desk(tmp_path / "data", database_url=postgres) as desk:
        assert desk.get("tickets")["total"] == 3, "and is still there after a restart"


def _work_a_day(desk: Desk) -> None:
    """The parts whose SQL or locking differs between databases."""
    from concurrent.futures import ThreadPoolExecutor

    first = desk.report(sighting(50, 50, "smoke", flight_id=uuid4()))
    assert (
        desk.report(sighting(51, 50, "smoke", seconds=60, flight_id=uuid4()))["ticket_id"]
        == first["ticket_id"]
    )
    messages = [sighting(-50 + i % 2, 60, "gathering", seconds=i) for i in range(5)] * 2
    with ThreadPoolExecutor(5) as pool:
        found = {receipt["ticket_id"] for receipt in pool.map(desk.report, messages)}
    assert len(found) == 1
    desk.report(sighting(60, -60, "fire"))
    assert desk.act(first["ticket_id"], "file").json()["state"] == "filed"
    assert desk.act(first["ticket_id"], "file").status_code == 409
    page = desk.get("tickets?limit=2&order=newest&q=烟雾")
    assert page["total"] == 1
    both = desk.get("tickets?limit=2")
    rest = desk.get(f"tickets?limit=2&cursor={both['next_cursor']}")
    assert len({item["id"] for item in both["items"] + rest["items"]}) == 3
    assert desk.get("figures")["tickets_by_kind"] == {"smoke": 1, "gathering": 1, "fire": 1}
    assert desk.get("audit/verify", user="admin")["ok"]


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-c", "from server.cli import app; app()", "serve", "--demo", "--port", str(port),
        "--data-directory", str(folder), "--site", str(SITE), "--log-level", "warning",
    ]  # fmt: skip
    environment = os.environ | {
        "SKYBEAT_AGENT_TOKEN": AGENT_TOKEN, "SKYBEAT_PASSWORD_MEMORY_KIB": "8", "PYTHONPATH": str(ROOT),
        "SKYBEAT_PASSWORD_ROUNDS": "1",
    }  # fmt: skip
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, cwd=folder.parent)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return process
        except httpx.TransportError:
            time.sleep(0.1)
    process.kill()
    raise AssertionError(process.communicate()[1].decode())


@pytest.mark.slow
def test_a_killed_server_has_lost_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    """kill -9 in the middle of deliveries; after the restart all acknowledged ones are there, once."""
    folder, port = tmp_path / "data", _free_port()
    folder.mkdir()
    agent = {"Authorization": f"Bearer {AGENT_TOKEN}"}
    messages = [sighting(-150 + 45 * (i % 7), -100 + 60 * (i // 7), "smoke") for i in range(28)]
    acknowledged = []
    process = _start(folder, port)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", headers=agent, timeout=30) as client:
        for number, message in enumerate(messages):
            if number == 15:
                process.send_signal(signal.SIGKILL)
            try:
                answer = client.post("/agent/sightings", json=message.model_dump(mode="json"))
            except httpx.TransportError:
                break
            assert answer.status_code == 200
            acknowledged.append((message, answer.json()))
    process.communicate()
    assert 10 <= len(acknowledged) < 28
    process = _start(folder, port)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30) as client:
            body = {"username": "desk", "password": PASSWORD}
            headers = {"Authorization": f"Bearer {client.post('/session', json=body).json()['token']}"}
            found = {
                s["id"]: s["ticket_id"] for s in client.get("/sightings", headers=headers).json()["items"]
            }
            for message, receipt in acknowledged:
                assert found[str(message.sighting_id)] == receipt["ticket_id"]
                again = client.post("/agent/sightings", json=message.model_dump(mode="json"), headers=agent)
                assert again.json() == receipt, "a retry after the restart is answered as before"
            assert client.get("/tickets", headers=headers).json()["total"] == len(set(found.values()))
    finally:
        process.terminate()
        errors = process.communicate(timeout=30)[1].decode()
    assert process.returncode in (0, -signal.SIGTERM), errors
    connection = sqlite3.connect(folder / "skybeat.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
