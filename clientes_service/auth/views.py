"""The endpoints of sign-in and of users: HTTP words only. A view's docstring is its OpenAPI text."""

from typing import Any

from flask import Response, g, request

from clientes_service import errors
from clientes_service.auth import cookie, schemas, service, tokens, usuarios
from clientes_service.auth.guards import Identity, public, requires
from clientes_service.auth.models import Usuario
from clientes_service.auth.roles import Permiso
from clientes_service.http import Blueprint, json_response, no_content
from clientes_service.openapi import LOCATION, in_cookie, raises

auth = Blueprint("auth", __name__, url_prefix="/auth", description="Sign in and out")
users = Blueprint("usuarios", __name__, url_prefix="/api/usuarios", description="Accounts, for ADMIN")

TOKENS = schemas.Tokens()
USUARIO = schemas.Usuario()


@auth.post("")
@public
@raises(errors.CredencialesInvalidas, errors.DemasiadosIntentos)
@in_cookie
@auth.arguments(schemas.Credentials)
@auth.response(200, schemas.Tokens)
def sign_in(credentials: dict[str, str]) -> Response:
    """Sign in

    An unknown DNI, a wrong password and an inactive user get the same answer, in the same time.
    """
    ticket = service.sign_in(credentials["dni"], credentials["password"], request.remote_addr)
    return _tokens(ticket)


@auth.post("/refresh")
@requires(Permiso.SESION, accepts=("refresh",))
@in_cookie
@auth.response(200, schemas.Tokens)
def refresh() -> Response:
    """Get a new pair of tokens

    The bearer is the refresh token. It may be presented again until a token of the new pair has been used; after
    that, presenting it ends the session.
    """
    usuario, claims = _session()
    return _tokens(service.refresh(usuario, claims))


@auth.post("/logout")
@requires(Permiso.SESION, accepts=("access", "refresh"))
@in_cookie
@auth.response(204)
def sign_out() -> Response:
    """Sign out

    Ends the session: its access tokens too, at once.
    """
    _, claims = _session()
    service.sign_out(claims.sesion)
    answer = no_content()
    if cookie.is_wanted(request):
        cookie.forget(answer)
    return answer


@auth.get("/validar-token")
@requires(Permiso.SESION)
@auth.response(200, schemas.TokenValido)
def validate_token() -> dict[str, Any]:
    """Tell whether the token holds, and whose it is"""
    return {"mensaje": "Token válido y usuario activo", "usuario": _session()[0]}


@users.get("")
@requires(Permiso.ADMINISTRAR)
@users.response(200, schemas.UsuarioList)
def list_usuarios() -> dict[str, Any]:
    """List users"""
    return {"content": usuarios.list_usuarios()}


@users.post("")
@requires(Permiso.ADMINISTRAR)
@raises(errors.DniDuplicado)
@users.arguments(schemas.UsuarioCreate)
@users.response(201, schemas.Usuario, headers=LOCATION)
def create_usuario(datos: dict[str, Any]) -> Response:
    """Create a user

    Passwords have 10 to 128 characters and are not the DNI.
    """
    usuario = usuarios.create_usuario(datos)
    return json_response(USUARIO.dump(usuario), 201, location=f"{users.url_prefix}/{usuario.id}")


@users.get("/<id:id>")
@requires(Permiso.ADMINISTRAR)
@raises(errors.NoEncontrado)
@users.response(200, schemas.Usuario)
def get_usuario(id: int) -> Usuario:
    """Read a user"""
    return usuarios.get_usuario(id)


@users.put("/<id:id>")
@requires(Permiso.ADMINISTRAR)
@raises(errors.NoEncontrado, errors.UltimoAdmin)
@users.arguments(schemas.UsuarioUpdate)
@users.response(200, schemas.Usuario)
def update_usuario(datos: dict[str, Any], id: int) -> Usuario:
    """Change a user

    Only the given fields change. A deactivation or a new password ends the user's sessions at once; a new role acts
    at once. The last active ADMIN can be neither deactivated nor demoted.
    """
    return usuarios.update_usuario(id, datos)


def _tokens(ticket: service.Ticket) -> Response:
    usuario, pair = ticket.usuario, tokens.issue(ticket)
    in_cookie = cookie.is_wanted(request)
    shown = {**pair, "nombre": usuario.nombre, "email": usuario.email, "rol": usuario.rol}
    answer = json_response(TOKENS.dump({**shown, "refresh_token": None} if in_cookie else shown))
    if in_cookie:
        cookie.keep(answer, pair["refresh_token"])
    return answer


def _session() -> tuple[service.Activo, service.TokenClaims]:
    identity: Identity = g.identity
    assert identity.usuario  # only routes of local users come here
    assert identity.claims
    return identity.usuario, identity.claims
