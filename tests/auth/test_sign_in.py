"""POST /auth."""

import json
import time
import unicodedata
from typing import Any

import argon2
import pytest

from clientes_service.auth.models import Intento, Sesion, Usuario
from clientes_service.auth.roles import Rol
from tests.auth.conftest import WRONG, attempt
from tests.conftest import DNI, PASSWORD, Caller, assert_problem

JSON = "application/json"  # written by json.dumps, which escapes lone surrogates as a careless phone would
UNKNOWN = "99999999"
GOOD = {"dni": DNI[Rol.TECNICO], "password": PASSWORD}


@pytest.fixture
def inactive() -> str:
    """The DNI of a user who was deactivated."""
    Usuario.update(vigente=False).where(Usuario.dni == DNI[Rol.CONSULTA]).execute()
    return DNI[Rol.CONSULTA]


@pytest.mark.parametrize("rol", list(Rol))
def test_a_user_gets_a_pair_of_tokens_and_a_session(anonimo: Caller, rol: Rol) -> None:
    answer = attempt(anonimo, DNI[rol])
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json
    access, refresh = body.pop("token"), body.pop("refreshToken")
    assert body == {
        "expiraEn": 900,
        "nombre": f"Usuario {rol}",
        "email": f"{rol.lower()}@example.pe",
        "rol": rol,
    }
    assert Caller(anonimo.app, access).get("/api/clientes").status_code == 200
    assert Caller(anonimo.app, refresh).post("/auth/refresh").status_code == 200
    sesion = Sesion.get()
    assert (Sesion.select().count(), sesion.usuario.dni, sesion.generacion) == (1, DNI[rol], 1)
    assert 0 <= sesion.expira - time.time() - 30 * 24 * 3600 + 60 <= 61
    assert Intento.select().count() == 0


def test_each_sign_in_opens_a_session_of_its_own(anonimo: Caller) -> None:
    for _ in range(2):
        attempt(anonimo, DNI[Rol.TECNICO])
    assert Sesion.select().count() == 2


def test_signing_in_clears_away_expired_sessions(anonimo: Caller, tecnico: Caller, oficina: Caller) -> None:
    Sesion.update(expira=int(time.time()) - 1).where(Sesion.usuario == Usuario.get(dni=DNI[Rol.OFICINA])).execute()
    attempt(anonimo, DNI[Rol.TECNICO])
    assert [sesion.usuario.dni for sesion in Sesion.select()] == [DNI[Rol.TECNICO]] * 2


