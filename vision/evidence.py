"""Evidence: snapshots and clips, stored under their own hash and chained, so that any change is noticed.

Each file carries a seal inside (a comment with the sighting, the role, the time and the hash of the piece
before it), so that its hash also covers what is said about it. The chain of one sighting is the order of its
``EvidenceItem`` objects. Same input, same bytes: no clock and no random number gets into a file.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import av
import cv2
import numpy as np
from av.codec.context import Flags
from PIL import Image

from missions.messages import EvidenceItem, EvidenceRole
from vision.errors import EvidenceMissing
from vision.frames import Pixels

Box = tuple[float, float, float, float]

COLOURS = {
    "fire": (255, 64, 32), "smoke": (190, 190, 200), "illegal_parking": (255, 176, 0),
    "gathering": (64, 160, 255), "dispute": (255, 0, 128),
}  # fmt: skip
STRIP_PX = 22
CLIP_CLOCK = 90000


class EvidenceStore:
    """Files under ``directory/ab/abcdef...``, named by the sha256 of their content."""

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory)

    def path(self, sha256: str) -> Path:
        """Where a file lies, or would lie.

        Raises:
            EvidenceMissing: the name is no sha256.
        """
        if len(sha256) != 64 or any(c not in "0123456789abcdef" for c in sha256):
            raise EvidenceMissing(f"{sha256[:70]!r} is no sha256; give 64 hexadecimal digits")
        return self.directory / sha256[:2] / sha256

    def put(self, content: bytes) -> str:
        """Store bytes; the same bytes twice are one file. A crash leaves no half file under a name."""
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.path(sha256)
        if target.is_file() and target.stat().st_size == len(content):
            return sha256
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{sha256}.{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(target)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The stored bytes.

        Raises:
            EvidenceMissing: there is no such file.
        """
        try:
            return self.path(sha256).read_bytes()
        except OSError as error:
            raise EvidenceMissing(f"the evidence store holds no file {sha256[:12]}...") from error


@dataclass(frozen=True, slots=True)
class Seal:
    """What a file says about itself."""

    sighting_id: UUID
    role: EvidenceRole
    captured_at: datetime
    previous_sha256: str | None

    def text(self) -> str:
        """One line of JSON, keys in order."""
        return json.dumps(
            {
                "captured_at": self.captured_at.isoformat(), "previous": self.previous_sha256,
                "role": self.role.value, "sighting": str(self.sighting_id),
            },
            separators=(",", ":"), sort_keys=True,
        )  # fmt: skip


def draw(image: Pixels, boxes: Sequence[Box], kind: str, caption: str = "") -> Pixels:
    """A copy with boxes in the kind's colour and, below the picture, a strip with the caption (ASCII)."""
    h, w = image.shape[:2]
    colour = COLOURS.get(kind, (255, 255, 0))
    picture = np.ascontiguousarray(image.copy())
    thickness = max(1, round(max(h, w) / 640))
    for left, top, right, bottom in boxes:
        corner, other = (round(left) - 3, round(top) - 3), (round(right) + 3, round(bottom) + 3)
        cv2.rectangle(picture, corner, other, (0, 0, 0), thickness + 2)
        cv2.rectangle(picture, corner, other, colour, thickness)
    if not caption:
        return picture
    lines = _wrapped(caption, max(20, w // 8))
    strip = np.full((STRIP_PX * len(lines) + 6, w, 3), 24, np.uint8)
    for number, line in enumerate(lines):
        place = (6, STRIP_PX * number + 17)
        cv2.putText(strip, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235, 235, 235), 1, cv2.LINE_AA)
    return np.vstack([picture, strip])


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.encode("ascii", "replace").decode().split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line][:4]


