"""The endpoint of batches: HTTP words only. A view's docstring is its OpenAPI text."""

from typing import Any

import orjson
from flask import Response

from clientes_service.auth.guards import current_autor, requires
from clientes_service.auth.roles import Permiso
from clientes_service.clientes.advertencias import Rules
from clientes_service.errors import NoDisponible, ServiceError
from clientes_service.fields import storable
from clientes_service.historial.service import Origen
from clientes_service.http import (
    Blueprint,
    as_service_error,
    current_config,
    current_request,
    json_bytes,
    request_id,
)
from clientes_service.lote import schemas, service

blp = Blueprint("lote", __name__, url_prefix="/api/clientes", description="Many writes at once")


@blp.post("/lote")
@requires(Permiso.ESCRIBIR)
@blp.arguments(schemas.Lote)
@blp.response(200, schemas.Resultados)
def write_lote(lote: dict[str, Any]) -> Response:
    """Do many writes

    Each as the single call would do it, with its own status, in order; a bad one stops no other. Sent again under the
    same keys, they answer what they answered the first time, and nothing is done twice.
    """
    config, autor = current_config(), current_autor(Origen.LOTE)
    rules, days = Rules.from_config(config), config.idempotency_days
    resultados: list[dict[str, Any]] = []
    away: NoDisponible | None = None  # the database, for the rest of the batch: not every item waits for it
    for operacion in lote["operaciones"]:
        try:
            if away:
                raise away
            answer = service.perform(operacion, rules, autor, days)
            cuerpo = None if answer.cuerpo is None else orjson.Fragment(answer.cuerpo)
            resultado = {"status": answer.status, "cuerpo": cuerpo}
        except Exception as raised:
            error = as_service_error(raised)
            away = error if isinstance(error, NoDisponible) else away
            resultado = _refused(error)
        resultados.append({"clave": _clave(operacion), **resultado})
    return json_bytes(orjson.dumps({"resultados": resultados}) + b"\n")


def _refused(error: ServiceError) -> dict[str, Any]:
    problem = error.problem(request_id(current_request().environ))
    seconds = error.headers.get("Retry-After")
    return {"status": error.status, "cuerpo": problem} | ({"reintentarEn": int(seconds)} if seconds else {})


def _clave(operacion: Any) -> str | None:
    """The key by which the caller knows a result again."""
    clave = operacion.get("clave") if isinstance(operacion, dict) else None
    return storable(clave) if isinstance(clave, str) else None
