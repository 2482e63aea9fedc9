"""What HTTP needs everywhere: ids in paths, ETags, headers, and one shape for every error."""

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial, wraps
from typing import Any, TypeVar
from wsgiref.types import WSGIEnvironment

import flask_smorest
import marshmallow as ma
from flask import Flask, Request, Response, current_app, has_request_context, jsonify, request
from peewee import PeeweeException
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_etags
from werkzeug.routing import BaseConverter

from clientes_service import db, errors
from clientes_service.config import Config
from clientes_service.errors import ServiceError
from clientes_service.parser import INT64, MAX_JSON_BYTES, Parser, query_problems

ENCODINGS = ["zstd", "br", "gzip"]  # of compressed answers, the best first
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# What browsers must not do with an answer. A view may say otherwise about the first two.
UNLESS_SAID = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"))

logger = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., Any])


# --- Requests


class IdConverter(BaseConverter):
    """A row id in a path: ASCII digits. Anything else is no address of this service."""

    regex = "[0-9]+"

    def to_python(self, value: str) -> int:
        """Return the number; beyond 18 digits, the greatest of 64 bits, which no row has.

        Refusing it here instead would make the router answer 405 for the methods of other routes.
        """
        return int(value) if len(value) <= 18 else INT64.stop - 1


def current_request() -> Request:
    """The request itself. Flask's proxy looks it up at each use, which takes longer than most that is asked of it."""
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]
    return asked


def if_match() -> Callable[[str], bool] | None:
    """The request's If-Match as a test of a version, or None without one.

    Weak tags count, since a compressing proxy weakens the ones that the service gave. An empty header names no version,
    so that a phone which lost the version overwrites nothing.
    """
    header = request.headers.get("If-Match")
    if header is None:
        return None
    given = parse_etags(header)
    return lambda version: any(map(given.contains_weak, tag_forms(version)))


def is_conditional() -> bool:
    """Whether the caller names a version that it has."""
    return "HTTP_IF_NONE_MATCH" in request.environ


def tag_forms(version: str) -> Iterator[str]:
    """The tags under which a version may have gone out: as it is, and of a compressed answer."""
    yield version
    yield from (f"{version}:{encoding}" for encoding in ENCODINGS)


def matching_tag(version: str) -> str | None:
    """The tag by which If-None-Match names this version, which the caller already has; None if it does not."""
    header = request.headers.get("If-None-Match")
    return None if header is None else next(filter(parse_etags(header).contains_weak, tag_forms(version)), None)


# --- Views


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """flask-smorest's Blueprint with the strict parser."""

    ARGUMENTS_PARSER = Parser()

    def arguments(self, schema: type[ma.Schema], **kwargs: Any) -> Any:
        """Declare what a view takes; the schema is made once, and not again for each request.

        A query is handed to the view directly: it is among those remembered, and two wrappers would take longer.
        """
        made = schema()
        declare = super().arguments(made, **kwargs)
        if kwargs.get("location") != "query":
            return declare

        def decorate(view: Any) -> Any:
            @wraps(view)
            def read_query(*given: Any, **path: Any) -> Any:
                return view(*given, self.ARGUMENTS_PARSER.parse(made, current_request(), location="query"), **path)

            read_query._apidoc = declare(view)._apidoc  # type: ignore[attr-defined]
            return read_query

        return decorate

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """Declare what a view answers; one that says it returns a Response has done all, and is called directly."""
        declare = super().response(*args, **kwargs)

        def decorate(view: Any) -> Any:
            declared = declare(view)
            if not isinstance(returned := view.__annotations__["return"], type) or not issubclass(returned, Response):
                return declared
            view._apidoc = declared._apidoc
            return view

        return decorate


def current_config() -> Config:
    """The settings that this application was made with."""
    config: Config = current_app.config["SERVICE"]
    return config


def any_query(view: View) -> View:
    """Let a view be called with any query: that of a page is for the page itself."""
    view.any_query = True  # type: ignore[attr-defined]
    return view


