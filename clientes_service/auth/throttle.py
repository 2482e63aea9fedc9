"""Limits password guessing: 10 failures of a DNI, or 50 of an address, within 15 minutes."""

import ipaddress
import time

from clientes_service import errors, metrics
from clientes_service.auth.models import Intento
from clientes_service.db import transaction

WINDOW_SECONDS = 15 * 60
MOST_BY_DNI = 10
MOST_BY_ADDRESS = 50


def begin_attempt(dni: str, address: str | None) -> list[int]:
    """Count an attempt as failed before its password is looked at, and return its rows.

    Counting and deciding are one write transaction, so that a hundred guesses at once are no more than ten. A refused
    attempt is not counted. Raises DemasiadosIntentos with the seconds to wait.
    """
    now = int(time.time())
    limits = {f"dni:{dni}": MOST_BY_DNI, f"ip:{_network(address)}": MOST_BY_ADDRESS}
    with transaction():
        Intento.delete().where(Intento.fecha <= now - WINDOW_SECONDS).execute()
        waits = [_seconds_to_wait(clave, most, now) for clave, most in limits.items()]
        if max(waits) == 0:
            return [Intento.create(clave=clave, fecha=now).id for clave in limits]
    metrics.THROTTLED.inc()
    raise errors.DemasiadosIntentos(max(waits))


def forgive(dni: str, attempt: list[int]) -> None:
    """Take back a successful attempt, and clear its DNI's count. Called inside the transaction that signs in."""
    Intento.delete().where((Intento.id.in_(attempt)) | (Intento.clave == f"dni:{dni}")).execute()


def take_back(attempt: list[int]) -> None:
    """Uncount an attempt whose password was never looked at."""
    with transaction():
        Intento.delete().where(Intento.id.in_(attempt)).execute()


def _seconds_to_wait(clave: str, most: int, now: int) -> int:
    """Until the attempt that reached the limit leaves the window; 0 below the limit."""
    newest = Intento.select(Intento.fecha).where(Intento.clave == clave).order_by(Intento.fecha.desc())
    reached = newest.offset(most - 1).limit(1).scalar()
    return 0 if reached is None else max(1, reached + WINDOW_SECONDS - now)


def _network(address: str | None) -> str:
    """The address; of IPv6 its /64, which is what one customer has (RFC 6177)."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False).network_address)
    return str(ip)
