"""Pages of a list that are remembered are those that would be read."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from clientes_service.clientes import views
from tests.conftest import Caller

Make = Callable[..., dict[str, Any]]
QUERIES = ["", "?size=2&page=1", "?size=2&sort=nombre,desc&vigente=todos", "?q=botica&tipoCliente=EMPRESA", "?size=50"]


def read(consulta: Caller, query: str) -> tuple[int, bytes, dict[str, str]]:
    """An answer, without what belongs to the request."""
    answer = consulta.get(f"/api/clientes{query}")
    headers = {name: value for name, value in answer.headers if name != "X-Request-Id"}
    return answer.status_code, answer.data, headers


@pytest.mark.parametrize("query", QUERIES)
def test_a_page_is_the_same_when_it_is_remembered(
    consulta: Caller, make_cliente: Make, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Botica Ñ", "Hotel", "Botica B", "Botica A"):
        make_cliente(nombre=name)
    views._pages.clear()
    first = read(consulta, query)
    monkeypatch.setattr(views, "_list", None)  # nobody reads it again
    assert read(consulta, query) == first
    monkeypatch.undo()
    views._pages.clear()
    assert read(consulta, query) == first


def test_a_long_page_is_not_remembered(consulta: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    usual = views._list
    monkeypatch.setattr(views, "_list", lambda *question: asked.append(question) or usual(*question))
    for number in range(25):
        make_cliente(codigoCliente=f"C-{number}", direccion="x" * 150, nombre="Ñ" * 150)
    for size in (25, 25, 10, 10):
        consulta.get(f"/api/clientes?size={size}")
    assert [question[-1] for question in asked] == [25, 25, 10]


def test_any_change_is_seen_in_a_page_that_was_remembered(consulta: Caller, admin: Caller, make_cliente: Make) -> None:
    """Also one that does not touch the clients of that page."""
    id = make_cliente()["id"]
    path = f"/api/clientes/{id}"
    acts: list[Callable[[], Any]] = [
        lambda: admin.put(path, json={"telefono": "952 000 111"}),
        lambda: admin.delete(path),
        lambda: admin.post(f"{path}/restaurar"),
        lambda: make_cliente(),
        lambda: admin.post(f"{path}/anonimizar"),
    ]
    for act in acts:
        before = read(consulta, "?vigente=todos")
        assert read(consulta, "?vigente=todos") == before
        act()
        after = read(consulta, "?vigente=todos")
        assert after[1] != before[1]
        assert after[2]["ETag"] != before[2]["ETag"]
    shown = json.loads(after[1])["content"]
    assert shown[0]["nombre"] == "Cliente anonimizado"
