"""GET /auth/validar-token."""

from collections.abc import Callable

import pytest

from clientes_service.auth.models import Sesion, Usuario
from clientes_service.auth.roles import Rol
from tests.auth.conftest import with_refresh_token
from tests.conftest import DNI, Caller, assert_problem


@pytest.mark.parametrize("rol", list(Rol))
def test_a_token_that_holds_says_whose_it_is(sign_in: Callable[[Rol], Caller], rol: Rol) -> None:
    answer = sign_in(rol).get("/auth/validar-token")
    assert answer.status_code == 200
    assert answer.json == {
        "mensaje": "Token válido y usuario activo",
        "usuario": {
            "id": Usuario.get(dni=DNI[rol]).id,
            "dni": DNI[rol],
            "nombre": f"Usuario {rol}",
            "email": f"{rol.lower()}@example.pe",
            "rol": rol,
        },
    }


def test_the_user_is_the_one_that_the_database_holds_now(tecnico: Caller) -> None:
    Usuario.update(rol=Rol.CONSULTA, nombre="Otro").where(Usuario.dni == DNI[Rol.TECNICO]).execute()
    usuario = tecnico.get("/auth/validar-token").json["usuario"]
    assert (usuario["rol"], usuario["nombre"]) == ("CONSULTA", "Otro")


def test_nobody_and_a_refresh_token_are_refused(anonimo: Caller, tecnico: Caller) -> None:
    for caller in (anonimo, with_refresh_token(tecnico)):
        answer = caller.get("/auth/validar-token")
        assert_problem(answer, 401, "NO_AUTENTICADO")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_inactive_user_is_refused(tecnico: Caller) -> None:
    Usuario.update(vigente=False).where(Usuario.dni == DNI[Rol.TECNICO]).execute()
    assert_problem(tecnico.get("/auth/validar-token"), 401, "NO_AUTENTICADO")


def test_a_session_that_expired_or_is_gone_is_refused(tecnico: Caller, oficina: Caller) -> None:
    Sesion.update(expira=0).where(Sesion.usuario == Usuario.get(dni=DNI[Rol.TECNICO])).execute()
    Sesion.delete().where(Sesion.usuario == Usuario.get(dni=DNI[Rol.OFICINA])).execute()
    assert_problem(tecnico.get("/auth/validar-token"), 401, "NO_AUTENTICADO")
    assert_problem(oficina.get("/auth/validar-token"), 401, "NO_AUTENTICADO")
