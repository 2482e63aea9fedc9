"""The engine in use: connections, the one transaction() and the migrations.

No other room opens a transaction, and none but sqlite.py and postgres.py knows which engine it is.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Sized
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import quote

from peewee import DatabaseProxy, Model, PeeweeException
from peewee import __exception_wrapper__ as driver_errors  # type: ignore[attr-defined]
from playhouse.migrations import Runner

from clientes_service import metrics
from clientes_service.db.file_lock import is_in_use as is_in_use
from clientes_service.db.postgres import Postgres
from clientes_service.db.sqlite import Draft as Draft
from clientes_service.db.sqlite import Sqlite as Sqlite

MIGRATIONS = Path(__file__).parents[1] / "migrations"

Engine = Sqlite | Postgres
Bulk = tuple[tuple[int, ...], Callable[[], None]]

database = DatabaseProxy()


class NoFile(Exception):
    """What was asked for is done to a file, and this database is none."""


class BaseModel(Model):
    """A table of the service."""

    class Meta:
        database = database
        legacy_table_names = False


def open_engine(url: str) -> Engine:
    """Return the engine of a URL such as `sqlite:///file` or `postgresql://…`, as `config` gives it.

    Nothing is opened here, so that a process may fork after it. Each thread opens its own connection at its first
    query and keeps it.
    """
    return Sqlite(url) if url.startswith("sqlite:") else Postgres(url)


def connect(url: str) -> None:
    """Say which database this process uses."""
    use(open_engine(url))


def use(chosen: Engine) -> None:
    """Say which engine this process uses."""
    if database.obj is not None:
        database.close()
    database.initialize(chosen)


def engine() -> Engine:
    """The engine that `connect` chose."""
    chosen: Engine = database.obj
    return chosen


def open_draft(file: Path) -> Draft:
    """The engine of a SQLite file that nobody else knows of: a copy that is being made or checked."""
    return Draft(f"sqlite:///{quote(str(file))}")


def file_engine(url: str) -> Sqlite:
    """The engine of a database that is one file. Raises NoFile for PostgreSQL."""
    chosen = open_engine(url)
    if isinstance(chosen, Postgres):
        raise NoFile("the database is on PostgreSQL: use its own pg_dump and pg_restore")
    return chosen


@contextmanager
def transaction() -> Iterator[None]:
    """Hold the write lock from before the first read until commit; raising rolls back.

    Writers of all processes pass one at a time, on either engine: what a use case read still holds when it writes, and
    versions become visible in the order of their numbers. Each use case opens exactly one; where it is itself part of
    another's, as with `idempotency.once`, that is a savepoint. Whoever waits longer than the engine's limit gets an
    error for which `is_unavailable` is true.
    """
    chosen, began = engine(), perf_counter()
    if chosen.in_transaction():
        with chosen.savepoint():
            yield
        return
    with chosen.writing():
        metrics.DATABASE_WAIT.observe(perf_counter() - began)
        yield


def bulk_transaction(draw: Callable[[], tuple[int, ...]]) -> AbstractContextManager[Bulk]:
    """A transaction that inserts many rows, and keeps other writers waiting as little as the engine can.

    `draw` takes the numbers of these rows, and returns first of all the version before theirs. Yields what it returned,
    and a function to be called when all is inserted: from there to the commit this is as `transaction()`.
    """
    return engine().bulk_writing(draw)


def snapshot() -> AbstractContextManager[None]:
    """Let several reads see one state of the database, and never wait for a writer."""
    return engine().reading()


def execute(sql: str, params: Collection[Any] = (), chosen: Engine | None = None) -> Any:
    """Run a statement in which ? stands for each parameter, and return its cursor."""
    chosen = chosen or engine()
    return chosen.execute_sql(sql.replace("?", chosen.param), tuple(params))


def insert_rows(
    table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], chosen: Engine | None = None
) -> None:
    """Insert many rows at once, inside a transaction that is open."""
    chosen = chosen or engine()
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks(columns)})"  # noqa: S608
    statement = statement.replace("?", chosen.param)
    with driver_errors:  # which peewee turns into its own only where it runs a statement itself
        chosen.cursor().executemany(statement, rows)


def marks(values: Sized) -> str:
    """As many ? as there are values, for `execute`."""
    return ", ".join("?" * len(values))


def one_of(values: Sized) -> str:
    """What stands behind IN for this many ?, as rows: PostgreSQL would compare a long list one by one."""
    return f"(VALUES {', '.join(['(?)'] * len(values))})"


def is_unavailable(error: PeeweeException, chosen: Engine | None = None) -> bool:
    """Tell a database that is busy, full or away (worth a retry) from a defect in a query."""
    chosen = chosen or engine()
    return any(chosen.is_unavailable(cause) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:  # peewee wraps what fails while it connects a second time
        yield error
        error = error.__cause__ or error.__context__


def upgrade(chosen: Engine | None = None) -> list[str]:
    """Apply the pending migrations and return their names; any number of processes may call it at once."""
    chosen = chosen or engine()
    with chosen.migrating():
        return list(_runner(chosen).up())


def migrations(chosen: Engine | None = None) -> list[tuple[str, bool]]:
    """Every known migration in order, and whether this database has it."""
    chosen = chosen or engine()
    runner = _runner(chosen)
    if not chosen.exists():
        return [(migration.name, False) for migration in runner.migrations()]
    return [(migration.name, bool(migration.applied)) for migration in runner.status()]


def unknown_migrations(chosen: Engine) -> list[str]:
    """The migrations that a database has, and this version does not know: it belongs to a later one."""
    known = {migration.name for migration in _runner(chosen).migrations()}
    return [name for name, _ in migrations(chosen) if name not in known]


def pending() -> list[str]:
    """The migrations that this database still lacks."""
    return [name for name, applied in migrations() if not applied]


def is_current() -> bool:
    """Whether no migration is pending. Once true it is not looked up again: migrations only go forward."""
    engine().schema_is_current = engine().schema_is_current or not pending()
    return engine().schema_is_current


def _runner(chosen: Engine) -> Runner:
    return Runner(chosen, str(MIGRATIONS))
