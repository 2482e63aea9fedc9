"""DELETE /api/clientes/{id} and POST …/restaurar."""

from collections.abc import Callable
from typing import Any

from clientes_service.clientes.models import Cliente
from tests.conftest import Caller

Make = Callable[..., dict[str, Any]]


def test_a_deactivated_client_leaves_the_list_and_keeps_its_row(tecnico: Caller, make_cliente: Make) -> None:
    cliente = make_cliente()
    path = f"/api/clientes/{cliente['id']}"
    answer = tecnico.delete(path)
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert tecnico.get("/api/clientes").json["totalElements"] == 0
    row = Cliente.get_by_id(cliente["id"])
    assert (row.vigente, row.nombre) == (False, cliente["nombre"])
    assert row.version_publica != cliente["version"]


def test_deactivating_twice_changes_once(tecnico: Caller, make_cliente: Make, stored: Any) -> None:
    path = f"/api/clientes/{make_cliente()['id']}"
    tecnico.delete(path)
    before = stored()
    assert tecnico.delete(path).status_code == 204
    assert stored() == before


def test_a_restored_client_is_back_in_the_list(tecnico: Caller, make_cliente: Make) -> None:
    path = f"/api/clientes/{make_cliente()['id']}"
    tecnico.delete(path)
    gone = tecnico.get(path).json
    answer = tecnico.post(f"{path}/restaurar")
    assert answer.status_code == 200
    assert answer.json["vigente"] is True
    assert answer.json["version"] != gone["version"]
    assert answer.headers["ETag"] == f'"{answer.json["version"]}"'
    assert answer.json["advertencias"] == []
    assert tecnico.get("/api/clientes").json["totalElements"] == 1


def test_restoring_an_active_client_changes_nothing(tecnico: Caller, make_cliente: Make, stored: Any) -> None:
    cliente = make_cliente()
    before = stored()
    answer = tecnico.post(f"/api/clientes/{cliente['id']}/restaurar")
    assert (answer.status_code, answer.json["version"]) == (200, cliente["version"])
    assert stored() == before
