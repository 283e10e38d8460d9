"""Reading ahead: a thread decodes and prepares the next frames of a recording while this one is looked at."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator

from vision.frames import Frame, Pixels

FRAMES_AHEAD = 2
WAIT_S = 0.2


def read_ahead(
    source: Iterable[Frame], prepare: Callable[[Pixels], None] | None = None, frames: int = FRAMES_AHEAD
) -> Iterator[Frame]:
    """Every frame of a recording in its order, read by a thread that is up to so many frames ahead.

    What the source raises is raised after the frames before it. For recordings only: a live source keeps its
    newest frame by itself and has a thread of its own.

    Args:
        prepare: called in the thread with each image, e.g. ``Detector.prepare``.
        frames: that are kept ready; each takes memory.
    """
    ready: queue.Queue[Frame | BaseException | None] = queue.Queue(maxsize=frames)
    stop = threading.Event()

    def offer(item: Frame | BaseException | None) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=WAIT_S)
            except queue.Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            for frame in source:
                if prepare is not None and not stop.is_set():
                    prepare(frame.image)
                if not offer(frame):
                    return
        except BaseException as error:  # raised again by the reader, where it belongs
            offer(error)
        else:
            offer(None)

    thread = threading.Thread(target=read, name="read ahead", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
