"""What HTTP needs everywhere: strict requests, JSON bodies, ETags, and one shape for every error."""

import json
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import flask_smorest
import marshmallow as ma
from flask import Flask, Request, Response, current_app, g, jsonify, request
from gunicorn.http.errors import ParseException
from peewee import PeeweeException
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_etags
from werkzeug.routing import BaseConverter

from clientes_service import db, errors
from clientes_service.config import Config
from clientes_service.errors import FieldError, ServiceError
from clientes_service.fields import camelcase, field_errors

MAX_JSON_BYTES = 1_000_000
MAX_JSON_DEPTH = 50
TOO_DEEP = f"El JSON tiene más de {MAX_JSON_DEPTH} niveles. Envíelo menos anidado."
INT64 = range(-(2**63), 2**63)
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

logger = logging.getLogger(__name__)


# --- Requests


class IdConverter(BaseConverter):
    """A row id in a path: ASCII digits. Anything else is no address of this service."""

    regex = "[0-9]+"

    def to_python(self, value: str) -> int:
        """Return the number; beyond 18 digits, the greatest of 64 bits, which no row has.

        Refusing it here instead would make the router answer 405 for the methods of other routes.
        """
        return int(value) if len(value) <= 18 else INT64.stop - 1


class Parser(FlaskParser):
    """webargs, strict: JSON as the contract has it, and query parameters named once and never empty."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "json": None, "query": ma.RAISE}

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """Return the JSON body; raise TipoNoSoportado or JsonInvalido."""
        if not req.is_json:
            raise errors.TipoNoSoportado
        return parse_json(read_body(req))

    def load_querystring(self, req: Request, schema: ma.Schema) -> dict[str, str]:
        """Return the query as a plain mapping."""
        if problems := _query_problems(req, schema.fields):
            raise errors.Validacion(errors=problems)
        return req.args.to_dict()

    def handle_error(self, error: ma.ValidationError, *args: Any, **kwargs: Any) -> NoReturn:
        """Turn marshmallow's messages into the one error shape."""
        by_location = dict(error.normalized_messages())  # type: ignore[no-untyped-call]
        found = [problem for messages in by_location.values() for problem in field_errors(messages)]
        raise errors.Validacion(errors=found) from error


def _query_problems(req: Request, known: Mapping[str, Any]) -> list[FieldError]:
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
        raise errors.SolicitudInvalida("El cuerpo llegó incompleto o mal formado. Repita la solicitud.") from error
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


def if_match() -> Callable[[str], bool] | None:
    """The request's If-Match as a test of a version, or None without one.

    Weak tags count, since a compressing proxy weakens the ones that the service gave. An empty header names no version,
    so that a phone which lost the version overwrites nothing.
    """
    header = request.headers.get("If-Match")
    return None if header is None else parse_etags(header).contains_weak


def matches_if_none_match(version: str) -> bool:
    """Whether the caller already has this version (RFC 9110 §13.1.2)."""
    return parse_etags(request.headers.get("If-None-Match")).contains_weak(version)


# --- Views


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """flask-smorest's Blueprint with the strict parser."""

    ARGUMENTS_PARSER = Parser()


def current_config() -> Config:
    """The settings that this application was made with."""
    config: Config = current_app.config["SERVICE"]
    return config


def refuse_unlisted_query() -> None:
    """Refuse query parameters of a view that declares none; the others check their own (before_request)."""
    if not request.args or request.endpoint is None:
        return
    view = current_app.view_functions[request.endpoint]
    parameters = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", [])
    if not any(parameter["in"] == "query" for parameter in parameters):
        raise errors.Validacion(errors=_query_problems(request, {}))


def json_response(body: Any, status: int = 200, etag: str | None = None, location: str | None = None) -> Response:
    """A JSON answer; with an ETag it may be kept by the caller alone, and must be asked about again."""
    response = jsonify(body)
    response.status_code = status
    if location:
        response.headers["Location"] = location
    return with_etag(response, etag) if etag else response


def no_content() -> Response:
    """204."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def not_modified(version: str) -> Response:
    """304 with the ETag that still holds."""
    return with_etag(Response(status=304), version)


def with_etag(response: Response, version: str) -> Response:
    """Add the version as a strong ETag."""
    response.set_etag(version)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


# --- Every request, every error


def request_id() -> str:
    """The caller's X-Request-Id where it is sane, else one made here."""
    if "request_id" not in g:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if SANE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        request.environ["clientes.request_id"] = g.request_id  # for the access log
    return str(g.request_id)


def as_service_error(error: Exception) -> ServiceError:
    """The service's own error for whatever was raised: by a view, the router, a limit, the database or a defect."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, PeeweeException) and db.is_unavailable(error):
        logger.error("the database is not available: %s", error)
        return errors.NoDisponible()
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:
        kind = _BY_STATUS.get(error.code, errors.SolicitudInvalida)
        allow = {name: value for name, value in error.get_headers() if name == "Allow"}
        return kind(headers=allow) if allow else kind()
    logger.error("unexpected error in request %s", request_id(), exc_info=error)
    return errors.ErrorInterno()


_BY_STATUS: Mapping[int, type[ServiceError]] = {
    404: errors.NoEncontrado,
    405: errors.MetodoNoPermitido,
    413: errors.CuerpoDemasiadoGrande,
    415: errors.TipoNoSoportado,
}


def problem_response(error: Exception) -> Response:
    """Every error as application/problem+json (RFC 9457)."""
    known = as_service_error(error)
    response = jsonify(known.problem(request_id()))
    response.status_code = known.status
    response.mimetype = "application/problem+json"
    response.headers.update(known.headers)
    return response


def finish(response: Response) -> Response:
    """Headers that every answer has: its request id, and what browsers must not do with it."""
    response.headers["X-Request-Id"] = request_id()
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def init_app(app: Flask) -> None:
    """Install the converter, the limits and the one error shape."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_JSON_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.url_map.converters["id"] = IdConverter
    app.url_map.merge_slashes = False  # a redirect would name the Host that the caller sent
    app.url_map.strict_slashes = True
    app.register_error_handler(Exception, problem_response)
    app.before_request(refuse_unlisted_query)
    app.after_request(finish)
