"""SQLite through apsw, which brings a current one: pragmas, one writer at a time, one connection for each thread."""

import fcntl
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
from peewee import OperationalError
from playhouse.apsw_ext import APSWDatabase

from clientes_service.config import sqlite_file
from clientes_service.db import file_lock
from clientes_service.db.file_lock import DatabaseInUse
from clientes_service.db.text_index import IndexedTexts

BUSY_SECONDS = 10
BUSY_PAUSE = 0.001

# FULL, because NORMAL may lose at power loss a commit that a phone has already seen. The busy handler is set before
# these, so that switching to WAL waits for another process that does the same. What a rollback of temporary tables
# needs is kept in memory; secure_delete would send all of such a table through it when the table is dropped.
PRAGMAS = (("journal_mode", "wal"), ("synchronous", "full"), ("foreign_keys", 1), ("cache_size", -2_000),
           ("temp.journal_mode", "memory"), ("main.secure_delete", 1))  # fmt: skip
# Of a copy that nobody else knows of yet: one file without a log, which is flushed to the disk once, when it is done.
DRAFT_PRAGMAS = (("journal_mode", "delete"), ("synchronous", "off"), ("foreign_keys", 1), ("main.secure_delete", 1))

# What the machine, not the request, is at fault for: busy, full, read-only or away.
UNAVAILABLE = (
    apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError,
)  # fmt: skip


class DatabaseBusy(OperationalError):
    """Another thread of this process kept the write lock for longer than BUSY_SECONDS."""


class Sqlite(APSWDatabase):  # type: ignore[misc]
    """A SQLite file."""

    name = "sqlite"
    pragmas: tuple[tuple[str, Any], ...] = PRAGMAS
    schema_is_current = False
    is_shared = True  # with other processes: each connection says so to a restore

    def __init__(self, url: str) -> None:
        # Without symbolic links: what lies beside the file, and what takes its place, belongs where it really is.
        self.file = Path(os.path.realpath(sqlite_file(url)))
        # Threads of one process queue here rather than in SQLite's busy handler, which polls and is not fair.
        self._writer = threading.Lock()
        self.texts = IndexedTexts(self)
        # Not CREATE: a file that vanished is away, and must not be made anew as an empty one.
        super().__init__(str(self.file), pragmas=self.pragmas, flags=apsw.SQLITE_OPEN_READWRITE)

    def _connect(self) -> apsw.Connection:
        """Open a connection that keeps a restore away for as long as it is open. Raises DatabaseInUse."""
        lock = file_lock.share(self.file) if self.is_shared else None
        try:
            connection: apsw.Connection = super()._connect()
        except BaseException:
            if lock is not None:
                os.close(lock)
            raise
        if lock is not None:  # a thread that ends does not close its connection: the collector does
            weakref.finalize(connection, os.close, lock).atexit = False
        return connection

    def occupy(self) -> None:
        """Keep a restore away for as long as this process, or one that it forks, is alive. Raises DatabaseInUse."""
        file_lock.share(self.file)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the file alone, connections of this engine apart. Raises DatabaseInUse while anybody uses it."""
        lock = file_lock.take_alone(self.file)
        self.is_shared = False
        try:
            yield
        finally:
            self.close()
            self.is_shared = True
            os.close(lock)

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

    def copy_into(self, file: Path) -> None:
        """Write the database as it is at this moment into an empty file, without traces of what was deleted.

        VACUUM INTO reads one state, as any reader does: nobody waits, and nothing that is written meanwhile makes it
        begin anew. It does not flush the file to the disk.
        """
        self.execute_sql("VACUUM INTO ?", (str(file),))

    def leave_log(self) -> None:
        """Bring everything into the one file, and drop the log. Raises DatabaseInUse if others have it open.

        That finds other programs, too, which do not share our lock.
        """
        try:
            self.execute_sql("PRAGMA journal_mode = delete")
        except OperationalError as error:
            raise DatabaseInUse(f"{self.file} cannot be had alone; another program has it open ({error})") from error

    def damage(self) -> str | None:
        """What is wrong inside the file, if anything; its indexes are compared with their tables."""
        [found] = self.execute_sql("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            return " ".join(str(found).split())  # in one line
        if broken := self.execute_sql("PRAGMA foreign_key_check").fetchone():
            return f"a row of {broken[0]} refers to none of {broken[2]}"
        # The upgrade of an older schema makes the index anew.
        return self.texts.damage() if "busqueda_gramas" in self.schema() else None

    def schema(self) -> dict[str, str]:
        """What each table, view and trigger is, by name; the tables that SQLite makes for itself apart."""
        rows = self.execute_sql("SELECT name, sql FROM sqlite_master WHERE type != 'index'").fetchall()
        return {name: sql for name, sql in rows if not name.startswith("sqlite_")}

    def is_derived(self, table: str) -> bool:
        """Whether a table belongs to SQLite itself, or to the index over another one."""
        return table.startswith(("sqlite_", "busqueda_"))

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
        return isinstance(error, (DatabaseBusy, DatabaseInUse, *UNAVAILABLE))

    def version(self) -> str:
        """The version of the SQLite library in use."""
        return str(apsw.sqlite_lib_version())


class Draft(Sqlite):
    """A SQLite file that this process alone knows of, until it is whole."""

    pragmas = DRAFT_PRAGMAS
    is_shared = False


def _wait_a_moment(tries: int) -> bool:
    """Wait for another process's write; give up after BUSY_SECONDS (SQLite's busy handler)."""
    time.sleep(BUSY_PAUSE)
    return tries < BUSY_SECONDS / BUSY_PAUSE
