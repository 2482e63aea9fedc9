"""Batches as the API sees them."""

from enum import StrEnum
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from clientes_service.clientes.schemas import ClienteUpdate
from clientes_service.fields import SPANISH, Choice, Schema

MOST_OPERATIONS = 100
CLIENTE = {"id": 1, "nombre": "Botica Sol", "version": "5f0c2a11-42", "advertencias": []}


class Op(StrEnum):
    """What can be done to a client in a batch."""

    CREAR = "crear"
    ACTUALIZAR = "actualizar"
    ELIMINAR = "eliminar"
    RESTAURAR = "restaurar"


TAKES = {
    Op.CREAR: {"datos"},
    Op.ACTUALIZAR: {"id", "version", "datos"},
    Op.ELIMINAR: {"id", "version"},
    Op.RESTAURAR: {"id", "version"},
}


class Unread(fields.Nested):
    """Something that is described here and read later, so that one bad item, null too, stops no other."""

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the value as it is."""
        return value


class Operacion(Schema):
    """One write. What an `op` does not take is left out, or null."""

    clave = fields.String(
        required=True,
        error_messages=SPANISH,
        metadata={
            "description": "Names this write, so that it may be repeated: 1 to 255 printable ASCII characters without "
            "spaces. Keys of batches are apart from those of the header Idempotency-Key",
            "example": "5f2b7c1e-9d0a-4b7e-8f53-0f6b1c2d3e4f",
        },
    )
    op = Choice(Op, required=True, metadata={"example": "actualizar"})
    id = fields.Integer(
        strict=True,
        allow_none=True,
        error_messages={**SPANISH, "invalid": "Debe ser un número entero."},
        metadata={"description": "Which client; not for `crear`", "example": 1},
    )
    version = fields.String(
        allow_none=True,
        error_messages=SPANISH,
        metadata={
            "description": "As If-Match: only while the client has this version",
            "example": "5f0c2a11-42",
        },
    )
    datos = Unread(
        ClienteUpdate,
        allow_none=True,
        metadata={"description": "For `crear` a new client, for `actualizar` what changes"},
    )

    @ma.validates_schema
    def check_members(self, datos: dict[str, Any], **_: Any) -> None:
        """Refuse what the `op` lacks or does not take."""
        given = {name for name in ("id", "version", "datos") if datos.get(name) is not None}
        takes = TAKES[datos["op"]]
        wrong = {name: [f"No va con {datos['op']}; quítelo."] for name in given - takes}
        wrong |= {name: ["Falta este dato."] for name in takes - given - {"version"}}
        if wrong:
            raise ma.ValidationError(wrong)


class Lote(Schema):
    """A batch of writes, done one after another."""

    operaciones = fields.List(
        Unread(Operacion),
        required=True,
        validate=validate.Length(max=MOST_OPERATIONS, error="Envíe como máximo {max} operaciones a la vez."),
        error_messages={**SPANISH, "invalid": "Debe ser una lista de operaciones."},
    )


class Resultado(Schema):
    """What the single call would have answered."""

    clave = fields.String(required=True, allow_none=True, metadata={"description": "Null if there was none"})
    status = fields.Integer(required=True, metadata={"example": 200})
    cuerpo = fields.Raw(
        required=True,
        metadata={
            "type": ["object", "null"],
            "description": "The client with its `advertencias`, a problem document, or null for 204",
            "example": CLIENTE,
        },
    )
    reintentar_en = fields.Integer(
        metadata={"description": "Seconds, beside an error that passes: repeat this write then", "example": 2}
    )


class Resultados(Schema):
    """What became of each write, in order."""

    resultados = fields.List(fields.Nested(Resultado), required=True)
