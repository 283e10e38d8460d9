"""The database: engine, portable column types, and sessions that are committed once, at the edge.

SQLite runs in WAL mode with ``synchronous=FULL``: what a client saw acknowledged survives a kill and a power
cut. A writing session begins with ``BEGIN IMMEDIATE``, so that writers queue up instead of failing when two
readers want to become writers. On PostgreSQL the same code relies on row locks and ``lock``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Connection, DateTime, Dialect, MetaData, create_engine, event, make_url, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

from server.errors import DatabaseNewer, DatabaseUnusable

WRITES = "skybeat_writes"
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
Json = JSON().with_variant(JSONB(), "postgresql")


class Utc(TypeDecorator[datetime]):
    """An aware instant in UTC; SQLite stores it without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone may not be stored; add tzinfo=UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: Utc,
        dict[str, Any]: Json,
        list[Any]: Json,
    }


class Database:
    """One database: ``read()`` and ``write()`` give sessions, ``migrate()`` brings the tables up to date.

    Args:
        url: SQLAlchemy address, e.g. ``sqlite:///data/skybeat.db`` or ``postgresql+psycopg://...``.
    """

    def __init__(self, url: str) -> None:
        address = make_url(url)
        self.is_sqlite = address.get_backend_name() == "sqlite"
        if self.is_sqlite and address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = (
            {"connect_args": {"timeout": 30}} if self.is_sqlite else {"pool_pre_ping": True}
        )
        self.engine = create_engine(address, pool_size=20, max_overflow=30, **options)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._writing = self.engine.execution_options(**{WRITES: True})
        self._reader = sessionmaker(self.engine, expire_on_commit=False)
        self._writer = sessionmaker(self._writing, expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; nothing is committed."""
        with self._reader() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session, committed when the block ends well; then what ``after_commit`` asked for is done."""
        with self._writer() as session:
            yield session
            session.commit()
            todo: list[Callable[[], None]] = session.info.pop("after_commit", [])
        for act in todo:
            act()

    def close(self) -> None:
        self.engine.dispose()

    def migrate(self) -> None:
        """Create or upgrade the tables.

        Raises:
            DatabaseNewer: a newer Skybeat wrote the database.
            DatabaseUnusable: it cannot be opened or changed.
        """
        config = alembic_config()
        try:
            with self._writing.connect() as connection:
                _refuse_newer(connection, config)
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                connection.commit()
        except SQLAlchemyError as error:
            raise DatabaseUnusable(f"{DatabaseUnusable.__doc__} ({error.__cause__ or error})") from error

    def revision(self) -> str | None:
        """The revision of the tables, None where there are none yet."""
        with self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()


def alembic_config() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def after_commit(session: Session, act: Callable[[], None]) -> None:
    """Do something once the session's transaction is safely stored, e.g. push news to the consoles."""
    session.info.setdefault("after_commit", []).append(act)


def lock(session: Session, name: str) -> None:
    """Hold a named lock until the transaction ends, so that only one of its kind runs at a time."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": zlib.crc32(name.encode())})
    else:
        session.execute(text("SELECT 1"))  # BEGIN IMMEDIATE has let this writer in alone


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = (
        None  # transactions begin where _begin_sqlite says, not where sqlite3 guesses
    )
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _refuse_newer(connection: Connection, config: Config) -> None:
    present = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if present is not None and present not in known:
        raise DatabaseNewer
