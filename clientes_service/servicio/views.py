"""The endpoint of the service's state: HTTP words only. A view's docstring is its OpenAPI text."""

from typing import Any

from clientes_service.auth.guards import requires
from clientes_service.auth.roles import Permiso
from clientes_service.http import Blueprint, current_config
from clientes_service.servicio import schemas, service

blp = Blueprint("servicio", __name__, url_prefix="/api/servicio", description="How the service stands, for ADMIN")


@blp.get("")
@requires(Permiso.ADMINISTRAR)
@blp.response(200, schemas.Servicio)
def read_servicio() -> dict[str, Any]:
    """Read how the service stands

    Its version, database, last backup and free disk, and how many clients and users there are. A monitor asks
    `GET /metrics` instead.
    """
    return service.describe(current_config())
