"""Default deny: every route against every role, and what browsers, strangers and hosts may not do."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from fastapi import APIRouter, FastAPI

from server.access.guard import Allow, AllowAgent, Open, guards_of, refuse_unguarded, routes_of
from server.app import create_app
from tests.fixtures.desk import API, PASSWORD, Desk, settings_for, sighting

WHO = ("nobody", "desk", "operator", "tester", "admin", "agent")
EVERYBODY = {"desk", "operator", "tester", "admin"}
FLY, CLERK, ADMIN, AGENT = {"operator", "admin"}, {"desk", "admin"}, {"admin"}, {"agent"}
EXPECTED: dict[str, set[str]] = {
    "GET /me": EVERYBODY, "DELETE /session": EVERYBODY, "GET /users": ADMIN, "POST /users": ADMIN,
    "PATCH /users/{user_id}": ADMIN, "GET /audit": ADMIN, "GET /audit/verify": ADMIN,
    "GET /basemap": EVERYBODY, "GET /cells": EVERYBODY, "PUT /cells": ADMIN,
    "POST /cells/check": ADMIN, "GET /zones": EVERYBODY,
    "GET /no_fly": EVERYBODY, "GET /cameras": EVERYBODY, "GET /aircraft": EVERYBODY, "POST /agents": ADMIN,
    "POST /plans": FLY, "GET /plans": EVERYBODY, "GET /plans/{plan_id}": EVERYBODY, "POST /flights": FLY,
    "POST /flights/{flight_id}/launch": FLY, "POST /flights/{flight_id}/pause": FLY,
    "POST /flights/{flight_id}/resume": FLY, "POST /flights/{flight_id}/return": FLY,
    "POST /flights/{flight_id}/second_look": FLY,
    "POST /flights/{flight_id}/land": FLY, "GET /flights": EVERYBODY, "GET /flights/{flight_id}": EVERYBODY,
    "GET /flights/{flight_id}/track": EVERYBODY, "GET /flights/{flight_id}/log": EVERYBODY,
    "GET /flights/{flight_id}/frame.jpg": EVERYBODY, "GET /flights/{flight_id}/flown": EVERYBODY,
    "GET /flights/{flight_id}/pictures": EVERYBODY,
    "GET /flights/{flight_id}/pictures/{name}.jpg": EVERYBODY,
    "POST /flights/{flight_id}/comparison": EVERYBODY,
    "GET /tickets/places": EVERYBODY, "GET /sightings": EVERYBODY,
    "GET /sightings/{sighting_id}": EVERYBODY, "GET /tickets": EVERYBODY,
    "GET /tickets/{ticket_id}": EVERYBODY, "POST /tickets/{ticket_id}/actions": FLY | CLERK,
    "GET /evidence/{sha256}": EVERYBODY, "POST /evidence/{sha256}/originals": CLERK,
    "GET /evidence/{sha256}/original": CLERK, "GET /figures": EVERYBODY, "POST /agent/hello": AGENT,
    "GET /agent/requests": AGENT, "POST /agent/answers": AGENT, "POST /agent/telemetry": AGENT,
    "POST /agent/frames": AGENT, "POST /agent/log": AGENT, "POST /agent/sightings": AGENT,
    "PUT /agent/evidence/{sha256}": AGENT, "POST /agent/seen": AGENT, "GET /seen/cells": EVERYBODY,
    "GET /seen/cells/{code}/gaps": EVERYBODY, "GET /seen/patrols": EVERYBODY,
    "GET /seen/picture.png": EVERYBODY, "GET /seen/report.pdf": EVERYBODY, "POST /seen/refly": FLY,
    "POST /bookings": FLY | CLERK, "GET /bookings": EVERYBODY, "GET /bookings/merge": FLY,
    "POST /bookings/plans": FLY, "GET /bookings/{booking_id}": EVERYBODY,
    "GET /bookings/{booking_id}/results": EVERYBODY, "POST /bookings/{booking_id}/cancel": FLY | CLERK,
}  # fmt: skip
OPEN = {"POST /session", "GET /settings"}


def _routes(app: FastAPI) -> set[str]:
    return {
        f"{method.upper()} {path.removeprefix(API)}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }


def test_the_table_of_routes_is_complete(desk: Desk) -> None:
    assert _routes(desk.client.app) == set(EXPECTED) | OPEN


@pytest.mark.parametrize("route", sorted(EXPECTED))
def test_each_route_admits_its_roles_and_nobody_else(shared_desk: Desk, route: str) -> None:
    """Admitted means: neither 401 nor 403. What then comes (404, 422 ...) depends on the body."""
    method, path = route.split(" ")
    path = re.sub(r"\{\w*sha256\w*\}", "0" * 64, path)
    path = re.sub(r"\{\w+\}", str(UUID(int=7)), path)
    for who in WHO:
        if route == "DELETE /session" and who in EVERYBODY:
            continue  # it would end the session that the other cases use
        options: dict[str, Any] = {} if method == "GET" else {"json": {}}
        query = "?wait_s=0&expires=1&signature=x" if method == "GET" else ""
        user = None if who == "nobody" else who
        status = shared_desk.call(method, path.lstrip("/") + query, user=user, **options).status_code
        if who in EXPECTED[route]:
            link = route.endswith("/original")  # the link is wrong here, which is a 403 of its own
            assert status not in ((401,) if link else (401, 403)), f"{who} may use {route}"
        else:
            assert status == (401 if who in ("nobody",) or _is_foreign(who, route) else 403), (
                f"{who} on {route}"
            )


def _is_foreign(who: str, route: str) -> bool:
    """An agent's token is no session: on people's routes it counts as not signed in."""
    return (who == "agent") != route.split(" ")[1].startswith("/agent/")


@pytest.mark.parametrize("path", ["live", f"flights/{UUID(int=7)}/pictures"])
@pytest.mark.parametrize("user", [None, "agent"])
def test_sockets_need_a_person(desk: Desk, path: str, user: str | None) -> None:
    from starlette.testclient import WebSocketDenialResponse

    with pytest.raises(WebSocketDenialResponse) as refused, desk.socket(path, user):
        pass
    assert refused.value.status_code == 401


def test_an_unguarded_route_keeps_the_server_from_starting() -> None:
    app = FastAPI()
    router = APIRouter()
    router.add_api_route("/forgotten", lambda: None)
    app.include_router(router)
    with pytest.raises(RuntimeError, match="/forgotten"):
        refuse_unguarded(app)


def test_every_route_has_exactly_one_guard(desk: Desk) -> None:
    routes = routes_of(desk.client.app)
    assert len(routes) >= len(EXPECTED) + len(OPEN) + 2, "the sockets, and the pages beside the API"
    for route in routes:
        assert [type(guard) in (Open, Allow, AllowAgent) for guard in guards_of(route.dependant)] == [True]
    public = {route.path for route in routes if isinstance(guards_of(route.dependant)[0], Open)}
    assert public == {
        "/api/v1/session", "/api/v1/settings", "/healthz", "/readyz", "/metrics", "/docs", "/{path:path}",
    }  # fmt: skip


def test_another_site_cannot_act_with_the_cookie(desk: Desk) -> None:
    """SameSite is the first wall; the origin is checked too."""
    ticket = desk.report(sighting(kind="smoke"))["ticket_id"]
    desk.client.post(f"{API}/session", json={"username": "desk", "password": PASSWORD})
    address, body = f"{API}/tickets/{ticket}/actions", {"action": "file"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = desk.client.post(address, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")
    assert desk.client.get(f"{API}/tickets", headers={"Origin": "https://evil.example"}).status_code == 200
    same = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    assert desk.client.post(address, json=body, headers=same).status_code == 200


def test_the_demo_answers_to_local_names_only(desk: Desk) -> None:
    assert desk.client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", ["/", "/api/v1/settings", "/api/v1/tickets", "/nothing.js", "/healthz"])
def test_security_headers_are_on_every_answer(desk: Desk, path: str) -> None:
    headers = desk.client.get(path).headers
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "worker-src 'self' blob:" in policy
    assert "img-src 'self' data: blob:" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert re.fullmatch(r"[0-9a-f]{16}", headers["x-request-id"])


def test_a_request_id_is_passed_on_but_not_anything(desk: Desk) -> None:
    assert desk.client.get("/healthz", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    strange = desk.client.get("/healthz", headers={"X-Request-ID": "a b\tc"})
    assert re.fullmatch(r"[0-9a-f]{16}", strange.headers["x-request-id"])


@pytest.mark.parametrize("path", [
    "/../settings.py", "/..%2f..%2fsettings.py", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt",
    "//etc/passwd",
])  # fmt: skip
def test_the_console_serves_its_own_files_only(tmp_path: Any, path: str) -> None:
    from tests.fixtures.desk import open_desk

    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("the console")
    (dist / "assets" / "app-1a2b.js").write_text("code")
    (tmp_path / "secret.txt").write_text("secret")
    (dist / "link.txt").symlink_to(tmp_path / "secret.txt")
    with open_desk(tmp_path / "data", console_directory=dist) as desk:
        assert "secret" not in desk.client.get(path).text
        assert desk.client.get("/link.txt").status_code == 404
        assert desk.client.get("/tickets/42").text == "the console"
        asset = desk.client.get("/assets/app-1a2b.js")
        assert "immutable" in asset.headers["cache-control"]
        assert "javascript" in asset.headers["content-type"]
        assert desk.client.get("/assets/gone.js").status_code == 404


def test_without_a_console_the_page_says_what_to_do(desk: Desk) -> None:
    assert "make console" in desk.client.get("/").text


def test_bodies_have_a_limit_with_and_without_a_length(desk: Desk) -> None:
    big = b"x" * (desk.context.settings.max_body_bytes + 1)
    whole = desk.call("POST", "session", user=None, content=big)
    pieces = desk.call(
        "POST", "session", user=None, content=(big[i : i + 65536] for i in range(0, len(big), 65536))
    )
    for answer in (whole, pieces):
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"username": {"$gt": ""}, "password": "x"}',
     b'{"username": "desk", "password": "\\u0000"}',
     b'{"username": "' + b"[" * 5000 + b'", "password": "x"}'],
)  # fmt: skip
def test_broken_bodies_are_problems_not_crashes(desk: Desk, body: bytes) -> None:
    answer = desk.call(
        "POST", "session", user=None, content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (401, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code", "request_id"} <= answer.json().keys()


def test_a_bug_answers_500_without_telling_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    import server.figures.repository as figures

    def broken(*_: object) -> int:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(figures, "sightings", broken)
    answer = desk.call("GET", "figures")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


def test_outside_the_demo_there_are_no_public_passwords(tmp_path: Any) -> None:
    app = create_app(settings_for(tmp_path / "data", demo=False))
    context = app.state.context
    with context.database.read() as session:
        from server.access import repository

        assert list(repository.users(session)) == []
    context.database.close()
