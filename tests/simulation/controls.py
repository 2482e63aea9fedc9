"""What the service would be without one of its promises: each is put into a server before it starts.

A simulation that finds nothing wrong with these would prove nothing.
"""

import time
from collections.abc import Callable
from typing import Any

from clientes_service import db, errors, idempotency, restore
from clientes_service.cambios import service as cambios
from clientes_service.clientes import service as clientes
from clientes_service.clientes import views
from clientes_service.clientes.advertencias import Rules
from clientes_service.clientes.models import Contador, current_epoch
from clientes_service.clientes.rows import COLUMNS, NAMES, Row
from clientes_service.historial.service import Autor
from clientes_service.lote import service as lote

PAUSE = 0.03  # seconds between what belongs together, so that something is likely to come between
FECHA = NAMES.index("fecha_modificacion")
# The digits of a time, as a number.
PLACES = ((1, 4), (6, 2), (9, 2), (12, 2), (15, 2), (18, 2), (21, 3))
DIGITS = " || ".join(f"substr(fecha_modificacion, {start}, {length})" for start, length in PLACES)
TIME = f"CAST({DIGITS} AS INTEGER)"


def key_outside_the_transaction() -> None:
    """The write is committed, and then its key."""

    def once(key: idempotency.Key, days: int, write: Callable[[], idempotency.Answer]) -> idempotency.Answer:
        class Known(Exception):
            pass

        def stop() -> idempotency.Answer:
            raise Known

        try:
            return correct(key, days, stop)
        except Known:
            answer = write()
            time.sleep(PAUSE)
        return correct(key, days, lambda: answer)

    correct = idempotency.once
    lote.once = views.once = once  # type: ignore[attr-defined]


def feed_by_time() -> None:
    """The feed follows the time of the last change."""

    def list_cambios(place: cambios.Place | None, size: int) -> tuple[list[Row], cambios.Place, bool]:
        epoca = current_epoch()
        since, seen = place or (epoca, 0)
        if since != epoca:
            raise errors.Resincronizar
        sql = f"SELECT {COLUMNS} FROM cliente WHERE {TIME} > ? ORDER BY {TIME} LIMIT ?"
        found: list[Row] = db.execute(sql, (seen, size + 1)).fetchall()
        last = int("".join(filter(str.isdigit, found[:size][-1][FECHA]))) if found else seen
        return found[:size], (epoca, last), len(found) > size

    cambios.list_cambios = list_cambios


def epoch_kept_at_restore() -> None:
    """A restored database goes on under the old epoch."""

    def begin_anew(memory: restore.Memory) -> None:
        epoca = current_epoch()
        correct(memory)
        with db.transaction():
            Contador.update(epoca=epoca).execute()

    correct, restore._begin_anew = restore._begin_anew, begin_anew


def if_match_outside_the_transaction() -> None:
    """The version is compared first, and the change is made then."""

    def perform(operacion: Any, rules: Rules, autor: Autor, days: int) -> idempotency.Answer:
        if operacion["op"] == "actualizar" and not _is_known(lote.Key.of(autor, "lote", operacion["clave"], operacion)):
            cliente = clientes.get_cliente(operacion["id"])
            if any(getattr(cliente, name) != value for name, value in operacion["datos"].items()):
                clientes._require(operacion["version"].__eq__, cliente)
                time.sleep(PAUSE)
        return correct(operacion, rules, autor, days)

    correct, lote.perform = lote.perform, perform
    lote._precondition = lambda version: None


def _is_known(key: idempotency.Key) -> bool:
    return bool(db.execute(idempotency.FIND, (key.usuario, key.ambito, key.clave)).fetchone())


# Each with the faults that it must bring about, by the words that these begin with.
CONTROLS: dict[str, tuple[Callable[[], None], set[str]]] = {
    "key": (key_outside_the_transaction, {"twice"}),
    "feed": (feed_by_time, {"copy"}),
    "epoch": (epoch_kept_at_restore, {"copy", "lost", "overwritten"}),
    "if-match": (if_match_outside_the_transaction, {"overwritten"}),
}
