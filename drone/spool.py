"""The outbox on disk: what the flight has found waits here until the server has it.

One SQLite file, write-ahead logged and synchronous=FULL, so that what ``put_*`` has returned from survives a
kill and a power cut. Every attempt at delivery is a row. A message that the server refuses for its content is
parked with the server's sentence: it is not tried for ever, and it is not lost (``release`` tries it again).

Items wait in the states ``waiting``; evidence files are ``held`` until a receipt asks for them; then
``delivered`` or ``parked``.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from drone.errors import DroneError
from missions.clock import Clock, SystemClock
from missions.messages import FlightLogEntry, FlightLogMessage, SeenMessage, SightingMessage

_ITEM = """
CREATE TABLE IF NOT EXISTS item (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('sighting', 'file', 'log', 'seen')),
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('held', 'waiting', 'delivered', 'parked')),
    created_at REAL NOT NULL,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    note TEXT NOT NULL DEFAULT '',
    finished_at REAL,
    UNIQUE (kind, key)
);
"""
SCHEMA = f"""{_ITEM}
CREATE INDEX IF NOT EXISTS item_due ON item (state, due_at);
CREATE TABLE IF NOT EXISTS attempt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item_id INTEGER NOT NULL REFERENCES item (id) ON DELETE CASCADE,
    at REAL NOT NULL,
    status INTEGER,
    note TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS attempt_item ON attempt (item_id);
CREATE TABLE IF NOT EXISTS flight_log (flight_id TEXT PRIMARY KEY, entries INTEGER NOT NULL);
"""
ATTEMPTS_KEPT = 30
_ORDER = "CASE kind WHEN 'sighting' THEN 0 WHEN 'file' THEN 1 WHEN 'log' THEN 2 ELSE 3 END, id"


class SpoolUnusable(DroneError):
    """The outbox on disk cannot be used: check its folder, free space and rights, or move the file away."""


class SpoolConflict(DroneError, ValueError):
    """The same key was put twice with different content; a changed sighting needs a higher revision."""


class ItemKind(StrEnum):
    SIGHTING = "sighting"
    FILE = "file"
    LOG = "log"
    SEEN = "seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolItem:
    """One thing to deliver; ``body`` is its JSON. ``attempts`` counts refusals by the server."""

    id: int
    kind: ItemKind
    key: str
    body: str
    attempts: int
    note: str

    def sighting(self) -> SightingMessage:
        return SightingMessage.model_validate_json(self.body)

    def log(self) -> FlightLogMessage:
        return FlightLogMessage.model_validate_json(self.body)

    def seen(self) -> SeenMessage:
        return SeenMessage.model_validate_json(self.body)

    def file(self) -> tuple[str, Path, str]:
        """sha256, path, media type."""
        content = json.loads(self.body)
        return content["sha256"], Path(content["path"]), content["media_type"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at delivery: HTTP status (None when no answer came) and what was said."""

    at: datetime
    status: int | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolCounts:
    """How many items stand where. ``waiting`` counts what delivery still owes, without held files."""

    sightings: int = 0
    files: int = 0
    logs: int = 0
    seen: int = 0
    held: int = 0
    parked: int = 0
    delivered: int = 0

    @property
    def waiting(self) -> int:
        return self.sightings + self.files + self.logs + self.seen


