"""Which clients, in which order: the list's filters and sort, by pages, by cursors, or from end to end.

Its queries are text: building them anew for each request took longer than running them.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from typing import Any

from clientes_service import db
from clientes_service.clientes import documento
from clientes_service.clientes.documento import TipoDocumento
from clientes_service.clientes.memory import Memory
from clientes_service.clientes.models import code_key
from clientes_service.clientes.rows import COLUMNS, Row
from clientes_service.clientes.texts import kind_words, search_words
from clientes_service.db import snapshot
from clientes_service.db.text_index import contain

SORTABLE = {
    "id": "id",
    "nombre": "nombre_orden",
    "codigoCliente": "codigo_clave",
    "fechaCreacion": "fecha_creacion",
    "fechaModificacion": "fecha_modificacion",
}
VIGENTE = {"true": True, "false": False, "todos": None}
# The key of a client's text; negative for inactive ones.
KEYS = {True: "clave = cliente.id", False: "clave = -cliente.id", None: "clave IN (cliente.id, -cliente.id)"}
CHUNK = 1000  # clients that `iterate_rows` reads at a time
REMEMBERED = 500  # lists
# Few clients that a search finds are looked at one by one; of many, the first in order are met soon among all. Either
# takes as long where the square of their number is so many times that of all clients.
FEW = 8
LAST = "SELECT coalesce(max(id), 0) FROM cliente"

# What differs after each commit that changes any client.
STATE = "SELECT epoca || '-' || escrituras FROM contador"

Place = tuple[Any, int]  # the sort key of a row, and its id


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions of a list; None is no condition. `sort` is a field of the API, then `,asc` or `,desc`."""

    tipo_cliente: str | None = None
    tipo_documento: str | None = None
    numero_documento: str | None = None
    codigo_cliente: str | None = None
    vigente: bool | None = True
    words: tuple[str, ...] = ()
    sort: str = "id"

    @classmethod
    @lru_cache(REMEMBERED)
    def from_query(cls, vigente: str, q: str = "", **others: str) -> "Filters":
        """Read them as a query writes them, where `vigente` may be `todos`, and `q` is what somebody types."""
        return cls(vigente=VIGENTE[vigente], words=search_words(q) if q else (), **others)

    def fingerprint(self) -> int:
        """A number by which a cursor knows its list again."""
        return _fingerprint(self)


@lru_cache(REMEMBERED)
def _fingerprint(filters: Filters) -> int:
    return zlib.crc32(repr(astuple(filters)).encode())


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list, how many the whole list has, and the place after which it goes on; None at its end.

    `state` is that of the directory when they were read.
    """

    rows: list[Row]
    total: int
    following: Place | None
    state: str


@dataclass(frozen=True, slots=True)
class _Query:
    """A list as SQL: its condition, and the column that it is sorted by."""

    condition: str
    params: tuple[Any, ...]
    column: str
    is_descending: bool

    def forward(self) -> str:
        """The rows in order, from an offset."""
        return self._select(self.condition, self.is_descending, ids_descend=False)

    def backward(self) -> str:
        """The rows in reverse, from an offset counted from the end."""
        return self._select(self.condition, not self.is_descending, ids_descend=True)

    def behind(self) -> str:
        """The rows in order, behind a place."""
        sign = "<" if self.is_descending else ">"
        column = self.column
        after = f"id {sign} ?" if column == "id" else f"{column} {sign}= ? AND ({column} {sign} ? OR id > ?)"
        return self._select(f"{self.condition} AND {after}", self.is_descending, ids_descend=False)

    def narrow(self, condition: str, params: tuple[Any, ...]) -> "_Query":
        """The rows for which another condition holds, too."""
        return replace(self, condition=f"{self.condition} AND {condition}", params=(*self.params, *params))

    def sorted_afresh(self) -> "_Query":
        """The same rows, which are so few that they are sorted rather than met along an index of all."""
        return self if self.column == "id" else replace(self, column=f"({self.column} || '')")

    def place_params(self, place: Place) -> tuple[Any, ...]:
        """The parameters of a place in `behind`."""
        key, id = place
        return (id,) if self.column == "id" else (key, key, id)

    def _select(self, condition: str, is_descending: bool, ids_descend: bool) -> str:
        order = f"{self.column} {'DESC' if is_descending else 'ASC'}"
        if self.column != "id":
            order += f", id {'DESC' if ids_descend else 'ASC'}"
        shown = f"{COLUMNS}, {self.column}, ({STATE})"
        return f"SELECT {shown} FROM cliente WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?"


@dataclass(frozen=True, slots=True)
class _Counted:
    """A list as SQL, and how many rows it has in a state of the directory."""

    state: str
    query: _Query
    total: int


_counts: Memory[_Counted] = Memory(REMEMBERED)


def list_page(filters: Filters, page: int, size: int) -> Page:
    """Return one page (zero-based), of one moment with its total."""
    start = page * size

    def read(query: _Query, total: int) -> list[Row]:
        count = min(size, total - start)
        if count <= 0:
            return []
        if start <= total // 2:
            return _rows(query.forward(), (*query.params, count, start))
        return _rows(query.backward(), (*query.params, count, total - start - count))[::-1]  # the end is nearer

    rows, total, state = _with_total(filters, read)
    following = None if start + size >= total or not rows else _place(rows[-1])
    return Page(rows, total, following, state)


def list_behind(filters: Filters, place: Place, size: int) -> Page:
    """Return the rows behind a place, at a cost that does not grow with its depth."""

    def read(query: _Query, total: int) -> list[Row]:
        return _rows(query.behind(), (*query.params, *query.place_params(place), size + 1, 0))

    rows, total, state = _with_total(filters, read)
    return Page(rows[:size], total, _place(rows[size - 1]) if len(rows) > size else None, state)


def iterate_rows(filters: Filters) -> Iterator[list[Row]]:
    """Yield all rows, some at a time.

    Each time is a read of its own, so that a slow reader holds nothing up. Whoever was there throughout, its own sort
    key unchanged, comes exactly once; what changes meanwhile may come as it was or as it is.
    """
    with snapshot():
        query = _count_list(filters).query
    rows = _rows(query.forward(), (*query.params, CHUNK, 0))
    while rows:
        yield rows
        place = query.place_params(_place(rows[-1]))
        rows = _rows(query.behind(), (*query.params, *place, CHUNK, 0)) if len(rows) == CHUNK else []


def _rows(sql: str, params: tuple[Any, ...]) -> list[Row]:
    """Rows of a client's columns, the sort key, and the state."""
    rows: list[Row] = db.execute(sql, params).fetchall()
    return rows


