"""Idempotency-Key on POST /api/clientes: a request that is sent again is answered again, and done once."""

import json
import random
import string
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from werkzeug.test import TestResponse

from clientes_service import config as settings
from clientes_service import db, idempotency
from clientes_service.app import create_app
from clientes_service.auth.models import Usuario
from clientes_service.auth.roles import Rol
from clientes_service.clientes.models import Cliente, Contador
from clientes_service.historial.service import Linea
from clientes_service.idempotency import DAY, PURGED
from tests.conftest import DNI, EMPRESA, SECRET, Caller, assert_problem
from tests.datos_personales.test_anonimizar import SECRETS

Make = Callable[..., dict[str, Any]]
Stored = Callable[[], dict[str, list[tuple[Any, ...]]]]

KEY = "5f2b7c1e-9d0a-4b7e-8f53-0f6b1c2d3e4f"


def create(caller: Caller, key: str = KEY, **overrides: Any) -> TestResponse:
    return caller.post("/api/clientes", json={**EMPRESA, **overrides}, headers={"Idempotency-Key": key})


def assert_replayed(answer: TestResponse, first: TestResponse) -> None:
    """Assert that an answer is the first one again, and says so."""
    assert (answer.status_code, answer.data) == (first.status_code, first.data) == (201, first.data)
    for name in ("Location", "ETag", "Content-Type", "Cache-Control"):
        assert answer.headers[name] == first.headers[name]
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


def counts() -> tuple[int, int, int, int]:
    """Clients, lines of history, numbered changes and stored answers."""
    [keys] = db.execute("SELECT count(*) FROM idempotencia").fetchone()
    return Cliente.select().count(), Linea.select().count(), Contador.get().valor, keys


def age(seconds: int) -> None:
    """Let all stored answers be older."""
    db.execute("UPDATE idempotencia SET creado = creado - ?", (seconds,))


def test_a_first_request_is_answered_and_stored_as_one_without_a_key(tecnico: Caller) -> None:
    answer = create(tecnico)
    body = answer.json
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/clientes/{body['id']}"
    assert answer.headers["ETag"] == f'"{body["version"]}"'
    assert {name: body[name] for name in EMPRESA} == EMPRESA
    assert tecnico.get(answer.headers["Location"]).json == {k: v for k, v in body.items() if k != "advertencias"}
    assert counts() == (1, 1, 1, 1)


def test_the_same_request_again_gets_the_same_answer_and_changes_nothing(tecnico: Caller, stored: Stored) -> None:
    first = create(tecnico)
    before = stored()
    for _ in range(2):
        assert_replayed(create(tecnico), first)
    assert stored() == before


def test_without_a_key_nothing_is_stored(tecnico: Caller) -> None:
    assert "Idempotency-Replayed" not in tecnico.post("/api/clientes", json=EMPRESA).headers
    assert_problem(tecnico.post("/api/clientes", json=EMPRESA), 409, "CODIGO_DUPLICADO", "codigoCliente")
    assert counts() == (1, 1, 1, 0)


@pytest.mark.parametrize(
    "written",
    [
        json.dumps(dict(reversed(EMPRESA.items()))),
        json.dumps(EMPRESA, ensure_ascii=False, separators=(",", ":")),
        "\n\t" + json.dumps(EMPRESA, indent=4, sort_keys=True),
    ],
    ids=["other order", "no white space, no escapes", "indented"],
)
def test_the_same_json_in_other_words_is_the_same_body(tecnico: Caller, stored: Stored, written: str) -> None:
    first = create(tecnico)
    before = stored()
    headers = {"Idempotency-Key": KEY, "Content-Type": "application/json"}
    assert_replayed(tecnico.post("/api/clientes", data=written.encode(), headers=headers), first)
    assert stored() == before


@pytest.mark.parametrize(
    "change", [{"nombre": "Otra"}, {"codigoCliente": "OTRO"}, {"nombre": EMPRESA["nombre"] + " "}, {"email": None}]
)
def test_another_body_under_the_key_is_refused(tecnico: Caller, stored: Stored, change: dict[str, Any]) -> None:
    first = create(tecnico)
    before = stored()
    refused = create(tecnico, **change)
    assert_problem(refused, 422, "IDEMPOTENCIA_DISTINTA")
    assert refused.json["existenteId"] == first.json["id"]
    assert stored() == before
    assert_replayed(create(tecnico), first)


def test_a_body_that_lacks_an_optional_field_is_another_one(tecnico: Caller, stored: Stored) -> None:
    create(tecnico)
    before = stored()
    shorter = {name: value for name, value in EMPRESA.items() if name != "email"}
    answer = tecnico.post("/api/clientes", json=shorter, headers={"Idempotency-Key": KEY})
    assert_problem(answer, 422, "IDEMPOTENCIA_DISTINTA")
    assert stored() == before


@pytest.mark.parametrize("key", ["!", "~", "a" * 255, string.ascii_letters + string.digits + string.punctuation])
def test_a_key_is_any_printable_ascii_without_spaces(tecnico: Caller, stored: Stored, key: str) -> None:
    first = create(tecnico, key)
    before = stored()
    assert_replayed(create(tecnico, key), first)
    assert stored() == before


