"""The table of clients and the counter that orders every change to it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from peewee import AutoField, BigIntegerField, BooleanField, CharField, IntegerField, TextField

from clientes_service import db
from clientes_service.clientes.documento import comparison_key, person_key
from clientes_service.clientes.texts import search_text, spanish_sort_key
from clientes_service.clock import utc_now
from clientes_service.db import BaseModel


class TipoCliente(StrEnum):
    """What kind of party receives the work orders."""

    PERSONA = "PERSONA"
    EMPRESA = "EMPRESA"
    OTRO = "OTRO"


class Contador(BaseModel):
    """One row: the life of this database (`epoca`) and the number of the last change in it (`valor`).

    `escrituras` differs after each commit that changed clients, also where an import drew its numbers before.
    """

    id = IntegerField(primary_key=True)
    epoca = CharField(8)
    valor = BigIntegerField()
    escrituras = BigIntegerField(default=0)


class Cliente(BaseModel):
    """A client; what of it follows from other fields is made by `derived_keys`."""

    id = AutoField()
    nombre = CharField(150)
    nombre_orden = TextField()
    tipo_cliente = CharField(10)
    tipo_documento = CharField(10)
    numero_documento = CharField(30)
    documento_clave = TextField()
    persona_clave = TextField(index=True)
    codigo_cliente = CharField(50)
    codigo_clave = CharField(50, unique=True)
    direccion = CharField(200, null=True)
    telefono = CharField(30, null=True)
    email = CharField(254, null=True)
    contacto_representante = CharField(150, null=True)
    vigente = BooleanField(default=True)
    anonimizado = BooleanField(default=False)
    epoca = CharField(8)
    version = BigIntegerField(unique=True)
    fecha_creacion = CharField(24)
    fecha_modificacion = CharField(24)

    @property
    def version_publica(self) -> str:
        """The opaque version that callers see: the epoch and number of the client's last change."""
        return f"{self.epoca}-{self.version}"

    def assign(self, datos: dict[str, Any]) -> Self:
        """Set the given fields, and with them the keys that follow from them."""
        for name, value in datos.items():
            setattr(self, name, value)
        for name, value in derived_keys(self.__data__).items():
            setattr(self, name, value)
        return self

    def stamp(self) -> Self:
        """Draw the next version and the time for a change that is about to be stored, in the same transaction."""
        self.epoca, self.version = draw_versions(1)
        self.fecha_modificacion = utc_now()
        return self

    def store(self) -> None:
        """Write the client, a new one or one that was read; inside a transaction."""
        values = [getattr(self, name) for name in STORED]
        if self.id:
            db.execute(UPDATE, (*values, self.id))
            text = (self.id if self.vigente else -self.id, search_text(self.__data__))
            db.execute(UPDATE_TEXT, (*text, self.id, -self.id, *text))
        else:
            [(self.id,)] = db.execute(INSERT, values).fetchall()
            db.execute(INSERT_TEXT, (self.id, search_text(self.__data__)))


# Text, since building these queries each time would take longer than running them.
STORED = [name for name in Cliente._meta.sorted_field_names if name != "id"]
INSERT = f"INSERT INTO cliente ({', '.join(STORED)}) VALUES ({db.marks(STORED)}) RETURNING id"  # noqa: S608
UPDATE = f"UPDATE cliente SET {', '.join(f'{name} = ?' for name in STORED)} WHERE id = ?"  # noqa: S608
# What searches look in, by the id, which is negative while the client is inactive.
INSERT_TEXT = "INSERT INTO busqueda (clave, texto) VALUES (?, ?)"
UPDATE_TEXT = "UPDATE busqueda SET clave = ?, texto = ? WHERE clave IN (?, ?) AND NOT (clave = ? AND texto = ?)"
DRAW = "UPDATE contador SET valor = valor + ?, escrituras = escrituras + 1 WHERE id = 1 RETURNING epoca, valor"


def draw_versions(count: int) -> tuple[str, int]:
    """Return the epoch and the last of the next `count` numbers, which are the caller's; inside a transaction."""
    [(epoca, valor)] = db.execute(DRAW, (count,)).fetchall()
    return epoca, valor


def draw_clientes(count: int) -> tuple[int, int]:
    """Return the version and the id before those of the next `count` clients, which are the caller's.

    Inside a transaction; who inserts them gives them these.
    """
    _, last = draw_versions(count)
    last_id = db.engine().last_number("cliente")
    db.engine().continue_numbering("cliente", last_id + count)
    return last - count, last_id


def current_epoch() -> str:
    """The name of this database's life."""
    [epoca] = db.execute("SELECT epoca FROM contador").fetchone()
    return str(epoca)


def last_version() -> int:
    """Return the last number that was drawn."""
    [valor] = db.execute("SELECT valor FROM contador").fetchone()
    return int(valor)


def last_settled() -> int:
    """Return the number up to which every change can be seen by a read that begins from now on.

    Later ones may be there, too, while others with lower numbers are still being written.
    """
    return db.engine().settled(last_version())


def derived_keys(datos: Mapping[str, Any]) -> dict[str, str]:
    """The columns that follow from a client's fields: what clients are sorted, compared and found by."""
    numero = datos["numero_documento"]
    return {
        "nombre_orden": spanish_sort_key(datos["nombre"]),
        "documento_clave": comparison_key(numero),
        "persona_clave": person_key(datos["tipo_documento"], numero),
        "codigo_clave": code_key(datos["codigo_cliente"]),
    }


def code_key(codigo: str) -> str:
    """What two codes have in common when they are the same: codes are ASCII, and case does not matter."""
    return codigo.lower()
