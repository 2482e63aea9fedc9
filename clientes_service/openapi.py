"""The OpenAPI document: what decorators cannot tell flask-smorest is added here, for every operation alike."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeVar

import flask_smorest
import marshmallow as ma
from apispec import BasePlugin
from flask import Flask, Response
from marshmallow import fields

from clientes_service import __version__, errors
from clientes_service.auth import cookie
from clientes_service.errors import ServiceError
from clientes_service.fields import camelcase
from clientes_service.http import IdConverter, problem_response

View = TypeVar("View", bound=Callable[..., Any])

ETAG = {"ETag": {"description": "The version, in quotes", "schema": {"type": "string"}, "required": True}}
ATTACHMENT = {"Content-Disposition": {"description": "Its name", "schema": {"type": "string"}, "required": True}}
LOCATION = {"Location": {"description": "Its address", "schema": {"type": "string"}, "required": True}}
REQUEST_ID = {"X-Request-Id": {"description": "Names this exchange in the logs", "schema": {"type": "string"}}}

IN_COOKIE = {
    "in": "header",
    "name": cookie.HEADER,
    "schema": {"type": "string"},
    "description": f"`cookie`, for pages: the refresh token is in the HttpOnly cookie `{cookie.NAME}`, not in the body",
    "example": "cookie",
}

DESCRIPTION = """\
The people and organizations that receive work orders.

Sign in at `POST /auth` and send the token as `Authorization: Bearer …`. Every error is a problem document
(RFC 9457) whose `code` is stable and whose `detail` is Spanish, for the person at the screen.
"""


def raises(*kinds: type[ServiceError]) -> Callable[[View], View]:
    """Declare the errors that are a view's own; those that follow from its form are added to every view."""

    def mark(view: View) -> View:
        view.raises = kinds  # type: ignore[attr-defined]
        return view

    return mark


def conditional(header: str) -> Callable[[View], View]:
    """Declare that a view honours If-Match or If-None-Match."""

    def mark(view: View) -> View:
        view.conditional = header  # type: ignore[attr-defined]
        return view

    return mark


def in_cookie(view: View) -> View:
    """Declare that a view gives, takes or drops the refresh token in a cookie where it is asked to."""
    view.in_cookie = True  # type: ignore[attr-defined]
    return view


class ProblemField(ma.Schema):
    """One field at fault."""

    field = fields.String(required=True, metadata={"description": "Its name in the API"})
    message = fields.String(required=True, metadata={"description": "What to do, in Spanish"})


class Problem(ma.Schema):
    """A problem document (RFC 9457). Some codes add members of their own."""

    class Meta:
        unknown = ma.INCLUDE

    type = fields.String(required=True, metadata={"description": "Path of a page about this code"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "What to do, in Spanish"})
    code = fields.String(required=True, metadata={"description": "Stable; what programs compare"})
    errors = fields.List(fields.Nested(ProblemField), required=True)
    requestId = fields.String(required=True)  # noqa: N815
    existenteId = fields.Integer(  # noqa: N815
        metadata={"description": "With `CODIGO_DUPLICADO` who has it, with `IDEMPOTENCIA_DISTINTA` what was written"}
    )
    clientes = fields.List(fields.Integer(), metadata={"description": "With `DOCUMENTO_DUPLICADO`: who has it"})
    actual = fields.Dict(metadata={"description": "With `VERSION_OBSOLETA`: the client as it is now"})


