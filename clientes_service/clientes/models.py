"""The table of clients and the counter that orders every change to it."""

import unicodedata
from enum import StrEnum
from typing import Any, Self

from peewee import AutoField, BigIntegerField, BooleanField, CharField, IntegerField, TextField

from clientes_service.clientes.documento import comparison_key
from clientes_service.clock import utc_now
from clientes_service.db import BaseModel

# After every letter: what turns n into ñ in a sort key. A private-use character, which no name contains.
AFTER_Z = "\U0010fffd"


class TipoCliente(StrEnum):
    """What kind of party receives the work orders."""

    PERSONA = "PERSONA"
    EMPRESA = "EMPRESA"
    OTRO = "OTRO"


class Contador(BaseModel):
    """One row: the life of this database (`epoca`) and the number of the last change in it (`valor`)."""

    id = IntegerField(primary_key=True)
    epoca = CharField(8)
    valor = BigIntegerField()


class Cliente(BaseModel):
    """A client. `nombre_orden`, `documento_clave` and `codigo_clave` follow from the fields they are named after."""

    id = AutoField()
    nombre = CharField(150)
    nombre_orden = TextField()
    tipo_cliente = CharField(10)
    tipo_documento = CharField(10)
    numero_documento = CharField(30)
    documento_clave = TextField(index=True)
    codigo_cliente = CharField(50)
    codigo_clave = CharField(50, unique=True)
    direccion = CharField(200, null=True)
    telefono = CharField(30, null=True)
    email = CharField(254, null=True)
    contacto_representante = CharField(150, null=True)
    vigente = BooleanField(default=True)
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
        self.nombre_orden = spanish_sort_key(self.nombre)
        self.documento_clave = comparison_key(self.numero_documento)
        self.codigo_clave = code_key(self.codigo_cliente)
        return self

    def stamp(self) -> Self:
        """Draw the next version and the time for a change that is about to be saved, in the same transaction."""
        counter = (
            Contador.update(valor=Contador.valor + 1)
            .where(Contador.id == 1)
            .returning(Contador.epoca, Contador.valor)
            .execute()[0]
        )
        self.epoca, self.version = counter.epoca, counter.valor
        self.fecha_modificacion = utc_now()
        return self


def code_key(codigo: str) -> str:
    """What two codes have in common when they are the same: codes are ASCII, and case does not matter."""
    return codigo.lower()


def spanish_sort_key(nombre: str) -> str:
    """A text whose code points sort as a Spanish reader expects: no case, no accents, ñ after n."""
    marked = unicodedata.normalize("NFC", nombre).casefold().replace("ñ", f"n{AFTER_Z}")
    return "".join(c for c in unicodedata.normalize("NFKD", marked) if not unicodedata.combining(c))
