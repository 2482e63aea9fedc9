"""The short way to JSON gives what the schema's dump gives."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from clientes_service.clientes import rows
from clientes_service.clientes.models import Cliente
from clientes_service.clientes.schemas import Cliente as Schema
from tests.conftest import Caller

Make = Callable[..., dict[str, Any]]

KINDS: list[dict[str, Any]] = [
    {},
    {"nombre": 'Ñandú «S.A.» "x" \\ / \u2028 \U0001f468\u200d\U0001f469 \ufffe', "direccion": None, "telefono": None},
    {"tipoDocumento": "DNI", "numeroDocumento": "00000001", "tipoCliente": "PERSONA"},
    {"email": None, "contactoRepresentante": None, "tipoDocumento": "OTRO", "numeroDocumento": "S/N"},
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("vigente", [True, False])
def test_a_row_is_what_the_schema_dumps(admin: Caller, make_cliente: Make, kind: dict[str, Any], vigente: bool) -> None:
    if kind.get("nombre"):
        kind = {**kind, "nombre": kind["nombre"].replace("\u2028", "")}
    id = make_cliente(**kind)["id"]
    if not vigente:
        admin.delete(f"/api/clientes/{id}")
    expected = Schema().dump(Cliente.get_by_id(id))
    row = rows.find_row(id)
    assert row
    assert rows.as_member(row) == expected
    assert list(rows.as_member(row)) == list(expected) == list(rows.MEMBERS)
    assert json.loads(rows.as_json(row)) == expected
    assert json.loads(rows.page_as_json([row], size=1)) == {"content": [expected], "size": 1}
    assert rows.version_of(row) == expected["version"]
    assert admin.get(f"/api/clientes/{id}").json == expected


def test_there_is_no_row_of_a_client_that_does_not_exist(admin: Caller) -> None:
    assert rows.find_row(999) is None
