"""Lines of history as the API sees them."""

from marshmallow import fields

from clientes_service.fields import FECHA, Choice, Schema, Text
from clientes_service.historial.service import Accion, Origen

CAMBIOS = {"telefono": {"antes": None, "despues": "+51 952 123 456"}}


class Autor(Schema):
    """Who made a change."""

    id = fields.Raw(
        required=True,
        metadata={"type": ["integer", "string"], "description": "Of another issuer: its `sub`", "example": 1},
    )
    nombre = fields.String(required=True, allow_none=True, metadata={"example": "Rosa Quispe"})


class Linea(Schema):
    """One change of a client."""

    version = fields.String(required=True, attribute="version_publica", metadata={"example": "5f0c2a11-42"})
    accion = Choice(Accion, required=True, metadata={"example": "ACTUALIZADO"})
    usuario = fields.Nested(
        Autor, required=True, allow_none=True, metadata={"description": "Null for the command line"}
    )
    origen = Choice(Origen, required=True, metadata={"example": "api"})
    fecha = fields.String(required=True, metadata=FECHA)
    cambios = fields.Dict(
        required=True,
        attribute="diferencias",
        metadata={"description": "Each changed field with `antes` and `despues`", "example": CAMBIOS},
    )


class Historial(Schema):
    """A page of changes, newest first."""

    content = fields.List(fields.Nested(Linea), required=True)
    next_cursor = fields.String(
        required=True, allow_none=True, metadata={"description": "Null on the last page", "example": "WzQyXQ-1a2b3c4d"}
    )


class HistorialQuery(Schema):
    """Where to go on."""

    cursor = Text(200, metadata={"description": "`nextCursor` of the page before"})
