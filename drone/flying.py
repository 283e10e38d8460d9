"""One flight of one plan with a real vehicle: what ``skybeat fly`` runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import httpx

from drone.agent import Agent, AgentIdentity
from drone.errors import DroneError
from drone.eye import watch_factory
from drone.patrol import PatrolSettings
from drone.seen import seen_at
from drone.spool import Spool
from drone.uplink import AgentClient, Uplink
from drone.vehicle import Vehicle
from missions.cameras import load_cameras
from missions.clock import SystemClock
from missions.messages import AgentRequest, RequestKind
from missions.plan import PatrolPlan, PlanCamera
from missions.site import Site
from vision.camera import CameraModel
from vision.evidence import EvidenceStore
from vision.frames import open_source

DRAIN_TIMEOUT_S = 60.0


class NotLaunched(DroneError):
    """The aircraft was not launched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlyOptions:
    """One flight. ``video`` is a file or a stream; ``token`` is the agent's at the server.

    ``plan_aircraft``: which aircraft of the plan it is, from 0. ``launch_at``: the plan's common launch
    moment. ``weights``: name in the manifest or a pinned file; patrol-thermal for thermal cameras.
    ``require_battery``: an aircraft that does not tell how full its battery is stays on the ground.
    """

    video: str
    server: str
    token: str
    name: str
    frames_per_second: float
    directory: Path
    plan_aircraft: int = 0
    launch_at: datetime | None = None
    weights: str = "patrol-rgb"
    require_battery: bool = False


def planned_camera(planned: PlanCamera) -> CameraModel:
    """The camera that a plan was made for, with distortion and errors of the configured one of that name."""
    entry = load_cameras().get(planned.name)
    model = CameraModel.from_field_of_view(
        planned.width_px, planned.height_px, planned.horizontal_fov_deg, name=planned.name
    )
    if entry is None:
        return model
    return replace(model, distortion=entry.distortion, focal_sigma=entry.focal_sigma)


def launch_notice(plan: PatrolPlan) -> str:
    """What will happen, for the person who says yes."""
    lines = [
        f"Plan {plan.name}: cells {', '.join(plan.cells) or 'drawn area'}, {plan.length_m:.0f} m, "
        f"{plan.seconds / 60:.1f} min at {plan.altitude_agl_m:.0f} m above ground, "
        f"reserve {plan.reserve_fraction:.0%}"
    ]
    if plan.keeps_times:
        lines += [
            f"  aircraft {number + 1} takes off "
            + ", ".join(f"{s.start_s:.0f} s" for s in plan.sorties if s.aircraft == number)
            + " after the common launch moment"
            for number in plan.aircraft
        ]
    lines += [f"  {finding.severity}: {finding.text} {finding.remedy}" for finding in plan.findings]
    return "\n".join(lines)


def fly_plan(
    plan: PatrolPlan, site: Site, vehicle: Vehicle, options: FlyOptions, say: Callable[[str], None]
) -> None:
    """Run an agent for one flight, then deliver what is left.

    Raises:
        NotLaunched: the agent refused the plan; says why.
    """
    options.directory.mkdir(parents=True, exist_ok=True)
    evidence = EvidenceStore(options.directory / "evidence")
    spool = Spool(options.directory / "spool.sqlite", locate=evidence.path)
    headers = {"Authorization": f"Bearer {options.token}"}
    with httpx.Client(base_url=options.server, headers=headers, timeout=30.0) as client:
        uplink = Uplink(spool, client)
        agent = _agent(planned_camera(plan.camera), site, vehicle, options, client, spool, uplink, evidence)
        thread = threading.Thread(target=agent.run, name="agent", daemon=True)
        thread.start()
        try:
            outcome = agent.fly(_request(plan, site, options))
            if not outcome:
                raise NotLaunched(f"not launched: {outcome.why}")
            while agent.phase is not None:
                time.sleep(0.5)
        except KeyboardInterrupt:
            if agent.call_off():
                say("Called off before take-off.")
            else:
                say(
                    "Leaving; the aircraft goes on under its autopilot. Use its own controls, or the console."
                )
        finally:
            agent.stop()
            thread.join(timeout=15.0)
            if not uplink.flush(DRAIN_TIMEOUT_S):
                say(f"{spool.pending()} items wait in {options.directory} and go out at the next start.")
            vehicle.close()
            spool.close()


def _agent(
    camera: CameraModel, site: Site, vehicle: Vehicle, options: FlyOptions, client: httpx.Client,
    spool: Spool, uplink: Uplink, evidence: EvidenceStore,
) -> Agent:  # fmt: skip
    clock = SystemClock()
    return Agent(
        AgentIdentity(name=options.name, aircraft=options.name, camera=camera),
        vehicle,
        lambda: open_source(options.video, start=clock.now(), fps=options.frames_per_second),
        watch_factory(
            camera, site.terrain, evidence, "drone", seen=seen_at(site, spool), weights_name=options.weights
        ),
        client=AgentClient(client), spool=spool, uplink=uplink, clock=clock, terrain=site.terrain,
        settings=PatrolSettings(battery_must_be_known=options.require_battery),
    )  # fmt: skip


def _request(plan: PatrolPlan, site: Site, options: FlyOptions) -> AgentRequest:
    now = SystemClock().now()
    wait_s = None if options.launch_at is None else (options.launch_at - now).total_seconds()
    return AgentRequest(
        request_id=uuid4(), kind=RequestKind.FLY, flight_id=uuid4(), issued_at=now,
        plan_aircraft=options.plan_aircraft, launch_in_s=wait_s,
        issued_by=os.environ.get("USER", "command line"), plan=plan.model_dump(mode="json"),
        zones=site.zones.to_geojson(),
    )  # fmt: skip
