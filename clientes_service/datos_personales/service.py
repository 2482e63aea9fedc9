"""Gathers everything that is held on one client."""

from clientes_service.clientes.models import Cliente
from clientes_service.clientes.service import get_cliente
from clientes_service.db import snapshot
from clientes_service.historial.service import Linea, list_every_linea


def gather(id: int) -> tuple[Cliente, list[Linea]]:
    """Return a client and every line of its history, newest first, of one moment. Raises ClienteNoEncontrado."""
    with snapshot():
        return get_cliente(id), list_every_linea(id)