def test_every_reason_to_refuse_looks_the_same(anonimo: Caller, inactive: str, stored: Any) -> None:
    before, bodies = stored(), []
    for dni, password in ((UNKNOWN, PASSWORD), (DNI[Rol.TECNICO], WRONG), (inactive, PASSWORD)):
        answer = attempt(anonimo, dni, password)
        body = assert_problem(answer, 401, "CREDENCIALES_INVALIDAS")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="clientes"'
        bodies.append({k: v for k, v in body.items() if k != "requestId"})
    assert bodies[0] == bodies[1] == bodies[2]
    assert Sesion.select().count() == 0
    assert stored() == before


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[argon2.Parameters]:
    """The cost of every argon2 verification, as it happens."""
    costs: list[argon2.Parameters] = []
    verify = argon2.PasswordHasher.verify

    def count(self: argon2.PasswordHasher, hash: str, password: str) -> bool:
        costs.append(argon2.extract_parameters(hash))
        return verify(self, hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", count)
    return costs


def test_every_attempt_costs_one_hash(anonimo: Caller, inactive: str, verified: list[argon2.Parameters]) -> None:
    for dni, password in (
        (DNI[Rol.TECNICO], PASSWORD),
        (DNI[Rol.TECNICO], WRONG),
        (UNKNOWN, PASSWORD),
        (inactive, PASSWORD),
    ):
        attempt(anonimo, dni, password)
    assert len(verified) == 4
    assert len(set(map(repr, verified))) == 1


def test_nobody_can_sign_in_with_the_password_of_those_who_do_not_exist(anonimo: Caller, inactive: str) -> None:
    for dni in (UNKNOWN, inactive):
        answer = attempt(anonimo, dni, "nobody has this password")
        assert_problem(answer, 401, "CREDENCIALES_INVALIDAS")


@pytest.mark.parametrize("change", [{"vigente": False}, {"password_hash": "$argon2id$another"}])
def test_no_session_outlives_what_came_in_between(
    anonimo: Caller, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    verify = argon2.PasswordHasher.verify

    def verify_slowly(self: argon2.PasswordHasher, hash: str, password: str) -> bool:
        Usuario.update(change).execute()
        return verify(self, hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify_slowly)
    assert_problem(attempt(anonimo, DNI[Rol.TECNICO]), 401, "CREDENCIALES_INVALIDAS")
    assert Sesion.select().count() == 0


@pytest.mark.parametrize("typed", [f" {PASSWORD}", f"{PASSWORD} ", PASSWORD.upper(), PASSWORD[:-1]])
def test_a_password_is_taken_as_it_was_typed(anonimo: Caller, typed: str) -> None:
    assert_problem(attempt(anonimo, DNI[Rol.TECNICO], typed), 401, "CREDENCIALES_INVALIDAS")


@pytest.mark.parametrize(
    "chosen", ["  con espacios  ", "ñandú-ñandú", "nandu\u0301-n\u0303andu\u0301", "漢字" * 8, "x" * 128]
)
@pytest.mark.parametrize("form", ["{}", "NFC", "NFD"])
def test_a_password_is_the_same_on_every_keyboard(anonimo: Caller, admin: Caller, chosen: str, form: Any) -> None:
    id = Usuario.get(dni=DNI[Rol.TECNICO]).id
    assert admin.put(f"/api/usuarios/{id}", json={"password": chosen}).status_code == 200
    typed = chosen if form == "{}" else unicodedata.normalize(form, chosen)
    assert attempt(anonimo, DNI[Rol.TECNICO], typed).status_code == 200


@pytest.mark.parametrize("typed", ["1000 0003", "1000-0003", " 10000003 ", "10\u201300\u00a00003"])
def test_a_dni_may_be_spaced_or_hyphened(anonimo: Caller, typed: str) -> None:
    assert attempt(anonimo, typed).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dni", None),
        ("dni", 10000003),
        ("dni", True),
        ("dni", ["10000003"]),
        ("dni", ""),
        ("dni", "   "),
        ("dni", "1000000"),
        ("dni", "100000030"),
        ("dni", "1000000a"),
        ("dni", "١٠٠٠٠٠٠٣"),
        ("dni", "1" * 129),
        ("dni", "1000000\ud800"),
        ("dni", "10000003\x00"),
        ("password", None),
        ("password", 12345678901),
        ("password", False),
        ("password", {"a": 1}),
        ("password", ""),
        ("password", "x" * 129),
        ("password", f"{PASSWORD}\ud800"),
        ("password", f"{PASSWORD}\x00"),
        ("password", f"{PASSWORD}\n"),
        ("usuario", "x"),
        ("id", 1),
        ("refresh_token", "x"),
    ],
)
def test_a_malformed_attempt_names_the_field_and_is_not_counted(anonimo: Caller, field: str, value: Any) -> None:
    body = json.dumps({**GOOD, field: value})
    assert_problem(anonimo.post("/auth", data=body, content_type=JSON), 422, "VALIDACION", field)
    assert (Sesion.select().count(), Intento.select().count()) == (0, 0)


@pytest.mark.parametrize("field", ["dni", "password"])
def test_nothing_may_be_missing(anonimo: Caller, field: str) -> None:
    body = {k: v for k, v in GOOD.items() if k != field}
    assert_problem(anonimo.post("/auth", json=body), 422, "VALIDACION", field)
    assert_problem(anonimo.post("/auth", json={}), 422, "VALIDACION", "dni", "password")


@pytest.mark.parametrize("body", [[], "x", 1, None, [GOOD]])
def test_a_body_that_is_no_object_is_refused(anonimo: Caller, body: Any) -> None:
    assert_problem(anonimo.post("/auth", data=json.dumps(body), content_type=JSON), 422, "VALIDACION", "")


def test_a_form_is_not_json(anonimo: Caller) -> None:
    assert_problem(anonimo.post("/auth", data=GOOD), 415, "TIPO_NO_SOPORTADO")


@pytest.mark.parametrize("header", ["Bearer garbage", "Basic eDp5", "Bearer"])
def test_whatever_token_is_sent_along_does_not_matter(anonimo: Caller, header: str) -> None:
    assert attempt(anonimo, DNI[Rol.TECNICO], headers={"Authorization": header}).status_code == 200
