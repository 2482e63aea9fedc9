"""Everything that is held on one client, as the API shows it."""

from marshmallow import fields

from clientes_service.clientes.schemas import Cliente
from clientes_service.fields import FECHA, Schema
from clientes_service.historial.schemas import Linea


class DatosPersonales(Schema):
    """Everything that is held on one client."""

    cliente = fields.Nested(Cliente, required=True)
    historial = fields.List(fields.Nested(Linea), required=True)
    generado = fields.String(required=True, metadata=FECHA)
