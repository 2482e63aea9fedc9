"""The clients' endpoints: HTTP words only. A view's docstring is its OpenAPI text."""

from dataclasses import asdict
from typing import Any

from flask import Response

from clientes_service import errors
from clientes_service.auth.guards import current_autor, requires
from clientes_service.auth.roles import Permiso
from clientes_service.clientes import schemas, search, service
from clientes_service.clientes.advertencias import Rules
from clientes_service.clientes.search import Filters
from clientes_service.clientes.service import Escrito
from clientes_service.http import (
    Blueprint,
    current_config,
    if_match,
    json_response,
    matches_if_none_match,
    no_content,
    not_modified,
    problem_response,
)
from clientes_service.openapi import ETAG, LOCATION, conditional, raises

blp = Blueprint("clientes", __name__, url_prefix="/api/clientes", description="The client directory")

CLIENTE = schemas.Cliente()


@blp.get("")
@requires(Permiso.LEER)
@blp.arguments(schemas.ClienteQuery, location="query")
@blp.response(200, schemas.ClienteList)
def list_clientes(query: dict[str, Any]) -> dict[str, Any]:
    """List clients

    A page of clients, active ones unless `vigente` says otherwise.
    """
    page, size = query.pop("page"), min(query.pop("size"), current_config().page_size_max)
    rows, total = search.list_clientes(Filters.from_query(**query), page, size)
    return {
        "content": rows,
        "total_elements": total,
        "total_pages": -(-total // size),
        "number": page,
        "size": size,
    }


@blp.post("")
@requires(Permiso.ESCRIBIR)
@raises(errors.CodigoDuplicado, errors.DocumentoDuplicado)
@blp.arguments(schemas.ClienteCreate)
@blp.response(201, schemas.ClienteEscrito, headers=LOCATION | ETAG)
def create_cliente(datos: dict[str, Any]) -> Response:
    """Create a client

    The answer's `advertencias` say what is worth a second look.
    """
    return _written(service.create_cliente(datos, Rules.from_config(current_config()), current_autor()), 201)


@blp.get("/<id:id>")
@requires(Permiso.LEER)
@raises(errors.ClienteNoEncontrado)
@conditional("If-None-Match")
@blp.response(200, schemas.Cliente, headers=ETAG)
def get_cliente(id: int) -> Response:
    """Read a client

    Inactive ones too. With `If-None-Match`, 304 while the caller's version still holds.
    """
    cliente = service.get_cliente(id)
    if matches_if_none_match(cliente.version_publica):
        return not_modified(cliente.version_publica)
    return json_response(CLIENTE.dump(cliente), etag=cliente.version_publica)


@blp.put("/<id:id>")
@requires(Permiso.ESCRIBIR)
@raises(errors.ClienteNoEncontrado, errors.CodigoDuplicado, errors.DocumentoDuplicado, errors.VersionObsoleta)
@conditional("If-Match")
@blp.arguments(schemas.ClienteUpdate)
@blp.response(200, schemas.ClienteEscrito, headers=ETAG)
def update_cliente(datos: dict[str, Any], id: int) -> Response:
    """Change a client

    Only the given fields change; null clears an optional one. With `If-Match`, only while that version still holds.
    """
    return _written(service.update_cliente(id, datos, if_match(), Rules.from_config(current_config()), current_autor()))


@blp.delete("/<id:id>")
@requires(Permiso.ESCRIBIR)
@raises(errors.ClienteNoEncontrado, errors.VersionObsoleta)
@conditional("If-Match")
@blp.response(204)
def delete_cliente(id: int) -> Response:
    """Deactivate a client

    It leaves the list and can still be read by its id. Again: 204 too.
    """
    service.delete_cliente(id, if_match(), current_autor())
    return no_content()


@blp.post("/<id:id>/restaurar")
@requires(Permiso.ESCRIBIR)
@raises(errors.ClienteNoEncontrado, errors.DocumentoDuplicado, errors.VersionObsoleta)
@conditional("If-Match")
@blp.response(200, schemas.ClienteEscrito, headers=ETAG)
def restore_cliente(id: int) -> Response:
    """Activate a client again"""
    return _written(service.restore_cliente(id, if_match(), Rules.from_config(current_config()), current_autor()))


@blp.get("/siguiente-codigo")
@requires(Permiso.ESCRIBIR)
@blp.arguments(schemas.CodigoQuery, location="query")
@blp.response(200, schemas.CodigoSugerido)
def suggest_codigo(query: dict[str, Any]) -> dict[str, str]:
    """Suggest the next code

    The highest number behind the prefix, plus one. Nothing is reserved.
    """
    return {"codigo_cliente": service.suggest_codigo(query["prefijo"])}


@blp.app_errorhandler(errors.VersionObsoleta)
def version_obsoleta(error: errors.VersionObsoleta) -> Response:
    """Show the caller the client as it stands, under `actual`; whichever feature refused to overwrite it."""
    error.extra["actual"] = CLIENTE.dump(error.current)
    response = problem_response(error)
    response.set_etag(error.current.version_publica)
    return response


def _written(escrito: Escrito, status: int = 200) -> Response:
    """The client as it is now, with its warnings and ETag, and on creation its address."""
    advertencias = [
        {name: value for name, value in asdict(advertencia).items() if value is not None}
        for advertencia in escrito.advertencias
    ]
    return json_response(
        {**CLIENTE.dump(escrito.cliente), "advertencias": advertencias},
        status,
        etag=escrito.cliente.version_publica,
        location=f"{blp.url_prefix}/{escrito.cliente.id}" if status == 201 else None,
    )
