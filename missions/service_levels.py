"""What is promised for the ground of each cell, read from ``service_levels.yaml``.

A file names a default level, and rules by code of a cell or by its beginning. The rule with the longest
beginning counts; what it does not say comes from the default, not from shorter rules.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from missions.errors import ServiceLevelsInvalid
from missions.seen_coverage import ServiceLevel

FILE_NAME = "service_levels.yaml"
CONFIGS = Path(__file__).resolve().parents[1] / "configs"
ANY_ALGORITHM = "any"
LONGEST_HOURS = 24 * 3660
RANGES = "hours lie above 0 up to 87840, fineness_cm from 1 to 50, share above 0 up to 1 (0.95 is 95 %)"


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelChange:
    """Parts of a service level that are asked for instead of others; None leaves a part as it is.

    fineness_m: metres for a pixel. algorithm: its name, or ``any``.
    """

    hours: float | None = None
    fineness_m: float | None = None
    share: float | None = None
    algorithm: str | None = None

    @classmethod
    def of(
        cls,
        hours: float | None = None,
        fineness_cm: float | None = None,
        share: float | None = None,
        algorithm: str | None = None,
    ) -> LevelChange:
        """A change as people write it: centimetres for a pixel; an empty algorithm says nothing."""
        fineness_m = None if fineness_cm is None else fineness_cm / 100
        return cls(hours=hours, fineness_m=fineness_m, share=share, algorithm=algorithm or None)

    def applied_to(self, level: ServiceLevel) -> ServiceLevel:
        """The level with these parts.

        >>> LevelChange.of(hours=8, algorithm="any").applied_to(ServiceLevel(algorithm="crowds"))
        ServiceLevel(hours=8, fineness_m=0.12, share=0.95, algorithm=None)
        """
        parts = {name: getattr(self, name) for name in ("hours", "fineness_m", "share", "algorithm")}
        changed: dict[str, Any] = {name: value for name, value in parts.items() if value is not None}
        if self.algorithm == ANY_ALGORITHM:
            changed["algorithm"] = None
        return replace(level, **changed)


NO_CHANGE = LevelChange()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevels:
    """The level of every cell. ``rules``: whole levels by code of a cell or by its beginning."""

    default: ServiceLevel = field(default_factory=ServiceLevel)
    rules: Mapping[str, ServiceLevel] = field(default_factory=dict)

    def of(self, code: str | None, change: LevelChange = NO_CHANGE) -> ServiceLevel:
        """The level of a cell, changed as asked; of ground outside all cells (None) the default.

        >>> levels = ServiceLevels(rules={"3611": ServiceLevel(hours=8), "361102": ServiceLevel(hours=2)})
        >>> [levels.of(code).hours for code in ("361102001", "361103", "99", None)]
        [2, 8, 24.0, 24.0]
        """
        fitting = [start for start in self.rules if code is not None and code.startswith(start)]
        found = self.rules[max(fitting, key=len)] if fitting else self.default
        return change.applied_to(found)

    def without_cell(self, codes: Iterable[str]) -> list[str]:
        """Beginnings of codes that fit none of these cells: probably written wrongly."""
        known = list(codes)
        return [start for start in self.rules if not any(code.startswith(start) for code in known)]


def _quoted(code: Any) -> Any:
    if not isinstance(code, str) or not 1 <= len(code) <= 64:
        raise ValueError("a code is text of 1 to 64 characters: write it in quotes")
    return code


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    hours: float | None = Field(default=None, gt=0, le=LONGEST_HOURS)
    fineness_cm: float | None = Field(default=None, ge=1, le=50)
    share: float | None = Field(default=None, gt=0, le=1)
    algorithm: str | None = Field(default=None, pattern=r"^[^+\s]{1,64}$")

    def change(self) -> LevelChange:
        return LevelChange.of(self.hours, self.fineness_cm, self.share, self.algorithm)


class _Default(_Entry):
    hours: float = Field(gt=0, le=LONGEST_HOURS)
    fineness_cm: float = Field(ge=1, le=50)
    share: float = Field(gt=0, le=1)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    default: _Default
    cells: dict[Annotated[str, BeforeValidator(_quoted)], _Entry] = Field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    """Refuses a key that is written twice: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [key.value for key, _ in node.value]
        twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice} is there twice: keep one", node.start_mark
            )
        return super().construct_mapping(node, deep)


def load_service_levels(path: Path = CONFIGS / FILE_NAME) -> ServiceLevels:
    """Read the level of every cell.

    Raises:
        ServiceLevelsInvalid: the file is missing or wrong; the message names every problem.
    """
    try:
        content = _File.model_validate(yaml.load(path.read_text("utf-8-sig"), _Loader))
    except ValidationError as error:
        problems = "; ".join(_sentence(item) for item in error.errors(include_url=False))
        raise ServiceLevelsInvalid(f"{path} cannot be used: {problems}. Correct it: {RANGES}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ServiceLevelsInvalid(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    default = content.default.change().applied_to(ServiceLevel())
    rules = {code: entry.change().applied_to(default) for code, entry in content.cells.items()}
    return ServiceLevels(default=default, rules=rules)


def site_service_levels(site: Path, otherwise: Path = CONFIGS / FILE_NAME) -> ServiceLevels:
    """The levels of a site: of the file in its folder, or of another where it has none.

    Raises:
        ServiceLevelsInvalid: the file is missing or wrong; the message names every problem.
    """
    own = site / FILE_NAME
    return load_service_levels(own if own.exists() else otherwise)


def _sentence(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"] if part != "[key]") or "the file"
    return f"{where}: {problem['msg'].removeprefix('Value error, ')}"
