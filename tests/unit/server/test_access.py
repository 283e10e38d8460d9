"""Signing in, people, audit log."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from server.access import audit
from server.access.limits import WINDOW_SECONDS
from tests.fixtures.desk import PASSWORD, START, Desk, open_desk


def test_cookie_and_bearer_both_work_until_signed_out(desk: Desk) -> None:
    body = {"username": "desk", "password": PASSWORD}
    answer = desk.client.post("/api/v1/session", json=body)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert answer.json()["user"]["roles"] == ["desk"]
    assert desk.client.get("/api/v1/me").json()["username"] == "desk"
    token = answer.json()["token"]
    assert desk.client.delete("/api/v1/session").status_code == 204
    gone = desk.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert (gone.status_code, gone.json()["code"]) == (401, "not_signed_in")


def test_a_session_ends_by_itself(desk: Desk) -> None:
    token = desk.token("desk")
    desk.clock.advance(12 * 3600 + 1)
    assert desk.call("GET", "me", user=None, headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_guessing_is_slowed_down(desk: Desk) -> None:
    def attempt(username: str = "desk", password: str = "wrong-password") -> int:
        body = {"username": username, "password": password}
        return int(desk.call("POST", "session", user=None, json=body).status_code)

    assert [attempt() for _ in range(9)] == [401] * 8 + [429]
    assert attempt(password=PASSWORD) == 429, "the right password does not help while blocked"
    assert attempt("operator", PASSWORD) == 200, "others are not locked out"
    desk.clock.advance(WINDOW_SECONDS + 1)
    assert attempt(password=PASSWORD) == 200


def test_an_unknown_user_reads_like_a_wrong_password(desk: Desk) -> None:
    answers = [
        desk.call("POST", "session", user=None, json={"username": name, "password": "wrong-password"}).json()
        for name in ("desk", "nobody")
    ]
    assert {answer["code"] for answer in answers} == {"wrong_credentials"}
    assert answers[0]["detail"] == answers[1]["detail"]


def test_people_are_added_changed_and_disabled(desk: Desk) -> None:
    new = {"username": "li.na", "display_name": "李娜", "password": "long enough", "roles": ["desk"]}
    made = desk.call("POST", "users", user="admin", json=new)
    assert made.status_code == 201
    assert (
        desk.call("POST", "users", user="admin", json=new | {"username": "LI.NA"}).json()["code"]
        == "name_taken"
    )
    assert (
        desk.call(
            "POST", "users", user="admin", json=new | {"username": "x", "password": "short"}
        ).status_code
        == 422
    )
    body = {"username": "li.na", "password": "long enough"}
    token = desk.call("POST", "session", user=None, json=body).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert desk.call("GET", "me", user=None, headers=headers).status_code == 200
    changed = desk.call("PATCH", f"users/{made.json()['id']}", user="admin", json={"disabled": True})
    assert changed.json()["disabled"] is True
    assert desk.call("GET", "me", user=None, headers=headers).status_code == 401
    assert desk.call("POST", "session", user=None, json=body).status_code == 401


def test_no_secret_is_stored_in_the_clear(desk: Desk) -> None:
    token = desk.token("desk")
    content = b"".join(
        file.read_bytes() for file in desk.context.settings.data_directory.iterdir() if file.is_file()
    )
    assert token.encode() not in content
    assert PASSWORD.encode() not in content


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE audit_entries SET subject = 'x' WHERE sequence = 3", "line 3 was changed"),
        ("DELETE FROM audit_entries WHERE sequence = 2", "line 2 is missing"),
        ("DELETE FROM audit_entries WHERE sequence > 4", "lines after 4 are missing"),
        (
            "UPDATE audit_entries SET sequence = sequence - 5 WHERE sequence IN (2, 3);"
            "UPDATE audit_entries SET sequence = -sequence WHERE sequence < 0",
            "line 2 does not follow line 1",
        ),
    ],
)
def test_a_tampered_audit_log_is_found(tmp_path: Path, statement: str, problem: str) -> None:
    with open_desk(tmp_path / "data") as desk:
        assert desk.get("audit/verify", user="admin")["ok"]
    with sqlite3.connect(tmp_path / "data" / "skybeat.db") as connection:
        connection.executescript("DROP TRIGGER audit_entries_no_update; DROP TRIGGER audit_entries_no_delete")
        connection.executescript(statement)
    connection.close()
    with open_desk(tmp_path / "data") as desk, desk.context.database.read() as session:
        result = audit.verify(session)
    assert (result.ok, result.problem) == (False, problem)


def test_the_audit_log_pages_newest_first(desk: Desk) -> None:
    with desk.context.database.write() as session:
        for number in range(30):
            audit.record(session, START, "system", "test", str(number))
    first = desk.get("audit?limit=10", user="admin")
    second = desk.get(f"audit?limit=10&cursor={first['next_cursor']}", user="admin")
    numbers = [entry["sequence"] for entry in first["items"] + second["items"]]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == 20
