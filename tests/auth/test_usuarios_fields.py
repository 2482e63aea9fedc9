"""Every field rule of a user, on create and on update alike: what is accepted, what is refused."""

import json
import unicodedata
from typing import Any

import pytest
from werkzeug.test import TestResponse

from clientes_service.auth.models import Usuario
from clientes_service.auth.roles import Rol
from tests.auth.conftest import attempt
from tests.auth.test_usuarios_create import NEW
from tests.conftest import DNI, Caller, assert_problem

JSON = "application/json"  # written by json.dumps, which escapes lone surrogates as a careless phone would

ACCEPTED = [
    ("nombre", "A", "A"),
    ("nombre", "  Ana  ", "Ana"),
    ("nombre", "N\u0303ahui", "Ñahui"),
    ("nombre", "x" * 150, "x" * 150),
    ("nombre", "<b>'Ñandú' 🏨", "<b>'Ñandú' 🏨"),
    ("email", " ana@ejemplo.com.pe ", "ana@ejemplo.com.pe"),
    ("email", "a+b.c@x.pe", "a+b.c@x.pe"),
    *(("rol", rol.value, rol.value) for rol in Rol),
]

REFUSED = [
    ("nombre", ""),
    ("nombre", "   "),
    ("nombre", None),
    ("nombre", 5),
    ("nombre", ["Ana"]),
    ("nombre", "x" * 151),
    ("nombre", "a\nb"),
    ("nombre", "a\x00b"),
    ("nombre", "a\ud800b"),
    ("email", ""),
    ("email", None),
    ("email", 5),
    ("email", "ana"),
    ("email", "ana@"),
    ("email", "ana@localhost"),
    ("email", "@example.pe"),
    ("email", "ana rosa@example.pe"),
    ("email", "ana@example.pe, rosa@example.pe"),
    ("email", "ana@example.pe\nrosa@example.pe"),
    ("email", "ana@" + ("x" * 60 + ".") * 4 + "example.pe"),
    ("rol", "admin"),
    ("rol", "JEFE"),
    ("rol", ""),
    ("rol", None),
    ("rol", 1),
    ("rol", ["ADMIN"]),
    ("password", None),
    ("password", 1234567890),
    ("password", ["una-nueva-clave"]),
    ("password", ""),
    ("password", "x" * 9),
    ("password", "x" * 129),
    ("password", "una-nueva\nclave"),
    ("password", "una-nueva\x00clave"),
    ("password", "una-nueva\ud800clave"),
    ("passwordHash", "x"),
    ("password_hash", "x"),
    ("id", 1),
    ("version", "x"),
    ("", "x"),
    ("\ud800", "x"),
]

DNIS = [None, 1234567, True, "", "  ", "1234567", "123456789", "1234567a", "١٢٣٤٥٦٧٨", "12345678\x00", "1234567\ud800"]


def put_tecnico(admin: Caller, given: dict[str, Any]) -> TestResponse:
    id = Usuario.get(dni=DNI[Rol.TECNICO]).id
    return admin.put(f"/api/usuarios/{id}", data=json.dumps(given), content_type=JSON)


def post(admin: Caller, given: dict[str, Any]) -> TestResponse:
    return admin.post("/api/usuarios", data=json.dumps({**NEW, **given}), content_type=JSON)


@pytest.mark.parametrize("write", [post, put_tecnico])
@pytest.mark.parametrize(("field", "value", "kept"), ACCEPTED)
def test_a_good_value_is_kept(admin: Caller, write: Any, field: str, value: Any, kept: Any) -> None:
    answer = write(admin, {field: value})
    assert answer.status_code == (201 if write is post else 200), answer.text
    assert answer.json[field] == kept
    assert getattr(Usuario.get_by_id(answer.json["id"]), field) == kept


