"""Writes that may be repeated: the caller's key, the write and its answer are one transaction.

A key belongs to a user, and to a space of its own for each kind of request. Errors are not stored.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clientes_service import db, errors
from clientes_service.db import transaction
from clientes_service.historial.service import Autor

KEY = re.compile(r"[!-~]{1,255}")  # printable ASCII without spaces
DAY = 86_400
PURGED = 100  # old keys that a new one removes, so that no write pays for a long silence

FIND = "SELECT huella, status, cuerpo, cliente_id FROM idempotencia WHERE usuario = ? AND ambito = ? AND clave = ?"
# Replaces a key that is too old to count.
KEEP = """
    INSERT INTO idempotencia (usuario, ambito, clave, huella, status, cuerpo, cliente_id, creado)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (usuario, ambito, clave) DO UPDATE SET huella = excluded.huella, status = excluded.status,
    cuerpo = excluded.cuerpo, cliente_id = excluded.cliente_id, creado = excluded.creado
"""
PURGE = """
    DELETE FROM idempotencia WHERE (usuario, ambito, clave) IN
    (SELECT usuario, ambito, clave FROM idempotencia WHERE creado < ? ORDER BY creado LIMIT ?)
"""
ERASE = "UPDATE idempotencia SET huella = NULL, cuerpo = CASE WHEN cuerpo IS NOT NULL THEN ? END WHERE cliente_id = ?"


@dataclass(frozen=True, slots=True)
class Key:
    """A write as its caller names it: by whom, in which space, under which key, and a digest of what is asked for."""

    usuario: str
    ambito: str
    clave: str
    huella: str

    @classmethod
    def of(cls, autor: Autor, ambito: str, clave: str, asked: Any) -> "Key":
        """Name a write; `asked` is its JSON value. Raises IdempotenciaInvalida."""
        if not KEY.fullmatch(clave):
            raise errors.IdempotenciaInvalida
        # The subject of another issuer's token may be too long for an index.
        usuario = f"externo:{_digest(autor.usuario_externo)}" if autor.usuario_id is None else str(autor.usuario_id)
        return cls(usuario, ambito, clave, _digest(asked))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write answered: its status, its body as JSON, and the client that it was about."""

    status: int
    cuerpo: str | None
    cliente_id: int
    is_replayed: bool = False


def once(key: Key, days: int, write: Callable[[], Answer]) -> Answer:
    """Do a write, or return what it answered the first time, up to so many days ago.

    Whoever comes while the first still runs waits for it, as for any writer. Raises IdempotenciaDistinta, and what the
    write raises.
    """
    now = int(time.time())
    oldest = now - days * DAY
    name = (key.usuario, key.ambito, key.clave)
    with transaction():
        known = db.execute(f"{FIND} AND creado >= ?", (*name, oldest)).fetchone()
        if known:
            huella, status, cuerpo, cliente_id = known
            if huella not in (key.huella, None):
                raise errors.IdempotenciaDistinta(cliente_id)
            return Answer(status, cuerpo, cliente_id, is_replayed=True)
        answer = write()
        kept = (key.huella, answer.status, answer.cuerpo, answer.cliente_id, now)
        db.execute(KEEP, (*name, *kept))
        db.execute(PURGE, (oldest, PURGED))
    return answer


def _digest(value: Any) -> str:
    """A digest that is the same for equal JSON values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def erase(cliente_id: int, cuerpo: str) -> None:
    """Put the erased client where answers about it are stored; inside the transaction that erases it.

    The digest goes, too: it would tell whether a guess at the data is right.
    """
    db.execute(ERASE, (cuerpo, cliente_id))
