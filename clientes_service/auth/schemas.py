"""Users and tokens as the API sees them."""

import unicodedata
from typing import Any

import marshmallow as ma
from marshmallow import fields

from clientes_service.auth.passwords import MAX_LENGTH, MIN_LENGTH
from clientes_service.auth.roles import Rol
from clientes_service.clientes import documento
from clientes_service.clientes.documento import DocumentoInvalido, TipoDocumento
from clientes_service.fields import Choice, Email, Flag, Schema, Text

DNI = {
    "description": "8 digits; spaces and dashes are dropped",
    "pattern": "^[ -]*(?:[0-9][ -]*){8}$",
    "example": "01234567",
}
ROL = {"example": "OFICINA"}
NOMBRE = {"example": "Rosa Quispe"}
EMAIL = {"example": "rosa@example.pe"}


class Dni(Text):
    """A DNI: eight digits, however they were spaced."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(20, metadata=DNI, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return documento.normalize(TipoDocumento.DNI, text or "")
        except DocumentoInvalido as error:
            raise ma.ValidationError(str(error)) from error


class Password(Text):
    """A password, taken as it was typed and not trimmed.

    NFC, because a phone and a desktop may type the same ñ as different code points (RFC 8265 §4.2).
    """

    def __init__(self, low: int = 1, **kwargs: Any) -> None:
        super().__init__(
            MAX_LENGTH, metadata={"minLength": low, "format": "password", "example": "quinua-tarwi-kiwicha"}, **kwargs
        )
        self.low = low

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = unicodedata.normalize("NFC", fields.String._deserialize(self, value, attr, data, **kwargs))
        if not self.low <= len(text) <= MAX_LENGTH:
            raise ma.ValidationError(f"La contraseña debe tener de {self.low} a {MAX_LENGTH} caracteres.")
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
            raise ma.ValidationError("No puede llevar saltos de línea ni caracteres de control.")
        return text


class Credentials(Schema):
    """What one signs in with."""

    dni = Dni(required=True)
    password = Password(required=True)


class Tokens(Schema):
    """A pair of tokens and who they are for."""

    token = fields.String(
        required=True, metadata={"description": "Access token, for the Authorization header", "example": "eyJ…"}
    )
    refresh_token = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "For POST /auth/refresh alone; null where it is in the cookie", "example": "eyJ…"},
    )
    expira_en = fields.Integer(
        required=True, metadata={"description": "Seconds that the access token lives", "example": 900}
    )
    nombre = fields.String(required=True, metadata=NOMBRE)
    email = fields.String(required=True, metadata=EMAIL)
    rol = Choice(Rol, required=True, metadata=ROL)


class Identidad(Schema):
    """A user as it sees itself."""

    id = fields.Integer(required=True, metadata={"example": 1})
    dni = fields.String(required=True, metadata={"example": "01234567"})
    nombre = fields.String(required=True, metadata=NOMBRE)
    email = fields.String(required=True, metadata=EMAIL)
    rol = Choice(Rol, required=True, metadata=ROL)


class TokenValido(Schema):
    """The token holds, and this is whose it is."""

    mensaje = fields.String(required=True, metadata={"example": "Token válido y usuario activo"})
    usuario = fields.Nested(Identidad, required=True)


class Usuario(Identidad):
    """A user as an ADMIN sees it. Passwords never come back."""

    vigente = fields.Boolean(required=True, metadata={"example": True})


class UsuarioList(Schema):
    """Every user."""

    content = fields.List(fields.Nested(Usuario), required=True)


class UsuarioUpdate(Schema):
    """What of a user can change."""

    nombre = Text(150, metadata=NOMBRE)
    email = Email(metadata=EMAIL)
    rol = Choice(Rol, metadata=ROL)
    password = Password(MIN_LENGTH)
    vigente = Flag(metadata={"example": True})


class UsuarioCreate(Schema):
    """A new user."""

    dni = Dni(required=True)
    nombre = Text(150, required=True, metadata=NOMBRE)
    email = Email(required=True, metadata=EMAIL)
    rol = Choice(Rol, required=True, metadata=ROL)
    password = Password(MIN_LENGTH, required=True)
