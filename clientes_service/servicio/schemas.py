"""How the service stands, as the API shows it."""

from marshmallow import fields

from clientes_service.fields import FECHA, Schema

ON_SQLITE = "Bytes; null on PostgreSQL"


class BaseDeDatos(Schema):
    """The database that is in use."""

    motor = fields.String(required=True, metadata={"example": "sqlite"})
    version = fields.String(required=True, metadata={"example": "3.54.1"})
    bytes = fields.Integer(required=True, allow_none=True, metadata={"description": ON_SQLITE, "example": 41943040})


class Respaldo(Schema):
    """A backup."""

    fecha = fields.String(required=True, metadata=FECHA)
    bytes = fields.Integer(required=True, metadata={"example": 41943040})


class ClienteCount(Schema):
    """How many clients there are."""

    vigentes = fields.Integer(required=True, metadata={"example": 1200})
    total = fields.Integer(required=True, metadata={"description": "Inactive ones too", "example": 1234})


class UsuarioCount(Schema):
    """How many users may sign in."""

    vigentes = fields.Integer(required=True, metadata={"example": 8})


class Servicio(Schema):
    """How the service stands."""

    version = fields.String(required=True, metadata={"example": "0.1.0"})
    base_de_datos = fields.Nested(BaseDeDatos, required=True)
    ultimo_respaldo = fields.Nested(
        Respaldo,
        required=True,
        allow_none=True,
        metadata={"description": "The newest in the instance folder; null where there is none, and on PostgreSQL"},
    )
    espacio_libre = fields.Integer(
        required=True, allow_none=True, metadata={"description": ON_SQLITE, "example": 50000000000}
    )
    clientes = fields.Nested(ClienteCount, required=True)
    usuarios = fields.Nested(UsuarioCount, required=True)
