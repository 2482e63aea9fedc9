"""Moves everything between two databases of either engine: every table there is, in one transaction, and compared.

It knows no table by name but the one that a migration fills.
"""

from collections.abc import Callable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from clientes_service import db
from clientes_service.db import Engine

BATCH = 1000
HISTORY = "schema_migration"  # the target's own
COUNTER = "contador"  # filled by a migration: its row is replaced, so that versions and epoch go on

Row = tuple[Any, ...]


class TransferError(Exception):
    """The databases are not fit for it, or differ afterwards; the target holds nothing new."""


def copy(source: Engine, target: Engine, progress: Callable[[int, int], None]) -> dict[str, int]:
    """Copy every row into an empty target, compare both sides, and return the rows of each table.

    `progress` is told the rows done so far and their total. All is one transaction on the target and one state of the
    source, so that an interruption leaves the target empty. Raises TransferError.
    """
    if not all(applied for _, applied in db.migrations(source)):
        raise TransferError("the source has migrations pending, or is no database of this service: db upgrade it first")
    if not all(applied for _, applied in db.migrations(target)):
        _refuse_tables(target)
        db.upgrade(target)
    with source.reading(), target.writing():
        tables = [_Table(source, target, name) for name in _by_dependency(source)]
        _refuse_rows(target, tables)
        target.execute_sql(f"DELETE FROM {COUNTER}")
        total, done = sum(table.count(source) for table in tables), 0
        for table in tables:
            for rows in table.batches():
                table.insert(rows)
                done += len(rows)
                progress(done, total)
        for table in tables:
            table.compare()
            target.continue_numbering(table.name, source.last_number(table.name))
        return {table.name: table.count(target) for table in tables}


class _Table:
    """One table on both sides: its columns, its key, and what of it is true or false."""

    def __init__(self, source: Engine, target: Engine, name: str) -> None:
        self.source, self.target, self.name = source, target, name
        columns = source.get_columns(name)
        self.columns = [column.name for column in columns]
        self.key = source.get_primary_keys(name)
        self.key_places = [self.columns.index(column) for column in self.key]
        self.booleans = [place for place, column in enumerate(columns) if column.data_type.lower() == "boolean"]

    def count(self, engine: Engine) -> int:
        [rows] = engine.execute_sql(f"SELECT count(*) FROM {self.name}").fetchone()
        return int(rows)

    def batches(self) -> Iterator[list[Row]]:
        """The source's rows by their key, some at a time, so that memory does not grow with the table."""
        order, last = ", ".join(self.key), ()
        while rows := self._select(self.source, f"({order}) > ({db.marks(self.key)})" if last else "", last):
            yield rows
            last = self._key_of(rows[-1])

    def insert(self, rows: list[Row]) -> None:
        db.insert_rows(self.name, self.columns, rows, self.target)

    def compare(self) -> None:
        """Raise TransferError unless both sides hold the same rows."""
        if self.count(self.source) != self.count(self.target):
            raise TransferError(f"{self.name} differs in its number of rows")
        one = f"({db.marks(self.key)})"
        for rows in self.batches():
            keys = [self._key_of(row) for row in rows]
            same_keys = f"({', '.join(self.key)}) IN (VALUES {', '.join([one] * len(keys))})"
            copied = self._select(self.target, same_keys, [value for key in keys for value in key])
            if sorted(copied, key=self._key_of) != sorted(rows, key=self._key_of):
                raise TransferError(f"{self.name} differs between the keys {keys[0]} and {keys[-1]}")

    def _key_of(self, row: Row) -> Row:
        return tuple(row[place] for place in self.key_places)

    def _select(self, engine: Engine, condition: str, values: Sequence[Any]) -> list[Row]:
        where = f"WHERE {condition}" if condition else ""
        order = ", ".join(self.key)
        query = f"SELECT {', '.join(self.columns)} FROM {self.name} {where} ORDER BY {order} LIMIT {BATCH}"
        return [self._with_booleans(row) for row in db.execute(query, values, engine).fetchall()]

    def _with_booleans(self, row: Row) -> Row:
        """SQLite keeps them as 0 and 1, which PostgreSQL does not take for false and true."""
        values = list(row)
        for place in self.booleans:
            values[place] = None if values[place] is None else bool(values[place])
        return tuple(values)


def _by_dependency(engine: Engine) -> list[str]:
    """The tables of the schema, each after those it refers to."""
    needs = {
        name: {key.dest_table for key in engine.get_foreign_keys(name)} - {name}
        for name in sorted(engine.get_tables())
        if name != HISTORY and not engine.is_derived(name)
    }
    try:
        ordered = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise TransferError(f"these tables refer to each other: {', '.join(error.args[1])}") from error
    if outside := {*ordered} - needs.keys():
        raise TransferError(f"tables refer to others that are not there: {', '.join(sorted(outside))}")
    return ordered


def _refuse_tables(target: Engine) -> None:
    """Raise TransferError for a target that somebody uses, before its schema is touched."""
    if target.exists() and (tables := {*target.get_tables()} - {HISTORY}):
        raise TransferError(f"the target is not empty (tables {', '.join(sorted(tables))}); name an empty database")


def _refuse_rows(target: Engine, tables: list[_Table]) -> None:
    filled = [table.name for table in tables if table.name != COUNTER and table.count(target)]
    [changes] = target.execute_sql(f"SELECT valor FROM {COUNTER}").fetchone()
    if filled or changes:
        raise TransferError(f"the target is not empty (rows in {', '.join(filled) or COUNTER}); name an empty database")
