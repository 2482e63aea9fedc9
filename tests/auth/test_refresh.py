"""POST /auth/refresh."""

import time
from functools import partial
from typing import Any

import pytest

from clientes_service import errors
from clientes_service.auth import service
from clientes_service.auth.models import Sesion, Usuario
from clientes_service.auth.roles import Rol
from clientes_service.auth.service import TokenClaims
from tests.auth.conftest import at_once, attempt, is_open, renewed, with_refresh_token
from tests.conftest import DNI, Caller, assert_problem


@pytest.fixture
def phone(anonimo: Caller) -> Caller:
    """A TECNICO who signed in."""
    body = attempt(anonimo, DNI[Rol.TECNICO]).json
    return Caller(anonimo.app, body["token"], body["refreshToken"])


def assert_ended(*callers: Caller) -> None:
    """Not one token of these pairs is accepted."""
    for caller in callers:
        assert_problem(caller.get("/auth/validar-token"), 401, "NO_AUTENTICADO")
        assert_problem(with_refresh_token(caller).post("/auth/refresh"), 401, "NO_AUTENTICADO")


def test_both_tokens_are_new_and_the_session_is_the_same(phone: Caller) -> None:
    Sesion.update(expira=int(time.time()) + 60).execute()
    answer = with_refresh_token(phone).post("/auth/refresh")
    assert answer.status_code == 200
    body = answer.json
    assert {phone.token, phone.refresh_token}.isdisjoint({body["token"], body["refreshToken"]})
    assert {k: v for k, v in body.items() if k not in ("token", "refreshToken")} == {
        "expiraEn": 900,
        "nombre": "Usuario TECNICO",
        "email": "tecnico@example.pe",
        "rol": "TECNICO",
    }
    assert is_open(Caller(phone.app, body["token"]))
    assert Sesion.select().count() == 1
    assert 0 <= Sesion.get().expira - time.time() - 30 * 24 * 3600 + 60 <= 61


def test_a_session_can_be_prolonged_again_and_again(phone: Caller) -> None:
    current = phone
    for _ in range(5):
        current = renewed(current)
    assert is_open(current)
    assert is_open(phone)


def test_a_phone_that_lost_the_answer_may_ask_again(phone: Caller) -> None:
    lost = [renewed(phone) for _ in range(3)]
    assert all(is_open(caller) for caller in [*lost, phone])


def test_a_phone_that_asks_twice_at_once_gets_two_pairs(phone: Caller) -> None:
    answers = at_once([partial(with_refresh_token(phone).post, "/auth/refresh")] * 4)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert all(is_open(Caller(phone.app, answer.json["token"])) for answer in answers)


def test_using_the_new_access_token_spends_the_old_refresh_token(phone: Caller) -> None:
    newer = renewed(phone)
    assert newer.get("/api/clientes").status_code == 200
    assert_problem(with_refresh_token(phone).post("/auth/refresh"), 401, "NO_AUTENTICADO")
    assert_ended(phone, newer)
    assert Sesion.select().count() == 0


def test_using_the_new_refresh_token_spends_the_old_one(phone: Caller) -> None:
    newer = renewed(phone)
    newest = renewed(newer)
    assert_problem(with_refresh_token(phone).post("/auth/refresh"), 401, "NO_AUTENTICADO")
    assert_ended(phone, newer, newest)
    assert Sesion.select().count() == 0


def test_a_spent_refresh_token_ends_the_session_wherever_it_is_shown(phone: Caller) -> None:
    newer = renewed(phone)
    assert is_open(newer)
    assert_problem(with_refresh_token(phone).post("/auth/logout"), 401, "NO_AUTENTICADO")
    assert_ended(phone, newer)


def test_a_token_that_was_spent_while_it_was_asked_about_prolongs_nothing(phone: Caller) -> None:
    sesion = Sesion.get()
    claims = TokenClaims(sesion.usuario_id, sesion.id, sesion.generacion, is_refresh=True)
    usuario = service.identify(claims)
    assert is_open(renewed(phone))
    with pytest.raises(errors.NoAutenticado):
        service.refresh(usuario, claims)


def test_using_the_old_access_token_spends_nothing(phone: Caller) -> None:
    newer = renewed(phone)
    assert is_open(phone)
    again = renewed(phone)
    assert is_open(newer)
    assert is_open(again)


def test_a_spent_token_ends_no_other_session(phone: Caller, tecnico: Caller, oficina: Caller) -> None:
    assert is_open(renewed(phone))
    assert_problem(with_refresh_token(phone).post("/auth/refresh"), 401, "NO_AUTENTICADO")
    assert is_open(tecnico)
    assert is_open(oficina)


def test_an_access_token_cannot_prolong_its_session(phone: Caller) -> None:
    assert_problem(phone.post("/auth/refresh"), 401, "NO_AUTENTICADO")
    assert is_open(renewed(phone))


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/clientes"), ("POST", "/api/clientes"), ("GET", "/auth/validar-token")]
)
def test_a_refresh_token_opens_nothing_else(phone: Caller, method: str, path: str) -> None:
    assert_problem(with_refresh_token(phone)(method, path), 401, "NO_AUTENTICADO")
    assert is_open(renewed(phone))


def test_nobody_has_nothing_to_prolong(anonimo: Caller) -> None:
    answer = anonimo.post("/auth/refresh")
    assert_problem(answer, 401, "NO_AUTENTICADO")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_session_cannot_be_prolonged(phone: Caller) -> None:
    Sesion.update(expira=int(time.time())).execute()
    assert_ended(phone)


@pytest.mark.parametrize("change", [{"vigente": False}, {"password": "another-password"}])
def test_a_session_that_an_admin_ended_cannot_be_prolonged(phone: Caller, admin: Caller, change: Any) -> None:
    id = Usuario.get(dni=DNI[Rol.TECNICO]).id
    assert admin.put(f"/api/usuarios/{id}", json=change).status_code == 200
    assert_ended(phone)


def test_an_inactive_user_is_refused_even_where_the_session_is_left(phone: Caller) -> None:
    Usuario.update(vigente=False).where(Usuario.dni == DNI[Rol.TECNICO]).execute()
    assert_ended(phone)


def test_what_changed_about_the_user_appears(phone: Caller, admin: Caller) -> None:
    id = Usuario.get(dni=DNI[Rol.TECNICO]).id
    admin.put(f"/api/usuarios/{id}", json={"rol": "OFICINA", "nombre": "Otro", "email": "otro@example.pe"})
    body = with_refresh_token(phone).post("/auth/refresh").json
    assert (body["rol"], body["nombre"], body["email"]) == ("OFICINA", "Otro", "otro@example.pe")