def encode_jpeg(image: Pixels, quality: int, seal: Seal) -> bytes:
    """The picture as JPEG with its seal as comment."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, comment=seal.text().encode())
    return buffer.getvalue()


def encode_clip(pictures: Sequence[tuple[float, Pixels]], seal: Seal) -> bytes:
    """H.264 in MP4 of (seconds, picture) in order, with the seal as comment.

    Pictures of odd size lose their last row or column. One thread and no dates inside, so that equal pictures
    give equal bytes.

    Raises:
        ValueError: there is no picture.
    """
    if not pictures:
        raise ValueError("a clip needs at least one picture")
    h, w = (side - side % 2 for side in pictures[0][1].shape[:2])
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        container.metadata["comment"] = seal.text()
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = w, h, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, CLIP_CLOCK)
        stream.codec_context.flags |= Flags.bitexact
        stream.codec_context.gop_size = 25
        stream.options = {"preset": "veryfast", "crf": "26", "threads": "1"}
        for seconds, picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:h, :w]), format="rgb24")
            frame.pts = round((seconds - pictures[0][0]) * CLIP_CLOCK)
            frame.time_base = Fraction(1, CLIP_CLOCK)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def read_seal(content: bytes, media_type: str) -> dict[str, Any] | None:
    """The seal inside a file; None where there is none."""
    try:
        if media_type == "image/jpeg":
            with Image.open(io.BytesIO(content)) as picture:
                comment = picture.info.get("comment", b"")
            text = comment.decode() if isinstance(comment, bytes) else str(comment)
        else:
            with av.open(io.BytesIO(content)) as container:
                text = container.metadata.get("comment", "")
        found = json.loads(text)
    except (OSError, ValueError, av.error.FFmpegError):
        return None
    return found if isinstance(found, dict) else None


class EvidenceChain:
    """The pieces of one sighting, each chained to the one before."""

    def __init__(self, store: EvidenceStore, sighting_id: UUID, quality: int) -> None:
        self.items: list[EvidenceItem] = []
        self._store, self._sighting_id, self._quality = store, sighting_id, quality

    def add_picture(
        self, image: Pixels, role: EvidenceRole, captured_at: datetime, *, redacted: bool
    ) -> None:
        """Store a picture as JPEG and append it."""
        self._append(encode_jpeg(image, self._quality, self._seal(role, captured_at)), role, captured_at,
                     "image/jpeg", redacted)  # fmt: skip

    def add_clip(self, pictures: Sequence[tuple[float, Pixels]], captured_at: datetime) -> None:
        """Store redacted pictures as a clip and append it."""
        content = encode_clip(pictures, self._seal(EvidenceRole.CLIP, captured_at))
        self._append(content, EvidenceRole.CLIP, captured_at, "video/mp4", True)

    def _seal(self, role: EvidenceRole, captured_at: datetime) -> Seal:
        return Seal(self._sighting_id, role, captured_at, self.items[-1].sha256 if self.items else None)

    def _append(
        self, content: bytes, role: EvidenceRole, captured_at: datetime, media_type: str, redacted: bool
    ) -> None:
        self.items.append(
            EvidenceItem(
                sha256=self._store.put(content), role=role, media_type=media_type, bytes=len(content),
                captured_at=captured_at, redacted=redacted,
                previous_sha256=self.items[-1].sha256 if self.items else None,
            )
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChainFault:
    """One fault of a chain: ``kind`` is missing, edited, relabelled, dropped, reordered or foreign."""

    index: int
    kind: str
    text: str


def verify_chain(
    items: Sequence[EvidenceItem],
    store: EvidenceStore,
    *,
    sighting_id: UUID | None = None,
    head: str | None = None,
) -> list[ChainFault]:
    """Everything wrong with the pieces of one sighting; an empty list means that they are whole and in order.

    Args:
        sighting_id: the sighting that the seals must name.
        head: sha256 of the last piece as reported earlier; without it a dropped last piece cannot be noticed.
    """
    faults: list[ChainFault] = []
    known = {item.sha256: index for index, item in enumerate(items)}
    for index, item in enumerate(items):
        expected = items[index - 1].sha256 if index else None
        if item.previous_sha256 != expected:
            moved = item.previous_sha256 is None or item.previous_sha256 in known
            kind = "reordered" if moved else "dropped"
            faults.append(ChainFault(index, kind, f"piece {index} does not follow the one before it"))
        faults += _file_faults(index, item, store, sighting_id)
    if head is not None and (not items or items[-1].sha256 != head):
        faults.append(
            ChainFault(len(items), "dropped", "the chain does not end with the piece reported last")
        )
    return faults


def _file_faults(
    index: int, item: EvidenceItem, store: EvidenceStore, sighting_id: UUID | None
) -> list[ChainFault]:
    try:
        content = store.get(item.sha256)
    except EvidenceMissing as error:
        return [ChainFault(index, "missing", str(error))]
    if hashlib.sha256(content).hexdigest() != item.sha256 or len(content) != item.bytes:
        return [ChainFault(index, "edited", f"piece {index} is not the file that was stored")]
    seal = read_seal(content, item.media_type)
    if seal is None:
        return [ChainFault(index, "foreign", f"piece {index} carries no seal")]
    said = (seal.get("role"), seal.get("captured_at"), seal.get("previous"))
    if said != (item.role.value, item.captured_at.isoformat(), item.previous_sha256):
        return [ChainFault(index, "relabelled", f"piece {index} says otherwise than its seal")]
    if sighting_id is not None and seal.get("sighting") != str(sighting_id):
        return [ChainFault(index, "foreign", f"piece {index} belongs to another sighting")]
    return []
