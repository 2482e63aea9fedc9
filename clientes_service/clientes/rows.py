"""The short way from the database to JSON, for what is asked most: no models, no schema, the same answer.

`tests/clientes/test_rows.py` holds it equal to the schema's own dump.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import orjson

from clientes_service import db
from clientes_service.clientes.advertencias import Advertencia
from clientes_service.clientes.models import Cliente
from clientes_service.clientes.schemas import Cliente as Schema

# Columns of a client in the order of the API's members; the last two make `version`.
COLUMNS = (
    "id, nombre, tipo_cliente, tipo_documento, numero_documento, codigo_cliente, direccion, telefono, email, "
    "contacto_representante, vigente, fecha_creacion, fecha_modificacion, epoca, version"
)
NAMES = COLUMNS.split(", ")
BY_ID = f"SELECT {COLUMNS} FROM cliente WHERE id = ?"  # noqa: S608 - fixed words

MEMBERS = tuple(str(field.data_key) for field in Schema().fields.values())

Row = tuple[Any, ...]


def find_row(id: int) -> Row | None:
    """Return the row of a client, active or not."""
    row: Row | None = db.execute(BY_ID, (id,)).fetchone()
    return row


def version_of(row: Row) -> str:
    """The version that callers see."""
    return f"{row[13]}-{row[14]}"


def as_member(row: Row) -> dict[str, Any]:
    """A row as the API shows a client."""
    return {
        "id": row[0],
        "nombre": row[1],
        "tipoCliente": row[2],
        "tipoDocumento": row[3],
        "numeroDocumento": row[4],
        "codigoCliente": row[5],
        "direccion": row[6],
        "telefono": row[7],
        "email": row[8],
        "contactoRepresentante": row[9],
        "vigente": bool(row[10]),  # SQLite keeps 0 and 1
        "version": f"{row[13]}-{row[14]}",
        "fechaCreacion": row[11],
        "fechaModificacion": row[12],
    }


def row_of(cliente: Cliente) -> Row:
    """The row of a client that is at hand."""
    return tuple(getattr(cliente, name) for name in NAMES)


def as_json(row: Row, **others: Any) -> bytes:
    """A client's JSON, with other members at its end."""
    return orjson.dumps({**as_member(row), **others}) + b"\n"


def written_as_json(cliente: Cliente, advertencias: Iterable[Advertencia]) -> bytes:
    """The JSON of a client that was just written, with what is worth a second look."""
    shown = [{name: value for name, value in asdict(one).items() if value is not None} for one in advertencias]
    return as_json(row_of(cliente), advertencias=shown)


def page_as_json(rows: Iterable[Row], **others: Any) -> bytes:
    """The JSON of a page: its clients under `content`, and the other members."""
    return orjson.dumps({"content": [as_member(row) for row in rows], **others}) + b"\n"
