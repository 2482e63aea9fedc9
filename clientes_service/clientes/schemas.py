"""Clients as the API sees them: field rules on the way in, shapes on the way out."""

import unicodedata
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from clientes_service.clientes import documento
from clientes_service.clientes.documento import DocumentoInvalido, TipoDocumento
from clientes_service.clientes.models import TipoCliente
from clientes_service.fields import FECHA, Choice, Email, PlainInteger, Schema, Text, Typed

CODIGO = r"[A-Za-z0-9._/-]+(?: [A-Za-z0-9._/-]+)*"
TELEFONO = r"(?:[ +().#/-]*[0-9]){6}[0-9 +().#/-]*"
PLAIN = {"Zs": " ", "Pd": "-", "Cf": ""}
NUMERO_MAX = 100  # as typed: spaces and dashes are dropped before the kind's own limit counts


class Telefono(Text):
    """A telephone number as people type or paste it: any space is a plain one, any dash a hyphen."""

    def __init__(self, **kwargs: Any) -> None:
        hint = "Use dígitos (al menos 6), espacios y + - ( ) . / #"
        super().__init__(30, TELEFONO, hint, metadata={"example": "+51 952 123 456"}, **kwargs)

    def read(self, typed: str) -> str | None:
        """Return a number as it is stored; raise marshmallow's ValidationError."""
        if not typed.isascii():
            typed = "".join(PLAIN.get(unicodedata.category(c), c) for c in typed).replace("\u2212", "-")
        return super().read(typed)


class ClienteCreate(Schema):
    """A new client."""

    nombre = Text(150, required=True, metadata={"description": "Full name, or company name", "example": "Botica Sol"})
    tipo_cliente = Choice(TipoCliente, required=True, metadata={"example": "EMPRESA"})
    tipo_documento = Choice(TipoDocumento, required=True, metadata={"example": "RUC"})
    numero_documento = Text(
        NUMERO_MAX,
        required=True,
        metadata={
            "description": "RUC: 11 digits. DNI: 8 digits. CE: 1 to 12 letters or digits. OTRO: 1 to 30 characters. "
            "Spaces and dashes are dropped for the first three.",
            "example": "20100070970",
        },
    )
    codigo_cliente = Text(
        50,
        CODIGO,
        "Use letras sin tilde, dígitos y . _ - / con espacios simples solo en medio.",
        required=True,
        metadata={"description": "Unique across all clients, without regard to case", "example": "CLI0001"},
    )
    direccion = Text(
        200, allow_none=True, metadata={"description": "Primary service address", "example": "Av. Los Álamos 12, Tacna"}
    )
    telefono = Telefono(allow_none=True)
    email = Email(allow_none=True, metadata={"example": "contacto@example.pe"})
    contacto_representante = Text(
        150, allow_none=True, metadata={"description": "Recommended for EMPRESA", "example": "Rosa Quispe"}
    )

    @ma.validates_schema(skip_on_field_errors=False)
    def check_documento(self, datos: dict[str, Any], **_: Any) -> None:
        """Check number against kind where both are given; with one alone, the service checks the merged client."""
        if "tipo_documento" in datos and "numero_documento" in datos:
            try:
                documento.normalize(datos["tipo_documento"], datos["numero_documento"])
            except DocumentoInvalido as error:
                raise ma.ValidationError(str(error), "numeroDocumento") from error


