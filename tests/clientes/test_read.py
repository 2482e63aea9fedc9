"""GET /api/clientes/{id} and what If-None-Match makes of it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Caller, assert_problem

Make = Callable[..., dict[str, Any]]


def test_a_client_is_read_by_its_id_inactive_ones_too(consulta: Caller, tecnico: Caller, make_cliente: Make) -> None:
    cliente = make_cliente()
    path = f"/api/clientes/{cliente['id']}"
    assert consulta.get(path).json["vigente"] is True
    tecnico.delete(path)
    answer = consulta.get(path)
    assert answer.status_code == 200
    assert answer.json["vigente"] is False
    assert answer.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"x", "{}"', '"x",W/"{}" ', "*"])
def test_a_version_that_still_holds_is_304_with_its_etag(consulta: Caller, make_cliente: Make, form: str) -> None:
    cliente = make_cliente()
    header = {"If-None-Match": form.format(cliente["version"])}
    answer = consulta.get(f"/api/clientes/{cliente['id']}", headers=header)
    assert answer.status_code == 304
    assert answer.data == b""
    assert answer.headers["ETag"] == f'"{cliente["version"]}"'


@pytest.mark.parametrize("header", ['"x"', "", "x,,", '"'])
def test_any_other_version_is_answered_in_full(consulta: Caller, make_cliente: Make, header: str) -> None:
    answer = consulta.get(f"/api/clientes/{make_cliente()['id']}", headers={"If-None-Match": header})
    assert answer.status_code == 200
    assert answer.json["nombre"]


@pytest.mark.parametrize("id", ["0", "999", "9223372036854775807", "9223372036854775808", "1" * 5000])
@pytest.mark.parametrize("call", [("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/restaurar")])
def test_an_id_that_nobody_has_is_404(tecnico: Caller, id: str, call: tuple[str, str]) -> None:
    method, suffix = call
    body = {"json": {}} if method == "PUT" else {}
    assert_problem(tecnico(method, f"/api/clientes/{id}{suffix}", **body), 404, "CLIENTE_NO_ENCONTRADO")


@pytest.mark.parametrize("id", ["-1", "abc", "1.0", "٣", "%00", "1%20", "null", "1e3"])
def test_what_is_no_id_is_no_address(tecnico: Caller, id: str) -> None:
    assert_problem(tecnico.get(f"/api/clientes/{id}"), 404, "NO_ENCONTRADO")
