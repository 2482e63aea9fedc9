"""SQLite through apsw, which brings a current one: pragmas, one writer at a time, one connection for each thread."""

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import apsw
from peewee import OperationalError
from playhouse.apsw_ext import APSWDatabase

from clientes_service.config import sqlite_file
from clientes_service.db.text_index import Fts5Texts

BUSY_SECONDS = 10
BUSY_PAUSE = 0.001

# FULL, because NORMAL may lose at power loss a commit that a phone has already seen. The busy handler is set before
# these, so that switching to WAL waits for another process that does the same. What a rollback of temporary tables
# needs is kept in memory; secure_delete would send all of such a table through it when the table is dropped.
PRAGMAS = (("journal_mode", "wal"), ("synchronous", "full"), ("foreign_keys", 1), ("cache_size", -2_000),
           ("temp.journal_mode", "memory"), ("main.secure_delete", 1))  # fmt: skip

# What the machine, not the request, is at fault for: busy, full, read-only or away.
UNAVAILABLE = (
    apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError,
)  # fmt: skip


class DatabaseBusy(OperationalError):
    """Another thread of this process kept the write lock for longer than BUSY_SECONDS."""


class Sqlite(APSWDatabase):  # type: ignore[misc]
    """A SQLite file."""

    name = "sqlite"
    schema_is_current = False

    def __init__(self, url: str) -> None:
        self.file = sqlite_file(url)
        # Threads of one process queue here rather than in SQLite's busy handler, which polls and is not fair.
        self._writer = threading.Lock()
        self.texts = Fts5Texts(self)
        # Not CREATE: a file that vanished is away, and must not be made anew as an empty one.
        super().__init__(str(self.file), pragmas=PRAGMAS, flags=apsw.SQLITE_OPEN_READWRITE)

    def _add_conn_hooks(self, conn: apsw.Connection) -> None:
        super()._add_conn_hooks(conn)
        # SQLite's own waiting grows to 100 ms a try, so that the lock lies idle between writers of several processes.
        conn.set_busy_handler(_wait_a_moment)
        # Or each statement that compares a bound value with an index would be compiled anew whenever one is bound.
        conn.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        # peewee's migration history binds a datetime, which apsw, unlike sqlite3, does not turn into text.
        conn.convert_binding = lambda _cursor, _position, value: str(value)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the write lock. Raises DatabaseBusy.

        IMMEDIATE, because a deferred transaction that reads and then writes is refused at once when another one wrote
        in between.
        """
        with self._alone_in_process(), self.transaction("IMMEDIATE"):
            yield

    @contextmanager
    def bulk_writing(self, draw: Callable[[], tuple[int, ...]]) -> Iterator[tuple[tuple[int, ...], Callable[[], None]]]:
        """As `writing`: the file has one lock, and who inserts holds it."""
        with self.writing():
            yield draw(), lambda: None

    def settled(self, number: int) -> int:
        """The given last number: who drew it holds the lock until the change can be seen."""
        return number

    @contextmanager
    def _alone_in_process(self) -> Iterator[None]:
        if not self._writer.acquire(timeout=BUSY_SECONDS):
            raise DatabaseBusy("the write lock of this process is taken")
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See one state of the database."""
        with self.transaction("DEFERRED"):
            yield

    @contextmanager
    def migrating(self) -> Iterator[None]:
        """Keep other processes from migrating, and make the file if there is none.

        peewee's runner takes no lock of its own, and its table rebuilds must switch foreign keys off, which SQLite
        allows outside transactions only: hence a lock on a file beside the database.
        """
        with open(f"{self.file}.migrate", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.file.touch()
            yield

    def erase_traces(self) -> None:
        """Leave in the file and its log nothing of what was deleted or overwritten.

        secure_delete alone does not do: moving rows between pages leaves copies in the gaps of pages, which VACUUM
        rebuilds. Raises DatabaseBusy where a reader of an older state is in the way for BUSY_SECONDS.
        """
        with self._alone_in_process():
            self.execute_sql("VACUUM")
            busy, _, _ = self.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise DatabaseBusy("a reader keeps the write-ahead log from being emptied")

    def is_derived(self, table: str) -> bool:
        """Whether a table belongs to SQLite itself, or to the index over another one."""
        return table.startswith(("sqlite_", "busqueda_fts"))

    def exists(self) -> bool:
        """Whether there is a database to ask."""
        return self.file.exists()

    def last_number(self, table: str) -> int:
        """The last id that a table gave out, of a row that is gone, too; 0 where it numbers none."""
        row = self.execute_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        return row[0] if row else 0

    def continue_numbering(self, table: str, number: int) -> None:
        """Let new ids follow this one."""
        if number:
            self.execute_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            self.execute_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number))

    def is_unavailable(self, error: BaseException) -> bool:
        """Whether this error is the machine's fault and may pass."""
        return isinstance(error, (DatabaseBusy, *UNAVAILABLE))

    def version(self) -> str:
        """The version of the SQLite library in use."""
        return str(apsw.sqlite_lib_version())


def _wait_a_moment(tries: int) -> bool:
    """Wait for another process's write; give up after BUSY_SECONDS (SQLite's busy handler)."""
    time.sleep(BUSY_PAUSE)
    return tries < BUSY_SECONDS / BUSY_PAUSE
