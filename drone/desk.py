"""The server's API as a signed-in person uses it: for the demo, and for scripts."""

from __future__ import annotations

import time
from typing import Any

import httpx

from drone.errors import DroneError

START_TIMEOUT_S = 60.0
PATIENCE_S = 180.0
PAUSE_S = 0.5


class DeskRefused(DroneError):
    """The server refused what was asked of it."""


class Desk:
    """The server's API as a signed-in person uses it."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=60.0)

    def sign_in(self, username: str, password: str) -> None:
        token = self.post("/session", {"username": username, "password": password})["token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: Any) -> Any:
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        give_up_at = time.monotonic() + (PATIENCE_S if method == "GET" else 0.0)
        while True:
            try:
                answer = self._client.request(method, path, **arguments)
                break
            except httpx.TransportError as error:
                # Reading may be repeated; a request that changes something may have been carried out.
                if time.monotonic() > give_up_at:
                    raise DeskRefused(f"the server does not answer {method} {path}: {error}") from error
                time.sleep(PAUSE_S)
        if answer.is_error:
            problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
            raise DeskRefused(
                f"the server refused {method} {path}: {problem.get('detail') or answer.text[:200]}"
            )
        return answer.json()

    def wait_for_aircraft(self, agent: str) -> None:
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until:
            if any(one["agent"] == agent and one["online"] for one in self.get("/aircraft")):
                return
            time.sleep(0.3)
        raise DeskRefused(f"the aircraft {agent} did not report to the server")

    def tickets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self.get("/tickets", limit=200, **({"cursor": cursor} if cursor else {}))
            found += page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return found

    def close(self) -> None:
        self._client.close()
