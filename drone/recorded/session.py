"""One replay from files to tickets: what ``skybeat replay`` runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

import httpx

from drone.recorded.errors import NotDelivered, TicketsUnreadable, VideoStopped
from drone.recorded.expected import Comparison, compare, load_expected, write_junit
from drone.recorded.recording import Recording, ReplayOptions, open_recording
from drone.recorded.replay import ReplayResult, pose_lookup, recording_namespace, replay
from drone.seen import CROWDS, RecordingWatch, SeenReporter, seen_from
from drone.spool import Spool
from drone.uplink import AgentNotAccepted, Uplink, check_answer
from missions.clock import Clock
from missions.kinds import CONFIGS, load_kinds
from missions.zones import Zones
from vision.ahead import read_ahead
from vision.detector import Detector, FrameDetector
from vision.evidence import EvidenceStore
from vision.frames import Frame
from vision.glances import RotaDetector, parts_in_turn
from vision.tiles import TiledDetector
from vision.weights import load_weights

API = "/api/v1"
PAGE = 1000
SHAPING_FILES = ("kinds.yaml", "watch.yaml")
"""Configuration that shapes the result, and so belongs to a recording's id."""


def run_replay(
    options: ReplayOptions,
    client: httpx.Client,
    *,
    desk: httpx.Client | None = None,
    recording: Recording | None = None,
    detector: FrameDetector | None = None,
    weights_label: str = "",
    clock: Clock | None = None,
    on_frame: Callable[[Frame, int], None] | None = None,
) -> dict[str, Any]:
    """Replay a recording into a server and compare its tickets with what is expected.

    Args:
        client: with the server's base URL and an agent's token; sightings go through it.
        desk: that may read tickets; None takes ``client``.
        recording: opened before, e.g. to write the sandbox's site; None opens it.
        detector: instead of the pinned weights; ``weights_label`` then names it.

    Returns:
        The object of ``skybeat replay --json``: frames, sightings, tickets, missing, extra, misplaced,
        matched, passed (None without expectations), unplaced, warnings, flight_id, footage_seconds,
        frames_without_pose, time_offset (None for stills: seconds, sigma_s, applied, reason, alarm).

    Raises:
        RecordingError: the recording cannot be replayed, or broke off (after its good frames were delivered).
        TicketsUnreadable: tickets are to be compared and neither ``desk`` nor ``client`` may read them.
        NotDelivered: the server did not take everything in time; it is kept in the work directory.
    """
    expected = load_expected(options.expect) if options.expect is not None else None
    opened = recording or open_recording(options)
    eye, label = (detector, weights_label) if detector is not None else pinned_detector(options, opened)
    namespace = recording_id(options, opened, label)
    flight_id = uuid5(namespace, "flight")
    options.work_directory.mkdir(parents=True, exist_ok=True)
    evidence = EvidenceStore(options.work_directory / "evidence")
    # One outbox for each server: what one has taken, another has not.
    server = hashlib.sha256(str(client.base_url).encode()).hexdigest()[:8]
    spool = Spool(options.work_directory / f"spool-{server}.sqlite", locate=evidence.path)
    pose_at = pose_lookup(opened.poses.track)
    looker = options.weights if detector is None else "detector"
    watch = RecordingWatch(
        opened.camera, eye, seen=_ledger(opened, spool, flight_id, looker), pose_at=pose_at,
        terrain=opened.terrain, kinds=load_kinds(), evidence=evidence, flight_id=flight_id, source="replay",
        zones=Zones.from_geojson(options.zones) if options.zones is not None else None, weights_label=label,
        namespace=namespace,
    )  # fmt: skip
    try:
        uplink = Uplink(spool, client, seed=options.seed)
        result = replay(
            read_ahead(opened.frames, getattr(eye, "prepare", None)), opened.poses.track, watch, spool,
            speed=options.speed, clock=clock,
            on_frame=on_frame, on_sightings=lambda _: _deliver(uplink),
        )  # fmt: skip
        warnings = [*opened.warnings, *_remarks(result, eye), *_finish(uplink, spool, options)]
    finally:
        spool.close()
    if result.broken:
        raise VideoStopped(
            f"{result.broken}; {result.frames} frames were looked at and their sightings delivered"
        )
    try:
        tickets, unplaced = _tickets(desk or client, result, flight_id, repeatable=options.sandbox)
    except AgentNotAccepted as error:
        if expected is not None:
            raise TicketsUnreadable from error
        tickets, unplaced = [], []
        warnings.append("this token may not read tickets: look at them on the desk")
    comparison = compare(expected, tickets) if expected is not None else None
    if comparison is not None and options.junit is not None:
        write_junit(comparison, options.junit, suite=options.source.name, seconds=result.seconds)
    report = _report(result, tickets, unplaced, comparison, warnings, flight_id)
    return report | {"time_offset": opened.clocks.as_json() if opened.clocks is not None else None}


def _ledger(opened: Recording, spool: Spool, flight_id: UUID, algorithm: str) -> SeenReporter:
    """The ledger of ground seen of a recording; no buildings are known around it."""
    first = next(iter(opened.poses.track.poses()), None)
    place = (first.latitude, first.longitude) if first is not None else (0.0, 0.0)
    return seen_from(*place, opened.terrain, spool)(flight_id, opened.camera, (algorithm, CROWDS))


