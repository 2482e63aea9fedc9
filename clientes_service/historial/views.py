"""The endpoint of history: HTTP words only. A view's docstring is its OpenAPI text."""

from typing import Any

from clientes_service import errors
from clientes_service.auth.guards import requires
from clientes_service.auth.roles import Permiso
from clientes_service.clientes.service import get_cliente
from clientes_service.cursors import decode_cursor, encode_cursor
from clientes_service.historial import schemas, service
from clientes_service.http import Blueprint
from clientes_service.openapi import raises

blp = Blueprint("historial", __name__, url_prefix="/api/clientes", description="Who changed what and when")


@blp.get("/<id:id>/historial")
@requires(Permiso.GESTIONAR)
@raises(errors.ClienteNoEncontrado, errors.CursorInvalido)
@blp.arguments(schemas.HistorialQuery, location="query")
@blp.response(200, schemas.Historial)
def list_historial(query: dict[str, Any], id: int) -> dict[str, Any]:
    """Read the history of a client

    Newest first. A creation lists every field that was given.
    """
    get_cliente(id)
    before = decode_cursor(query["cursor"], int) if "cursor" in query else None
    lines, following = service.list_lineas(id, before)
    return {"content": lines, "next_cursor": None if following is None else encode_cursor(following)}