@pytest.mark.parametrize("write", [post, put_tecnico])
@pytest.mark.parametrize(("field", "value"), REFUSED)
def test_a_bad_value_is_named_and_changes_nothing(
    admin: Caller, stored: Any, write: Any, field: str, value: Any
) -> None:
    before = stored()
    named = "?" if field == "\ud800" else field
    assert_problem(write(admin, {field: value}), 422, "VALIDACION", named)
    assert stored() == before


@pytest.mark.parametrize("dni", DNIS)
def test_a_dni_has_eight_digits(admin: Caller, stored: Any, dni: Any) -> None:
    before = stored()
    assert_problem(post(admin, {"dni": dni}), 422, "VALIDACION", "dni")
    assert stored() == before


@pytest.mark.parametrize("dni", [DNI[Rol.TECNICO], "01234567", None])
def test_a_dni_never_changes(admin: Caller, stored: Any, dni: Any) -> None:
    before = stored()
    assert_problem(put_tecnico(admin, {"dni": dni}), 422, "VALIDACION", "dni")
    assert stored() == before


@pytest.mark.parametrize("vigente", ["true", "false", "", 0, 1, None, []])
def test_vigente_is_true_or_false(admin: Caller, stored: Any, vigente: Any) -> None:
    before = stored()
    assert_problem(put_tecnico(admin, {"vigente": vigente}), 422, "VALIDACION", "vigente")
    assert stored() == before


PASSWORDS = [
    "x" * 10,
    "x" * 128,
    "  con espacios  ",
    "12345678901",
    "a1000000301234567",  # more than the DNI
    "漢字" * 5,
    "🏨" * 64,
]


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_is_taken_as_it_was_typed(admin: Caller, anonimo: Caller, password: str) -> None:
    for write, dni in ((post, NEW["dni"]), (put_tecnico, DNI[Rol.TECNICO])):
        answer = write(admin, {"password": password})
        assert answer.status_code < 300, answer.text
        row = Usuario.get(dni=dni)
        assert row.password_hash.startswith("$argon2id$")
        assert password not in answer.text
        assert row.password_hash not in answer.text
        assert attempt(anonimo, dni, password).status_code == 200
        assert attempt(anonimo, dni, password[:-1]).status_code == 401


@pytest.mark.parametrize(("write", "dni"), [(post, NEW["dni"]), (put_tecnico, DNI[Rol.TECNICO])])
@pytest.mark.parametrize("form", ["  {}{}{}  ", "{}-{}-{}", "{} {} {}", "{}  {}{}", "-{}{}{}-", "{}\u00a0{}\u2013{}"])
def test_a_password_is_not_the_dni_however_it_is_spaced(
    admin: Caller, stored: Any, write: Any, dni: str, form: str
) -> None:
    before = stored()
    password = form.format(dni[:2], dni[2:5], dni[5:])
    assert_problem(write(admin, {"password": password}), 422, "VALIDACION", "password")
    assert stored() == before


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(("password", "accepted"), [("ñ" * 128, True), ("ñ" * 9, False)])
def test_the_length_of_a_password_is_the_same_on_every_keyboard(
    admin: Caller, anonimo: Caller, password: str, accepted: bool, form: Any
) -> None:
    typed = unicodedata.normalize(form, password)
    assert put_tecnico(admin, {"password": typed}).status_code == (200 if accepted else 422)
    assert attempt(anonimo, DNI[Rol.TECNICO], typed).status_code == (200 if accepted else 401)


@pytest.mark.parametrize("body", [[], "x", 1, None, [{"nombre": "Ana"}]])
@pytest.mark.parametrize("call", [("POST", ""), ("PUT", "/1")])
def test_a_body_that_is_no_object_is_refused(admin: Caller, stored: Any, call: tuple[str, str], body: Any) -> None:
    before = stored()
    method, suffix = call
    answer = admin(method, f"/api/usuarios{suffix}", data=json.dumps(body), content_type=JSON)
    assert_problem(answer, 422, "VALIDACION", "")
    assert stored() == before
