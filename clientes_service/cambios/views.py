"""The endpoint of the change feed: HTTP words only. A view's docstring is its OpenAPI text."""

from typing import Any

from flask import Response

from clientes_service import errors
from clientes_service.auth.guards import requires
from clientes_service.auth.roles import Permiso
from clientes_service.cambios import schemas, service
from clientes_service.clientes import rows
from clientes_service.cursors import decode_cursor, encode_cursor
from clientes_service.http import Blueprint, current_config, json_bytes
from clientes_service.openapi import raises

blp = Blueprint("cambios", __name__, url_prefix="/api/clientes", description="Changes, for whoever keeps a copy")


@blp.get("/cambios")
@requires(Permiso.LEER)
@raises(errors.TokenInvalido, errors.Resincronizar)
@blp.arguments(schemas.CambiosQuery, location="query")
@blp.response(200, schemas.Cambios)
def list_cambios(query: dict[str, Any]) -> Response:
    """Read what has changed

    Whole clients in the order of their last change; one with `vigente: false` was deactivated. Give `siguiente` back
    as `desde`: at once while `hayMas`, else later. No change is ever skipped; one may come twice. After 410, start
    again without `desde`, and drop what does not come any more.
    """
    size = min(query["size"], current_config().page_size_max)
    place = _read_token(query["desde"]) if "desde" in query else None
    content, following, has_more = service.list_cambios(place, size)
    return json_bytes(rows.page_as_json(content, siguiente=encode_cursor(following), hayMas=has_more))


def _read_token(token: str) -> service.Place:
    """The place that a token names. Raises TokenInvalido."""
    try:
        place = decode_cursor(token, list)
    except errors.CursorInvalido as error:
        raise errors.TokenInvalido from error
    match place:
        case [str(epoca), int(seen)] if 0 <= seen < 2**63:
            return epoca, seen
    raise errors.TokenInvalido
