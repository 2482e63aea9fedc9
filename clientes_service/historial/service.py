"""The lines, how one is written, and how they are read. Refuses to open a transaction: a line belongs to its change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from peewee import BigIntegerField, CharField, TextField

from clientes_service import db
from clientes_service.db import BaseModel
from clientes_service.fields import camelcase

PAGE_SIZE = 100


class Accion(StrEnum):
    """What happened to a client."""

    CREADO = "CREADO"
    ACTUALIZADO = "ACTUALIZADO"
    ELIMINADO = "ELIMINADO"
    RESTAURADO = "RESTAURADO"
    ANONIMIZADO = "ANONIMIZADO"


class Origen(StrEnum):
    """The way by which a change came."""

    API = "api"
    LOTE = "lote"
    IMPORTACION = "importacion"
    CLI = "cli"


@dataclass(frozen=True, slots=True)
class Autor:
    """Who makes a change: a user of ours, the subject of another issuer's token, or nobody (the command line)."""

    origen: Origen
    usuario_id: int | None = None
    usuario_externo: str | None = None
    nombre: str | None = None


class Linea(BaseModel):
    """One change of one client; `cambios` is JSON, as `describe` or, of a creation, `describe_new` gives it."""

    version = BigIntegerField(primary_key=True)
    epoca = CharField(8)
    cliente_id = BigIntegerField()
    accion = CharField(12)
    usuario_id = BigIntegerField(null=True)
    usuario_externo = TextField(null=True)
    usuario_nombre = TextField(null=True)
    origen = CharField(12)
    fecha = CharField(24)
    cambios = TextField()

    class Meta:
        table_name = "historial"

    @property
    def version_publica(self) -> str:
        """The version that the client had after this change."""
        return f"{self.epoca}-{self.version}"

    @property
    def usuario(self) -> dict[str, Any] | None:
        """Who made the change, by the name of then; None for the command line."""
        id = self.usuario_externo if self.usuario_id is None else self.usuario_id
        return None if id is None else {"id": id, "nombre": self.usuario_nombre}

    @property
    def diferencias(self) -> dict[str, dict[str, Any]]:
        """Each changed field before and after."""
        parsed: dict[str, Any] = orjson.loads(self.cambios)
        if self.accion == Accion.CREADO:
            return {name: {"antes": None, "despues": value} for name, value in parsed.items()}
        return parsed


CHANGE = "version, epoca, cliente_id, accion, fecha, cambios"
AUTHOR = "usuario_id, usuario_externo, usuario_nombre, origen"
INSERT = f"INSERT INTO historial ({CHANGE}, {AUTHOR}) VALUES ({db.marks(range(10))})"  # noqa: S608


def record(cliente: Any, accion: Accion, before: Mapping[str, Any], after: Mapping[str, Any], autor: Autor) -> None:
    """Write the line of a change that was just stamped; called inside its transaction.

    `before` and `after` hold fields by their Python names; what is equal in both is no change and is left out.
    """
    cambios = describe_new(after) if accion is Accion.CREADO else describe(before, after)
    change = (cliente.version, cliente.epoca, cliente.id, accion, cliente.fecha_modificacion, cambios)
    db.execute(INSERT, (*change, autor.usuario_id, autor.usuario_externo, autor.nombre, autor.origen))


def record_all(changes: str, params: Sequence[Any], autor: Autor) -> None:
    """Write the lines of many changes at once; called inside their transaction.

    `changes` is a query of their version, epoch, client, action, time and description, as `describe` and `describe_new`
    give it.
    """
    author = "CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT)"
    db.execute(
        f"INSERT INTO historial ({CHANGE}, {AUTHOR}) SELECT {CHANGE}, {author} FROM ({changes}) AS changes",  # noqa: S608
        (autor.usuario_id, autor.usuario_externo, autor.nombre, autor.origen, *params),
    )


def describe_new(after: Mapping[str, Any]) -> str:
    """The given fields of a creation by the API's names, as JSON; that there was nothing before goes without saying."""
    return orjson.dumps({camelcase(name): value for name, value in after.items() if value is not None}).decode()


def describe(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The fields that differ, by the API's names, with both values, as JSON."""
    differences = {
        camelcase(name): {"antes": before.get(name), "despues": value}
        for name, value in after.items()
        if before.get(name) != value
    }
    return orjson.dumps(differences).decode()


def erase(cliente_id: int) -> None:
    """Leave of a client's lines who did what and when, without the values; inside the transaction that erases it."""
    Linea.update(cambios="{}").where(Linea.cliente_id == cliente_id).execute()


def list_every_linea(cliente_id: int) -> list[Linea]:
    """Return all of a client's lines, newest first."""
    return list(Linea.select().where(Linea.cliente_id == cliente_id).order_by(Linea.version.desc()))


def list_lineas(cliente_id: int, before_version: int | None) -> tuple[list[Linea], int | None]:
    """Return a client's lines, newest first, and the version before which the next page begins, or None at the end."""
    query = Linea.select().where(Linea.cliente_id == cliente_id)
    if before_version is not None:
        query = query.where(Linea.version < before_version)
    lines = list(query.order_by(Linea.version.desc()).limit(PAGE_SIZE + 1))
    page = lines[:PAGE_SIZE]
    return page, page[-1].version if len(lines) > PAGE_SIZE else None
