"""Clients in an order, from an offset or behind a place: those for which a condition holds, or those with some ids.

The queries are text: building them anew for each request took longer than running them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from operator import itemgetter
from typing import Any

from pyroaring import BitMap64

from clientes_service import db
from clientes_service.clientes.rows import COLUMNS, Row

# Few clients that a search finds are sorted; of many, those wanted are met soon among all: to sort one takes as long as
# to pass by so many.
SORTING = 15
LAST_ID = "SELECT coalesce(max(id), 0) FROM cliente"

# What differs after each commit that changes any client.
STATE = "SELECT epoca || '-' || escrituras FROM contador"

Place = tuple[Any, int]  # the sort key of a row, and its id


@dataclass(frozen=True, slots=True)
class Query:
    """A list as SQL: its condition, and the column that it is sorted by.

    Its rows are a client's columns, the sort key, and the state of the directory.
    """

    condition: str
    params: tuple[Any, ...]
    column: str
    is_descending: bool

    def page(self, start: int, count: int, total: int) -> list[Row]:
        """So many rows from an offset; the end is where to count from, if it is nearer."""
        if start <= total // 2:
            return self._rows(self.forward(), count, start)
        return self._rows(self.backward(), count, total - start - count)[::-1]

    def next(self, place: Place, count: int) -> list[Row]:
        """So many rows behind a place, at a cost that does not grow with its depth."""
        return self.after(place).page(0, count, count)

    def anew(self) -> "Query":
        """The same list at any other moment."""
        return self

    def count(self) -> int:
        """How many rows there are."""
        [total] = db.execute(f"SELECT count(*) FROM cliente WHERE {self.condition}", self.params).fetchone()
        return int(total)

    def forward(self) -> str:
        """The rows in order, from an offset."""
        return f"{self._select()} {self._order()} LIMIT ? OFFSET ?"

    def backward(self) -> str:
        """The rows in reverse, from an offset counted from the end."""
        return f"{self._select()} {self._order(is_reversed=True)} LIMIT ? OFFSET ?"

    def after(self, place: Place) -> "Query":
        """The rows behind a place."""
        (key, id), sign = place, "<" if self.is_descending else ">"
        if self.column == "id":
            return self.narrow(f"id {sign} ?", (id,))
        column = self.column
        return self.narrow(f"{column} {sign}= ? AND ({column} {sign} ? OR id > ?)", (key, key, id))

    def narrow(self, condition: str, params: tuple[Any, ...] = ()) -> "Query":
        """The rows for which another condition holds, too."""
        return replace(self, condition=f"{self.condition} AND {condition}", params=(*self.params, *params))

    def of_ids(self, ids: Iterable[int]) -> "Query":
        """The rows with these ids, which are so few that they are sorted rather than met along an index of all."""
        return self.narrow(f"id IN ({', '.join(map(str, ids)) or 'NULL'})").sorted_afresh()

    def sorted_afresh(self) -> "Query":
        """The same rows, by no index."""
        return self if self.column == "id" else replace(self, column=f"({self.column} || '')")

    def ids(self, is_reversed: bool = False) -> Iterator[int]:
        """The ids of all rows in order, or in reverse, as they are met."""
        return map(itemgetter(0), db.execute(self.ids_sql(is_reversed), self.params))

    def ids_sql(self, is_reversed: bool = False) -> str:
        """What `ids` asks for, which the index of an order has by itself."""
        return f"SELECT id FROM cliente WHERE {self.condition} {self._order(is_reversed)}"

    def _rows(self, sql: str, *limits: int) -> list[Row]:
        rows: list[Row] = db.execute(sql, (*self.params, *limits)).fetchall()
        return rows

    def _select(self) -> str:
        return f"SELECT {COLUMNS}, {self.column}, ({STATE}) FROM cliente WHERE {self.condition}"

    def _order(self, is_reversed: bool = False) -> str:
        order = f"ORDER BY {self.column} {'ASC' if self.is_descending == is_reversed else 'DESC'}"
        return order if self.column == "id" else f"{order}, id {'DESC' if is_reversed else 'ASC'}"


@dataclass(frozen=True, slots=True)
class Found:
    """A list of the clients whose ids a search finds, in the order of a query of all.

    It is read by several statements: in a snapshot, where they must be of one moment.
    """

    find: Callable[[], BitMap64]
    all: Query
    ids: BitMap64 | None = None  # what was found at this moment

    def anew(self) -> "Found":
        """The same list at any other moment: to find the ids again takes less than they take of the memory."""
        return replace(self, ids=None)

    def page(self, start: int, count: int, total: int) -> list[Row]:
        """So many rows from an offset."""
        found = self._found()
        if self.all.column == "id":
            first = total - start - count if self.all.is_descending else start
            return self._rows(found[first : first + count])
        rest = total - start - count
        if _are_few(found, count + min(start, rest)):
            return self._sorted(found).page(start, count, total)
        is_reversed = rest < start
        return self._rows(_met(found, self.all.ids(is_reversed), rest if is_reversed else start, count))

    def next(self, place: Place, count: int) -> list[Row]:
        """So many rows behind a place."""
        found = self._found()
        if self.all.column == "id":
            id = max(place[1], 0)  # a cursor may say anything
            if self.all.is_descending:
                until = found.rank(id - 1) if id else 0
                return self._rows(found[max(until - count, 0) : until])
            start = found.rank(id)
            return self._rows(found[start : start + count])
        if _are_few(found, count):
            return self._sorted(found).next(place, count)
        return self._rows(_met(found, self.all.after(place).ids(), 0, count))

    def _found(self) -> BitMap64:
        return self.find() if self.ids is None else self.ids

    def _sorted(self, found: BitMap64) -> Query:
        ids = "id IN (SELECT value FROM json_each(?))"
        return self.all.narrow(ids, (json.dumps([*found]),)).sorted_afresh()

    def _rows(self, ids: Sequence[int] | BitMap64) -> list[Row]:
        return self.all.of_ids(ids).page(0, len(ids), len(ids))


def _met(found: BitMap64, ids: Iterator[int], start: int, count: int) -> list[int]:
    """So many of those that are found, from an offset, in the order in which all are met."""
    return [*islice(filter(found.__contains__, ids), start, start + count)]


def _are_few(found: BitMap64, wanted: int) -> bool:
    """Whether to sort them takes no longer than to meet so many of them among all."""
    [last] = db.execute(LAST_ID).fetchone()
    return bool(SORTING * len(found) ** 2 <= wanted * last)