def recording_id(options: ReplayOptions, opened: Recording, label: str) -> UUID:
    """The namespace of a replay's ids: of all that shapes its result, so not of its speed."""
    given = [file for file in (options.zones, options.terrain) if file is not None]
    return recording_namespace(
        [*opened.files, *given, *(CONFIGS / name for name in SHAPING_FILES)],
        label, repr(opened.camera), repr(replace(options.defaults, terrain=None)), str(options.fps),
        str(options.turn_deg),
    )  # fmt: skip


def pinned_detector(options: ReplayOptions, recording: Recording) -> tuple[FrameDetector, str]:
    """The pinned weights, over parts where the pictures are large, and their label.

    Stills lie seconds apart: every tile of each is looked at. The whole of a large still is not looked at
    as well: at their height a network made for small things sees one large thing where there are several.
    Of large frames of a video some parts are looked at, by turns and by what they show.
    """
    weights = load_weights(options.weights)
    detector = Detector(weights)
    if options.tile_px is None or recording.camera.width_px <= options.tiles_from_px:
        return detector, weights.label
    if options.source.is_dir():
        tiled = TiledDetector(detector, size=options.tile_px, whole=False)
        return tiled, f"{weights.label} tiles {options.tile_px}"
    zones = Zones.from_geojson(options.zones) if options.zones is not None else None
    return parts_in_turn(detector, zones), f"{weights.label} parts in turn"


def _deliver(uplink: Uplink) -> None:
    while uplink.step():
        pass


def _finish(uplink: Uplink, spool: Spool, options: ReplayOptions) -> list[str]:
    """Deliver the rest; sentences about what the server would not take."""
    if not uplink.flush(options.deliver_within_s):
        raise NotDelivered(
            f"{spool.pending()} items were not delivered within {options.deliver_within_s:g} s "
            f"({uplink.state.says or 'the server is slow'}); they are kept in {spool.path} and go out "
            "with the next run"
        )
    return [f"the server refuses a {item.kind.value}: {item.note}" for item in spool.parked()]


def _remarks(result: ReplayResult, eye: FrameDetector) -> list[str]:
    remarks = []
    if result.frames_without_pose:
        remarks.append(
            f"{result.frames_without_pose} of {result.frames} frames have no pose (the telemetry does not "
            "reach there): nothing is reported from them"
        )
    if isinstance(eye, RotaDetector) and eye.refusal:
        remarks.append(f"people are too small to be found in some frames: {eye.refusal}")
    return remarks


def _tickets(
    desk: httpx.Client, result: ReplayResult, flight_id: UUID, *, repeatable: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The tickets that this replay's sightings belong to, and the sightings that have none."""
    sent = {str(message.sighting_id) for message in result.messages}
    sightings = [s for s in _pages(desk, "sightings", flight_id) if str(s["id"]) in sent]
    by_ticket: dict[str, list[str]] = {}
    for sighting in sightings:
        if sighting["ticket_id"] is not None:
            by_ticket.setdefault(str(sighting["ticket_id"]), []).append(str(sighting["id"]))
    tickets = []
    for ticket_id, members in by_ticket.items():
        ticket = check_answer(desk.get(f"{API}/tickets/{ticket_id}")).json()
        name = str(uuid5(flight_id, min(members))) if repeatable else ticket["number"]
        tickets.append(_ticket(name, ticket, len(members)))
    tickets.sort(key=lambda t: (t["first_seen"], t["kind"], t["lat"], t["lon"], t["id"]))
    unplaced = [
        {"id": str(s["id"]), "kind": s["kind"], "note": s["note"]}
        for s in sightings
        if s["ticket_id"] is None
    ]
    return tickets, sorted(unplaced, key=lambda s: s["id"])


def _pages(desk: httpx.Client, what: str, flight_id: UUID) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        params: dict[str, Any] = {"flight_id": str(flight_id), "limit": PAGE}
        if cursor:
            params["cursor"] = cursor
        page = check_answer(desk.get(f"{API}/{what}", params=params)).json()
        items += page["items"]
        cursor = page.get("next_cursor")
        if not cursor or not page["items"]:
            return items


def _ticket(name: str, ticket: dict[str, Any], sightings: int) -> dict[str, Any]:
    return {
        "id": name,
        "kind": ticket["kind"],
        "cell": ticket["cell"],
        "lat": round(float(ticket["lat"]), 7),
        "lon": round(float(ticket["lon"]), 7),
        "ce90_m": round(float(ticket["ce90_m"]), 2),
        "first_seen": ticket["first_seen_at"],
        "last_seen": ticket["last_seen_at"],
        "sightings": sightings,
    }


def _report(
    result: ReplayResult,
    tickets: list[dict[str, Any]],
    unplaced: list[dict[str, Any]],
    comparison: Comparison | None,
    warnings: list[str],
    flight_id: UUID,
) -> dict[str, Any]:
    lists = comparison.as_json() if comparison is not None else {"missing": [], "extra": [], "misplaced": []}
    return {
        "frames": result.frames,
        "sightings": result.sightings,
        "tickets": tickets,
        **lists,
        "matched": len(comparison.matched) if comparison is not None else 0,
        "passed": comparison.passed if comparison is not None else None,
        "unplaced": unplaced,
        "frames_without_pose": result.frames_without_pose,
        "footage_seconds": round(result.seconds, 3),
        "flight_id": str(flight_id),
        "warnings": warnings,
    }
