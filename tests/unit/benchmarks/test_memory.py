from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.memory import growth, resident_mb
from benchmarks.vision import VIDEO_FRAMES, VIDEO_RATE, laps


def test_growth_is_counted_from_where_everything_should_be_full() -> None:
    flat = growth([100, 150, 200, 200, 200, 200, 200, 200, 200, 200], 60)
    assert flat == {"megabytes": 0, "share": 0, "megabytes_an_hour": 0}
    rising = growth([100, 150, 200, 201, 202, 203, 204, 205, 206, 207], 120)
    assert rising == {"megabytes": 7, "share": 0.035, "megabytes_an_hour": 5.0}


def test_memory_that_is_taken_is_seen() -> None:
    before = resident_mb()
    taken = np.ones(8_000_000)
    assert resident_mb() - before == pytest.approx(taken.nbytes / 1e6, rel=0.3)


def test_a_recording_is_the_video_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "short.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=VIDEO_RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(VIDEO_FRAMES):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    frames = list(islice(laps(path, 5.0), 32))
    assert [frame.index for frame in frames] == list(range(32))
    times = [frame.captured_at for frame in frames]
    assert {round((b - a).total_seconds(), 3) for a, b in pairwise(times)} == {0.2}
