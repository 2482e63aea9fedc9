"""POST /api/clientes/lote: each write as the single call would do it, in order, and each with a key."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from clientes_service import db
from clientes_service.auth.roles import Rol
from clientes_service.clientes import service as clientes
from clientes_service.clientes.models import Cliente, Contador
from clientes_service.db import postgres, sqlite
from clientes_service.historial.service import Linea
from clientes_service.lote.schemas import MOST_OPERATIONS
from tests.conftest import EMPRESA, Caller, assert_problem
from tests.datos_personales.test_anonimizar import SECRETS

Make = Callable[..., dict[str, Any]]
Stored = Callable[[], dict[str, list[tuple[Any, ...]]]]

LOTE = "/api/clientes/lote"


def post(caller: Caller, body: Any) -> TestResponse:
    """Send a body as JSON in ASCII, so that it may hold anything."""
    return caller.post(LOTE, data=json.dumps(body), content_type="application/json")


def send(caller: Caller, *operaciones: Any) -> list[dict[str, Any]]:
    """The results of a batch, which is answered with 200."""
    answer = post(caller, {"operaciones": operaciones})
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "application/json"
    assert answer.json.keys() == {"resultados"}
    found: list[dict[str, Any]] = answer.json["resultados"]
    assert len(found) == len(operaciones)
    return found


def crear(clave: str, **overrides: Any) -> dict[str, Any]:
    return {"clave": clave, "op": "crear", "datos": {**EMPRESA, "codigoCliente": clave.upper(), **overrides}}


def actualizar(clave: str, id: Any, **datos: Any) -> dict[str, Any]:
    return {"clave": clave, "op": "actualizar", "id": id, "datos": datos}


def eliminar(clave: str, id: Any, **others: Any) -> dict[str, Any]:
    return {"clave": clave, "op": "eliminar", "id": id, **others}


def restaurar(clave: str, id: Any, **others: Any) -> dict[str, Any]:
    return {"clave": clave, "op": "restaurar", "id": id, **others}


def statuses(results: list[dict[str, Any]]) -> list[int]:
    return [result["status"] for result in results]


def codes(results: list[dict[str, Any]]) -> list[str | None]:
    """The error code of each result, None for a success."""
    return [(result["cuerpo"] or {}).get("code") for result in results]


def keys() -> int:
    [count] = db.execute("SELECT count(*) FROM idempotencia").fetchone()
    return int(count)


# --- What is done


def test_every_op_is_done_in_order(tecnico: Caller, make_cliente: Make) -> None:
    id = make_cliente()["id"]
    results = send(
        tecnico,
        crear("a"),
        actualizar("b", id, nombre="Otra"),
        eliminar("c", id),
        restaurar("d", id),
        actualizar("e", id, telefono=None),
    )
    assert [result["clave"] for result in results] == ["a", "b", "c", "d", "e"]
    assert statuses(results) == [201, 200, 204, 200, 200]
    assert all(result.keys() == {"clave", "status", "cuerpo"} for result in results)
    assert results[2]["cuerpo"] is None
    created, last = results[0]["cuerpo"], results[4]["cuerpo"]
    assert (created["codigoCliente"], created["vigente"]) == ("A", True)
    assert [warning["codigo"] for warning in created["advertencias"]] == ["DOCUMENTO_REPETIDO"]
    assert (last["nombre"], last["telefono"], last["vigente"]) == ("Otra", None, True)
    for body in (created, last):
        del body["advertencias"]
        assert tecnico.get(f"/api/clientes/{body['id']}").json == body
    row = Cliente.get_by_id(id)
    assert (row.nombre, row.telefono, row.vigente) == ("Otra", None, True)
    assert (Linea.select().count(), Contador.get().valor, keys()) == (6, 6, 5)


def test_the_history_says_that_it_came_in_a_batch(tecnico: Caller, oficina: Caller, make_cliente: Make) -> None:
    made = make_cliente()
    [created, *_] = send(
        tecnico, crear("a"), actualizar("b", made["id"], nombre="Otra"), eliminar("c", made["id"]),
        restaurar("d", made["id"]),
    )  # fmt: skip
    lines = oficina.get(f"/api/clientes/{made['id']}/historial").json["content"]
    assert [(line["accion"], line["origen"]) for line in lines] == [
        ("RESTAURADO", "lote"), ("ELIMINADO", "lote"), ("ACTUALIZADO", "lote"), ("CREADO", "api"),
    ]  # fmt: skip
    [line] = oficina.get(f"/api/clientes/{created['cuerpo']['id']}/historial").json["content"]
    assert (line["accion"], line["origen"], line["usuario"]["nombre"]) == ("CREADO", "lote", "Usuario TECNICO")


def test_an_empty_batch_is_answered_with_no_results(tecnico: Caller, stored: Stored) -> None:
    before = stored()
    assert send(tecnico) == []
    assert stored() == before


def alike(body: dict[str, Any]) -> dict[str, Any]:
    """A client without what is its own."""
    return {name: body[name] for name in body.keys() - OWN}


OWN = {"id", "version", "fechaCreacion", "fechaModificacion", "codigoCliente", "numeroDocumento"}
CHANGES = [
    {},
    {"telefono": "+51 952 000 111", "email": None},
    {"nombre": "  Botica   Sol  "},
    {"contactoRepresentante": ""},
    {"tipoDocumento": "OTRO"},
]


@pytest.mark.parametrize("datos", CHANGES)
def test_a_good_write_answers_as_the_single_call(tecnico: Caller, make_cliente: Make, datos: dict[str, Any]) -> None:
    one, two = make_cliente(numeroDocumento="20100070970"), make_cliente(numeroDocumento="20100047218")
    path = f"/api/clientes/{one['id']}"
    new = {**EMPRESA, **datos}
    single = [
        tecnico.post("/api/clientes", json={**new, "codigoCliente": "N1", "numeroDocumento": "20512333797"}),
        tecnico.put(path, json=datos),
        tecnico.delete(path),
        tecnico.delete(path),
        tecnico.post(f"{path}/restaurar"),
        tecnico.post(f"{path}/restaurar"),
    ]
    results = send(
        tecnico,
        {"clave": "1", "op": "crear", "datos": {**new, "codigoCliente": "N2", "numeroDocumento": "20131312955"}},
        {"clave": "2", "op": "actualizar", "id": two["id"], "datos": datos},
        eliminar("3", two["id"]),
        eliminar("4", two["id"]),
        restaurar("5", two["id"]),
        restaurar("6", two["id"]),
    )
    assert statuses(results) == [answer.status_code for answer in single] == [201, 200, 204, 204, 200, 200]
    for result, answer in zip(results, single, strict=True):
        if answer.status_code == 204:
            assert result["cuerpo"] is None
        else:
            assert list(result["cuerpo"]) == list(answer.json)
            assert alike(result["cuerpo"]) == alike(answer.json)


def bad_writes(one: dict[str, Any], gone: dict[str, Any], erased: dict[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """An item, and the single call that asks for the same: method, path, body and version."""
    stale = f"{one['version'].split('-')[0]}-0"
    documents = [
        {}, {"nombre": "x"}, {**EMPRESA, "nombre": ""}, {**EMPRESA, "id": 5}, {**EMPRESA, "x\ud800": 1},
        {**EMPRESA, "numeroDocumento": "1"}, {**EMPRESA, "codigoCliente": one["codigoCliente"].lower()},
        {**EMPRESA, "codigoCliente": gone["codigoCliente"]}, {**EMPRESA, "email": 5, "telefono": "x", "nombre": None},
        [], [1], "x", 5, 1.5, True,
    ]  # fmt: skip
    for datos in documents:
        yield {"op": "crear", "datos": datos}, ("POST", ""), (datos, None)
    changes = [
        *documents[2:6], *documents[7:9], {"version": "1"}, {"vigente": True}, {"numeroDocumento": "01234567"},
        {"tipoDocumento": "DNI"}, {"nombre": "\u0000"}, [], "x", True,
    ]  # fmt: skip
    for datos in changes:
        yield {"op": "actualizar", "id": one["id"], "datos": datos}, ("PUT", f"/{one['id']}"), (datos, None)
    datos = {"nombre": "Otra"}
    for id in (999, 0, 2**63 - 1, erased["id"]):
        yield {"op": "actualizar", "id": id, "datos": datos}, ("PUT", f"/{id}"), (datos, None)
        yield {"op": "restaurar", "id": id}, ("POST", f"/{id}/restaurar"), (None, None)
    yield {"op": "eliminar", "id": 999}, ("DELETE", "/999"), (None, None)
    for version in (stale, "", "*x", "é"):
        match = (None, version)
        yield {"op": "eliminar", "id": one["id"], "version": version}, ("DELETE", f"/{one['id']}"), match
        yield {"op": "restaurar", "id": gone["id"], "version": version}, ("POST", f"/{gone['id']}/restaurar"), match
        yield (
            {"op": "actualizar", "id": one["id"], "version": version, "datos": datos},
            ("PUT", f"/{one['id']}"),
            (datos, version),
        )


def test_each_bad_write_answers_as_the_single_call_and_changes_nothing(
    tecnico: Caller, admin: Caller, make_cliente: Make, stored: Stored
) -> None:
    one, gone, erased = make_cliente(), make_cliente(), make_cliente()
    tecnico.delete(f"/api/clientes/{gone['id']}")
    admin.post(f"/api/clientes/{erased['id']}/anonimizar")
    before = stored()
    seen = set()
    for number, (item, (method, path), (body, version)) in enumerate(bad_writes(one, gone, erased)):
        given: dict[str, Any] = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        single = tecnico(method, f"/api/clientes{path}", headers=headers, **given)
        assert single.status_code >= 400, item
        [result] = send(tecnico, {"clave": str(number), **item})
        assert result.keys() == {"clave", "status", "cuerpo"}
        assert (result["clave"], result["status"]) == (str(number), single.status_code), item
        assert {**result["cuerpo"], "requestId": ""} == {**single.json, "requestId": ""}, item
        seen.add(result["cuerpo"]["code"])
    assert stored() == before
    assert seen == {
        "VALIDACION",
        "CODIGO_DUPLICADO",
        "CLIENTE_NO_ENCONTRADO",
        "CLIENTE_ANONIMIZADO",
        "VERSION_OBSOLETA",
    }


def test_a_taken_code_names_its_client_and_a_stale_version_shows_the_current_one(
    tecnico: Caller, make_cliente: Make
) -> None:
    one, two = make_cliente(), make_cliente()
    tecnico.put(f"/api/clientes/{one['id']}", json={"nombre": "Nueva"})
    taken, stale = send(
        tecnico,
        actualizar("a", two["id"], codigoCliente=one["codigoCliente"]),
        {**actualizar("b", one["id"], nombre="Otra"), "version": one["version"]},
    )
    assert (taken["status"], taken["cuerpo"]["existenteId"]) == (409, one["id"])
    assert (stale["status"], stale["cuerpo"]["actual"]["nombre"]) == (412, "Nueva")
    assert stale["cuerpo"]["actual"] == tecnico.get(f"/api/clientes/{one['id']}").json


def test_the_problems_name_the_request(tecnico: Caller) -> None:
    answer = tecnico.post(LOTE, json={"operaciones": [None, 5]}, headers={"X-Request-Id": "mio"})
    assert [result["cuerpo"]["requestId"] for result in answer.json["resultados"]] == ["mio", "mio"]


def test_a_version_is_a_precondition_and_what_already_holds_is_a_success(tecnico: Caller, make_cliente: Make) -> None:
    made = make_cliente()
    id, old = made["id"], made["version"]
    [changed] = send(tecnico, {**actualizar("a", id, nombre="Otra"), "version": old})
    assert changed["status"] == 200
    again, refused = send(
        tecnico,
        {**actualizar("b", id, nombre="Otra"), "version": old},
        eliminar("c", id, version=old),
    )
    assert (again["status"], again["cuerpo"]) == (200, changed["cuerpo"])
    assert codes([refused]) == ["VERSION_OBSOLETA"]
    gone = send(tecnico, eliminar("d", id, version=changed["cuerpo"]["version"]), eliminar("e", id, version=old))
    assert statuses(gone) == [204, 204]
    back = send(tecnico, restaurar("f", id, version=old), restaurar("g", id), restaurar("h", id, version=old))
    assert statuses(back) == [412, 200, 200]
    assert back[1]["cuerpo"] == back[2]["cuerpo"]
    assert Linea.select().count() == Contador.get().valor == 4


# --- Bad items


def good(code: str) -> dict[str, Any]:
    return {"op": "crear", "datos": {**EMPRESA, "codigoCliente": code}}


MALFORMED: list[tuple[Any, int, set[str]]] = [
    (None, 422, {""}),
    (5, 422, {""}),
    ("crear", 422, {""}),
    (True, 422, {""}),
    ([], 422, {""}),
    ([good("X")], 422, {""}),
    ({}, 422, {"clave", "op"}),
    (good("X"), 422, {"clave"}),
    ({"clave": None, **good("X")}, 422, {"clave"}),
    ({"clave": 5, **good("X")}, 422, {"clave"}),
    ({"clave": ["a"], **good("X")}, 422, {"clave"}),
    ({"clave": "", **good("X")}, 400, set()),
    ({"clave": "a b", **good("X")}, 400, set()),
    ({"clave": "a" * 256, **good("X")}, 400, set()),
    ({"clave": "ñ", **good("X")}, 400, set()),
    ({"clave": "a\ud800", **good("X")}, 400, set()),
    ({"clave": "a\x00", **good("X")}, 400, set()),
    ({"clave": "k"}, 422, {"op"}),
    ({"clave": "k", "op": None, "datos": EMPRESA}, 422, {"op"}),
    ({"clave": "k", "op": 5, "datos": EMPRESA}, 422, {"op"}),
    ({"clave": "k", "op": "CREAR", "datos": EMPRESA}, 422, {"op"}),
    ({"clave": "k", "op": "anonimizar", "id": 1}, 422, {"op"}),
    ({"clave": "k", "op": "\ud800", "id": 1}, 422, {"op"}),
    ({"clave": "k", **good("X"), "otro": 1}, 422, {"otro"}),
    ({"clave": "k", **good("X"), "usuario": 1, "origen": "cli"}, 422, {"usuario", "origen"}),
    ({"clave": "k", **good("X"), "id": 1}, 422, {"id"}),
    ({"clave": "k", **good("X"), "version": "x"}, 422, {"version"}),
    ({"clave": "k", "op": "crear"}, 422, {"datos"}),
    ({"clave": "k", "op": "crear", "datos": None}, 422, {"datos"}),
    ({"clave": "k", "op": "actualizar", "datos": {}}, 422, {"id"}),
    ({"clave": "k", "op": "actualizar", "id": None, "datos": {}}, 422, {"id"}),
    ({"clave": "k", "op": "actualizar"}, 422, {"id", "datos"}),
    ({"clave": "k", "op": "actualizar", "id": 1}, 422, {"datos"}),
    ({"clave": "k", "op": "eliminar"}, 422, {"id"}),
    ({"clave": "k", "op": "eliminar", "id": 1, "datos": {}}, 422, {"datos"}),
    ({"clave": "k", "op": "restaurar", "id": 1, "datos": {"nombre": "x"}}, 422, {"datos"}),
    *(({"clave": "k", "op": "eliminar", "id": id}, 422, {"id"}) for id in ("1", "", 1.0, 1.5, True, [1], {"id": 1})),
    *(({"clave": "k", "op": "eliminar", "id": 1, "version": version}, 422, {"version"}) for version in (1, True, [])),
    ({"clave": "k", "op": "eliminar", "id": -1}, 404, set()),
    ({"clave": "k", "op": "eliminar", "id": -(2**63)}, 404, set()),
]


def test_a_malformed_item_stops_no_other(tecnico: Caller, make_cliente: Make, stored: Stored) -> None:
    make_cliente()
    for item, status, fields in MALFORMED:
        before = stored()
        [result] = send(tecnico, item)
        problem = result["cuerpo"]
        assert (result["status"], problem["status"]) == (status, status), item
        assert {error["field"] for error in problem["errors"]} == fields, item
        assert (
            problem["code"] == {422: "VALIDACION", 400: "IDEMPOTENCIA_INVALIDA", 404: "CLIENTE_NO_ENCONTRADO"}[status]
        )
        assert problem["type"].startswith("/errores/")
        assert stored() == before
    items = [item for item, _, _ in MALFORMED]
    mixed = statuses(send(tecnico, crear("antes"), *items, crear("despues")))
    assert mixed == [201, *(status for _, status, _ in MALFORMED), 201]
    assert Cliente.select().count() == 3


def test_a_result_carries_the_key_as_it_came_or_null(tecnico: Caller) -> None:
    given: list[Any] = [
        5,
        {},
        {"clave": 5},
        {"clave": None},
        {"clave": "a b"},
        {"clave": "ñ"},
        {"clave": "a\ud800\x00"},
    ]
    assert [result["clave"] for result in send(tecnico, *given)] == [None, None, None, None, "a b", "ñ", "a??"]


def test_a_number_beyond_64_bits_is_no_json(tecnico: Caller, stored: Stored) -> None:
    before = stored()
    answer = tecnico.post(LOTE, json={"operaciones": [crear("a"), eliminar("b", 2**63)]})
    assert_problem(answer, 400, "JSON_INVALIDO")
    assert stored() == before


def test_a_defect_in_one_item_is_logged_once_and_stops_no_other(
    tecnico: Caller, stored: Stored, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    record = clientes.historial.record

    def fail_for_one(cliente: Any, *args: Any) -> None:
        if cliente.codigo_cliente == "B":
            raise LookupError("roto")
        record(cliente, *args)

    monkeypatch.setattr(clientes.historial, "record", fail_for_one)
    results = send(tecnico, crear("a"), crear("b"), crear("c"))
    assert (statuses(results), codes(results)) == ([201, 500, 201], [None, "ERROR_INTERNO", None])
    assert "roto" not in repr(results)
    [logged] = caplog.records
    assert logged.exc_info
    assert Cliente.select().count() == Linea.select().count() == Contador.get().valor == keys() == 2
    monkeypatch.undo()
    assert statuses(send(tecnico, crear("b"))) == [201]


# --- The batch as a whole


def test_a_hundred_are_done_and_one_more_is_refused_as_a_whole(tecnico: Caller, stored: Stored) -> None:
    operaciones = [crear(f"k{number}") for number in range(MOST_OPERATIONS + 1)]
    before = stored()
    assert_problem(tecnico.post(LOTE, json={"operaciones": operaciones}), 422, "VALIDACION", "operaciones")
    assert stored() == before
    assert set(statuses(send(tecnico, *operaciones[:100]))) == {201}
    assert Cliente.select().count() == keys() == 100


@pytest.mark.parametrize("operaciones", [None, {}, {"0": crear("a")}, "x", 5, True, crear("a")])
def test_what_is_no_list_is_refused_as_a_whole(tecnico: Caller, stored: Stored, operaciones: Any) -> None:
    before = stored()
    assert_problem(tecnico.post(LOTE, json={"operaciones": operaciones}), 422, "VALIDACION", "operaciones")
    assert stored() == before


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"operaciones"}),
        ({"operaciones": [crear("a")], "parcial": True}, {"parcial"}),
        ([crear("a")], {""}),
        (None, {""}),
        ("x", {""}),
    ],
)
def test_another_body_is_refused_as_a_whole(tecnico: Caller, stored: Stored, body: Any, fields: set[str]) -> None:
    before = stored()
    assert_problem(post(tecnico, body), 422, "VALIDACION", *fields)
    assert stored() == before


def test_a_query_is_refused_as_a_whole(tecnico: Caller, stored: Stored) -> None:
    before = stored()
    answer = tecnico.post(f"{LOTE}?parcial=true", json={"operaciones": [crear("a")]})
    assert_problem(answer, 422, "VALIDACION", "parcial")
    assert stored() == before


def test_a_body_that_is_no_json_or_too_long_is_refused_as_a_whole(tecnico: Caller, stored: Stored) -> None:
    before = stored()
    assert_problem(tecnico.post(LOTE, data=b"{", content_type="application/json"), 400, "JSON_INVALIDO")
    assert_problem(tecnico.post(LOTE, data=b"[]", content_type="text/plain"), 415, "TIPO_NO_SOPORTADO")
    long = {"operaciones": [crear("a"), "x" * 1_000_000]}
    assert_problem(tecnico.post(LOTE, json=long), 413, "CUERPO_DEMASIADO_GRANDE")
    assert stored() == before


@pytest.mark.parametrize("rol", [Rol.TECNICO, Rol.OFICINA, Rol.ADMIN])
def test_whoever_may_write_may_send_a_batch(sign_in: Callable[[Rol], Caller], rol: Rol) -> None:
    assert statuses(send(sign_in(rol), crear("a"))) == [201]


def test_others_may_not(consulta: Caller, anonimo: Caller, stored: Stored) -> None:
    before = stored()
    assert_problem(consulta.post(LOTE, json={"operaciones": [crear("a")]}), 403, "SIN_PERMISO")
    assert_problem(anonimo.post(LOTE, json={"operaciones": [crear("a")]}), 401, "NO_AUTENTICADO")
    assert stored() == before


# --- Keys


def test_a_batch_sent_again_gets_the_same_answers_and_changes_nothing(
    tecnico: Caller, make_cliente: Make, stored: Stored
) -> None:
    one, two = make_cliente(), make_cliente()
    tecnico.delete(f"/api/clientes/{two['id']}")
    batch = (
        crear("a"),
        {**actualizar("b", one["id"], nombre="Otra"), "version": one["version"]},
        eliminar("c", one["id"]),
        restaurar("d", two["id"]),
    )
    first = send(tecnico, *batch)
    assert statuses(first) == [201, 200, 204, 200]
    before = stored()
    assert send(tecnico, *batch) == first
    assert send(tecnico, *reversed(batch)) == first[::-1]
    assert stored() == before


def test_a_replay_says_what_was_true_then(tecnico: Caller, make_cliente: Make, stored: Stored) -> None:
    one, two = make_cliente(), make_cliente()
    tecnico.delete(f"/api/clientes/{two['id']}")
    batch = (crear("a"), actualizar("b", one["id"], nombre="Otra"), restaurar("c", two["id"]), eliminar("d", one["id"]))
    first = send(tecnico, *batch)
    for id in (one["id"], two["id"], first[0]["cuerpo"]["id"]):
        tecnico.post(f"/api/clientes/{id}/restaurar")
        tecnico.put(f"/api/clientes/{id}", json={"nombre": "Después", "numeroDocumento": f"2010007{id:04d}"})
    before = stored()
    assert send(tecnico, *batch) == first
    assert stored() == before
    assert tecnico.get(f"/api/clientes/{one['id']}").json["vigente"] is True


def test_the_same_key_twice_in_a_batch_is_done_once(tecnico: Caller, make_cliente: Make) -> None:
    id = make_cliente()["id"]
    one, same, other, another_op = send(tecnico, crear("k"), crear("k"), crear("k", nombre="Otra"), eliminar("k", id))
    assert (one["status"], same) == (201, one)
    assert codes([other, another_op]) == ["IDEMPOTENCIA_DISTINTA"] * 2
    assert statuses([other, another_op]) == [422, 422]
    assert Cliente.get_by_id(id).vigente
    assert Cliente.select().count() == 2
    assert keys() == 1


@pytest.mark.parametrize("change", [{"id": 2}, {"version": "x"}, {"version": None}, {"op": "restaurar"}])
def test_the_same_key_for_something_else_is_refused(
    tecnico: Caller, make_cliente: Make, stored: Stored, change: dict[str, Any]
) -> None:
    assert [make_cliente()["id"] for _ in range(2)] == [1, 2]
    assert statuses(send(tecnico, eliminar("k", 1))) == [204]
    before = stored()
    assert codes(send(tecnico, {**eliminar("k", 1), **change})) == ["IDEMPOTENCIA_DISTINTA"]
    assert stored() == before


def test_keys_of_batches_are_apart_from_those_of_the_header(tecnico: Caller) -> None:
    header = {"Idempotency-Key": "k"}
    single = tecnico.post("/api/clientes", json={**EMPRESA, "codigoCliente": "UNO"}, headers=header)
    [result] = send(tecnico, crear("k"))
    assert (single.status_code, result["status"]) == (201, 201)
    assert (
        tecnico.post("/api/clientes", json=crear("k")["datos"], headers=header).json["code"] == "IDEMPOTENCIA_DISTINTA"
    )
    assert send(tecnico, crear("k")) == [result]
    assert Cliente.select().count() == keys() == 2


def test_a_key_belongs_to_its_user(tecnico: Caller, oficina: Caller, make_cliente: Make) -> None:
    id = make_cliente()["id"]
    assert statuses(send(tecnico, actualizar("k", id, nombre="Una"))) == [200]
    assert statuses(send(oficina, actualizar("k", id, nombre="Otra"))) == [200]
    assert Cliente.get_by_id(id).nombre == "Otra"


def test_an_error_leaves_the_key_free(tecnico: Caller, make_cliente: Make) -> None:
    taken = make_cliente()["codigoCliente"]
    assert statuses(send(tecnico, crear("k", codigoCliente=taken), crear("k", codigoCliente="LIBRE"))) == [409, 201]


def test_after_erasure_repeated_keys_get_the_erased_client(admin: Caller, tecnico: Caller, stored: Stored) -> None:
    [created] = send(tecnico, crear("a", **SECRETS))
    id = created["cuerpo"]["id"]
    batch = (
        crear("a", **SECRETS), actualizar("b", id, telefono="951 357 111"), eliminar("c", id), restaurar("d", id),
        eliminar("e", id),
    )  # fmt: skip
    assert statuses(send(tecnico, *batch)) == [201, 200, 204, 200, 204]
    erased = admin.post(f"/api/clientes/{id}/anonimizar").json
    before = stored()
    for secret in (*SECRETS.values(), "Zacar", "951 357"):
        assert secret in ("PERSONA", "DNI") or secret not in repr(before)
    again = send(tecnico, *batch)
    assert statuses(again) == [201, 200, 204, 200, 204]
    expected = {**erased, "advertencias": []}
    assert [result["cuerpo"] for result in again] == [expected, expected, None, expected, None]
    assert stored() == before


# --- A database that is away


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for this before `app`: who waits for the write lock gives up soon."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.5)
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.5)


def test_while_the_database_is_busy_a_batch_waits_once_and_says_when_to_repeat(
    impatient: None, app: Flask, environ: dict[str, str], tecnico: Caller, stored: Stored
) -> None:
    batch = [crear(f"k{number}") for number in range(20)]
    assert statuses(send(tecnico, batch[0])) == [201]
    before = stored()
    other = db.open_engine(environ["DATABASE_URL"])
    with other.writing():
        began = time.monotonic()
        results = send(tecnico, *batch, None)
        waited = time.monotonic() - began
    other.close()
    assert 0.4 < waited < 2
    assert set(statuses(results)) == {503}
    assert {result["reintentarEn"] for result in results} == {2}
    assert set(codes(results)) == {"NO_DISPONIBLE"}
    assert stored() == before
    assert statuses(send(tecnico, *batch, None)) == [201] * 20 + [422]