def refuse_unlisted_query() -> None:
    """Refuse query parameters of a view that declares none; the others check their own (before_request)."""
    asked = current_request()
    if not asked.query_string or asked.endpoint is None:
        return
    view = current_app.view_functions[asked.endpoint]
    if getattr(view, "any_query", False):
        return
    parameters = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", [])
    if any(parameter["in"] == "query" for parameter in parameters):
        return
    if problems := query_problems(asked, {}):
        raise errors.Validacion(errors=problems)


def json_response(body: Any, status: int = 200, etag: str | None = None, location: str | None = None) -> Response:
    """A JSON answer; with an ETag it may be kept by the caller alone, and must be asked about again."""
    response = jsonify(body)
    response.status_code = status
    if location:
        response.headers["Location"] = location
    return with_etag(response, etag) if etag else response


def json_bytes(body: bytes, status: int = 200) -> Response:
    """A JSON answer whose bytes are at hand, and are handed to the server as they are."""
    return Answer(body, status, mimetype="application/json", direct_passthrough=True)


def no_content() -> Response:
    """204."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def not_modified(tag: str) -> Response:
    """304 with the ETag that still holds, in the form that the caller has."""
    return with_etag(Response(status=304), tag)


def with_etag(response: Response, version: str) -> Response:
    """Add the version as a strong ETag."""
    response.set_etag(version)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


# --- Every request, every error


def request_id(environ: WSGIEnvironment) -> str:
    """The caller's X-Request-Id where it is sane, else one made here; in the environment, for the access log."""
    known: str | None = environ.get("clientes.request_id")
    if known is None:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        known = given if SANE_REQUEST_ID.fullmatch(given) else os.urandom(16).hex()
        environ["clientes.request_id"] = known
    return known


class Answer(Response):
    """An answer; as it leaves, it gets the headers that all have."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """Return what is sent. Of a finished 200, that is what it has: werkzeug mends redirects and empty answers."""
        if self.status_code == 200 and "Content-Length" in self.headers:
            return self.headers
        return super().get_wsgi_headers(environ)

    def get_wsgi_response(self, environ: WSGIEnvironment) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """Add the request's id, and what browsers must not do with the answer."""
        body, status, headers = super().get_wsgi_response(environ)
        said = {name for name, _ in headers}
        headers += [header for header in UNLESS_SAID if header[0] not in said]
        headers += (("X-Request-Id", request_id(environ)), *ALWAYS)
        if has_request_context() and request.url_rule:
            environ["clientes.route"] = request.url_rule.rule  # for the metrics
        return body, status, headers


def as_service_error(error: Exception) -> ServiceError:
    """The service's own error for whatever was raised: by a view, the router, a limit, the database or a defect."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, PeeweeException) and db.is_unavailable(error):
        logger.error("the database is not available: %s", error)
        return errors.NoDisponible()
    if errors.is_full(error):  # an upload is kept in a file for as long as it is read
        logger.error("there is no room for temporary files: %s", error)
        return errors.NoDisponible()
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:
        kind = _BY_STATUS.get(error.code, errors.SolicitudInvalida)
        allow = {name: value for name, value in error.get_headers() if name == "Allow"}
        return kind(headers=allow) if allow else kind()
    logger.error("unexpected error in request %s", request_id(request.environ), exc_info=error)
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
    response = jsonify(known.problem(request_id(request.environ)))
    response.status_code = known.status
    response.mimetype = "application/problem+json"
    response.headers.update(known.headers)
    response.call_on_close(partial(_leave_open, request.environ))
    return response


def _leave_open(environ: WSGIEnvironment) -> None:
    """Let the caller of a refused request, who may still be sending it, have his answer: many listen only then.

    Closing the connection at once would reset it, and the answer be lost (RFC 9112 §9.6): an upload that is too large,
    or whose session has ended, would fail without a word. The worker takes in what still comes.
    """
    connection = environ.get("gunicorn.socket")
    if connection and not getattr(connection, "is_whole", True):
        connection.is_refused = True


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