class Api(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest's Api whose errors are the service's own."""

    ERROR_SCHEMA = Problem
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask) -> None:
        app.config.update(API_TITLE="clientes_service", API_VERSION=__version__, OPENAPI_VERSION="3.1.0")
        options = {
            "extra_plugins": [_OperationPlugin(app)],
            "info": {"description": DESCRIPTION},
            "servers": [{"url": "/"}],
        }
        super().__init__(app, spec_kwargs=options)
        scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        self.spec.components.security_scheme("bearer", scheme)
        self.register_converter(IdConverter, lambda _: {"type": "integer", "minimum": 0})

    def document(self) -> dict[str, Any]:
        """Return the finished document, with an example of each body made from those of its fields.

        A field without an example takes the one that its name has elsewhere. Raises KeyError where none is found.
        """
        document: dict[str, Any] = deepcopy(self.spec.to_dict())
        schemas = document["components"]["schemas"]
        del schemas["PaginationMetadata"]  # flask-smorest's own, which nothing here uses
        by_name: dict[str, Any] = {}
        for schema in schemas.values():
            for name, member in schema["properties"].items():
                if "example" in member:
                    by_name.setdefault(name, member["example"])
        operations = [part for path in document["paths"].values() for part in path.values() if "responses" in part]
        for operation in operations:
            for body in (operation.get("requestBody", {}), *operation["responses"].values()):
                for media in body.get("content", {}).values():
                    if media.keys().isdisjoint(("example", "examples")):
                        media["example"] = _example(media["schema"], schemas, by_name)
        return document

    def handle_http_exception(self, error: Exception) -> Response:
        """Answer as for every other error."""
        return problem_response(error)


class _OperationPlugin(BasePlugin):
    """Adds to each operation its name, its security, its errors and the headers that every answer has."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Complete the operations of one path (apispec calls this, and flask-smorest gives it the `rule`)."""
        rule = kwargs["rule"]
        view = self.app.view_functions[rule.endpoint]
        for operation in (operations or {}).values():
            operation["operationId"] = camelcase(rule.endpoint.rpartition(".")[2])
            operation["security"] = [{"bearer": []}] if getattr(view, "permiso", None) else []
            self._add_conditional(view, operation)
            if getattr(view, "in_cookie", False):
                operation.setdefault("parameters", []).append(dict(IN_COOKIE))
            responses = {str(status): answer for status, answer in operation.get("responses", {}).items()}
            for answer in responses.values():
                if isinstance(answer, dict):
                    answer["headers"] = {**answer.get("headers", {}), **REQUEST_ID}
            operation["responses"] = {**responses, **_error_responses(view, operation)}

    @staticmethod
    def _add_conditional(view: Any, operation: dict[str, Any]) -> None:
        header = getattr(view, "conditional", None)
        if header is None:
            return
        operation.setdefault("parameters", []).append(
            {
                "in": "header",
                "name": header,
                "schema": {"type": "string"},
                "description": "One or more versions, each in quotes, or *",
                "example": '"5f0c2a11-42"',
            }
        )
        if header == "If-None-Match":
            operation["responses"]["304"] = {"description": "The caller's version still holds", "headers": dict(ETAG)}


def _error_responses(view: Any, operation: dict[str, Any]) -> dict[str, Any]:
    kinds = [*getattr(view, "raises", ()), errors.Validacion, errors.ErrorInterno, errors.NoDisponible]
    if getattr(view, "permiso", None):
        kinds += [errors.NoAutenticado, errors.SinPermiso]
    if body := operation.get("requestBody"):
        malformed = errors.JsonInvalido if "application/json" in body["content"] else errors.SolicitudInvalida
        kinds += [malformed, errors.CuerpoDemasiadoGrande, errors.TipoNoSoportado]
    by_status: dict[int, list[type[ServiceError]]] = {}
    for kind in sorted(set(kinds), key=lambda kind: (kind.status, kind.code)):
        by_status.setdefault(kind.status, []).append(kind)
    return {str(status): _error_response(same) for status, same in by_status.items()}


def _error_response(kinds: list[type[ServiceError]]) -> dict[str, Any]:
    headers = {name: {"schema": {"type": "string"}} for kind in kinds for name in kind.headers}
    return {
        "description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds),
        "headers": {**headers, **REQUEST_ID},
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {kind.code: {"value": _problem_example(kind)} for kind in kinds},
            }
        },
    }


def _problem_example(kind: type[ServiceError]) -> dict[str, Any]:
    return {
        "type": kind.type_path(),
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail,
        "code": kind.code,
        "errors": [],
        "requestId": "7d9f4b0c2f3e4a51",
    }


def _example(schema: dict[str, Any], schemas: dict[str, Any], by_name: dict[str, Any], name: str = "") -> Any:
    """A value of a schema, whose objects stand in `schemas`."""
    schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "example" in schema:
        return schema["example"]
    if "anyOf" in schema:  # an object or null
        return _example(schema["anyOf"][0], schemas, by_name, name)
    match schema.get("type"):
        case "object":
            return {key: _example(member, schemas, by_name, key) for key, member in schema["properties"].items()}
        case "array":
            return [_example(schema["items"], schemas, by_name, name)]
    return by_name[name]