@pytest.mark.parametrize("key", ["", "a" * 256, "a b", " ", "a\tb", "ñ", "a\x01", "\x7f", "a\x00", "\xa0"])
def test_what_is_no_key_is_refused(tecnico: Caller, stored: Stored, key: str) -> None:
    before = stored()
    assert_problem(create(tecnico, key), 400, "IDEMPOTENCIA_INVALIDA")
    assert stored() == before


def test_keys_that_differ_in_case_are_two(tecnico: Caller) -> None:
    assert create(tecnico, "k").status_code == 201
    assert create(tecnico, "K", codigoCliente="OTRO").status_code == 201
    assert counts() == (2, 2, 2, 2)


def test_a_key_belongs_to_its_user(tecnico: Caller, oficina: Caller, stored: Stored) -> None:
    one, two = create(tecnico), create(oficina, codigoCliente="OTRO")
    assert (one.status_code, two.status_code) == (201, 201)
    assert one.json["id"] != two.json["id"]
    before = stored()
    assert_replayed(create(tecnico), one)
    assert_replayed(create(oficina, codigoCliente="OTRO"), two)
    assert stored() == before


def test_a_key_outlives_its_session(sign_in: Callable[[Rol], Caller], tecnico: Caller) -> None:
    first = create(tecnico)
    tecnico.post("/auth/logout")
    assert_replayed(create(sign_in(Rol.TECNICO)), first)


def test_an_error_is_not_stored_and_leaves_the_key_free(tecnico: Caller, make_cliente: Make, stored: Stored) -> None:
    taken = make_cliente()["codigoCliente"]
    before = stored()
    assert_problem(create(tecnico, codigoCliente=taken), 409, "CODIGO_DUPLICADO", "codigoCliente")
    assert_problem(create(tecnico, nombre=""), 422, "VALIDACION", "nombre")
    assert stored() == before
    first = create(tecnico, codigoCliente="LIBRE")
    assert first.status_code == 201
    assert_replayed(create(tecnico, codigoCliente="LIBRE"), first)


@pytest.mark.parametrize("codigo", ["ocupado", "OCUPADO"])
def test_a_taken_code_is_told_under_a_key_as_without(tecnico: Caller, make_cliente: Make, codigo: str) -> None:
    existing = make_cliente(codigoCliente="Ocupado")
    plain = tecnico.post("/api/clientes", json={**EMPRESA, "codigoCliente": codigo})
    keyed = assert_problem(create(tecnico, codigoCliente=codigo), 409, "CODIGO_DUPLICADO", "codigoCliente")
    assert keyed["existenteId"] == existing["id"]
    assert {**keyed, "requestId": ""} == {**plain.json, "requestId": ""}


