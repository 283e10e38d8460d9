"""The cameras that patrols are planned for, read from ``configs/cameras.yaml``."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from missions.errors import CamerasInvalid
from missions.messages import CameraMessage
from missions.plan import PlanCamera

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


class CameraEntry(BaseModel):
    """One camera: its picture, and how a patrol with it is flown unless told otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = ""
    width_px: int = Field(gt=0, le=20_000)
    height_px: int = Field(gt=0, le=20_000)
    horizontal_fov_deg: float = Field(gt=1, lt=170)
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    focal_sigma: float = Field(default=0.005, ge=0, le=0.5)
    pitch_deg: float = Field(default=-55.0, ge=-90, le=0)
    altitude_agl_m: float = Field(default=50.0, gt=0, le=1000)
    speed_m_s: float = Field(default=7.0, gt=0, le=30)

    @property
    def focal_px(self) -> float:
        """Focal length in pixels (square pixels)."""
        return self.width_px / 2 / math.tan(math.radians(self.horizontal_fov_deg) / 2)

    @property
    def vertical_fov_deg(self) -> float:
        return math.degrees(2 * math.atan(self.height_px / 2 / self.focal_px))

    def plan_camera(self, pitch_deg: float | None = None) -> PlanCamera:
        """The camera as a plan keeps it; its own pitch unless one is given."""
        return PlanCamera(
            name=self.name, width_px=self.width_px, height_px=self.height_px,
            horizontal_fov_deg=self.horizontal_fov_deg,
            pitch_deg=self.pitch_deg if pitch_deg is None else pitch_deg,
        )  # fmt: skip

    def message(self) -> CameraMessage:
        """The intrinsics as messages carry them; principal point in the middle."""
        return CameraMessage(
            name=self.name, width_px=self.width_px, height_px=self.height_px,
            fx_px=self.focal_px, fy_px=self.focal_px,
            cx_px=self.width_px / 2, cy_px=self.height_px / 2, distortion=self.distortion,
            focal_sigma=self.focal_sigma,
        )  # fmt: skip


@cache
def load_cameras(path: Path = CONFIGS / "cameras.yaml") -> dict[str, CameraEntry]:
    """Read the cameras by name.

    Raises:
        CamerasInvalid: the file is missing or an entry is wrong; the message names it.
    """
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
        entries = TypeAdapter(dict[str, CameraEntry]).validate_python(document)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise CamerasInvalid(f"{path} cannot be used: {error}") from error
    if not entries:
        raise CamerasInvalid(f"{path} names no camera: add at least one")
    return {name: entry.model_copy(update={"name": name}) for name, entry in entries.items()}
