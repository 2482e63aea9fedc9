"""Does one write of a batch: checks it, and hands it to the use case of the single call, under its key."""

from collections.abc import Callable
from typing import Any

import marshmallow as ma

from clientes_service import errors
from clientes_service.clientes import service
from clientes_service.clientes.advertencias import Rules
from clientes_service.clientes.schemas import ClienteCreate, ClienteUpdate
from clientes_service.clientes.service import Precondition
from clientes_service.fields import field_errors
from clientes_service.historial.service import Autor
from clientes_service.idempotency import Answer, Key, once
from clientes_service.lote.schemas import Op, Operacion

AMBITO = "lote"
OPERACION, CREATE, UPDATE = Operacion(), ClienteCreate(), ClienteUpdate()


def perform(operacion: Any, rules: Rules, autor: Autor, days: int) -> Answer:
    """Do one write, or return what it answered the first time. Raises what the use case raises, and Validacion.

    `operacion` is as it came; `days` is how long its key counts.
    """
    asked = _load(OPERACION, operacion)
    key = Key.of(autor, AMBITO, asked["clave"], operacion)
    return once(key, days, _writing(asked, rules, autor))


def _writing(asked: dict[str, Any], rules: Rules, autor: Autor) -> Callable[[], Answer]:
    id: int = asked.get("id", 0)
    precondition = _precondition(asked.get("version"))
    match asked["op"]:
        case Op.CREAR:
            created = _load(CREATE, asked["datos"])
            return lambda: service.create_cliente(created, rules, autor).as_answer(201)
        case Op.ACTUALIZAR:
            changes = _load(UPDATE, asked["datos"])
            return lambda: service.update_cliente(id, changes, precondition, rules, autor).as_answer()
        case Op.RESTAURAR:
            return lambda: service.restore_cliente(id, precondition, rules, autor).as_answer()
    return lambda: _delete(id, precondition, autor)


def _delete(id: int, precondition: Precondition, autor: Autor) -> Answer:
    service.delete_cliente(id, precondition, autor)
    return Answer(204, None, id)


def _precondition(version: str | None) -> Precondition:
    return None if version is None else version.__eq__


def _load(schema: ma.Schema, given: Any) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(given)
    except ma.ValidationError as error:
        raise errors.Validacion(errors=field_errors(error.messages)) from error
    return loaded