class ClienteUpdate(ClienteCreate):
    """What of a client is to change; the rest stays."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "partial": True})


class Cliente(Schema):
    """A client."""

    id = fields.Integer(required=True, metadata={"example": 1})
    nombre = fields.String(required=True)
    tipo_cliente = Choice(TipoCliente, required=True)
    tipo_documento = Choice(TipoDocumento, required=True)
    numero_documento = fields.String(required=True)
    codigo_cliente = fields.String(required=True)
    direccion = fields.String(required=True, allow_none=True)
    telefono = fields.String(required=True, allow_none=True)
    email = fields.String(required=True, allow_none=True)
    contacto_representante = fields.String(required=True, allow_none=True)
    vigente = fields.Boolean(required=True, metadata={"example": True})
    version = fields.String(required=True, attribute="version_publica", metadata={"example": "5f0c2a11-42"})
    fecha_creacion = fields.String(required=True, metadata=FECHA)
    fecha_modificacion = fields.String(required=True, metadata=FECHA)


class Advertencia(Schema):
    """Something worth a second look; the write was done all the same."""

    codigo = fields.String(
        required=True,
        validate=validate.OneOf(["RUC_DIGITO_INVALIDO", "DOCUMENTO_REPETIDO", "REPRESENTANTE_RECOMENDADO"]),
        metadata={"example": "DOCUMENTO_REPETIDO"},
    )
    campo = fields.String(required=True, metadata={"example": "numeroDocumento"})
    mensaje = fields.String(required=True, metadata={"example": "Otro cliente vigente tiene este documento."})
    clientes = fields.List(fields.Integer(), metadata={"description": "Ids of the clients it is about", "example": [7]})


class ClienteEscrito(Cliente):
    """A client as it was written, with what is worth a second look."""

    advertencias = fields.List(fields.Nested(Advertencia), required=True)


class ClienteList(Schema):
    """A page of clients."""

    content = fields.List(fields.Nested(Cliente), required=True)
    total_elements = fields.Integer(required=True, metadata={"example": 41})
    total_pages = fields.Integer(required=True, metadata={"example": 3})
    number = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Null with `cursor`", "example": 0}
    )
    size = fields.Integer(required=True, metadata={"example": 20})
    next_cursor = fields.String(
        required=True, allow_none=True, metadata={"description": "Null on the last page", "example": "WzQyXQ-1a2b3c4d"}
    )


class ClienteFilters(Schema):
    """Which clients, and in which order."""

    q = Typed(
        load_default="",
        metadata={
            "description": "Words that all occur, in any order, anywhere in name, document, code, telephone, e-mail, "
            "contact or address. Case and accents do not matter; no character is an operator",
            "example": "quispe 952",
        },
    )
    sort = Text(
        40,
        "(?:id|nombre|codigoCliente|fechaCreacion|fechaModificacion)(?:,(?:asc|desc))?",
        "Use un campo (id, nombre, codigoCliente, fechaCreacion o fechaModificacion), y si quiere ,asc o ,desc.",
        load_default="id",
        metadata={"description": "A field, then `,asc` or `,desc`", "example": "nombre,desc"},
    )
    tipo_cliente = Choice(TipoCliente)
    tipo_documento = Choice(TipoDocumento)
    numero_documento = Text(NUMERO_MAX, metadata={"description": "Spaces and dashes do not count"})
    codigo_cliente = Text(50, metadata={"description": "Case does not count"})
    vigente = Text(
        5, "true|false|todos", "Use true, false o todos.", load_default="true", metadata={"description": "Active?"}
    )


class ClienteQuery(ClienteFilters):
    """What to list, and in which order."""

    page = PlainInteger(0, 2**31 - 1, metadata={"description": "Zero-based", "default": 0})
    cursor = Text(
        1000,
        metadata={
            "description": "`nextCursor` of the page before, instead of `page`: it costs the same at any depth. "
            "Filters and `sort` are given again"
        },
    )
    size = PlainInteger(
        1, 2**31 - 1, clamp=True, load_default=20, metadata={"description": "Lowered to the service's maximum"}
    )


class CodigoQuery(Schema):
    """Which series of codes to continue."""

    prefijo = Text(30, CODIGO, "Use letras sin tilde, dígitos y . _ - /", load_default="CLI")


class CodigoSugerido(Schema):
    """The next code of a series. A suggestion: nothing is reserved."""

    codigo_cliente = fields.String(required=True, metadata={"example": "CLI0124"})
