"""The judged pictures as a dataset on disk: YOLO, COCO, and one file that says all."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from sqlalchemy.orm import Session

from server.access import audit
from server.context import Context
from server.errors import Invalid
from server.learning.verdicts import Box, JudgedPicture, JudgedTicket, judged_tickets
from vision.detections import CLASSES

AROUND = 0.25
"""What a person judged reaches so far beyond the box, as a part of its sides."""


@dataclass(frozen=True, slots=True)
class Exported:
    """tickets by verdict; pictures and boxes written; what could not be used, by reason."""

    tickets: dict[str, int]
    pictures: int
    labels: dict[str, int]
    denied: dict[str, int]
    left_out: dict[str, int]


def export_verdicts(context: Context, session: Session, out: Path, actor: str, reason: str) -> Exported:
    """Write what people judged into an empty folder; each untouched picture that leaves is on record.

    ``pictures.jsonl`` says all: file, size, ticket, boxes that are there (class and corners in pixels), boxes
    where a class is not there, places judged and not judged. ``images/``, ``labels/``, ``ignore/`` and
    ``data.yaml`` say it as YOLO, ``annotations.json`` as COCO; what nobody judged is to be ignored there.
    ``tickets.jsonl`` lists all verdicts, also those about rules rather than boxes.

    Raises:
        Invalid: no reason is given, or the folder holds something already.
    """
    if len(reason.strip()) < 3:
        raise Invalid("say why the untouched pictures are needed: --reason TEXT")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Invalid(f"{out} is not an empty folder; name a new one")
    for folder in ("images", "labels", "ignore"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    tickets = judged_tickets(session)
    left_out: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for ticket in tickets:
        left_out["no box at that instant"] += ticket.without_box
        for picture in ticket.pictures:
            row = _write(context, out, picture)
            if isinstance(row, str):
                left_out[row] += 1
            else:
                rows.append(row)
    _write_lists(out, tickets, rows)
    audit.record(
        session, context.now(), actor, "evidence.export", str(out), reason=reason.strip(),
        pictures=sorted({row["sha256"] for row in rows}),
    )  # fmt: skip
    return Exported(
        dict(Counter(t.verdict.value if t.verdict else "marked" for t in tickets)),
        len(rows),
        dict(Counter(box["name"] for row in rows for box in row["boxes"])),
        dict(Counter(box["name"] for row in rows for box in row["denied"])),
        {why: count for why, count in left_out.items() if count},
    )


def _write(context: Context, out: Path, picture: JudgedPicture) -> dict[str, Any] | str:
    """One picture with its labels; a reason where it cannot be used."""
    source = context.evidence.path(picture.sha256)
    try:
        with Image.open(source) as opened:
            width, height = opened.size
            suffix = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}[opened.format or ""]
    except FileNotFoundError:
        return "the file is missing on the disk"
    except (UnidentifiedImageError, OSError, KeyError):
        return "the file is no picture"
    there = [(one.name, clipped(one.box, width, height)) for one in picture.boxes if one.name]
    there += [
        (name, clipped((x0 * width, y0 * height, x1 * width, y1 * height), width, height))
        for name, (x0, y0, x1, y1) in picture.marks
    ]
    denied = [(one.denied, clipped(one.box, width, height)) for one in picture.boxes if one.denied]
    if any(_empty(box) for _, box in there + denied):
        return "the box lies outside the picture"
    name = f"{picture.ticket}-{picture.sha256[:12]}"
    shutil.copyfile(source, out / "images" / (name + suffix))
    judged = [widened(box, width, height) for _, box in there + denied]
    row: dict[str, Any] = {
        "file": name + suffix, "sha256": picture.sha256, "width": width, "height": height,
        "ticket": picture.ticket, "captured_at": picture.captured_at.isoformat(), "judged": judged,
        "unjudged": outside(judged, width, height),
        "boxes": [{"name": name, "box": box} for name, box in there],
        "denied": [{"name": name, "box": box} for name, box in denied],
    }  # fmt: skip
    lines = [f"{CLASSES.index(name)} {_centred(box, width, height)}\n" for name, box in there]
    (out / "labels" / f"{name}.txt").write_text("".join(lines), "utf-8")
    around = [f"{_centred(box, width, height)}\n" for box in row["unjudged"]]
    (out / "ignore" / f"{name}.txt").write_text("".join(around), "utf-8")
    return row


def _write_lists(out: Path, tickets: Sequence[JudgedTicket], rows: Sequence[dict[str, Any]]) -> None:
    with (out / "pictures.jsonl").open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with (out / "tickets.jsonl").open("w", encoding="utf-8") as lines:
        for one in tickets:
            verdict = one.verdict.value if one.verdict else None
            row = {
                "ticket": one.number, "kind": one.kind, "verdict": verdict, "found": one.found,
                "at": one.at.isoformat(), "note": one.note, "reasons": one.reasons,
            }  # fmt: skip
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASSES))
    (out / "data.yaml").write_text(f"path: .\ntrain: images\nval: images\nnames:\n{names}", "utf-8")
    (out / "annotations.json").write_text(json.dumps(_coco(rows), ensure_ascii=False), "utf-8")


def _coco(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, row in enumerate(rows, 1):
        size = {"width": row["width"], "height": row["height"]}
        images.append({"id": number, "file_name": f"images/{row['file']}", **size})
        there = [(CLASSES.index(one["name"]), one["box"], 0) for one in row["boxes"]]
        crowd = [(index, box, 1) for box in row["unjudged"] for index in range(len(CLASSES))]
        for index, (left, top, right, bottom), ignored in there + crowd:
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": index,
                "bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top),
                "iscrowd": ignored,
            })  # fmt: skip
    categories = [{"id": index, "name": name} for index, name in enumerate(CLASSES)]
    return {"images": images, "annotations": annotations, "categories": categories}


def clipped(box: Sequence[float], width: int, height: int) -> Box:
    """The part of a box inside a picture, in pixels."""
    left, top, right, bottom = (
        round(min(max(side, 0.0), float(limit)), 2)
        for side, limit in zip(box, (width, height, width, height), strict=True)
    )
    return left, top, right, bottom


def widened(box: Box, width: int, height: int) -> Box:
    """A box with what a person sees around it."""
    left, top, right, bottom = box
    x, y = AROUND * (right - left), AROUND * (bottom - top)
    return clipped((left - x, top - y, right + x, bottom + y), width, height)


def outside(judged: Sequence[Box], width: int, height: int) -> list[Box]:
    """Boxes that together cover what is in none of ``judged``.

    >>> outside([(0, 0, 50, 100)], 100, 100)
    [(50.0, 0.0, 100.0, 100.0)]
    """
    rows = sorted({0.0, float(height), *(float(y) for box in judged for y in (box[1], box[3]))})
    result: list[Box] = []
    for top, bottom in pairwise(rows):
        inside = sorted(
            (float(box[0]), float(box[2])) for box in judged if box[1] < bottom and box[3] > top
        )  # fmt: skip
        x = 0.0
        for left, right in [*inside, (float(width), float(width))]:
            if left > x:
                result.append((x, top, left, bottom))
            x = max(x, right)
    return result


def _empty(box: Box) -> bool:
    return box[2] - box[0] < 1 or box[3] - box[1] < 1


def _centred(box: Box, width: int, height: int) -> str:
    left, top, right, bottom = box
    return (
        f"{(left + right) / 2 / width:.6f} {(top + bottom) / 2 / height:.6f} "
        f"{(right - left) / width:.6f} {(bottom - top) / height:.6f}"
    )
