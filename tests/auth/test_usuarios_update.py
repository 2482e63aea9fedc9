"""PUT /api/usuarios/{id}."""

import threading
import time
from functools import partial
from typing import Any

import pytest
from werkzeug.test import TestResponse

from clientes_service import db
from clientes_service.auth.models import Sesion, Usuario
from clientes_service.auth.roles import Rol
from tests.auth.conftest import WRONG, at_once, attempt, is_open, with_refresh_token
from tests.conftest import DNI, PASSWORD, Caller, assert_problem

ANOTHER_PASSWORD = "otra-clave-larga"


def path_of(rol: Rol) -> str:
    return f"/api/usuarios/{Usuario.get(dni=DNI[rol]).id}"


def row_of(rol: Rol) -> dict[str, Any]:
    row: dict[str, Any] = Usuario.select().where(Usuario.dni == DNI[rol]).dicts().get()
    return row


def promote(rol: Rol, **fields: Any) -> None:
    Usuario.update(rol=Rol.ADMIN, **fields).where(Usuario.dni == DNI[rol]).execute()


@pytest.mark.parametrize(
    "given",
    [
        {"nombre": "Otro"},
        {"email": "otro@example.pe"},
        {"rol": "CONSULTA"},
        {"nombre": "Otro", "email": "otro@example.pe", "rol": "ADMIN", "vigente": True},
    ],
)
def test_only_the_given_fields_change_and_sessions_live_on(admin: Caller, tecnico: Caller, given: Any) -> None:
    before = row_of(Rol.TECNICO)
    answer = admin.put(path_of(Rol.TECNICO), json=given)
    assert answer.status_code == 200
    after = {**before, **given}
    assert row_of(Rol.TECNICO) == after
    assert answer.json == {k: v for k, v in after.items() if k != "password_hash"}
    assert is_open(tecnico)
    assert Usuario.select().count() == len(DNI)


@pytest.mark.parametrize("given", [{}, {"nombre": "Usuario TECNICO"}, {"vigente": True, "rol": "TECNICO"}])
def test_what_already_holds_is_no_change(admin: Caller, tecnico: Caller, stored: Any, given: Any) -> None:
    before = stored()
    for _ in range(2):
        assert admin.put(path_of(Rol.TECNICO), json=given).status_code == 200
    assert stored() == before
    assert is_open(tecnico)


def test_one_bad_field_keeps_the_others_from_changing(admin: Caller, tecnico: Caller, stored: Any) -> None:
    before = stored()
    given = {"nombre": "Otro", "vigente": False, "password": ANOTHER_PASSWORD, "rol": "JEFE"}
    assert_problem(admin.put(path_of(Rol.TECNICO), json=given), 422, "VALIDACION", "rol")
    assert stored() == before
    assert is_open(tecnico)


def assert_ended(caller: Caller) -> None:
    assert_problem(caller.get("/api/clientes"), 401, "NO_AUTENTICADO")
    assert_problem(with_refresh_token(caller).post("/auth/refresh"), 401, "NO_AUTENTICADO")


def test_deactivation_ends_every_session_of_that_user_at_once(
    admin: Caller, tecnico: Caller, oficina: Caller, anonimo: Caller, sign_in: Any
) -> None:
    second = sign_in(Rol.TECNICO)
    answer = admin.put(path_of(Rol.TECNICO), json={"vigente": False})
    assert (answer.status_code, answer.json["vigente"]) == (200, False)
    for caller in (tecnico, second):
        assert_ended(caller)
    assert is_open(oficina)
    assert [sesion.usuario.dni for sesion in Sesion.select().order_by(Sesion.usuario)] == [
        DNI[Rol.ADMIN],
        DNI[Rol.OFICINA],
    ]
    assert_problem(attempt(anonimo, DNI[Rol.TECNICO]), 401, "CREDENCIALES_INVALIDAS")


def test_reactivation_lets_the_user_sign_in_again_and_revives_no_session(
    admin: Caller, tecnico: Caller, anonimo: Caller
) -> None:
    admin.put(path_of(Rol.TECNICO), json={"vigente": False})
    answer = admin.put(path_of(Rol.TECNICO), json={"vigente": True})
    assert (answer.status_code, answer.json["vigente"]) == (200, True)
    assert_ended(tecnico)
    assert attempt(anonimo, DNI[Rol.TECNICO]).status_code == 200


def test_a_new_password_ends_every_session_and_replaces_the_old_one(
    admin: Caller, tecnico: Caller, oficina: Caller, anonimo: Caller
) -> None:
    before = row_of(Rol.TECNICO)
    answer = admin.put(path_of(Rol.TECNICO), json={"password": ANOTHER_PASSWORD})
    assert answer.status_code == 200
    after = row_of(Rol.TECNICO)
    assert after["password_hash"].startswith("$argon2id$")
    assert {k for k in after if after[k] != before[k]} == {"password_hash"}
    assert answer.json == {k: v for k, v in after.items() if k != "password_hash"}
    assert_ended(tecnico)
    assert is_open(oficina)
    assert_problem(attempt(anonimo, DNI[Rol.TECNICO], PASSWORD), 401, "CREDENCIALES_INVALIDAS")
    assert attempt(anonimo, DNI[Rol.TECNICO], ANOTHER_PASSWORD).status_code == 200


def test_the_same_password_again_ends_the_sessions_too(admin: Caller, tecnico: Caller, anonimo: Caller) -> None:
    assert admin.put(path_of(Rol.TECNICO), json={"password": PASSWORD}).status_code == 200
    assert_ended(tecnico)
    assert attempt(anonimo, DNI[Rol.TECNICO]).status_code == 200


