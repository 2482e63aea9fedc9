"""The engine: connections, pragmas, the one transaction() and the migrations.

No other room opens a transaction or says PRAGMA.
"""

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
from peewee import DatabaseProxy, Model, OperationalError, PeeweeException
from playhouse.apsw_ext import APSWDatabase
from playhouse.migrations import Runner

BUSY_SECONDS = 10
BUSY_PAUSE = 0.001
MIGRATIONS = Path(__file__).parent / "migrations"

# FULL, because NORMAL may lose at power loss a commit that a phone has already seen. The busy handler is set before
# these, so that switching to WAL waits for another process that does the same.
PRAGMAS = (("journal_mode", "wal"), ("synchronous", "full"), ("foreign_keys", 1), ("cache_size", -16_000))

database = DatabaseProxy()

# Threads of one process queue here rather than in SQLite's busy handler, which polls and is not fair.
_writer = threading.Lock()

# What the machine, not the request, is at fault for: busy, full, read-only or away.
_UNAVAILABLE = (
    apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError,
)  # fmt: skip


class _Database(APSWDatabase):  # type: ignore[misc]
    schema_is_current = False

    def _add_conn_hooks(self, conn: apsw.Connection) -> None:
        super()._add_conn_hooks(conn)
        # peewee's migration history binds a datetime, which apsw, unlike sqlite3, does not turn into text.
        # SQLite's own waiting grows to 100 ms a try, so that the lock lies idle between writers of several processes.
        conn.set_busy_handler(_wait_a_moment)
        conn.convert_binding = lambda _cursor, _position, value: str(value)


def _wait_a_moment(tries: int) -> bool:
    """Wait for another process's write; give up after BUSY_SECONDS (SQLite's busy handler)."""
    time.sleep(BUSY_PAUSE)
    return tries < BUSY_SECONDS / BUSY_PAUSE


class BaseModel(Model):
    """A table of the service."""

    class Meta:
        database = database
        legacy_table_names = False


class DatabaseBusy(OperationalError):
    """Another thread of this process kept the write lock for longer than BUSY_SECONDS."""


def connect(path: Path) -> None:
    """Say which SQLite file to use. Each thread opens its own connection at its first query and keeps it.

    Nothing is opened here, so that a process may fork after it.
    """
    if database.obj is not None:
        database.close()
    database.initialize(_Database(str(path), pragmas=PRAGMAS, timeout=BUSY_SECONDS, flags=apsw.SQLITE_OPEN_READWRITE))


@contextmanager
def transaction() -> Iterator[None]:
    """Hold the write lock from before the first read until commit; raising rolls back.

    IMMEDIATE, because a deferred transaction that reads and then writes is refused at once when another one wrote
    in between. Use cases do not nest: each opens exactly one. Raises DatabaseBusy, or peewee's OperationalError.
    """
    if not _writer.acquire(timeout=BUSY_SECONDS):
        raise DatabaseBusy("the write lock of this process is taken")
    try:
        with database.transaction("IMMEDIATE"):
            yield
    finally:
        _writer.release()


@contextmanager
def snapshot() -> Iterator[None]:
    """Let several reads see one state of the database, and never wait for a writer."""
    with database.transaction("DEFERRED"):
        yield


def is_unavailable(error: PeeweeException) -> bool:
    """Tell a database that is busy, full or away (worth a retry) from a defect in a query."""
    cause: BaseException | None = error
    while cause is not None:  # peewee wraps what fails while it connects a second time
        if isinstance(cause, (DatabaseBusy, *_UNAVAILABLE)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def upgrade() -> list[str]:
    """Apply the pending migrations and return their names; any number of processes may call it at once.

    peewee's runner takes no lock of its own, and its table rebuilds must switch foreign keys off, which SQLite
    allows outside transactions only: hence a lock on a file beside the database.
    """
    with open(f"{database.obj.database}.migrate", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Path(database.obj.database).touch()
        return list(_runner().up())


def migrations() -> list[tuple[str, bool]]:
    """Every known migration in order, and whether this database has it."""
    runner = _runner()
    if not Path(database.obj.database).exists():
        return [(migration.name, False) for migration in runner.migrations()]
    return [(migration.name, bool(migration.applied)) for migration in runner.status()]


def pending() -> list[str]:
    """The migrations that this database still lacks."""
    return [name for name, applied in migrations() if not applied]


def is_current() -> bool:
    """Whether no migration is pending. Once true it is not looked up again: migrations only go forward."""
    database.obj.schema_is_current = database.obj.schema_is_current or not pending()
    return bool(database.obj.schema_is_current)


def _runner() -> Runner:
    return Runner(database.obj, str(MIGRATIONS))


def engine_version() -> str:
    """The version of the SQLite library in use."""
    return str(apsw.sqlite_lib_version())
