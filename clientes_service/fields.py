"""Schemas and fields that every feature shares: camelCase keys, Spanish messages, text as people type it."""

import re
import sys
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from clientes_service.errors import FieldError

SPANISH: dict[str, str | list[Any] | dict[Any, Any]] = {
    "required": "Falta este dato.",
    "null": "Es obligatorio; escriba un valor.",
    "invalid": "Debe ser un texto entre comillas.",
    "invalid_utf8": "Debe ser un texto.",
    "validator_failed": "No es válido.",
}

# Addresses as nearly all are, which marshmallow's rule accepts, too; the rest is left to it.
PLAIN_EMAIL = re.compile(
    r"[a-zA-Z0-9]+(?:[._+-][a-zA-Z0-9]+)*@(?:[a-zA-Z0-9]{1,30}(?:-[a-zA-Z0-9]{1,30})?\.)+[a-zA-Z]{2,20}"
)

# What an answer's field of time looks like in the OpenAPI document.
FECHA = {"format": "date-time", "example": "2026-11-24T15:04:05.123Z"}


REVERSING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # UAX 9: embeddings, overrides, isolates
INVISIBLE = "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff" + REVERSING
ENDS = re.compile(rf"^[\s{INVISIBLE}]+|[\s{INVISIBLE}]+$")


@cache
def camelcase(name: str) -> str:
    """`tipo_documento` → `tipoDocumento`: the one place where names change between Python and the API."""
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


class Schema(ma.Schema):
    """A marshmallow schema with camelCase keys and Spanish messages, which refuses what it does not list."""

    error_messages = {
        "type": "Debe ser un objeto JSON.",
        "unknown": "No es un campo que se pueda enviar aquí; quítelo.",
    }

    class Meta:
        unknown = ma.RAISE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Name the field as the API does."""
        field_obj.data_key = camelcase(field_obj.data_key or field_name)


class Text(fields.String):
    """Text as people type it: ends trimmed, NFC, no control characters. Empty counts as null.

    `length` is the most code points it may have; `pattern` is a regular expression that the whole must match,
    `hint` the message that says so.
    """

    default_error_messages = SPANISH

    def __init__(self, length: int, pattern: str | None = None, hint: str | None = None, **kwargs: Any) -> None:
        schema: dict[str, Any] = {"maxLength": length}
        if pattern:  # what may be null may be empty
            schema["pattern"] = f"^(?:{pattern}){'?' if kwargs.get('allow_none') else ''}$"
        if not kwargs.get("allow_none"):
            schema["minLength"] = 1
        super().__init__(metadata={**schema, **kwargs.pop("metadata", {})}, **kwargs)
        self.length, self.pattern, self.hint = length, pattern and re.compile(pattern), hint

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return self.read(super()._deserialize(value, attr, data, **kwargs))

    def read(self, typed: str) -> str | None:
        """Return a text as it is stored, None for an empty one; raise marshmallow's ValidationError."""
        text = clean_text(typed)
        if not text:
            if self.allow_none:
                return None
            raise ma.ValidationError("No puede estar vacío.")
        if len(text) > self.length:
            raise ma.ValidationError(f"Tiene {len(text)} caracteres; el máximo es {self.length}.")
        if self.pattern and not self.pattern.fullmatch(text):
            raise ma.ValidationError(self.hint or "No tiene el formato esperado.")
        return text


class Typed(fields.String):
    """What somebody types into a search field: anything, or nothing."""

    default_error_messages = SPANISH


class Email(Text):
    """An e-mail address with a dot in its domain (RFC 5321 §4.5.3.1 limits it to 254)."""

    def __init__(self, **kwargs: Any) -> None:
        form = {} if kwargs.get("allow_none") else {"format": "email"}  # which an empty text, for null, has not
        super().__init__(254, metadata={**form, **kwargs.pop("metadata", {})}, **kwargs)
        self.check = validate.Email(error="No parece un correo; escríbalo como nombre@ejemplo.pe.")

    def read(self, typed: str) -> str | None:
        """Return an address as it is stored; raise marshmallow's ValidationError."""
        text = super().read(typed)
        if text is None or PLAIN_EMAIL.fullmatch(text):
            return text
        domain = self.check(text).rpartition("@")[2]
        if "." not in domain or domain.startswith("["):  # an address of a machine, not of a person
            raise ma.ValidationError(self.check.error)
        return text


class Choice(fields.Enum):  # type: ignore[type-arg]
    """A member of a StrEnum, by its value."""

    default_error_messages = {**SPANISH, "unknown": "Debe ser uno de: {choices}."}

    def __init__(self, enum: Any, **kwargs: Any) -> None:
        super().__init__(enum, by_value=Text(40), metadata={"type": "string", **kwargs.pop("metadata", {})}, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)  # a model holds the value itself


class Flag(fields.Boolean):
    """A JSON boolean, and nothing that merely looks like one."""

    default_error_messages = {**SPANISH, "invalid": "Debe ser true o false."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class QueryFlag(fields.Boolean):
    """A boolean in a query: `true` or `false`."""

    default_error_messages = SPANISH

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if value not in ("true", "false"):
            raise ma.ValidationError("Use true o false.")
        return bool(value == "true")


class PlainInteger(fields.Integer):
    """A whole number in a query: ASCII digits. Below `low` is refused; above `high` too, unless `clamp` lowers it."""

    default_error_messages = SPANISH

    def __init__(self, low: int, high: int, *, clamp: bool = False, **kwargs: Any) -> None:
        bounds = {"minimum": low} if clamp else {"minimum": low, "maximum": high}
        super().__init__(metadata={**bounds, **kwargs.pop("metadata", {})}, **kwargs)
        self.low, self.high, self.clamp = low, high, clamp

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        limits = f"Debe ser un número entero desde {self.low}" + ("." if self.clamp else f" hasta {self.high}.")
        if not re.fullmatch("[0-9]+", value):
            raise ma.ValidationError(limits)
        digits = value.lstrip("0") or "0"
        number = int(digits) if len(digits) <= 18 else sys.maxsize
        if number < self.low or (number > self.high and not self.clamp):
            raise ma.ValidationError(limits)
        return min(number, self.high)


def storable(text: str) -> str:
    """A text that came from elsewhere, without what no database keeps: NUL and lone surrogates."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def clean_text(text: str) -> str:
    """Trim and compose (NFC) a text; raise marshmallow's ValidationError for characters that no name has.

    What cannot be seen goes from the ends as white space does. Inside, what reverses the text around it is refused, so
    that no name can pose as another; joiners, which emoji and some scripts need, stay.
    """
    if text.isprintable():  # so there is nothing to refuse, and no white space but plain ones
        return unicodedata.normalize("NFC", text.strip())
    text = ENDS.sub("", text)
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in REVERSING for c in text):
        raise ma.ValidationError("No puede llevar saltos de línea ni caracteres de control.")
    return unicodedata.normalize("NFC", text)


def field_errors(messages: Any, path: str = "") -> list[FieldError]:
    """marshmallow's nested messages as a flat list; `_schema` stands for the body as a whole."""
    if isinstance(messages, Mapping):
        return [
            error
            for key, value in messages.items()
            for error in field_errors(value, path if key == "_schema" else f"{path}.{key}".lstrip("."))
        ]
    name = path.encode(errors="replace").decode()[:100]  # a caller's own key may hold a lone surrogate
    return [FieldError(name, str(message)) for message in messages]
