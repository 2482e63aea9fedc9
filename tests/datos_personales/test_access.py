"""GET /api/clientes/{id}/datos-personales."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from clientes_service.historial import service
from tests.conftest import Caller, assert_problem

Make = Callable[..., dict[str, Any]]


def test_everything_that_is_held_is_shown(oficina: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PAGE_SIZE", 2)
    id = make_cliente()["id"]
    make_cliente()
    for number in range(4):
        oficina.put(f"/api/clientes/{id}", json={"telefono": f"99900{number}"})
    oficina.delete(f"/api/clientes/{id}")
    answer = oficina.get(f"/api/clientes/{id}/datos-personales")
    assert answer.status_code == 200
    assert answer.json.keys() == {"cliente", "historial", "generado"}
    assert answer.json["cliente"] == oficina.get(f"/api/clientes/{id}").json
    assert [line["accion"] for line in answer.json["historial"]] == ["ELIMINADO", *["ACTUALIZADO"] * 4, "CREADO"]
    assert answer.json["historial"][:2] == oficina.get(f"/api/clientes/{id}/historial").json["content"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer.json["generado"])
    assert answer.headers["Cache-Control"] == "no-store"


def test_nothing_is_held_on_a_client_that_does_not_exist(oficina: Caller) -> None:
    assert_problem(oficina.get("/api/clientes/999/datos-personales"), 404, "CLIENTE_NO_ENCONTRADO")
