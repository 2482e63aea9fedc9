"""Whether the service is alive, and whether it can do its work."""

import logging
from typing import Any

from flask import Flask, request
from marshmallow import fields
from peewee import PeeweeException

from clientes_service import db, errors
from clientes_service.auth.guards import public
from clientes_service.fields import Schema
from clientes_service.http import Blueprint
from clientes_service.openapi import raises

blp = Blueprint("health", __name__, description="For load balancers and monitors")
logger = logging.getLogger(__name__)

NEEDS_NO_SCHEMA = ("health", "metrics", "docs", "errores", "office")


class Alive(Schema):
    """The process answers."""

    estado = fields.String(required=True, metadata={"example": "vivo"})


class Ready(Schema):
    """The process can do its work."""

    estado = fields.String(required=True, metadata={"example": "listo"})
    base_de_datos = fields.String(required=True, metadata={"example": "sqlite"})
    version_motor = fields.String(required=True, metadata={"example": "3.54.1"})
    esquema = fields.String(required=True, metadata={"example": "0001_initial"})


@blp.get("/healthz")
@public
@blp.response(200, Alive)
def alive() -> dict[str, str]:
    """Tell that the process answers

    Touches no database.
    """
    return {"estado": "vivo"}


@blp.get("/readyz")
@public
@raises(errors.NoDisponible)
@blp.response(200, Ready)
def ready() -> dict[str, Any]:
    """Tell whether requests can be served

    503 while the database is away or its schema is not this version's.
    """
    try:
        known = db.migrations()
    except PeeweeException as error:
        logger.error("the database does not answer: %s", error)
        raise errors.NoDisponible("La base de datos no responde.") from error
    if missing := [name for name, applied in known if not applied]:
        raise errors.NoDisponible(f"Faltan migraciones: {', '.join(missing)}.")
    return {
        "estado": "listo",
        "base_de_datos": db.engine().name,
        "version_motor": db.engine().version(),
        "esquema": known[-1][0],
    }


def init_app(app: Flask) -> None:
    """Answer 503 while migrations are pending, rather than fail in the middle of a request."""

    def require_current_schema() -> None:
        if request.blueprint in NEEDS_NO_SCHEMA or request.endpoint is None or db.is_current():
            return
        logger.error("migrations are pending: %s; run 'clientes-service db upgrade'", ", ".join(db.pending()))
        raise errors.NoDisponible("La base de datos está por actualizarse. Avise a quien opera el servicio.")

    app.before_request(require_current_schema)
