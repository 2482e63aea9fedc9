"""The change feed as the API shows it."""

from marshmallow import fields

from clientes_service.clientes.schemas import Cliente
from clientes_service.fields import PlainInteger, Schema, Text


class CambiosQuery(Schema):
    """Where to go on, and how much to take."""

    desde = Text(4000, metadata={"description": "`siguiente` of the answer before; without it, from the beginning"})
    size = PlainInteger(
        1, 2**31 - 1, clamp=True, load_default=200, metadata={"description": "Lowered to the service's maximum"}
    )


class Cambios(Schema):
    """Changed clients."""

    content = fields.List(fields.Nested(Cliente), required=True)
    siguiente = fields.String(
        required=True, metadata={"description": "The next `desde`", "example": "WyI1ZjBjMmExMSIsNDJd-5a0c1e77"}
    )
    hay_mas = fields.Boolean(
        required=True, metadata={"description": "Whether there is more to fetch at once", "example": False}
    )
