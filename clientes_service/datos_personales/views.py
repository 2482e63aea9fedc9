"""The endpoint of personal data: HTTP words only. A view's docstring is its OpenAPI text."""

from typing import Any

from clientes_service import errors
from clientes_service.auth.guards import requires
from clientes_service.auth.roles import Permiso
from clientes_service.clock import utc_now
from clientes_service.datos_personales import schemas, service
from clientes_service.http import Blueprint
from clientes_service.openapi import raises

blp = Blueprint("datos_personales", __name__, url_prefix="/api/clientes", description="Personal data (Ley 29733)")


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
