"""Learning from the desk: judged pictures fine-tune the pinned weights, and the candidate is compared.

``skybeat verdicts export --out SET --reason ...`` makes the set and ``skybeat train --from-verdicts SET --out
RUN`` the candidate. Nobody switches to it by this: ``RUN/comparison.json`` says what it gained and lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.detections import CLASSES
from vision.training.errors import SourceRefused, TrainingError
from vision.training.look import Looker
from vision.training.sources import ALL, Picture, overlap, split_by_group, with_class
from vision.weights import Weights

Report = Callable[[str], None]
HELD_OUT = 0.25
LEAST_TICKETS = 4
SAME_PLACE_IOU = 0.3
"""Fire and smoke have no sharp border: a find that overlaps so much is the thing judged."""


@dataclass(frozen=True, slots=True)
class JudgedBox:
    """A box (pixels) that a person judged: the class is there, or is not."""

    name: str
    box: tuple[float, float, float, float]
    there: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """confirmed: judged boxes with something in them, and how many of those were found at the thresholds.
    denied: judged boxes without what was reported, and how many of those were reported again."""

    confirmed: int
    found: int
    denied: int
    repeated: int


def read_verdicts(folder: Path) -> tuple[list[Picture], dict[Path, list[JudgedBox]]]:
    """Judged pictures as training reads them, and their judged boxes by file.

    Only the judged places of a picture teach, and there only the classes that were judged; a ticket is a
    group, so that a split never has one ticket on both sides.

    Raises:
        SourceRefused: the folder is no export of verdicts; the message names the line.
    """
    listing = folder / "pictures.jsonl"
    if not listing.is_file():
        raise SourceRefused(f"{listing} is missing: make the set with `skybeat verdicts export`")
    pictures, judged = [], {}
    for number, line in enumerate(listing.read_text("utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            boxes = [JudgedBox(str(b["name"]), _corners(b["box"]), True) for b in row["boxes"]]
            boxes += [JudgedBox(str(b["name"]), _corners(b["box"]), False) for b in row["denied"]]
            places = [_corners(box) for box in row["judged"]]
            unjudged = [_corners(box) for box in row["unjudged"]]
            path, ticket = folder / "images" / Path(row["file"]).name, str(row["ticket"])
            unknown = [box.name for box in boxes if box.name not in CLASSES]
            if unknown:
                raise ValueError(f"there is no class {unknown[0]!r}")
        except (KeyError, TypeError, ValueError) as error:
            raise SourceRefused(f"{listing}, line {number}: is no judged picture ({error!r})") from error
        if not path.is_file():
            raise SourceRefused(f"{listing}, line {number}: the picture {path.name} is missing in images/")
        pictures.append(
            Picture(
                path=path,
                boxes=np.array([box.box for box in boxes if box.there], np.float32).reshape(-1, 4),
                classes=np.array([CLASSES.index(box.name) for box in boxes if box.there], np.int64),
                ignore=with_class(np.array(unjudged, np.float32).reshape(-1, 4), ALL),
                labelled=frozenset(box.name for box in boxes),
                group=f"verdicts/{ticket}",
                source="verdicts",
                places=np.array(places, np.float32).reshape(-1, 4),
            )
        )
        judged[path] = boxes
    return pictures, judged


def _corners(box: Sequence[Any]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(side) for side in box)
    if not (right > left and bottom > top):
        raise ValueError(f"the box {box} has no area")
    return left, top, right, bottom


def split(pictures: Sequence[Picture]) -> tuple[list[Picture], list[Picture]]:
    """Three quarters of the tickets to learn from, the others to compare on.

    Raises:
        TrainingError: there are too few tickets for that.
    """
    tickets = len({picture.group for picture in pictures})
    if tickets < LEAST_TICKETS:
        raise TrainingError(
            f"the set has judged pictures of {tickets} tickets: at least {LEAST_TICKETS} are needed to learn "
            "from some and compare on others; export again when more have been judged"
        )
    return split_by_group(pictures, HELD_OUT)


def tally(
    look: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    pictures: Sequence[Picture],
    judged: Mapping[Path, Sequence[JudgedBox]],
    thresholds: Callable[[str], float],
) -> Tally:
    """How a network stands to people's verdicts.

    Args:
        look: rows of corners, score, class for a picture.
        thresholds: lowest score of a full detection, by class.
    """
    counts = {"confirmed": 0, "found": 0, "denied": 0, "repeated": 0}
    for picture in pictures:
        rows = look(picture.read())
        for box in judged[picture.path]:
            mine = rows[(rows[:, 5] == CLASSES.index(box.name)) & (rows[:, 4] >= thresholds(box.name))]
            place = np.array([box.box], np.float32)
            seen = len(mine) > 0 and float(overlap(mine[:, :4], place).max()) >= SAME_PLACE_IOU
            counts["confirmed" if box.there else "denied"] += 1
            counts["found" if box.there else "repeated"] += seen
    return Tally(**counts)


def compare(
    shipped: Weights,
    candidate: Path,
    held_out: Sequence[Picture],
    judged: Mapping[Path, Sequence[JudgedBox]],
    data: Path | None = None,
    *,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """What the candidate gains and loses against the pinned weights, on tickets that neither learned from.

    With a folder of collections, also the average precision of both on every held-back collection there.
    """
    result: dict[str, Any] = {"shipped": shipped.label, "candidate": candidate.name, "verdicts": {}}
    for name, path in (("shipped", shipped.path), ("candidate", candidate)):
        looker = Looker(path)
        marks = tally(
            lambda image, looker=looker: looker.whole(image, max(image.shape[:2])),  # type: ignore[misc]
            held_out, judged, shipped.threshold,
        )  # fmt: skip
        result["verdicts"][name] = asdict(marks)
        report(
            f"{name}: {marks.found} of {marks.confirmed} confirmed found, "
            f"{marks.repeated} of {marks.denied} false alarms repeated"
        )
        if data is not None:
            from vision.training.judge import judge

            scores = judge(path, data, report=lambda line, name=name: report(f"{name}: {line}"))  # type: ignore[misc]
            result.setdefault("ap50", {})[name] = {
                trial: {group: score.ap50 for group, score in groups.items()}
                for trial, groups in scores.items()
            }
    return result
