"""The gate: every route says who may pass, and one that says nothing stops the application from being made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, after_this_request, current_app, g

from clientes_service import errors
from clientes_service.auth import cookie, service, tokens
from clientes_service.auth.roles import PERMISOS, Permiso, Rol
from clientes_service.auth.service import Activo, TokenClaims
from clientes_service.config import Config
from clientes_service.fields import storable
from clientes_service.historial.service import Autor, Origen
from clientes_service.http import current_config, current_request

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is calling: a user of ours with the token's claims, or the subject of another issuer's token."""

    id: str
    rol: Rol
    usuario: Activo | None = None
    claims: TokenClaims | None = None


def requires(permiso: Permiso, *, accepts: tuple[str, ...] = ("access",)) -> Callable[[View], View]:
    """Let a view be called with this permission only, by the kinds of token that it `accepts`."""

    def mark(view: View) -> View:
        view.permiso = permiso  # type: ignore[attr-defined]
        view.accepts = accepts  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Let a view be called by anyone."""
    view.permiso = None  # type: ignore[attr-defined]
    return view


def authenticate() -> None:
    """Let the request pass, or raise NoAutenticado or SinPermiso (before_request)."""
    asked, config = current_request(), current_config()
    if asked.endpoint is None or asked.method == "OPTIONS":
        return
    view: Any = current_app.view_functions[asked.endpoint]
    if view.permiso is None:
        return
    header = asked.environ.get("HTTP_AUTHORIZATION")
    kept = cookie.token(asked) if header is None and "refresh" in view.accepts else None
    encoded = kept or tokens.bearer_token(header)
    try:
        identity = _local(encoded, view.accepts, config) if config.local_auth else _external(encoded, config)
    except errors.NoAutenticado:
        if kept:
            after_this_request(cookie.forget)
        raise
    g.identity = identity
    asked.environ["clientes.user_id"] = identity.id  # for the access log
    if view.permiso not in PERMISOS[identity.rol]:
        raise errors.SinPermiso


def _local(encoded: str, accepts: tuple[str, ...], config: Config) -> Identity:
    claims = tokens.read(encoded, config)
    if ("refresh" if claims.is_refresh else "access") not in accepts:
        raise errors.NoAutenticado
    usuario = service.identify(claims)
    return Identity(str(usuario.id), Rol(usuario.rol), usuario, claims)


def _external(encoded: str, config: Config) -> Identity:
    claims = tokens.read_external(encoded, config)
    return Identity(claims["sub"], service.external_role(claims.get("rol")))


def current_autor(origen: Origen = Origen.API) -> Autor:
    """Who makes the changes of this request, and the way by which they come."""
    identity: Identity = g.identity
    if identity.usuario:
        return Autor(origen, usuario_id=identity.usuario.id, nombre=identity.usuario.nombre)
    return Autor(origen, usuario_externo=storable(identity.id))


def check_every_route(app: Flask) -> None:
    """Raise RuntimeError for a route that is marked neither with `requires` nor with `public`."""
    unmarked = [name for name, view in app.view_functions.items() if not hasattr(view, "permiso")]
    if unmarked:
        raise RuntimeError(f"these views say neither @requires nor @public: {', '.join(sorted(unmarked))}")