def test_key_client_and_history_are_one_transaction(
    tecnico: Caller, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is stored last; where that fails, nothing of the rest stays."""
    before = stored()
    with monkeypatch.context() as broken:
        broken.setattr(idempotency, "KEEP", "INSERT INTO nada VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        assert_problem(create(tecnico), 500, "ERROR_INTERNO")
    assert stored() == before
    assert create(tecnico).status_code == 201


def test_a_replay_says_what_was_true_then(tecnico: Caller, make_cliente: Make, stored: Stored) -> None:
    other = make_cliente()
    first = create(tecnico, contactoRepresentante=None)
    codes = [warning["codigo"] for warning in first.json["advertencias"]]
    assert codes == ["DOCUMENTO_REPETIDO", "REPRESENTANTE_RECOMENDADO"]
    tecnico.delete(f"/api/clientes/{other['id']}")
    tecnico.put(first.headers["Location"], json={"nombre": "Otro", "contactoRepresentante": "Ana"})
    tecnico.delete(first.headers["Location"])
    before = stored()
    assert_replayed(create(tecnico, contactoRepresentante=None), first)
    assert stored() == before


@pytest.mark.parametrize(
    ("rol", "vigente", "status", "code"),
    [("CONSULTA", True, 403, "SIN_PERMISO"), ("TECNICO", False, 401, "NO_AUTENTICADO")],
)
def test_who_may_no_longer_write_gets_no_replay(
    tecnico: Caller, stored: Stored, rol: str, vigente: bool, status: int, code: str
) -> None:
    create(tecnico)
    Usuario.update(rol=rol, vigente=vigente).where(Usuario.dni == DNI[Rol.TECNICO]).execute()
    before = stored()
    assert_problem(create(tecnico), status, code)
    assert stored() == before


# --- How long


def test_a_key_counts_for_seven_days(tecnico: Caller) -> None:
    first = create(tecnico)
    age(7 * DAY - 60)
    assert_replayed(create(tecnico), first)


def test_an_older_key_is_a_new_one(tecnico: Caller, stored: Stored) -> None:
    create(tecnico)
    age(7 * DAY + 1)
    before = stored()
    assert_problem(create(tecnico), 409, "CODIGO_DUPLICADO", "codigoCliente")
    assert stored() == before
    second = create(tecnico, codigoCliente="SEGUNDO")
    assert second.status_code == 201
    assert "Idempotency-Replayed" not in second.headers
    assert counts() == (2, 2, 2, 1)
    assert_replayed(create(tecnico, codigoCliente="SEGUNDO"), second)


class TestDays:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "CLIENTES_IDEMPOTENCY_DAYS": "1"}

    def test_the_setting_says_for_how_many(self, tecnico: Caller) -> None:
        first = create(tecnico)
        age(DAY - 60)
        assert_replayed(create(tecnico), first)
        age(61)
        assert_problem(create(tecnico), 409, "CODIGO_DUPLICADO", "codigoCliente")


def test_old_answers_go_some_at_a_time_and_only_old_ones(tecnico: Caller, oficina: Caller) -> None:
    create(tecnico, "vieja")
    age(7 * DAY + 1)
    kept = create(oficina, "nueva", codigoCliente="NUEVA")
    assert counts()[3] == 1
    with db.transaction():
        old = [("1", "crear", f"k{n}", "x", 201, "{}", 1, n) for n in range(PURGED + 20)]
        columns = ("usuario", "ambito", "clave", "huella", "status", "cuerpo", "cliente_id", "creado")
        db.insert_rows("idempotencia", columns, old)
    assert counts()[3] == PURGED + 21
    create(tecnico, codigoCliente="OTRA")
    assert counts()[3] == 20 + 2
    create(tecnico, "otra", codigoCliente="OTRA-MAS")
    assert counts()[3] == 3
    assert_replayed(create(oficina, "nueva", codigoCliente="NUEVA"), kept)


# --- A person's data


def test_after_erasure_a_repeated_key_gets_the_erased_client(admin: Caller, tecnico: Caller, stored: Stored) -> None:
    first = create(tecnico, **SECRETS)
    other = create(tecnico, "otra", codigoCliente="OTRO")
    erased = admin.post(f"{first.headers['Location']}/anonimizar")
    before = stored()
    everything = repr(before)
    for secret in (*SECRETS.values(), "Zacar", "09081726"):
        assert secret in ("PERSONA", "DNI") or secret not in everything
    answer = create(tecnico, **SECRETS)
    assert (answer.status_code, answer.json) == (201, {**erased.json, "advertencias": []})
    assert answer.headers["Location"] == first.headers["Location"]
    assert answer.headers["ETag"] == erased.headers["ETag"]
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert_replayed(create(tecnico, "otra", codigoCliente="OTRO"), other)
    assert stored() == before


def test_after_erasure_nobody_can_try_guesses_at_the_data(admin: Caller, tecnico: Caller, stored: Stored) -> None:
    first = create(tecnico, **SECRETS)
    [huella] = db.execute("SELECT huella FROM idempotencia").fetchone()
    admin.post(f"{first.headers['Location']}/anonimizar")
    before = stored()
    assert huella not in repr(before)
    right, wrong = create(tecnico, **SECRETS), create(tecnico, **{**SECRETS, "telefono": "952 000 111"})
    assert right.data == wrong.data
    assert stored() == before


def test_a_refused_erasure_leaves_stored_answers_as_they_are(admin: Caller, tecnico: Caller) -> None:
    first = create(tecnico)
    answer = admin.post(f"{first.headers['Location']}/anonimizar", headers={"If-Match": '"otra"'})
    assert_problem(answer, 412, "VERSION_OBSOLETA")
    assert_replayed(create(tecnico), first)


# --- Users of another system


@pytest.fixture
def external(environ: dict[str, str], app: Any) -> Callable[[str], Caller]:
    """Callers with a token of another issuer, by their subject, on the database of the application under test."""
    other = create_app(settings.load({**environ, "CLIENTES_AUTH": "external"}))

    def caller(sub: str) -> Caller:
        claims = {"sub": sub, "rol": "TECNICO", "exp": 4_000_000_000}
        return Caller(other, jwt.encode(claims, SECRET, algorithm="HS256"))

    return caller


def test_a_subject_is_apart_from_a_user_with_that_number(
    tecnico: Caller, external: Callable[[str], Caller], stored: Stored
) -> None:
    first = create(tecnico)
    number = Usuario.get(Usuario.dni == DNI[Rol.TECNICO]).id
    second = create(external(str(number)), codigoCliente="OTRO")
    third = create(external("ana@example.pe"), codigoCliente="TERCERO")
    assert (second.status_code, third.status_code) == (201, 201)
    before = stored()
    assert_replayed(create(tecnico), first)
    assert_replayed(create(external(str(number)), codigoCliente="OTRO"), second)
    assert_replayed(create(external("ana@example.pe"), codigoCliente="TERCERO"), third)
    assert stored() == before


def test_a_subject_may_be_longer_than_an_index_takes(external: Callable[[str], Caller]) -> None:
    rng = random.Random(1)
    sub = "".join(rng.choice(string.ascii_letters) for _ in range(5000))
    first = create(external(sub))
    assert first.status_code == 201, first.text
    assert_replayed(create(external(sub)), first)
    assert create(external(sub + "x"), codigoCliente="OTRO").status_code == 201
