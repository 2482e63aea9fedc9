"""Which clients, in which order: the list's filters and sort, by pages, by cursors, or from end to end."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from functools import lru_cache, partial

from clientes_service import db
from clientes_service.clientes import documento
from clientes_service.clientes.documento import TipoDocumento
from clientes_service.clientes.lists import LAST_ID, STATE, Found, Place, Query
from clientes_service.clientes.memory import Memory
from clientes_service.clientes.models import code_key
from clientes_service.clientes.rows import Row
from clientes_service.clientes.texts import kind_words, search_words
from clientes_service.db import snapshot
from clientes_service.db.text_index import IndexedTexts
from clientes_service.db.text_scan import contain, key_is

SORTABLE = {
    "id": "id",
    "nombre": "nombre_orden",
    "codigoCliente": "codigo_clave",
    "fechaCreacion": "fecha_creacion",
    "fechaModificacion": "fecha_modificacion",
}
VIGENTE = {"true": True, "false": False, "todos": None}
CHUNK = 1000  # clients that `iterate_rows` reads at a time
REMEMBERED = 500  # lists
# Where an engine keeps no list of ids, few clients that a search finds are looked at one by one; of many, the first in
# order are met soon among all. Either takes as long where the square of their number is so many times that of all.
FEW = 8


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
class _Counted:
    """A list, and how many rows it has in a state of the directory."""

    state: str
    list: Query | Found
    total: int


_counts: Memory[_Counted] = Memory(REMEMBERED)


def list_page(filters: Filters, page: int, size: int) -> Page:
    """Return one page (zero-based), of one moment with its total."""
    start = page * size

    def read(counted: _Counted) -> list[Row]:
        count = min(size, counted.total - start)
        return counted.list.page(start, count, counted.total) if count > 0 else []

    counted, rows = _with_total(filters, read)
    following = None if start + size >= counted.total or not rows else _place(rows[-1])
    return Page(rows, counted.total, following, counted.state)


def list_behind(filters: Filters, place: Place, size: int) -> Page:
    """Return the rows behind a place, at a cost that does not grow with its depth."""
    counted, rows = _with_total(filters, lambda counted: counted.list.next(place, size + 1))
    following = _place(rows[size - 1]) if len(rows) > size else None
    return Page(rows[:size], counted.total, following, counted.state)


def iterate_rows(filters: Filters) -> Iterator[list[Row]]:
    """Yield all rows, some at a time.

    Each time is a read of its own, so that a slow reader holds nothing up. Whoever was there throughout, its own sort
    key unchanged, comes exactly once; what changes meanwhile may come as it was or as it is.
    """
    with snapshot():
        counted = _count_list(filters)
        rows = counted.list.page(0, min(CHUNK, counted.total), counted.total)
    listed = counted.list.anew()
    while rows:
        yield rows
        with snapshot():
            rows = listed.next(_place(rows[-1]), CHUNK) if len(rows) == CHUNK else []


def _place(row: Row) -> Place:
    return row[-2], row[0]


def current_state() -> str:
    """What differs after each commit that changes any client."""
    [state] = db.execute(STATE).fetchone()
    return str(state)


def _with_total(filters: Filters, read: Callable[[_Counted], list[Row]]) -> tuple[_Counted, list[Row]]:
    """A list with its total, and what `read` finds in it, all of one moment.

    Of a query, what is remembered is tried first. If the rows say that no client has changed since, their one statement
    was all that it took.
    """
    known = _counts.recall(filters)
    if known and isinstance(known.list, Query) and (rows := read(known)) and rows[0][-1] == known.state:
        return known, rows
    with snapshot():
        counted = _count_list(filters)
        return counted, read(counted)


def _count_list(filters: Filters) -> _Counted:
    """The list and its total, which is remembered until the state is another one."""
    state = current_state()
    known = _counts.recall(filters)
    if known is not None and known.state == state:
        return known
    listed, total = _count_words(filters) if filters.words else _count(_query(filters))
    _counts.keep(filters, _Counted(state, listed.anew(), total))
    return _Counted(state, listed, total)


def _count(query: Query) -> tuple[Query, int]:
    return query, query.count()


def _count_words(filters: Filters) -> tuple[Query | Found, int]:
    """The clients in whose texts all words are, and how many they are."""
    query, texts, are_active = _query(filters), db.engine().texts, filters.vigente
    words = (*filters.words, *kind_words(filters.tipo_cliente, filters.tipo_documento))
    if filters.numero_documento or filters.codigo_cliente:  # which few have, whose texts are read
        return _count(_reading_texts(query, words, are_active))
    if isinstance(texts, IndexedTexts):
        ids, every = texts.find(words, are_active), Query("1 = 1", (), query.column, query.is_descending)
        return Found(partial(texts.find, words, are_active), every, ids), len(ids)
    matches = texts.match(words, are_active)
    count, last = db.execute(f"{matches.total}, ({LAST_ID})", matches.params).fetchone()
    if count**2 > FEW * last:
        return _reading_texts(query, words, are_active), count
    ids = db.execute(matches.ids, matches.params).fetchall() if count else []
    return query.of_ids([id for (id,) in ids]), count


def _reading_texts(query: Query, words: tuple[str, ...], are_active: bool | None) -> Query:
    contains, patterns = contain(words, "texto")
    text = f"SELECT 1 FROM busqueda WHERE {key_is('cliente.id', are_active)} AND {contains}"
    return query.narrow(f"EXISTS ({text})", patterns)


@lru_cache(REMEMBERED)
def _query(filters: Filters) -> Query:
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
    return Query(" AND ".join(terms) or "1 = 1", tuple(params), SORTABLE[name], direction == "desc")
