"""Which clients, in which order: the list's filters and sort, by pages or from end to end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clientes_service.clientes import documento
from clientes_service.clientes.documento import TipoDocumento
from clientes_service.clientes.models import Cliente, code_key
from clientes_service.db import snapshot

SORTABLE: dict[str, Any] = {
    "id": Cliente.id,
    "nombre": Cliente.nombre_orden,
    "codigoCliente": Cliente.codigo_clave,
    "fechaCreacion": Cliente.fecha_creacion,
    "fechaModificacion": Cliente.fecha_modificacion,
}
VIGENTE = {"true": True, "false": False, "todos": None}
CHUNK = 1000  # clients that `iterate_clientes` reads at a time


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions of a list; None is no condition. `sort` is a field of the API, then `,asc` or `,desc`."""

    tipo_cliente: str | None = None
    tipo_documento: str | None = None
    numero_documento: str | None = None
    codigo_cliente: str | None = None
    vigente: bool | None = True
    sort: str = "id"

    @classmethod
    def from_query(cls, vigente: str, **others: str) -> "Filters":
        """Read them as a query writes them, where `vigente` may be `todos`."""
        return cls(vigente=VIGENTE[vigente], **others)


def list_clientes(filters: Filters, page: int, size: int) -> tuple[list[Cliente], int]:
    """Return one page (zero-based) and how many clients there are on all pages, both of one moment."""
    query = Cliente.select().where(*_conditions(filters))
    with snapshot():
        total = query.count()
        rows = list(query.order_by(*_order(filters)).paginate(page + 1, size)) if page * size < total else []
    return rows, total


def iterate_clientes(filters: Filters) -> Iterator[list[Cliente]]:
    """Yield all clients, some at a time.

    Each time is a read of its own, so that a slow reader holds nothing up. Whoever was there throughout, its own sort
    key unchanged, comes exactly once; what changes meanwhile may come as it was or as it is.
    """
    column, is_descending = _sort(filters)
    query = Cliente.select().where(*_conditions(filters)).order_by(*_order(filters)).limit(CHUNK)
    rows = list(query)
    while rows:
        yield rows
        last = getattr(rows[-1], column.name)
        if column is Cliente.id:
            following = column < last if is_descending else column > last
        else:
            beyond = column < last if is_descending else column > last
            following = (column <= last if is_descending else column >= last) & (beyond | (Cliente.id > rows[-1].id))
        rows = list(query.where(following)) if len(rows) == CHUNK else []


def _sort(filters: Filters) -> tuple[Any, bool]:
    name, _, direction = filters.sort.partition(",")
    return SORTABLE[name], direction == "desc"


def _order(filters: Filters) -> list[Any]:
    column, is_descending = _sort(filters)
    return [column.desc() if is_descending else column.asc(), Cliente.id.asc()]


def _conditions(filters: Filters) -> list[Any]:
    wanted = {
        Cliente.vigente: filters.vigente,
        Cliente.tipo_cliente: filters.tipo_cliente,
        Cliente.tipo_documento: filters.tipo_documento,
        Cliente.codigo_clave: filters.codigo_cliente and code_key(filters.codigo_cliente),
    }
    found: list[Any] = [column == value for column, value in wanted.items() if value is not None]
    if filters.numero_documento:
        clave = documento.comparison_key(filters.numero_documento)
        personas = {documento.person_key(tipo, clave) for tipo in TipoDocumento}  # which has the index
        found += [Cliente.persona_clave.in_(personas), Cliente.documento_clave == clave]
    return found or [True]
