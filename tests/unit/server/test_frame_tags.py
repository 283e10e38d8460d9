"""Whole frames at once say the same as looks one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from missions.messages import Look
from missions.terrain import FlatTerrain, ground_in
from server.sightings.frame_tags import CHUNK, tag_frame
from server.sightings.geotag import Limits, look_at_ground
from tests.fixtures.desk import FRAME, GROUND_M, LENS, look_at
from vision.camera import Pose


class _Slope:
    def elevation_m(self, latitude: object, longitude: object) -> np.ndarray:
        places = FRAME.to_enu(latitude, longitude)
        return GROUND_M + 0.2 * places[:, 1] - 0.1 * places[:, 0]


def _pose(look: Look) -> Pose:
    return Pose(**{name: getattr(look.pose, name) for name in Pose.__dataclass_fields__})


@pytest.mark.parametrize("terrain", [FlatTerrain(GROUND_M), _Slope()])
def test_points_and_covariances_are_those_of_single_looks(terrain: FlatTerrain | _Slope) -> None:
    look = look_at(10, 20, bearing_deg=40, back_m=50, height_m=80)
    pixels = np.array([[640.0, 360.0], [100.0, 700.0], [1200.0, 500.0]])
    camera = look.camera.model_copy(update={"focal_sigma": 0.05})
    look = look.model_copy(update={"camera": camera})
    looks = [look.model_copy(update={"u_px": u, "v_px": v}) for u, v in pixels]
    single = look_at_ground(looks, terrain, Limits(terrain_sigma_m=1.0))
    pose = _pose(look)
    ground = GROUND_M if isinstance(terrain, FlatTerrain) else ground_in(single.frame, terrain)
    tags = tag_frame(
        replace(LENS, focal_sigma=0.05), pose, pose.position_in(single.frame), pixels, ground,
        terrain_sigma_m=1.0, pixel_sigma_px=look.pixel_sigma_px,
    )  # fmt: skip
    assert tags.points == pytest.approx(single.points, abs=0.01)
    expected = single.covariances[:, [0, 0, 1], [0, 1, 1]]
    assert tags.covariances == pytest.approx(expected, rel=0.03, abs=0.03)


def test_rays_above_the_horizon_are_nan_and_chunks_join() -> None:
    pose = _pose(look_at(0, 0, back_m=400, pitch_deg=-5))
    pixels = np.tile([[640.0, 10.0], [640.0, 700.0]], (CHUNK, 1))
    tags = tag_frame(LENS, pose, [0.0, 0.0, 50.0], pixels, 0.0)
    assert np.isnan(tags.points[::2]).all()
    assert np.isnan(tags.covariances[::2]).all()
    assert np.isfinite(tags.points[1::2]).all()
    assert (tags.points[1::2] == tags.points[1]).all()
