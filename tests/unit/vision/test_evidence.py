from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import av
import numpy as np
import pytest
from PIL import Image

from missions.messages import EvidenceRole
from vision.errors import EvidenceMissing
from vision.evidence import EvidenceChain, EvidenceStore, draw, verify_chain

START = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
ID = UUID(int=5)


def picture(shade: int = 90, height: int = 48, width: int = 64) -> np.ndarray:
    image = np.full((height, width, 3), shade, np.uint8)
    image[10:20, 10:30] = 255 - shade
    return image


def make_chain(directory: Path) -> tuple[EvidenceStore, EvidenceChain]:
    store = EvidenceStore(directory)
    chain = EvidenceChain(store, ID, 85)
    chain.add_picture(picture(), EvidenceRole.SNAPSHOT, START, redacted=True)
    chain.add_picture(picture(120), EvidenceRole.ORIGINAL, START, redacted=False)
    chain.add_clip([(i / 5, picture(80 + 4 * i)) for i in range(10)], START - timedelta(seconds=1))
    return store, chain


def kinds(faults: list) -> list[str]:
    return [fault.kind for fault in faults]


def test_a_whole_chain_has_no_fault(tmp_path: Path) -> None:
    store, chain = make_chain(tmp_path)
    assert verify_chain(chain.items, store, sighting_id=ID, head=chain.items[-1].sha256) == []
    assert [item.previous_sha256 for item in chain.items] == [None, *(i.sha256 for i in chain.items[:-1])]
    assert [item.redacted for item in chain.items] == [True, False, True]
    for item in chain.items:
        assert store.path(item.sha256).stat().st_size == item.bytes
        assert store.path(item.sha256).parent.name == item.sha256[:2]


def test_an_edited_piece_is_found(tmp_path: Path) -> None:
    store, chain = make_chain(tmp_path)
    for index, item in enumerate(chain.items):
        path = store.path(item.sha256)
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        faults = verify_chain(chain.items, store)
        assert [(fault.index, fault.kind) for fault in faults] == [(index, "edited")]
        path.write_bytes(content)


def test_a_dropped_piece_is_found(tmp_path: Path) -> None:
    store, chain = make_chain(tmp_path)
    first, second, third = chain.items
    assert kinds(verify_chain([first, third], store)) == ["dropped"]
    assert kinds(verify_chain([second, third], store)) == ["dropped"]
    assert kinds(verify_chain([first, second], store, head=third.sha256)) == ["dropped"]
    assert kinds(verify_chain([], store, head=third.sha256)) == ["dropped"]
    store.path(second.sha256).unlink()
    assert kinds(verify_chain(chain.items, store)) == ["missing"]


def test_reordered_pieces_are_found(tmp_path: Path) -> None:
    store, chain = make_chain(tmp_path)
    first, second, third = chain.items
    assert "reordered" in kinds(verify_chain([second, first, third], store))
    assert "reordered" in kinds(verify_chain([first, third, second], store))


def test_a_piece_that_is_relabelled_or_relinked_is_found(tmp_path: Path) -> None:
    store, chain = make_chain(tmp_path)
    first, second, third = chain.items
    later = second.model_copy(update={"captured_at": START + timedelta(hours=1)})
    assert kinds(verify_chain([first, later, third], store)) == ["relabelled"]
    clip = first.model_copy(update={"role": EvidenceRole.ORIGINAL})
    assert kinds(verify_chain([clip, second, third], store)) == ["relabelled"]
    mended = third.model_copy(update={"previous_sha256": first.sha256})
    assert kinds(verify_chain([first, mended], store)) == ["relabelled"]


def test_pieces_of_another_sighting_are_found(tmp_path: Path) -> None:
    store, chain = make_chain(tmp_path)
    assert set(kinds(verify_chain(chain.items, store, sighting_id=UUID(int=6)))) == {"foreign"}
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "JPEG")
    sha256 = store.put(buffer.getvalue())
    stranger = chain.items[0].model_copy(update={"sha256": sha256, "bytes": len(buffer.getvalue())})
    assert "foreign" in kinds(verify_chain([stranger], store))


def test_same_input_same_bytes(tmp_path: Path) -> None:
    _, first = make_chain(tmp_path / "a")
    _, second = make_chain(tmp_path / "b")
    assert first.items == second.items


def test_the_clip_plays(tmp_path: Path) -> None:
    store, chain = make_chain(tmp_path)
    with av.open(str(store.path(chain.items[2].sha256)), format="mp4") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        frames = list(container.decode(stream))
    assert len(frames) == 10
    assert [frame.time for frame in frames] == pytest.approx([i / 5 for i in range(10)], abs=1e-3)
    assert abs(int(frames[5].to_ndarray(format="rgb24")[40:].mean()) - 100) < 8


def test_clips_of_odd_size_and_of_nothing(tmp_path: Path) -> None:
    chain = EvidenceChain(EvidenceStore(tmp_path), ID, 85)
    chain.add_clip([(0.0, picture(height=47, width=63))], START)
    assert chain.items[0].media_type == "video/mp4"
    with pytest.raises(ValueError, match="at least one"):
        chain.add_clip([], START)


def test_the_store_keeps_content_under_its_hash(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    sha256 = store.put(b"abc")
    assert store.put(b"abc") == sha256
    assert store.get(sha256) == b"abc"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [sha256]
    with pytest.raises(EvidenceMissing):
        store.get("0" * 64)
    for name in ("../../etc/passwd", "ABC", "", "g" * 64):
        with pytest.raises(EvidenceMissing, match="sha256"):
            store.path(name)


def test_drawing_adds_a_strip_and_leaves_the_picture_untouched() -> None:
    image = picture(height=200, width=300)
    before = image.copy()
    shown = draw(
        image, [(50.0, 60.0, 90.0, 120.0)], "fire", "fire | seen for 1.2 s; in 6 frames | " + "x" * 30
    )
    assert np.array_equal(image, before)
    assert shown.shape[0] > 200
    assert shown.shape[1] == 300
    assert not np.array_equal(shown[:200], image)
    assert draw(image, [], "fire").shape == image.shape
