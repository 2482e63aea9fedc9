"""POST /api/clientes."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from clientes_service.clientes.models import Cliente, Contador
from tests.conftest import EMPRESA, Caller, assert_problem

Make = Callable[..., dict[str, Any]]


def test_a_new_client_is_answered_as_it_is_stored(tecnico: Caller) -> None:
    answer = tecnico.post("/api/clientes", json=EMPRESA)
    assert answer.status_code == 201
    body = answer.json
    assert answer.headers["Location"] == f"/api/clientes/{body['id']}"
    assert answer.headers["ETag"] == f'"{body["version"]}"'
    assert {k: body[k] for k in EMPRESA} == EMPRESA
    assert body["vigente"] is True
    assert body["advertencias"] == []
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["fechaCreacion"])
    assert body["fechaModificacion"] == body["fechaCreacion"]
    read = tecnico.get(answer.headers["Location"])
    assert read.json == {k: v for k, v in body.items() if k != "advertencias"}
    assert read.headers["ETag"] == answer.headers["ETag"]
    row = Cliente.get_by_id(body["id"])
    assert (row.codigo_clave, row.documento_clave) == ("cli0001", "20100070970")
    assert (row.nombre, row.vigente) == (EMPRESA["nombre"], True)


def test_every_write_draws_the_next_number_of_one_epoch(tecnico: Caller, make_cliente: Make) -> None:
    first, second = make_cliente(), make_cliente()
    epoch, number = first["version"].split("-")
    assert second["version"] == f"{epoch}-{int(number) + 1}"
    counter = Contador.get_by_id(1)
    assert (counter.epoca, counter.valor) == (epoch, int(number) + 1)


@pytest.mark.parametrize("codigo", ["CLI0001", "cli0001", "Cli0001"])
@pytest.mark.parametrize("active", [True, False])
def test_a_code_in_use_is_refused_whatever_its_case(tecnico: Caller, stored: Any, codigo: str, active: bool) -> None:
    existing = tecnico.post("/api/clientes", json=EMPRESA).json["id"]
    if not active:
        tecnico.delete(f"/api/clientes/{existing}")
    before = stored()
    answer = tecnico.post("/api/clientes", json={**EMPRESA, "codigoCliente": codigo})
    problem = assert_problem(answer, 409, "CODIGO_DUPLICADO", "codigoCliente")
    assert problem["existenteId"] == existing
    assert stored() == before


def test_ids_grow_also_after_a_refused_create(tecnico: Caller) -> None:
    first = tecnico.post("/api/clientes", json=EMPRESA).json["id"]
    tecnico.post("/api/clientes", json=EMPRESA)
    assert tecnico.post("/api/clientes", json={**EMPRESA, "codigoCliente": "OTRO"}).json["id"] > first