def _place(row: Row) -> Place:
    return row[-2], row[0]


def current_state() -> str:
    """What differs after each commit that changes any client."""
    [state] = db.execute(STATE).fetchone()
    return str(state)


def _with_total(filters: Filters, read: Callable[[_Query, int], list[Row]]) -> tuple[list[Row], int, str]:
    """What `read` finds, given the list as SQL and its total; that total, and the state; all of one moment.

    What is remembered is tried first. If the rows say that no client has changed since, their one statement was all
    that it took.
    """
    known = _counts.recall(filters)
    if known and (rows := read(known.query, known.total)) and rows[0][-1] == known.state:
        return rows, known.total, known.state
    with snapshot():
        known = _count_list(filters)
        return read(known.query, known.total), known.total, known.state


def _count_list(filters: Filters) -> _Counted:
    """The list as SQL and its total, remembered until the state is another one."""
    query, state = _query(filters), current_state()
    known = _counts.recall(filters)
    if known is None or known.state != state:
        found = _with_words(query, filters) if filters.words else (query, _count(query))
        known = _counts.keep(filters, _Counted(state, *found))
    return known


def _count(query: _Query) -> int:
    [total] = db.execute(f"SELECT count(*) FROM cliente WHERE {query.condition}", query.params).fetchone()
    return int(total)


def _with_words(query: _Query, filters: Filters) -> tuple[_Query, int]:
    """Narrow a list to the clients in whose texts all words are, and count it."""
    words = (*filters.words, *kind_words(filters.tipo_cliente, filters.tipo_documento))
    matches = db.engine().texts.match(words, filters.vigente)
    count, last = db.execute(f"{matches.total}, ({LAST})", matches.params).fetchone()
    if count**2 <= FEW * last:
        keys = db.execute(matches.keys, matches.params).fetchall() if count else []
        found = query.narrow(f"id IN ({', '.join(str(abs(key)) for (key,) in keys) or 'NULL'})", ()).sorted_afresh()
    else:
        contains, patterns = contain(words, "texto")
        text = f"SELECT 1 FROM busqueda WHERE {KEYS[filters.vigente]} AND {contains}"
        found = query.narrow(f"EXISTS ({text})", patterns)
    return found, _count(found) if filters.numero_documento or filters.codigo_cliente else count


@lru_cache(REMEMBERED)
def _query(filters: Filters) -> _Query:
    wanted = {
        "vigente": filters.vigente,
        "tipo_cliente": filters.tipo_cliente,
        "tipo_documento": filters.tipo_documento,
        "codigo_clave": filters.codigo_cliente and code_key(filters.codigo_cliente),
    }
    if filters.numero_documento:
        wanted["documento_clave"] = clave = documento.comparison_key(filters.numero_documento)
        personas = sorted({documento.person_key(tipo, clave) for tipo in TipoDocumento})
    given = {name: value for name, value in wanted.items() if value is not None}
    terms, params = [f"{name} = ?" for name in given], [*given.values()]
    name, _, direction = filters.sort.partition(",")
    if filters.vigente and name != "id":  # nearly all are: its index would find them all and sort them
        terms[0] = "NOT vigente <> ?"
    if filters.numero_documento:  # persona_clave has the index
        terms.append(f"persona_clave IN ({db.marks(personas)})")
        params += personas
    return _Query(" AND ".join(terms) or "1 = 1", tuple(params), SORTABLE[name], direction == "desc")