def test_an_admin_who_changes_the_own_password_signs_in_again(admin: Caller, anonimo: Caller) -> None:
    assert admin.put(path_of(Rol.ADMIN), json={"password": ANOTHER_PASSWORD}).status_code == 200
    assert_ended(admin)
    assert attempt(anonimo, DNI[Rol.ADMIN], ANOTHER_PASSWORD).status_code == 200


def test_an_inactive_user_may_be_given_a_password_and_stays_inactive(admin: Caller, anonimo: Caller) -> None:
    admin.put(path_of(Rol.TECNICO), json={"vigente": False})
    assert admin.put(path_of(Rol.TECNICO), json={"password": ANOTHER_PASSWORD}).json["vigente"] is False
    assert_problem(attempt(anonimo, DNI[Rol.TECNICO], ANOTHER_PASSWORD), 401, "CREDENCIALES_INVALIDAS")


def test_a_new_role_acts_at_once(admin: Caller, tecnico: Caller) -> None:
    body = {"nombre": "Ana", "tipoCliente": "PERSONA", "tipoDocumento": "DNI", "numeroDocumento": "01234567"}
    assert tecnico.post("/api/clientes", json={**body, "codigoCliente": "A"}).status_code == 201
    assert admin.put(path_of(Rol.TECNICO), json={"rol": "CONSULTA"}).status_code == 200
    assert_problem(tecnico.post("/api/clientes", json={**body, "codigoCliente": "B"}), 403, "SIN_PERMISO")
    assert tecnico.get("/api/clientes").status_code == 200
    assert admin.put(path_of(Rol.TECNICO), json={"rol": "ADMIN"}).status_code == 200
    assert tecnico.get("/api/usuarios").status_code == 200


LOSSES = [
    {"vigente": False},
    {"rol": "CONSULTA"},
    {"rol": "OFICINA", "nombre": "Otro"},
    {"rol": "TECNICO", "vigente": False},
    {"vigente": False, "password": ANOTHER_PASSWORD},
]


@pytest.mark.parametrize("given", LOSSES)
@pytest.mark.parametrize("inactive_other", [False, True])
def test_the_last_active_admin_is_kept(admin: Caller, stored: Any, given: Any, inactive_other: bool) -> None:
    if inactive_other:
        promote(Rol.OFICINA, vigente=False)
    before = stored()
    assert_problem(admin.put(path_of(Rol.ADMIN), json=given), 409, "ULTIMO_ADMIN")
    assert stored() == before
    assert is_open(admin)


@pytest.mark.parametrize("given", LOSSES)
def test_one_of_two_active_admins_may_go_and_the_other_not(
    admin: Caller, oficina: Caller, stored: Any, given: Any
) -> None:
    promote(Rol.OFICINA)
    assert admin.put(path_of(Rol.ADMIN), json=given).status_code == 200
    before = stored()
    assert_problem(oficina.put(path_of(Rol.OFICINA), json=given), 409, "ULTIMO_ADMIN")
    assert stored() == before


@pytest.mark.parametrize("given", [{"nombre": "Otro"}, {"rol": "ADMIN", "vigente": True}])
def test_whatever_else_the_last_active_admin_may_change(admin: Caller, given: Any) -> None:
    assert admin.put(path_of(Rol.ADMIN), json=given).status_code == 200


def test_an_inactive_admin_may_be_demoted(admin: Caller) -> None:
    promote(Rol.OFICINA, vigente=False)
    assert admin.put(path_of(Rol.OFICINA), json={"rol": "TECNICO"}).json["rol"] == "TECNICO"


@pytest.mark.parametrize("given", [{"rol": "TECNICO"}, {"vigente": False}])
def test_of_two_admins_who_remove_each_other_one_stays(admin: Caller, oficina: Caller, given: Any) -> None:
    promote(Rol.OFICINA)
    answers: list[TestResponse] = []
    calls = [
        partial(admin.put, path_of(Rol.OFICINA), json=given),
        partial(oficina.put, path_of(Rol.ADMIN), json=given),
    ]
    race = threading.Thread(target=lambda: answers.extend(at_once(calls)))
    # Both callers are let in as ADMIN and then wait here to write, so that each could still see the other.
    with db.transaction():
        race.start()
        time.sleep(0.3)
    race.join()
    assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 403], [200, 401])
    assert Usuario.select().where(Usuario.rol == Rol.ADMIN, Usuario.vigente).count() == 1


@pytest.mark.usefixtures("no_free_slot")
def test_a_password_that_cannot_be_hashed_now_changes_nothing(admin: Caller, tecnico: Caller, stored: Any) -> None:
    before = stored()
    given = {"nombre": "Otro", "password": ANOTHER_PASSWORD}
    assert_problem(admin.put(path_of(Rol.TECNICO), json=given), 503, "NO_DISPONIBLE")
    assert stored() == before
    assert is_open(tecnico)


def test_a_new_password_lets_in_no_one_who_was_throttled(admin: Caller, anonimo: Caller) -> None:
    for _ in range(10):
        attempt(anonimo, DNI[Rol.TECNICO], WRONG)
    admin.put(path_of(Rol.TECNICO), json={"password": ANOTHER_PASSWORD})
    assert_problem(attempt(anonimo, DNI[Rol.TECNICO], ANOTHER_PASSWORD), 429, "DEMASIADOS_INTENTOS")
