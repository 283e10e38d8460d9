"""Where on the ground a sighting is: camera rays onto the terrain, with honest covariance, views fused.

Each look is a ray from the camera through the pixel of the thing's ground contact. Its errors are those of
the camera's position, height, heading, gimbal, pixel, focal length and of the terrain's height (the pose's
sigmas hold those of its gimbal, mounting and clock). The Jacobian of the
crossing point with respect to all of them is taken numerically, with steps of one sigma, for all looks at
once.

Most of these errors do not change from one look to the next: the GNSS offset, the compass error and the
terrain are the same for a whole pass. So the looks are fused by generalised least squares with those shared
errors as further unknowns (Teunissen, *Adjustment Theory*, 2003, chapter on stochastic constraints):

    y_i = x + B_i b + e_i,    b ~ N(0, 1) shared by all looks,   e_i ~ N(0, S_i) of the look alone

More looks from one side shrink ``e`` but not ``b``; looks from other sides also tell what ``b`` was. Looks
that do not fit are left out (Tukey), and where all scatter more than announced the ellipse is widened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from missions.geodesy import LocalFrame
from missions.messages import CameraMessage, Look
from missions.terrain import Terrain, ground_in
from server.sightings.ellipses import Ellipse, circular_error_90, ellipse_90
from vision.camera import CameraModel, intersect_ground, rotation_camera_to_world

Array = NDArray[np.float64]

MIN_DEPRESSION_DEG = 15.0
MAX_RANGE_M = 3000.0
TUKEY = 4.685  # full rejection from here, in sigmas; 95 % efficient on clean data
RAYLEIGH_MEDIAN = 1.17741
LEAST_WEIGHT = 1e-6
ITERATIONS = 15

BURIED = "the camera's reported position lies below the ground; check its height and the terrain"
PARAMETERS = ("east", "north", "up", "yaw", "pitch", "roll", "u", "v", "terrain", "zoom")
TERRAIN, ZOOM = PARAMETERS.index("terrain"), PARAMETERS.index("zoom")
SHARED_VARIANCE = np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.6, 0.3, 0.3, 1.0, 1.0])
"""Share of each parameter's variance that is the same in all looks of a sighting. GNSS, barometer and compass
wander over minutes, a gimbal partly within seconds; the contact pixel is off the same way from one side."""
LOOK_SIGMA_M = 0.01
"""What a look is off by for itself beyond its pixel: next to nothing where a detector marks the same foot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A place on the ground. ``covariance_m2`` is (2, 2), east and north."""

    latitude: float
    longitude: float
    altitude_amsl_m: float
    covariance_m2: Array
    looks_used: int
    looks_refused: int
    note: str = ""

    @property
    def ce90_m(self) -> float:
        return circular_error_90(self.covariance_m2)

    @property
    def ellipse(self) -> Ellipse:
        return ellipse_90(self.covariance_m2)


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """Why no place can be told."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is refused.

    Attributes:
        min_depression_deg: rays flatter than this run too far for their errors.
        max_ce90_m: a wider circle says too little.
        terrain_sigma_m: one sigma of the terrain's heights.
    """

    min_depression_deg: float = MIN_DEPRESSION_DEG
    max_ce90_m: float = 50.0
    terrain_sigma_m: float = 1.5


@dataclass(frozen=True, slots=True)
class GroundLooks:
    """N looks on the ground, in ``frame`` (heights above sea level).

    points: (N, 3) metres, NaN where refused. jacobian: (N, 2, P) metres per sigma of each parameter.
    problems: one sentence per refused look, empty for the others.
    """

    frame: LocalFrame
    points: Array
    jacobian: Array
    problems: list[str]

    @property
    def covariances(self) -> Array:
        """Full covariance of each look alone, shape (N, 2, 2)."""
        return np.asarray(np.einsum("nip,njp->nij", self.jacobian, self.jacobian))


@lru_cache(maxsize=256)
def _frame_at(latitude: float, longitude: float) -> LocalFrame:
    return LocalFrame(latitude, longitude)


def frame_near(latitude: float, longitude: float) -> LocalFrame:
    """A local frame whose origin is at most about 800 m away: making one is slow, so near places share one.

    So far from its origin, north turns by less than 0.005 degrees and distances stay right to 1e-8.
    """
    return _frame_at(round(latitude, 2), round(longitude, 2))


def place(looks: Sequence[Look], terrain: Terrain, limits: Limits | None = None) -> Placement | NotPlaced:
    """Where the thing seen in these looks is.

    Args:
        looks: at least one; all of the same thing, which does not move.
        terrain: heights above sea level.
        limits: what is refused.
    """
    limits = limits or Limits()
    ground = look_at_ground(looks, terrain, limits)
    good = np.flatnonzero([not problem for problem in ground.problems])
    if not len(good):
        return NotPlaced(f"{_most_common(ground.problems)}; {seen_towards(looks)}")
    position, covariance, _weights = fuse(ground.points[good, :2], ground.jacobian[good])
    ce90 = circular_error_90(covariance)
    if not ce90 <= limits.max_ce90_m:
        return NotPlaced(
            f"the position is uncertain by {ce90:.0f} m (90 %), "
            f"more than the {limits.max_ce90_m:.0f} m allowed; {seen_towards(looks)}"
        )
    latitude, longitude, _ = ground.frame.to_geodetic([position])[0]
    height = terrain.elevation_m(latitude, longitude)[0]
    if not np.isfinite(height):
        height = float(np.mean(ground.points[good, 2]))
    refused = len(looks) - len(good)
    return Placement(
        latitude=float(latitude), longitude=float(longitude), altitude_amsl_m=float(height),
        covariance_m2=covariance, looks_used=len(good), looks_refused=refused,
        note=f"{refused} of {len(looks)} looks not used: {_most_common(ground.problems)}" if refused else "",
    )  # fmt: skip


def seen_towards(looks: Sequence[Look]) -> str:
    """From where and in which direction a thing was seen in the middle of its looks."""
    look = looks[len(looks) // 2]
    pose = look.pose
    camera = CameraModel(**look.camera.model_dump())
    ray = (
        rotation_camera_to_world(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
        @ camera.camera_rays([[look.u_px, look.v_px]])[0]
    )
    bearing = np.degrees(np.arctan2(ray[0], ray[1])) % 360.0
    return f"seen from {pose.latitude:.5f}, {pose.longitude:.5f} towards {bearing:.0f} degrees"


def look_at_ground(looks: Sequence[Look], terrain: Terrain, limits: Limits) -> GroundLooks:
    """Cross every look's ray with the terrain, and take the Jacobian over all its errors.

    All 1 + 2 P rays of all looks are crossed in one call.
    """
    frame = frame_near(looks[0].pose.latitude, looks[0].pose.longitude)
    nominal, sigmas = _parameters(looks, frame, limits.terrain_sigma_m)
    n, p = nominal.shape
    steps = np.concatenate([np.zeros((1, p)), np.eye(p), -np.eye(p)])
    values = nominal[None] + steps[:, None, :] * sigmas[None]
    rays = _rays(looks, values)
    origins = values[..., :3] - np.concatenate([np.zeros((*values.shape[:2], 2)), values[..., [TERRAIN]]], -1)
    points = intersect_ground(
        origins.reshape(-1, 3), rays.reshape(-1, 3), ground_in(frame, terrain), MAX_RANGE_M
    ).reshape(len(steps), n, 3)
    jacobian = np.transpose((points[1 : p + 1, :, :2] - points[p + 1 :, :, :2]) / 2, (1, 2, 0))
    depression = np.degrees(np.arcsin(np.clip(-rays[0, :, 2], -1, 1)))
    origin = nominal[:, :3]
    buried = origin[:, 2] <= ground_in(frame, terrain)(origin[:, 0], origin[:, 1])
    problems = [
        BURIED if buried[i] else _problem(depression[i], points[0, i], jacobian[i], limits.min_depression_deg)
        for i in range(n)
    ]
    return GroundLooks(frame, points[0], jacobian, problems)


def fuse(points: Array, jacobian: Array, look_sigma_m: float = LOOK_SIGMA_M) -> tuple[Array, Array, Array]:
    """Robust generalised least squares with shared errors.

    Args:
        points: shape (N, 2), metres east and north.
        jacobian: shape (N, 2, P), metres per sigma of each of ``PARAMETERS``.
        look_sigma_m: what each look is off by for itself beyond that, on each axis.

    Returns:
        position (2,), covariance (2, 2), weights (N,) in [0, 1].
    """
    floor = look_sigma_m**2 * np.eye(2)
    shared = jacobian * np.sqrt(SHARED_VARIANCE)
    own = jacobian * np.sqrt(1 - SHARED_VARIANCE)
    information = np.linalg.inv(np.einsum("nip,njp->nij", own, own) + floor)
    n, _, p = shared.shape
    design = np.concatenate([np.broadcast_to(np.eye(2), (n, 2, 2)), shared], -1)
    prior = np.diag(np.concatenate([np.zeros(2), np.ones(p)]))
    whole = np.linalg.inv(np.einsum("nip,njp->nij", jacobian, jacobian) + floor)
    weights, scale = robust_weights(points - np.median(points, axis=0), whole)
    normal, solution = prior, np.zeros(p + 2)
    for _ in range(ITERATIONS):
        weighted = information * (weights / scale**2)[:, None, None]
        normal = np.einsum("nia,nij,njb->ab", design, weighted, design) + prior
        solution = np.linalg.solve(normal, np.einsum("nia,nij,nj->a", design, weighted, points))
        previous = weights
        weights, scale = robust_weights(points - design @ solution, information)
        if np.abs(weights - previous).max() < 1e-4:
            break
    covariance = np.linalg.inv(normal)[:2, :2]
    return solution[:2], (covariance + covariance.T) / 2, weights


def robust_weights(residual: Array, information: Array) -> tuple[Array, float]:
    """Tukey's biweight of Mahalanobis distances, and how much wider than announced the looks scatter.

    Wild looks must get no weight at all, not merely little: being seen at another angle they have leverage on
    the shared errors.
    """
    n = len(residual)
    distance = np.sqrt(np.einsum("ni,nij,nj->n", residual, information, residual))
    scale = max(1.0, float(np.median(distance)) / RAYLEIGH_MEDIAN * np.sqrt(n / max(n - 1, 1)))
    share = np.minimum(distance / (TUKEY * scale), 1.0)
    return np.asarray(np.maximum((1 - share**2) ** 2, LEAST_WEIGHT)), scale


def _parameters(looks: Sequence[Look], frame: LocalFrame, terrain_sigma_m: float) -> tuple[Array, Array]:
    """Values and sigmas of ``PARAMETERS``, shape (N, P) each; errors of terrain and zoom count from zero."""
    poses = [look.pose for look in looks]
    places = frame.to_enu(
        [pose.latitude for pose in poses], [pose.longitude for pose in poses],
        [pose.altitude_amsl_m for pose in poses],
    )  # fmt: skip
    angles = np.array([(pose.yaw_deg, pose.pitch_deg, pose.roll_deg) for pose in poses])
    pixels = np.array([(look.u_px, look.v_px) for look in looks])
    values = np.column_stack([places, angles, pixels, np.zeros((len(looks), 2))])
    sigmas = np.array([
        (
            pose.position_sigma_m, pose.position_sigma_m, pose.altitude_sigma_m, pose.heading_sigma_deg,
            pose.attitude_sigma_deg, pose.attitude_sigma_deg, look.pixel_sigma_px, look.pixel_sigma_px,
            terrain_sigma_m, look.camera.focal_sigma,
        )
        for look, pose in zip(looks, poses, strict=True)
    ])  # fmt: skip
    return values, sigmas


def _rays(looks: Sequence[Look], values: Array) -> Array:
    """World rays of the parameter sets, values (K, N, P) -> (K, N, 3); looks grouped by camera."""
    rotations = rotation_camera_to_world(values[..., 3], values[..., 4], values[..., 5])
    in_camera = np.empty((*values.shape[:2], 3))
    groups: dict[CameraMessage, list[int]] = {}
    for index, look in enumerate(looks):
        groups.setdefault(look.camera, []).append(index)
    for message, members in groups.items():
        camera = CameraModel(**message.model_dump())
        middle = np.array([camera.cx_px, camera.cy_px])
        pixels = middle + (values[:, members, 6:8] - middle) / (1 + values[:, members, ZOOM : ZOOM + 1])
        in_camera[:, members] = camera.camera_rays(pixels.reshape(-1, 2)).reshape(*pixels.shape[:2], 3)
    return np.asarray(np.einsum("knij,knj->kni", rotations, in_camera))


def _problem(depression_deg: float, point: Array, jacobian: Array, min_depression_deg: float) -> str:
    if not depression_deg >= min_depression_deg:
        return (
            f"the line of sight is only {depression_deg:.0f} degrees below the horizon, "
            f"{min_depression_deg:.0f} are needed"
        )
    if not np.isfinite(point).all():
        return "the line of sight meets no known ground"
    if not np.isfinite(jacobian).all():
        return "within its errors the line of sight misses the known ground"
    return ""


def _most_common(problems: Sequence[str]) -> str:
    found = [problem for problem in problems if problem]
    return max(found, key=lambda text: (found.count(text), text))
