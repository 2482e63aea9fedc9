"""Reads requests strictly: JSON as the contract has it, queries without strangers, forms with one file."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

import marshmallow as ma
from flask import Request, current_app, request
from gunicorn.http.errors import ParseException
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge

from clientes_service import errors
from clientes_service.errors import FieldError
from clientes_service.fields import camelcase, field_errors

MAX_JSON_BYTES = 1_000_000
MAX_JSON_DEPTH = 50
INCOMPLETE = "El cuerpo llegó incompleto o mal formado. Repita la solicitud."
FORM_OVERHEAD = 64_000  # bytes that a form adds to its file
REMEMBERED = 1000  # queries
TOO_DEEP = f"El JSON tiene más de {MAX_JSON_DEPTH} niveles. Envíelo menos anidado."
INT64 = range(-(2**63), 2**63)


class Parser(FlaskParser):
    """webargs, strict: JSON as the contract has it, and query parameters named once and never empty."""

    DEFAULT_UNKNOWN_BY_LOCATION = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "json": None,
        "query": ma.RAISE,
        "files": ma.RAISE,
    }

    def parse(self, argmap: Any, req: Request | None = None, *, location: str | None = None, **kwargs: Any) -> Any:
        """Return what the request says; queries that were good before are remembered, since apps repeat them."""
        if location != "query":
            return super().parse(argmap, req, location=location, **kwargs)
        key = (id(argmap), (req or request).query_string)
        known = self._queries.get(key)
        if known is None:
            if len(self._queries) >= REMEMBERED:
                self._queries.clear()
            known = self._queries[key] = super().parse(argmap, req, location=location, **kwargs)
        return dict(known)

    def __init__(self) -> None:
        super().__init__()
        self._queries: dict[tuple[int, bytes], dict[str, Any]] = {}

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """Return the JSON body; raise TipoNoSoportado or JsonInvalido."""
        if not req.is_json:
            raise errors.TipoNoSoportado
        return parse_json(read_body(req))

    def load_querystring(self, req: Request, schema: ma.Schema) -> dict[str, str]:
        """Return the query as a plain mapping."""
        if problems := query_problems(req, schema.fields):
            raise errors.Validacion(errors=problems)
        return req.args.to_dict()

    def load_files(self, req: Request, schema: ma.Schema) -> dict[str, Any]:
        """Return the files of a form by name; raise TipoNoSoportado, CuerpoDemasiadoGrande and SolicitudInvalida."""
        if req.mimetype != "multipart/form-data":
            raise errors.TipoNoSoportado("Envíe el archivo en un formulario (multipart/form-data).")
        megabytes = current_app.config["SERVICE"].import_max_mb
        req.max_content_length = megabytes * 2**20 + FORM_OVERHEAD
        try:
            files, others = req.files, req.form
        except RequestEntityTooLarge as error:
            raise errors.CuerpoDemasiadoGrande(
                f"El formulario es demasiado grande: solo puede llevar un archivo, de hasta {megabytes} MB."
            ) from error
        except (OSError, ParseException) as error:
            if errors.is_full(error):
                raise
            raise errors.SolicitudInvalida(INCOMPLETE) from error
        unknown = [FieldError(name[:100], "No es un archivo que se pueda enviar aquí; quítelo.") for name in others]
        unknown += [FieldError(name[:100], "Envíe un solo archivo.") for name in files if len(files.getlist(name)) > 1]
        if unknown:
            raise errors.Validacion(errors=unknown)
        return files.to_dict()

    def handle_error(self, error: ma.ValidationError, *args: Any, **kwargs: Any) -> NoReturn:
        """Turn marshmallow's messages into the one error shape."""
        by_location = dict(error.normalized_messages())  # type: ignore[no-untyped-call]
        found = [problem for messages in by_location.values() for problem in field_errors(messages)]
        raise errors.Validacion(errors=found) from error


def query_problems(req: Request, known: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with a query, beside these known parameters: others, repeated and empty ones."""
    names = {camelcase(name) for name in known}
    problems = []
    for name, values in req.args.lists():
        if name not in names:
            problems.append(FieldError(name, "Este parámetro no existe aquí; quítelo."))
        elif len(values) > 1:
            problems.append(FieldError(name, "Solo se puede dar una vez."))
        elif not values[0] and name != "q":
            problems.append(FieldError(name, "Está vacío; quítelo o dele un valor."))
    return problems


def read_body(req: Request) -> bytes:
    """Return the body; raise CuerpoDemasiadoGrande over 1 MB, and SolicitudInvalida for one that does not arrive whole.

    werkzeug refuses a Content-Length over the limit, but cuts a chunked body there without a word.
    """
    try:
        body = req.get_data()
        if req.content_length is None and len(body) == MAX_JSON_BYTES and req.environ["wsgi.input"].read(1):
            raise errors.CuerpoDemasiadoGrande
    except (OSError, ParseException) as error:  # the caller has gone, or sent a malformed chunk
        raise errors.SolicitudInvalida(INCOMPLETE) from error
    return body


def parse_json(body: bytes) -> Any:
    """Parse strictly (RFC 8259, and I-JSON's rule on repeated keys, RFC 7493 §2.3); raise JsonInvalido.

    Nesting beyond 50 levels, NaN, infinities and numbers beyond 64 bits are refused before they reach anything that
    would fail on them.
    """
    if not body.strip():
        raise errors.JsonInvalido("El cuerpo está vacío. Envíe un documento JSON.")
    try:
        text = body.decode()
        value = json.loads(
            text, object_pairs_hook=_unique_keys, parse_int=_int64, parse_float=_finite, parse_constant=_finite
        )
    except ValueError as error:
        raise errors.JsonInvalido from error
    except RecursionError as error:
        raise errors.JsonInvalido(TOO_DEEP) from error
    if text.count("[") + text.count("{") > MAX_JSON_DEPTH and _deeper_than(value, MAX_JSON_DEPTH):
        raise errors.JsonInvalido(TOO_DEEP)
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise errors.JsonInvalido("Una clave está repetida dentro de un objeto. Déjela una sola vez.")
    return members


def _int64(digits: str) -> int:
    if len(digits) > 20 or (number := int(digits)) not in INT64:
        raise errors.JsonInvalido("Un número entero no cabe en 64 bits. Corríjalo o envíelo como texto.")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise errors.JsonInvalido("NaN, Infinity y los números que no caben en 64 bits no son JSON. Corríjalos.")
    return number


def _deeper_than(value: Any, levels: int) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return children is not None and (levels == 0 or any(_deeper_than(child, levels - 1) for child in children))
