"""POST /api/usuarios."""

from functools import partial
from typing import Any

import pytest

from clientes_service.auth.models import Sesion, Usuario
from clientes_service.auth.roles import Rol
from tests.auth.conftest import at_once, attempt
from tests.conftest import DNI, Caller, assert_problem

NEW = {
    "dni": "01234567",
    "nombre": "Ana Ñahui",
    "email": "ana@example.pe",
    "rol": "TECNICO",
    "password": "clave-de-ana",
}


@pytest.mark.parametrize("rol", list(Rol))
def test_a_new_user_is_answered_as_it_is_stored_and_may_sign_in(admin: Caller, anonimo: Caller, rol: Rol) -> None:
    answer = admin.post("/api/usuarios", json={**NEW, "rol": rol})
    assert answer.status_code == 201
    row = Usuario.get(dni=NEW["dni"])
    public = {"dni": NEW["dni"], "nombre": NEW["nombre"], "email": NEW["email"], "rol": rol}
    assert answer.json == {"id": row.id, **public, "vigente": True}
    assert answer.headers["Location"] == f"/api/usuarios/{row.id}"
    assert admin.get(answer.headers["Location"]).json == answer.json
    assert (row.nombre, row.email, row.rol, row.vigente) == (NEW["nombre"], NEW["email"], rol, True)
    assert row.password_hash.startswith("$argon2id$")
    assert Sesion.select().where(Sesion.usuario == row).count() == 0
    assert attempt(anonimo, NEW["dni"], NEW["password"]).json["rol"] == rol


def test_text_is_trimmed_and_a_dni_is_stored_as_digits(admin: Caller) -> None:
    given = {**NEW, "dni": " 0123-4567 ", "nombre": " An\u0303a ", "email": " ana@example.pe "}
    body = admin.post("/api/usuarios", json=given).json
    assert (body["dni"], body["nombre"], body["email"]) == ("01234567", "Aña", "ana@example.pe")


@pytest.mark.parametrize("dni", [DNI[Rol.CONSULTA], "1000-0004", " 10 00 00 04 "])
@pytest.mark.parametrize("active", [True, False])
def test_a_dni_in_use_is_refused_however_it_is_spaced(admin: Caller, stored: Any, dni: str, active: bool) -> None:
    Usuario.update(vigente=active).where(Usuario.dni == DNI[Rol.CONSULTA]).execute()
    before = stored()
    assert_problem(admin.post("/api/usuarios", json={**NEW, "dni": dni}), 409, "DNI_DUPLICADO", "dni")
    assert stored() == before


def test_of_two_at_once_with_one_dni_one_is_created(admin: Caller) -> None:
    answers = at_once([partial(admin.post, "/api/usuarios", json=NEW)] * 2)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert Usuario.select().where(Usuario.dni == NEW["dni"]).count() == 1


@pytest.mark.parametrize("field", list(NEW))
def test_nothing_may_be_missing(admin: Caller, stored: Any, field: str) -> None:
    before = stored()
    body = {k: v for k, v in NEW.items() if k != field}
    assert_problem(admin.post("/api/usuarios", json=body), 422, "VALIDACION", field)
    assert_problem(admin.post("/api/usuarios", json={}), 422, "VALIDACION", *NEW)
    assert stored() == before


@pytest.mark.usefixtures("no_free_slot")
def test_nobody_is_created_without_a_hash(admin: Caller, stored: Any) -> None:
    before = stored()
    assert_problem(admin.post("/api/usuarios", json=NEW), 503, "NO_DISPONIBLE")
    assert stored() == before
