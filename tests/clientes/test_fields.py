"""Every field rule, on create and on update alike: what is accepted, how it is stored, what is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from clientes_service.clientes.models import Cliente
from tests.conftest import EMPRESA, Caller, assert_problem

Make = Callable[..., dict[str, Any]]
JSON = "application/json"  # written by json.dumps, which escapes lone surrogates as a careless phone would

ACCEPTED = [
    ("nombre", "  Ana  ", "Ana"),
    ("nombre", "N\u0303ahui", "Ñahui"),
    ("nombre", "x" * 150, "x" * 150),
    ("nombre", "<b>Ñandú & 'Cía', S.A.</b> 🏨", "<b>Ñandú & 'Cía', S.A.</b> 🏨"),
    ("nombre", "فندق", "فندق"),
    ("nombre", "Ana\n", "Ana"),
    ("nombre", "\u200bAna\ufeff \u202c", "Ana"),
    ("nombre", "👩\u200d🔧 Ana", "👩\u200d🔧 Ana"),
    ("tipoCliente", "PERSONA", "PERSONA"),
    ("tipoCliente", "OTRO", "OTRO"),
    ("codigoCliente", "a", "a"),
    ("codigoCliente", " A-1/b_2.c 3 ", "A-1/b_2.c 3"),
    ("codigoCliente", "x" * 50, "x" * 50),
    ("direccion", "x" * 200, "x" * 200),
    ("direccion", "", None),
    ("direccion", "   ", None),
    ("direccion", None, None),
    ("telefono", "+51 (052) 41-1234 #12", "+51 (052) 41-1234 #12"),
    ("telefono", "123456", "123456"),
    ("telefono", "+51\u00a0952\u2011000\u2013111\u200b", "+51 952-000-111"),
    ("telefono", "\u202a952 000 111\u202c", "952 000 111"),
    ("email", "ana@ejemplo.pe\u200b", "ana@ejemplo.pe"),
    ("numeroDocumento", "\u202a20100070970\u202c\u200b", "20100070970"),
    ("numeroDocumento", "20\u204310007097-0", "20100070970"),
    ("telefono", "1" * 30, "1" * 30),
    ("telefono", None, None),
    ("email", " ana@ejemplo.com.pe ", "ana@ejemplo.com.pe"),
    ("email", "", None),
    ("contactoRepresentante", "x" * 150, "x" * 150),
    ("contactoRepresentante", None, None),
]

REFUSED = [
    ("nombre", ""),
    ("nombre", "   "),
    ("nombre", None),
    ("nombre", 5),
    ("nombre", True),
    ("nombre", ["a"]),
    ("nombre", {"a": 1}),
    ("nombre", "x" * 151),
    ("nombre", "\u200b"),
    ("nombre", "\u202e \u00ad"),
    ("nombre", "Ana\u202easoR"),
    ("nombre", "a\x00b"),
    ("nombre", "\x00"),
    ("nombre", "a\nb"),
    ("nombre", "a\u2028b"),
    ("nombre", "a\x7fb"),
    ("nombre", "a\ud800b"),
    ("tipoCliente", "persona"),
    ("tipoCliente", "GOBIERNO"),
    ("tipoCliente", ""),
    ("tipoCliente", None),
    ("tipoCliente", 1),
    ("tipoCliente", []),
    ("tipoDocumento", "PASAPORTE"),
    ("tipoDocumento", None),
    ("numeroDocumento", ""),
    ("numeroDocumento", None),
    ("numeroDocumento", 20100070970),
    ("numeroDocumento", "2010007097"),
    ("numeroDocumento", "1" * 101),
    ("codigoCliente", ""),
    ("codigoCliente", None),
    ("codigoCliente", "a  b"),
    ("codigoCliente", "Ñ1"),
    ("codigoCliente", "a*b"),
    ("codigoCliente", "a\u00a0b"),
    ("codigoCliente", "x" * 51),
    ("direccion", "x" * 201),
    ("direccion", 7),
    ("telefono", "12345"),
    ("telefono", "+-() ./#"),
    ("telefono", "123456 anexo 2"),
    ("telefono", "1" * 31),
    ("telefono", "١٢٣٤٥٦"),
    ("telefono", 952123456),
    ("email", "ana"),
    ("email", "ana@localhost"),
    ("email", "ana@"),
    ("email", "@ejemplo.pe"),
    ("email", "ana@[1.2.3.4]"),
    ("email", "ana maría@ejemplo.pe"),
    ("email", "a" * 250 + "@b.pe"),
    ("contactoRepresentante", "x" * 151),
    ("contactoRepresentante", False),
]

NOT_FOR_CALLERS = ["id", "vigente", "version", "fechaCreacion", "fechaModificacion", "advertencias", "nombre_orden",
                   "tipo_cliente", "otro", ""]  # fmt: skip


def column(field: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in field)


@pytest.mark.parametrize(("field", "typed", "stored_value"), ACCEPTED)
def test_create_stores_the_field_in_its_form(tecnico: Caller, field: str, typed: Any, stored_value: Any) -> None:
    answer = tecnico.post("/api/clientes", json={**EMPRESA, field: typed})
    assert answer.status_code == 201, answer.text
    assert answer.json[field] == stored_value
    assert getattr(Cliente.get_by_id(answer.json["id"]), column(field)) == stored_value


@pytest.mark.parametrize(("field", "typed", "stored_value"), ACCEPTED)
def test_update_stores_the_field_in_its_form(
    tecnico: Caller, make_cliente: Make, field: str, typed: Any, stored_value: Any
) -> None:
    before = make_cliente()
    answer = tecnico.put(f"/api/clientes/{before['id']}", json={field: typed})
    assert answer.status_code == 200, answer.text
    ours = {field, "version", "fechaModificacion", "advertencias"}
    assert answer.json[field] == stored_value
    assert {k: v for k, v in answer.json.items() if k not in ours} == {k: v for k, v in before.items() if k not in ours}
    assert getattr(Cliente.get_by_id(before["id"]), column(field)) == stored_value


@pytest.mark.parametrize(("field", "typed"), REFUSED)
def test_create_refuses_the_field_and_stores_nothing(tecnico: Caller, stored: Any, field: str, typed: Any) -> None:
    before = stored()
    answer = tecnico.post("/api/clientes", data=json.dumps({**EMPRESA, field: typed}), content_type=JSON)
    assert_problem(answer, 422, "VALIDACION", field)
    assert stored() == before


@pytest.mark.parametrize(("field", "typed"), REFUSED)
def test_update_refuses_the_field_and_changes_nothing(
    tecnico: Caller, make_cliente: Make, stored: Any, field: str, typed: Any
) -> None:
    cliente = make_cliente()
    before = stored()
    body = {"direccion": "Otra 1", field: typed}
    answer = tecnico.put(f"/api/clientes/{cliente['id']}", data=json.dumps(body), content_type=JSON)
    assert_problem(answer, 422, "VALIDACION", field)
    assert stored() == before


@pytest.mark.parametrize("field", ["nombre", "tipoCliente", "tipoDocumento", "numeroDocumento", "codigoCliente"])
def test_create_needs_the_required_fields(tecnico: Caller, stored: Any, field: str) -> None:
    before = stored()
    answer = tecnico.post("/api/clientes", json={k: v for k, v in EMPRESA.items() if k != field})
    assert_problem(answer, 422, "VALIDACION", field)
    assert stored() == before


def test_create_needs_nothing_else(tecnico: Caller) -> None:
    required = ("nombre", "tipoCliente", "tipoDocumento", "numeroDocumento", "codigoCliente")
    answer = tecnico.post("/api/clientes", json={field: EMPRESA[field] for field in required})
    assert answer.status_code == 201
    optional = ("direccion", "telefono", "email", "contactoRepresentante")
    assert [answer.json[field] for field in optional] == [None] * 4


@pytest.mark.parametrize("field", NOT_FOR_CALLERS)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_fields_that_are_not_for_callers_are_refused(
    tecnico: Caller, make_cliente: Make, stored: Any, method: str, field: str
) -> None:
    path = "/api/clientes" if method == "POST" else f"/api/clientes/{make_cliente()['id']}"
    before = stored()
    answer = tecnico(method, path, json={**EMPRESA, "codigoCliente": "NUEVO", field: 1})
    assert_problem(answer, 422, "VALIDACION", field)
    assert stored() == before


def test_every_field_at_fault_is_named_at_once(tecnico: Caller) -> None:
    body = {**EMPRESA, "nombre": "", "numeroDocumento": "1", "telefono": "x", "sobra": 1}
    assert_problem(
        tecnico.post("/api/clientes", json=body), 422, "VALIDACION", "nombre", "numeroDocumento", "telefono", "sobra"
    )


@pytest.mark.parametrize("body", [[], "texto", 5, None, True, [{}]])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_body_that_is_not_an_object_is_refused(tecnico: Caller, make_cliente: Make, method: str, body: Any) -> None:
    path = "/api/clientes" if method == "POST" else f"/api/clientes/{make_cliente()['id']}"
    answer = tecnico(method, path, data=json.dumps(body), content_type=JSON)
    problem = assert_problem(answer, 422, "VALIDACION", "")
    assert "objeto" in problem["errors"][0]["message"]


def test_a_plain_address_is_one_by_the_full_rule() -> None:
    from hypothesis import given, settings
    from hypothesis import strategies as st
    from marshmallow import validate

    from clientes_service.fields import PLAIN_EMAIL

    @settings(max_examples=500)
    @given(st.from_regex(PLAIN_EMAIL, fullmatch=True))
    def check(address: str) -> None:
        assert validate.Email()(address) == address

    check()
    assert PLAIN_EMAIL.fullmatch("ana.quispe+obras@mi-casa.example.pe")
    for other in ("a@localhost", "a..b@example.pe", "a@-x.pe", "a@[1.2.3.4]", "ñ@example.pe", "a@example.p"):
        assert not PLAIN_EMAIL.fullmatch(other)
