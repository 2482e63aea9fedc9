"""What can be done to clients.

Each use case that writes is one transaction over read, precondition, change, version and line of history.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from peewee import IntegrityError, fn

from clientes_service import db, errors, idempotency
from clientes_service.clientes import documento, rows
from clientes_service.clientes.advertencias import Advertencia, Rules, refuse, warn_about
from clientes_service.clientes.documento import DocumentoInvalido, TipoDocumento
from clientes_service.clientes.models import Cliente, code_key
from clientes_service.db import transaction
from clientes_service.errors import FieldError
from clientes_service.historial import service as historial
from clientes_service.historial.service import Accion, Autor
from clientes_service.idempotency import Answer

# Whether a version is one that the caller accepts to overwrite; None where the caller did not say.
Precondition = Callable[[str], bool] | None

OPTIONAL = ("direccion", "telefono", "email", "contacto_representante")
ANONIMO = {"nombre": "Cliente anonimizado", "tipo_documento": TipoDocumento.OTRO, "numero_documento": "-"}
DOCUMENTO = ("tipo_documento", "numero_documento")
FIRST_WIDTH = 4
LONGEST_NUMBER = 18  # digits that surely fit 64 bits


@dataclass(frozen=True, slots=True)
class Escrito:
    """A client after a write, and what is worth a second look."""

    cliente: Cliente
    advertencias: list[Advertencia]

    def as_answer(self, status: int = 200) -> Answer:
        """What is answered, and under a key stored."""
        return Answer(status, rows.written_as_json(self.cliente, self.advertencias).decode(), self.cliente.id)


def get_cliente(id: int) -> Cliente:
    """Return a client, active or not. Raises ClienteNoEncontrado."""
    cliente: Cliente | None = Cliente.get_or_none(Cliente.id == id)
    if cliente is None:
        raise errors.ClienteNoEncontrado
    return cliente


def create_cliente(datos: dict[str, Any], rules: Rules, autor: Autor) -> Escrito:
    """Store a new client. Raises CodigoDuplicado, DocumentoDuplicado and Validacion."""
    cliente = Cliente(vigente=True).assign(_with_documento(datos, datos))
    with _unique_codigo(datos), transaction():
        advertencias = _check(cliente, rules)
        cliente.stamp()
        cliente.fecha_creacion = cliente.fecha_modificacion
        cliente.store()
        historial.record(cliente, Accion.CREADO, {}, {name: getattr(cliente, name) for name in datos}, autor)
    return Escrito(cliente, advertencias)


def update_cliente(id: int, datos: dict[str, Any], precondition: Precondition, rules: Rules, autor: Autor) -> Escrito:
    """Change the given fields alone. What already holds is no change, and leaves the version as it is.

    Raises ClienteNoEncontrado, ClienteAnonimizado, VersionObsoleta, CodigoDuplicado, DocumentoDuplicado and Validacion.
    """
    gives_document = not datos.keys().isdisjoint(DOCUMENTO)
    with _unique_codigo(datos), transaction():
        cliente = _get_changeable(id)
        if gives_document:
            merged = {name: getattr(cliente, name) for name in DOCUMENTO} | datos
            try:
                datos = _with_documento(datos, merged)
            except errors.Validacion:  # perhaps only since somebody else changed the kind meanwhile
                _require(precondition, cliente)
                raise
        changes = {name: value for name, value in datos.items() if getattr(cliente, name) != value}
        if not changes:
            return Escrito(cliente, warn_about(cliente))
        _require(precondition, cliente)
        before = {name: getattr(cliente, name) for name in changes}
        cliente.assign(changes)
        advertencias = _check(cliente, rules) if gives_document else warn_about(cliente)
        cliente.stamp().store()
        historial.record(cliente, Accion.ACTUALIZADO, before, changes, autor)
    return Escrito(cliente, advertencias)


def delete_cliente(id: int, precondition: Precondition, autor: Autor) -> None:
    """Make a client inactive; one that is so already stays as it is. Raises ClienteNoEncontrado, VersionObsoleta."""
    with transaction():
        cliente = get_cliente(id)
        if cliente.vigente:
            _require(precondition, cliente)
            cliente.vigente = False
            cliente.stamp().store()
            historial.record(cliente, Accion.ELIMINADO, {"vigente": True}, {"vigente": False}, autor)


def restore_cliente(id: int, precondition: Precondition, rules: Rules, autor: Autor) -> Escrito:
    """Make a client active again; one that is so already stays as it is.

    Raises ClienteNoEncontrado, ClienteAnonimizado, VersionObsoleta and DocumentoDuplicado.
    """
    with transaction():
        cliente = _get_changeable(id)
        if cliente.vigente:
            return Escrito(cliente, warn_about(cliente))
        _require(precondition, cliente)
        advertencias = _check(cliente, replace(rules, strict_documents=False))  # no document is given here
        cliente.vigente = True
        cliente.stamp().store()
        historial.record(cliente, Accion.RESTAURADO, {"vigente": False}, {"vigente": True}, autor)
    return Escrito(cliente, advertencias)


def suggest_codigo(prefijo: str) -> str:
    """Return the highest number that stands behind this prefix, plus one, in the width in use. Reserves nothing."""
    start = code_key(prefijo)
    suffix = fn.SUBSTR(Cliente.codigo_clave, len(start) + 1)
    # ':' follows '9' in ASCII, so that the range is what begins with the prefix and a digit.
    highest = (
        Cliente.select(suffix.alias("suffix"))
        .where(Cliente.codigo_clave >= f"{start}0", Cliente.codigo_clave < f"{start}:")
        .where(fn.LENGTH(suffix) <= LONGEST_NUMBER, fn.LENGTH(fn.LTRIM(suffix, "0123456789")) == 0)
        .order_by(suffix.cast("BIGINT").desc(), fn.LENGTH(suffix).desc())
        .limit(1)
        .scalar()
    )
    digits = str(int(highest or 0) + 1)
    return prefijo + digits.zfill(len(highest) if highest else FIRST_WIDTH)


def anonymize_cliente(id: int, precondition: Precondition, autor: Autor) -> Cliente:
    """Erase the personal data of a client, also from its history and from stored answers.

    One that is erased already stays as it is. The id and the code stay, for the work orders. What the engine itself
    still holds goes with `erase_traces`. Raises ClienteNoEncontrado and VersionObsoleta.
    """
    with transaction():
        cliente = get_cliente(id)
        if not cliente.anonimizado:
            _require(precondition, cliente)
            cliente.assign(ANONIMO | dict.fromkeys(OPTIONAL))
            cliente.vigente, cliente.anonimizado = False, True
            cliente.stamp().store()
            db.engine().texts.forget(cliente.id)
            historial.erase(cliente.id)
            idempotency.erase(cliente.id, rows.written_as_json(cliente, []).decode())
            historial.record(cliente, Accion.ANONIMIZADO, {}, {}, autor)
    return cliente


def _get_changeable(id: int) -> Cliente:
    cliente = get_cliente(id)
    if cliente.anonimizado:
        raise errors.ClienteAnonimizado
    return cliente


def _with_documento(datos: dict[str, Any], pair: dict[str, Any]) -> dict[str, Any]:
    """The given fields with the number as it is stored, checked against its kind. Raises Validacion."""
    try:
        numero = documento.normalize(TipoDocumento(pair["tipo_documento"]), pair["numero_documento"])
    except DocumentoInvalido as error:
        raise errors.Validacion(errors=[FieldError("numeroDocumento", str(error))]) from error
    return {**datos, "numero_documento": numero}


def _require(precondition: Precondition, current: Cliente) -> None:
    if precondition and not precondition(current.version_publica):
        raise errors.VersionObsoleta(rows.as_member(rows.row_of(current)))


def _check(cliente: Cliente, rules: Rules) -> list[Advertencia]:
    """The warnings about a client whose document is being given, where this installation does not refuse them."""
    advertencias = warn_about(cliente)
    refuse(advertencias, rules)
    return advertencias


@contextmanager
def _unique_codigo(datos: dict[str, Any]) -> Iterator[None]:
    """Name the client that has the code, when the database refused it. Stands around the transaction, not in it."""
    try:
        yield
    except IntegrityError as error:
        clave = code_key(datos["codigo_cliente"])
        taken = Cliente.get_or_none(Cliente.codigo_clave == clave)
        raise errors.CodigoDuplicado(taken.id if taken else None) from error
