"""The demo's stand: a server process, the simulated town and aircraft, and the agent between them."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np

from drone.agent import Agent, AgentIdentity
from drone.desk import Desk
from drone.errors import DroneError
from drone.eye import watch_factory
from drone.mavlink.aircraft import MavlinkVehicle
from drone.mavlink.awareness import CameraMounting
from drone.mavlink.link import Patience
from drone.seen import seen_at
from drone.sim.judgement import DemoResult
from drone.sim.server_process import ServerProcess
from drone.sim.town import Town
from drone.sim.world import World, start_of_patrol
from drone.spool import Spool
from drone.uplink import AgentClient, Uplink
from missions.cameras import load_cameras
from missions.messages import FINAL_PHASES
from missions.site import Site, load_site
from vision.camera import CameraModel
from vision.evidence import EvidenceStore

DEMO_CAMERA = "patrol-720p"
DEMO_AGENT = "yunque-1"
DEMO_AIRCRAFT = "云雀一号 Skylark 1"
DEMO_OVERLAP = 0.2
DEMO_USER = {"username": "demo", "password": "skybeat-demo"}
DRAIN_TIMEOUT_S = 60.0
NEIGHBOURS_WITHIN_DEG = 2e-4


class DemoFailed(DroneError):
    """The demo cannot go on."""


@dataclass(slots=True)
class DemoOptions:
    """What ``skybeat demo`` was asked for. ``speed`` None means as fast as the eye can look."""

    seed: int
    speed: float | None
    port: int
    cells: list[str]
    cell_count: int
    data_directory: Path


class Demo:
    """Server, simulated town, aircraft and agent: everything between a plan and a ticket."""

    def __init__(self, options: DemoOptions) -> None:
        self.options = options
        directory = options.data_directory
        directory.mkdir(parents=True, exist_ok=True)
        self.town = Town.generate(options.seed)
        self.site_directory = directory / "site"
        self.town.export(self.site_directory)
        self.site = load_site(self.site_directory)
        entry = load_cameras()[DEMO_CAMERA]
        self.camera = CameraModel.from_field_of_view(
            entry.width_px, entry.height_px, entry.horizontal_fov_deg, name=DEMO_CAMERA
        )
        token = secrets.token_urlsafe(24)
        self.server = ServerProcess(options.port, directory, self.site_directory, token)
        self.world = World(
            self.town,
            self.camera,
            start=start_of_patrol(options.seed),
            speed=options.speed,
            seed=options.seed,
        )
        link_port = free_port()
        self.world.autopilot.serve(f"tcpin:127.0.0.1:{link_port}")
        self.world.start()
        self.vehicle = MavlinkVehicle(
            f"tcp:127.0.0.1:{link_port}",
            clock=self.world.clock,
            battery_swap=self.world.autopilot.swap_battery,
            # The world stands still while weights load or a machine is busy; that is no lost link.
            patience=Patience(silence_s=120.0),
            mounting=CameraMounting(heading_sigma_deg=0.5, attitude_sigma_deg=0.5),
        )
        evidence = EvidenceStore(directory / "agent-evidence")
        self.spool = Spool(directory / "spool.sqlite", locate=evidence.path)
        self._http = httpx.Client(
            base_url=self.server.url, headers={"Authorization": f"Bearer {token}"}, timeout=30.0
        )
        client = AgentClient(self._http)
        self.uplink = Uplink(self.spool, self._http)
        self.agent = Agent(
            AgentIdentity(name=DEMO_AGENT, aircraft=DEMO_AIRCRAFT, camera=self.camera),
            self.vehicle,
            self.world.frames,
            watch_factory(
                self.camera,
                self.site.terrain,
                evidence,
                "simulator",
                threads=cores_beside_the_renderer(),
                seen=seen_at(self.site, self.spool),
            ),
            client=client,
            spool=self.spool,
            uplink=self.uplink,
            clock=self.world.clock,
            terrain=self.site.terrain,
        )
        self._agent_thread = threading.Thread(target=self.agent.run, name="agent", daemon=True)
        self.desk = Desk(self.server.url)

    def start(self) -> None:
        """Bring the server up, sign in and let the agent report."""
        self.server.wait_until_ready()
        self.desk.sign_in(**DEMO_USER)
        self._agent_thread.start()
        self.desk.wait_for_aircraft(DEMO_AGENT)

    def choose_cells(self) -> list[str]:
        """The cells asked for, or neighbouring ones drawn by the seed."""
        known = [cell.code for cell in self.site.grid.cells]
        for code in self.options.cells:
            if code not in known:
                raise DemoFailed(f"there is no cell {code}; the town has {', '.join(known)}")
        return self.options.cells or neighbouring_cells(self.site, self.options.cell_count, self.options.seed)

    def launch(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Plan the cells, create the flight and confirm it, as an operator would; the flight and its plan."""
        entry = load_cameras()[DEMO_CAMERA]
        plan = self.desk.post(
            "/plans",
            {
                "cells": self.choose_cells(),
                "camera": DEMO_CAMERA,
                "pitch_deg": entry.pitch_deg,
                "altitude_agl_m": entry.altitude_agl_m,
                "speed_m_s": entry.speed_m_s,
                "overlap": DEMO_OVERLAP,
                "agent": DEMO_AGENT,
            },
        )
        flight = self.desk.post("/flights", {"plan_id": plan["id"], "agent": DEMO_AGENT})
        return self.desk.post(f"/flights/{flight['id']}/launch", {}), plan["plan"]

    def wait_for_flight(
        self, flight_id: str, on_progress: Callable[[dict[str, Any], float], None]
    ) -> dict[str, Any]:
        """Until the flight has ended and everything has been delivered."""
        final = {phase.value for phase in FINAL_PHASES}
        while True:
            flight = self.desk.get(f"/flights/{flight_id}")
            on_progress(flight, self._flown_s(UUID(flight_id)))
            if flight["phase"] in final and self.agent.phase is None:
                break
            time.sleep(0.5)
        self.uplink.flush(DRAIN_TIMEOUT_S)
        return dict(flight)

    def _flown_s(self, flight_id: UUID) -> float:
        figures = self.agent.figures.get(flight_id)
        if figures is None or figures.first_captured_s is None or figures.last_captured_s is None:
            return 0.0
        return figures.last_captured_s - figures.first_captured_s

    def result(self, flight: dict[str, Any], plan: dict[str, Any]) -> DemoResult:
        """Collect what the desk got and what the camera had in view."""
        return DemoResult(
            flight=flight,
            plan=plan,
            tickets=self.desk.tickets(),
            planted=self.town.planted,
            exposure=self.world.exposure,
            figures=self._figures(UUID(flight["id"])),
        )

    def _figures(self, flight_id: UUID) -> dict[str, float]:
        figures = self.agent.figures[flight_id]
        latencies = sorted(figures.latencies_s) or [0.0]
        return {
            "flight_seconds": self._flown_s(flight_id),
            "frames": figures.frames,
            "frames_per_second": figures.frames / figures.wall_s if figures.wall_s else 0.0,
            "p50": float(np.percentile(latencies, 50)),
            "p95": float(np.percentile(latencies, 95)),
        }

    def close(self) -> None:
        """Stop everything, the server last so that the spool can empty itself."""
        self.agent.stop()
        if self._agent_thread.is_alive():
            self._agent_thread.join(timeout=15.0)
        self.vehicle.close()
        self.world.close()
        self.desk.close()
        self.server.stop()
        self._http.close()
        self.spool.close()


def cores_beside_the_renderer() -> int:
    """Threads for the detector: one that waits for a core that draws burns the time of both."""
    return max(1, (os.cpu_count() or 2) - 1)


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def neighbouring_cells(site: Site, count: int, seed: int) -> list[str]:
    """``count`` connected cells, drawn by the seed."""
    cells = {cell.code: cell.polygon for cell in site.grid.cells}
    random = np.random.default_rng([seed, 3])
    chosen = [str(random.choice(sorted(cells)))]
    while len(chosen) < min(count, len(cells)):
        joined = sorted(
            code
            for code, polygon in cells.items()
            if code not in chosen
            and any(polygon.distance(cells[other]) < NEIGHBOURS_WITHIN_DEG for other in chosen)
        )
        chosen.append(str(random.choice(joined or sorted(set(cells) - set(chosen)))))
    return sorted(chosen)
