"""Signing in and out. A session is a chain of refresh tokens; deleting its row ends every token of it at once."""

import secrets
import time
from dataclasses import dataclass
from typing import NamedTuple

from clientes_service import db, errors, metrics
from clientes_service.auth import throttle
from clientes_service.auth.models import Sesion, Usuario
from clientes_service.auth.passwords import verify_password
from clientes_service.auth.roles import Rol
from clientes_service.db import transaction

ACCESS_SECONDS = 15 * 60
REFRESH_SECONDS = 30 * 24 * 3600
# Asked on every request, so as text: building it each time would take longer than all else.
IDENTIFY = """
    SELECT s.generacion, u.id, u.dni, u.nombre, u.email, u.rol FROM sesion s JOIN usuario u ON u.id = s.usuario_id
    WHERE s.id = ? AND s.expira > ? AND u.id = ? AND u.vigente
"""


class Activo(NamedTuple):
    """An active user, as each request needs one: to make a model of it takes longer than to find it."""

    id: int
    dni: str
    nombre: str
    email: str
    rol: str
    vigente: bool = True


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the next pair of tokens is made from."""

    usuario: Usuario | Activo
    sesion: str
    generacion: int


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token of ours says, its signature and dates already verified."""

    usuario_id: int
    sesion: str
    generacion: int
    is_refresh: bool


def sign_in(dni: str, password: str, address: str | None) -> Ticket:
    """Open a session. Raises CredencialesInvalidas for whatever reason, and DemasiadosIntentos.

    The password is verified outside any transaction; the user is looked at again inside the one that opens the
    session, so that no session outlives a deactivation or a new password that came in between.
    """
    attempt = throttle.begin_attempt(dni, address)
    usuario = Usuario.get_or_none(Usuario.dni == dni)
    stored = usuario.password_hash if usuario and usuario.vigente else None
    try:
        verified = verify_password(stored, password)
    except errors.NoDisponible:
        throttle.take_back(attempt)
        raise
    if usuario is None or not verified:
        metrics.WRONG_PASSWORD.inc()
        raise errors.CredencialesInvalidas
    with transaction():
        now = int(time.time())
        current = Usuario.get_by_id(usuario.id)
        if not current.vigente or current.password_hash != stored:
            raise errors.CredencialesInvalidas
        throttle.forgive(dni, attempt)
        Sesion.delete().where(Sesion.expira <= now).execute()
        sesion = Sesion.create(id=secrets.token_hex(16), usuario=current, expira=now + REFRESH_SECONDS)
    return Ticket(current, sesion.id, sesion.generacion)


def identify(claims: TokenClaims) -> Activo:
    """Return the active user behind a token whose session still stands. Raises NoAutenticado.

    The first use of a token of a newer generation spends the refresh token before it. Until then that one may be
    presented again, since the answer that carried its successor may have been lost on the way to a phone. Presenting
    a spent one means that two parties hold it: the session ends (RFC 9700 §4.14.2).
    """
    now = int(time.time())
    row = db.execute(IDENTIFY, (claims.sesion, now, claims.usuario_id)).fetchone()
    if row is None:
        raise errors.NoAutenticado
    generacion, *usuario = row
    if claims.is_refresh and claims.generacion < generacion:
        sign_out(claims.sesion)
        raise errors.NoAutenticado
    if claims.generacion > generacion:
        with transaction():
            newer = (Sesion.id == claims.sesion) & (Sesion.generacion < claims.generacion)
            Sesion.update(generacion=claims.generacion).where(newer).execute()
    return Activo(*usuario)


def refresh(usuario: Activo, claims: TokenClaims) -> Ticket:
    """Prolong the session of a refresh token that `identify` has accepted. Raises NoAutenticado."""
    with transaction():
        unspent = (Sesion.id == claims.sesion) & (Sesion.generacion == claims.generacion)
        prolonged = Sesion.update(expira=int(time.time()) + REFRESH_SECONDS).where(unspent).execute()
    if not prolonged:
        raise errors.NoAutenticado
    return Ticket(usuario, claims.sesion, claims.generacion + 1)


def sign_out(sesion: str) -> None:
    """End a session: its access tokens too, at once."""
    with transaction():
        Sesion.delete().where(Sesion.id == sesion).execute()


def external_role(claim: object) -> Rol:
    """The role that another issuer's `rol` claim names; TECNICO for any other value, or none."""
    return Rol(claim) if isinstance(claim, str) and claim in Rol.__members__ else Rol.TECNICO
