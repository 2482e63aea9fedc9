"""Gathers everything that is held on one client, and erases it."""

from clientes_service import db
from clientes_service.clientes.models import Cliente
from clientes_service.clientes.service import Precondition, anonymize_cliente, get_cliente
from clientes_service.db import snapshot
from clientes_service.historial.service import Autor, Linea, list_every_linea


def gather(id: int) -> tuple[Cliente, list[Linea]]:
    """Return a client and every line of its history, newest first, of one moment. Raises ClienteNoEncontrado."""
    with snapshot():
        return get_cliente(id), list_every_linea(id)


def anonymize(id: int, precondition: Precondition, autor: Autor) -> Cliente:
    """Erase the personal data of a client for good, down to the free pages of the file.

    Raises ClienteNoEncontrado and VersionObsoleta; and NoDisponible where the data is erased but a reader keeps the
    database from dropping its old pages: a repetition does that.
    """
    cliente = anonymize_cliente(id, precondition, autor)
    db.engine().erase_traces()
    return cliente
