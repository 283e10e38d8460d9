"""Evidence files on disk, named by their SHA-256."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = re.compile(r"[0-9a-f]{64}")


class Incoming:
    """A file that is being written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = 0
        self._file = path.open("wb")
        self._hash = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._hash.update(chunk)
        self.bytes += len(chunk)

    def finish(self) -> str:
        """Force the bytes to the disk; returns their SHA-256."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        self._file.close()


class EvidenceFiles:
    """A folder of files named ``ab/abcdef...``; a file is whole or not there.

    Args:
        directory: made when missing.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the file of that hash lies.

        Raises:
            ValueError: this is no SHA-256 in lower-case hexadecimal digits.
        """
        if not NAME.fullmatch(sha256):
            raise ValueError(f"{sha256[:80]!r} is no SHA-256; give 64 lower-case hexadecimal digits")
        return self._directory / sha256[:2] / sha256

    @contextmanager
    def receive(self) -> Iterator[Incoming]:
        """A temporary file to write into; removed unless it was kept."""
        handle, name = tempfile.mkstemp(dir=self._directory, prefix="incoming-")
        os.close(handle)
        incoming = Incoming(Path(name))
        try:
            yield incoming
        finally:
            incoming.close()
            incoming.path.unlink(missing_ok=True)

    def keep(self, incoming: Incoming, sha256: str) -> None:
        """Give the finished file its name."""
        target = self.path(sha256)
        target.parent.mkdir(exist_ok=True)
        incoming.path.replace(target)
        for folder in (target.parent, self._directory):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
