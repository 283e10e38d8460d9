"""Sightings as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from missions.messages import Reason
from server.sightings import repository
from server.sightings.ellipses import circular_error_90, ellipse_90
from server.sightings.models import EvidenceLink, Sighting
from server.sightings.schemas import EllipseOut, EvidenceOut, SightingOut


def covariance_of(east_east: float, east_north: float, north_north: float) -> NDArray[np.float64]:
    """The (2, 2) matrix of its stored parts."""
    return np.array([[east_east, east_north], [east_north, north_north]])


def ellipse_out(covariance: NDArray[np.float64]) -> EllipseOut:
    ellipse = ellipse_90(covariance)
    return EllipseOut(
        semi_major_m=round(ellipse.semi_major_m, 2), semi_minor_m=round(ellipse.semi_minor_m, 2),
        bearing_deg=round(ellipse.bearing_deg, 1) % 180.0,
    )  # fmt: skip


def sighting_covariance(sighting: Sighting) -> NDArray[np.float64] | None:
    parts = (sighting.covariance_ee_m2, sighting.covariance_en_m2, sighting.covariance_nn_m2)
    if parts[0] is None or parts[1] is None or parts[2] is None:
        return None
    return covariance_of(parts[0], parts[1], parts[2])


def evidence_out(link: EvidenceLink, stored: bool) -> EvidenceOut:
    return EvidenceOut(
        sha256=link.sha256, role=link.role, media_type=link.media_type, bytes=link.bytes,
        captured_at=link.captured_at, redacted=link.redacted, previous_sha256=link.previous_sha256,
        stored=stored,
    )  # fmt: skip


def sightings_out(session: Session, sightings: Sequence[Sighting]) -> list[SightingOut]:
    """Sightings with their evidence."""
    evidence = repository.evidence_of(session, [sighting.id for sighting in sightings])
    return [_sighting_out(sighting, evidence.get(sighting.id, [])) for sighting in sightings]


def _sighting_out(sighting: Sighting, evidence: Sequence[tuple[EvidenceLink, bool]]) -> SightingOut:
    covariance = sighting_covariance(sighting)
    return SightingOut(
        id=sighting.id, revision=sighting.revision, kind=sighting.kind, state=sighting.state,
        confidence=sighting.confidence, source=sighting.source, flight_id=sighting.flight_id,
        track_id=sighting.track_id, first_seen_at=sighting.first_seen_at, last_seen_at=sighting.last_seen_at,
        lat=sighting.latitude, lon=sighting.longitude, altitude_amsl_m=sighting.altitude_amsl_m,
        ce90_m=None if covariance is None else round(circular_error_90(covariance), 2),
        ellipse=None if covariance is None else ellipse_out(covariance),
        cell=sighting.cell, cell_probabilities=sighting.cell_probabilities, placed=sighting.placed,
        note=sighting.note, people_count=sighting.people_count, zone=sighting.zone,
        reasons=[Reason.model_validate(reason) for reason in sighting.reasons],
        evidence=[evidence_out(link, stored) for link, stored in evidence],
        ticket_id=sighting.ticket_id, views=sighting.views, weights=sighting.weights,
        received_at=sighting.received_at,
    )  # fmt: skip
