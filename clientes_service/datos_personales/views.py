"""The endpoint of personal data: HTTP words only. A view's docstring is its OpenAPI text."""

from typing import Any

from flask import Response

from clientes_service import errors
from clientes_service.auth.guards import current_autor, requires
from clientes_service.auth.roles import Permiso
from clientes_service.clientes.schemas import Cliente
from clientes_service.clock import utc_now
from clientes_service.datos_personales import schemas, service
from clientes_service.http import Blueprint, if_match, json_response
from clientes_service.openapi import ETAG, conditional, raises

blp = Blueprint("datos_personales", __name__, url_prefix="/api/clientes", description="Personal data (Ley 29733)")

CLIENTE = Cliente()


@blp.get("/<id:id>/datos-personales")
@requires(Permiso.GESTIONAR)
@raises(errors.ClienteNoEncontrado)
@blp.response(200, schemas.DatosPersonales)
def read_datos_personales(id: int) -> dict[str, Any]:
    """Read everything that is held on a client

    What a person may ask to see (Ley 29733, access): the client, and its whole history.
    """
    cliente, historial = service.gather(id)
    return {"cliente": cliente, "historial": historial, "generado": utc_now()}


@blp.post("/<id:id>/anonimizar")
@requires(Permiso.ADMINISTRAR)
@raises(errors.ClienteNoEncontrado, errors.VersionObsoleta)
@conditional("If-Match")
@blp.response(200, Cliente, headers=ETAG)
def anonymize_cliente(id: int) -> Response:
    """Erase the personal data of a client

    Irreversible (Ley 29733, cancellation). Id and code stay, for the work orders; other changes of this client are 409
    from now on. Again: 200 too.
    """
    cliente = service.anonymize(id, if_match(), current_autor())
    return json_response(CLIENTE.dump(cliente), etag=cliente.version_publica)
