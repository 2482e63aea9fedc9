"""PostgreSQL through psycopg 3: one writer at a time, and connections that outlive restarts of the server.

Each thread keeps one connection, so that there are as many as threads: four in each worker process.
"""

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from peewee import OperationalError, PeeweeException, PostgresqlDatabase

from clientes_service.db.text_scan import ScannedTexts

LOCK_SECONDS = 10
# Keys of advisory locks, which are this database's own (PostgreSQL manual, 13.3.5).
WRITE_LOCK, MIGRATION_LOCK = 7_201_001, 7_201_002
BULK_LOCKS = 1 << 62  # together with the number before the first that a bulk_writing drew
# pg_locks shows the 64 bits of a key as two halves (PostgreSQL manual, 54.12).
FIRST_BULK_LOCK = """
    SELECT min((classid::bigint << 32) | objid::bigint) FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND (classid::bigint << 32) >= %s
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
IDLE_SECONDS = 30
# SQLSTATE of a write on a standby, after a failover that this connection missed, and where a provider took the right
# to write away, as some do with a database that is too full.
NOT_WRITABLE = ("25006", "42501")

# Notice a server that is gone within seconds; whatever the URL says itself goes before these.
CONNECTION = {
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "clientes_service",
    "client_encoding": "UTF8",
}


class Postgres(PostgresqlDatabase):
    """A PostgreSQL database."""

    name = "postgresql"
    schema_is_current = False

    def __init__(self, url: str) -> None:
        from psycopg.conninfo import conninfo_to_dict  # an extra: those who stay on SQLite need not install it

        given = conninfo_to_dict(url)
        defaults: Any = {name: value for name, value in CONNECTION.items() if name not in given}
        super().__init__(url, prefer_psycopg3=True, **defaults)
        self.texts = ScannedTexts()
        # peewee connects under one lock, though each thread has a connection of its own: where the server does not
        # answer, the threads of a process would wait for each other's timeouts.
        self._lock = nullcontext()

    def _connect(self) -> Any:
        connection = super()._connect()  # type: ignore[misc]
        connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        # A machine that dies in a transaction says nothing; without this it would keep the write lock for hours.
        connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
        return connection

    def begin(self, isolation_level: str | None = None) -> None:
        """Begin a transaction, on a connection that is alive."""
        self._replace_dead_connection()
        super().begin(isolation_level)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Run a statement; outside a transaction, on a connection that is alive."""
        if not self.in_transaction():
            self._replace_dead_connection()
        return super().execute_sql(sql, params)  # type: ignore[no-untyped-call]

    def _replace_dead_connection(self) -> None:
        """Close a connection that broke, or that the server closed while it was idle; the next use opens another.

        Never at COMMIT, which on a new connection would succeed and have committed nothing.
        """
        if self.is_closed():
            return
        connection: Any = self.connection()  # type: ignore[no-untyped-call]
        if connection.closed or _has_word_from_server(connection.fileno()):
            self.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the write lock, which waits for LOCK_SECONDS.

        One lock for all writers, held to commit, makes versions visible in the order of their numbers; a sequence does
        not. It also lets a use case trust what it read, as on SQLite.
        """
        try:
            with self.transaction("READ COMMITTED"):  # whatever the database's default: it is to see what came before
                self.execute_sql("SELECT pg_advisory_xact_lock(%s)", (WRITE_LOCK,))
                yield
        except PeeweeException as error:
            if getattr(error.__cause__ or error.__context__, "sqlstate", None) in NOT_WRITABLE:
                self.close()  # the next one may lead to the server that took over
            raise

    @contextmanager
    def bulk_writing(self, draw: Callable[[], tuple[int, ...]]) -> Iterator[tuple[tuple[int, ...], Callable[[], None]]]:
        """Draw numbers under the write lock, and insert without it.

        Others write on meanwhile with higher numbers, which `settled` does not count until the commit: an advisory lock
        of the session says so, which the server itself releases when a process dies. Who inserts the same unique value
        waits for the commit; where that is a deadlock the server ends one of the two.
        """
        with self.writing():
            numbers = draw()
            key = BULK_LOCKS | numbers[0]
            self.execute_sql("SELECT pg_advisory_lock(%s)", (key,))
        connection: Any = self.connection()  # type: ignore[no-untyped-call]
        try:
            with self.transaction("READ COMMITTED"):
                yield numbers, lambda: self.execute_sql("SELECT pg_advisory_xact_lock(%s)", (WRITE_LOCK,))
        finally:
            if not connection.closed:
                self.execute_sql("SELECT pg_advisory_unlock(%s)", (key,))

    def settled(self, number: int) -> int:
        """The given last number, or the one before the first that is still being inserted.

        A commit can be seen before its locks are released, and these are looked at before the caller's next read
        begins: so no change up to the returned number can appear after that.
        """
        [key] = self.execute_sql(FIRST_BULK_LOCK, (BULK_LOCKS,)).fetchone()
        return number if key is None else min(number, int(key) ^ BULK_LOCKS)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See one state of the database."""
        with self.transaction("REPEATABLE READ"):
            yield

    @contextmanager
    def migrating(self) -> Iterator[None]:
        """Keep other processes from migrating, however long one takes, and apply all migrations or none.

        Raises OperationalError for another encoding.
        """
        [encoding] = self.execute_sql("SHOW server_encoding").fetchone()
        if encoding != "UTF8":
            raise OperationalError(f"the database's encoding is {encoding}; create it with ENCODING 'UTF8'")
        with self.transaction("READ COMMITTED"):
            self.execute_sql("SET LOCAL lock_timeout = 0")
            self.execute_sql("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            yield

    def erase_traces(self) -> None:
        """Nothing to do here: the server's own VACUUM reuses the space of old rows."""

    def occupy(self) -> None:
        """Nothing to do: no restore of ours takes place here."""

    def is_derived(self, table: str) -> bool:
        """No table is."""
        return False

    def exists(self) -> bool:
        """Whether there is a database to ask: connecting says so."""
        return True

    def last_number(self, table: str) -> int:
        """The last id that a table gave out, of a row that is gone, too; 0 where it numbers none."""
        if (sequence := self._sequence(table)) is None:
            return 0
        [number, used] = self.execute_sql(f"SELECT last_value, is_called FROM {sequence}").fetchone()  # noqa: S608
        return int(number) if used else 0

    def continue_numbering(self, table: str, number: int) -> None:
        """Let new ids follow this one."""
        if number:
            self.execute_sql("SELECT setval(%s, %s)", (self._sequence(table), number))

    def _sequence(self, table: str) -> str | None:
        numbered = [column.name for column in self.get_columns(table) if column.identity]
        if not numbered:
            return None
        [name] = self.execute_sql("SELECT pg_get_serial_sequence(%s, %s)", (table, numbered[0])).fetchone()
        return str(name)

    def is_unavailable(self, error: BaseException) -> bool:
        """Whether this error is the server's fault and may pass.

        psycopg's OperationalError covers connections, shutdown, resources, locks and serialization (SQLSTATE 08, 40,
        53, 55P03, 57P).
        """
        return isinstance(error, OperationalError) or getattr(error, "sqlstate", None) in NOT_WRITABLE

    def version(self) -> str:
        """The version of the server."""
        [version] = self.execute_sql("SHOW server_version").fetchone()
        return str(version)


def _has_word_from_server(descriptor: int) -> bool:
    """Whether an idle connection can be read from: the server has closed it, or said that it will."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