class Spool:
    """The outbox. Safe to use from several threads; one process should own the file.

    Args:
        path: of the SQLite file; its folder is made. ":memory:" keeps nothing.
        locate: where an evidence file lies, by sha256; with it a sighting brings its files along.

    Raises:
        SpoolUnusable: the file cannot be opened or is no outbox.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        clock: Clock | None = None,
        locate: Callable[[str], Path] | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._locate = locate
        self._lock = threading.RLock()
        self.path = path
        try:
            if str(path) != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                self._db.execute(f"PRAGMA {pragma}").fetchone()
            self._db.executescript(SCHEMA)
            self._learn_kinds()
        except (sqlite3.Error, OSError) as error:
            raise SpoolUnusable(f"the outbox {path} cannot be used: {error}") from error

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # -- putting ---------------------------------------------------------------------------------------------

    def put_sighting(self, message: SightingMessage) -> bool:
        """Keep a sighting, and its evidence where ``locate`` finds it; False when it was there already.

        Raises:
            SpoolConflict: the same id and revision were put with other content.
        """
        with self._transaction():
            key = f"{message.sighting_id}/{message.revision:06d}"
            new = self._put(ItemKind.SIGHTING, key, message.model_dump_json(), "waiting")
            for item in message.evidence if self._locate is not None else ():
                assert self._locate is not None
                self.put_file(item.sha256, self._locate(item.sha256), item.media_type)
        return new

    def put_file(self, sha256: str, path: Path, media_type: str) -> bool:
        """Keep an evidence file by reference. It is sent when a receipt asks for it."""
        body = json.dumps({"sha256": sha256, "path": str(path), "media_type": media_type})
        with self._transaction():
            if self._one("SELECT 1 FROM item WHERE kind = 'file' AND key = ?", sha256):
                return False
            return self._put(ItemKind.FILE, sha256, body, "held")

    def put_log(self, flight_id: UUID, entry: FlightLogEntry) -> int:
        """Keep one entry of a flight's log; returns its index within the flight."""
        with self._transaction():
            row = self._one("SELECT entries FROM flight_log WHERE flight_id = ?", str(flight_id))
            sequence = int(row[0]) if row else 0
            self._db.execute(
                "INSERT INTO flight_log VALUES (?, ?) ON CONFLICT (flight_id) DO UPDATE SET entries = ?",
                (str(flight_id), sequence + 1, sequence + 1),
            )
            message = FlightLogMessage(flight_id=flight_id, sequence=sequence, entries=[entry])
            self._put(ItemKind.LOG, f"{flight_id}/{sequence:06d}", message.model_dump_json(), "waiting")
        return sequence

    def put_seen(self, message: SeenMessage) -> bool:
        """Keep a report of ground seen; an older one of the same tile that still waits is let go."""
        tile = f"{message.flight_id}/{message.row}/{message.column}/"
        with self._transaction():
            self._db.execute(
                "UPDATE item SET state = 'delivered', note = 'a newer report holds it', finished_at = ? "
                "WHERE kind = 'seen' AND state = 'waiting' AND key >= ? AND key < ?",
                (self._now(), tile, f"{tile}{message.revision:06d}"),
            )
            return self._put(
                ItemKind.SEEN, f"{tile}{message.revision:06d}", message.model_dump_json(), "waiting"
            )

    # -- delivering ------------------------------------------------------------------------------------------

    def due(self, limit: int = 50, *, kinds: tuple[ItemKind, ...] = tuple(ItemKind)) -> list[SpoolItem]:
        """What may be tried now: sightings first, then files, then log, each in the order of putting.

        Args:
            kinds: only these.
        """
        marks = ",".join("?" * len(kinds))
        return self._items(
            f"state = 'waiting' AND due_at <= ? AND kind IN ({marks})",
            [self._now(), *(kind.value for kind in kinds)],
            limit,
        )

    def next_due_s(self) -> float | None:
        """Seconds until the next waiting item may be tried (0 when one may now), None when none waits."""
        row = self._one("SELECT MIN(due_at) FROM item WHERE state = 'waiting'")
        return None if row is None or row[0] is None else max(0.0, float(row[0]) - self._now())

    def delivered(self, item: SpoolItem, *, status: int = 200, note: str = "") -> None:
        with self._transaction():
            self._attempt(item.id, status, note or "delivered")
            self._finish(item.id, "delivered", note)

    def receipt(self, item: SpoolItem, wanted: Iterable[str], *, note: str = "") -> list[str]:
        """A sighting arrived: send the files its receipt asks for, and let go of its others.

        Returns:
            The files asked for that this outbox does not have.
        """
        asked = set(wanted)
        absent = []
        with self._transaction():
            self.delivered(item, note=note)
            for sha256 in {evidence.sha256 for evidence in item.sighting().evidence} | asked:
                row = self._one("SELECT id, state FROM item WHERE kind = 'file' AND key = ?", sha256)
                if row is None:
                    absent += [sha256] if sha256 in asked else []
                elif sha256 in asked and row[1] != "parked":
                    self._db.execute(
                        "UPDATE item SET state = 'waiting', due_at = ? WHERE id = ?", (self._now(), row[0])
                    )
                elif sha256 not in asked and row[1] == "held":
                    self._finish(row[0], "delivered", "the server has it already")
        return sorted(absent)

    def failed(
        self, item: SpoolItem, *, status: int | None, note: str, retry_s: float, counts: bool = True
    ) -> None:
        """An attempt failed; try again after ``retry_s``. Only answered attempts count against the bound."""
        with self._transaction():
            self._attempt(item.id, status, note)
            self._db.execute(
                "UPDATE item SET due_at = ?, note = ?, attempts = attempts + ? WHERE id = ?",
                (self._now() + retry_s, note, int(counts), item.id),
            )

    def park(self, item: SpoolItem, *, status: int | None, note: str) -> None:
        """Set aside what the server will never take as it is, with its sentence."""
        with self._transaction():
            self._attempt(item.id, status, note)
            self._finish(item.id, "parked", note)

    def release(self) -> int:
        """Let every parked item be tried again; returns how many."""
        with self._transaction():
            cursor = self._db.execute(
                "UPDATE item SET state = 'waiting', attempts = 0, due_at = ? WHERE state = 'parked'",
                (self._now(),),
            )
        return cursor.rowcount

    def prune(self, older_than_s: float) -> int:
        """Forget what was delivered longer ago than this; returns how many."""
        with self._transaction():
            cursor = self._db.execute(
                "DELETE FROM item WHERE state = 'delivered' AND finished_at < ?",
                (self._now() - older_than_s,),
            )
        return cursor.rowcount

    # -- looking ---------------------------------------------------------------------------------------------

    def pending(self) -> int:
        """Sightings, files and log entries that delivery still owes (held files not counted)."""
        return self.counts().waiting

    def counts(self) -> SpoolCounts:
        with self._lock:
            rows = dict(
                (tuple(row[:2]), int(row[2]))
                for row in self._db.execute("SELECT kind, state, COUNT(*) FROM item GROUP BY kind, state")
            )
        return SpoolCounts(
            sightings=rows.get(("sighting", "waiting"), 0),
            files=rows.get(("file", "waiting"), 0),
            logs=rows.get(("log", "waiting"), 0),
            seen=rows.get(("seen", "waiting"), 0),
            held=rows.get(("file", "held"), 0),
            parked=sum(n for (_, state), n in rows.items() if state == "parked"),
            delivered=sum(n for (_, state), n in rows.items() if state == "delivered"),
        )

    def parked(self) -> list[SpoolItem]:
        """What was set aside; ``note`` says why."""
        return self._items("state = 'parked'", [], -1)

    def attempts(self, kind: ItemKind, key: str) -> list[Attempt]:
        """The last attempts at one item, oldest first; keys are as in ``SpoolItem.key``."""
        with self._lock:
            rows = self._db.execute(
                "SELECT at, status, attempt.note FROM attempt JOIN item ON item.id = item_id "
                "WHERE kind = ? AND key = ? ORDER BY attempt.id",
                (kind.value, key),
            ).fetchall()
        return [Attempt(at=datetime.fromtimestamp(r[0], UTC), status=r[1], note=r[2]) for r in rows]

    # -- inside ----------------------------------------------------------------------------------------------

    def _learn_kinds(self) -> None:
        """An outbox of an earlier version knows fewer kinds: its table is made anew, with all it holds."""
        made = self._one("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'item'")
        if made is None or "'seen'" in made[0]:
            return
        self._db.executescript(
            "PRAGMA foreign_keys=OFF; PRAGMA legacy_alter_table=ON; BEGIN IMMEDIATE; "
            "ALTER TABLE item RENAME TO item_before; "
            f"{_ITEM} INSERT INTO item SELECT * FROM item_before; DROP TABLE item_before; "
            "CREATE INDEX IF NOT EXISTS item_due ON item (state, due_at); "
            "COMMIT; PRAGMA legacy_alter_table=OFF; PRAGMA foreign_keys=ON;"
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise SpoolUnusable(f"the outbox {self.path} cannot be written: {error}") from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _put(self, kind: ItemKind, key: str, body: str, state: str) -> bool:
        row = self._one("SELECT body FROM item WHERE kind = ? AND key = ?", kind.value, key)
        if row is not None:
            if row[0] != body:
                raise SpoolConflict(f"the {kind.value} {key} was put twice with different content")
            return False
        self._db.execute(
            "INSERT INTO item (kind, key, body, state, created_at, due_at) VALUES (?, ?, ?, ?, ?, ?)",
            (kind.value, key, body, state, self._now(), self._now()),
        )
        return True

    def _items(self, where: str, values: list[Any], limit: int) -> list[SpoolItem]:
        with self._lock:
            rows = self._db.execute(
                f"SELECT id, kind, key, body, attempts, note FROM item WHERE {where} "
                f"ORDER BY {_ORDER} LIMIT ?",
                [*values, limit],
            ).fetchall()
        return [
            SpoolItem(id=r[0], kind=ItemKind(r[1]), key=r[2], body=r[3], attempts=r[4], note=r[5])
            for r in rows
        ]

    def _one(self, statement: str, *values: str) -> tuple[Any, ...] | None:
        with self._lock:
            row: tuple[Any, ...] | None = self._db.execute(statement, values).fetchone()
        return row

    def _attempt(self, item_id: int, status: int | None, note: str) -> None:
        self._db.execute(
            "INSERT INTO attempt (item_id, at, status, note) VALUES (?, ?, ?, ?)",
            (item_id, self._now(), status, note),
        )
        self._db.execute(
            "DELETE FROM attempt WHERE item_id = ? AND id NOT IN "
            "(SELECT id FROM attempt WHERE item_id = ? ORDER BY id DESC LIMIT ?)",
            (item_id, item_id, ATTEMPTS_KEPT),
        )

    def _finish(self, item_id: object, state: str, note: str) -> None:
        self._db.execute(
            "UPDATE item SET state = ?, note = ?, finished_at = ? WHERE id = ?",
            (state, note, self._now(), item_id),
        )

    def _now(self) -> float:
        return self._clock.now().timestamp()
