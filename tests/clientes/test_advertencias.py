"""Warnings, and the two settings that turn them into refusals."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import EMPRESA, Caller, assert_problem

Make = Callable[..., dict[str, Any]]


def codes(body: dict[str, Any]) -> list[str]:
    return [advertencia["codigo"] for advertencia in body["advertencias"]]


def test_a_wrong_check_digit_is_accepted_with_a_warning_and_not_corrected(tecnico: Caller) -> None:
    answer = tecnico.post("/api/clientes", json={**EMPRESA, "numeroDocumento": "20123456789"})
    assert answer.status_code == 201
    assert answer.json["numeroDocumento"] == "20123456789"
    [warning] = answer.json["advertencias"]
    assert (warning["codigo"], warning["campo"]) == ("RUC_DIGITO_INVALIDO", "numeroDocumento")
    assert "clientes" not in warning
    assert codes(tecnico.put(answer.headers["Location"], json={"telefono": "999999"}).json) == ["RUC_DIGITO_INVALIDO"]


def test_a_company_without_contact_is_warned_about_and_a_person_is_not(make_cliente: Make) -> None:
    assert codes(make_cliente(contactoRepresentante=None)) == ["REPRESENTANTE_RECOMENDADO"]
    person = {"tipoCliente": "PERSONA", "tipoDocumento": "DNI", "numeroDocumento": "40000009"}
    assert codes(make_cliente(**person, contactoRepresentante=None)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("RUC", "20100070970"), ("RUC", "20-100070970")),
        (("DNI", "40123456"), ("RUC", "10401234567")),
        (("RUC", "10401234567"), ("DNI", "40123456")),
        (("CE", "ab12"), ("CE", "AB-12")),
        (("OTRO", "Pas 12"), ("OTRO", "PAS-12")),
    ],
)
def test_a_document_that_another_active_client_holds_is_warned_about(
    make_cliente: Make, tecnico: Caller, first: tuple[str, str], second: tuple[str, str]
) -> None:
    one = make_cliente(tipoDocumento=first[0], numeroDocumento=first[1])
    two = make_cliente(tipoDocumento=second[0], numeroDocumento=second[1])
    [warning] = [w for w in two["advertencias"] if w["codigo"] == "DOCUMENTO_REPETIDO"]
    assert warning["clientes"] == [one["id"]]
    tecnico.delete(f"/api/clientes/{one['id']}")
    again = tecnico.put(f"/api/clientes/{two['id']}", json={"telefono": "999999"})
    assert "DOCUMENTO_REPETIDO" not in codes(again.json)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("DNI", "40123456"), ("RUC", "20401234567")),
        (("DNI", "40123456"), ("CE", "40123456")),
        (("RUC", "10401234567"), ("RUC", "10401234575")),
    ],
)
def test_other_documents_are_not_the_same(make_cliente: Make, first: tuple[str, str], second: tuple[str, str]) -> None:
    make_cliente(tipoDocumento=first[0], numeroDocumento=first[1])
    assert "DOCUMENTO_REPETIDO" not in codes(make_cliente(tipoDocumento=second[0], numeroDocumento=second[1]))


class TestStrictDocuments:
    """CLIENTES_STRICT_DOCUMENTS=true."""

    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "CLIENTES_STRICT_DOCUMENTS": "true"}

    def test_a_wrong_check_digit_is_refused(self, tecnico: Caller, stored: Any) -> None:
        before = stored()
        answer = tecnico.post("/api/clientes", json={**EMPRESA, "numeroDocumento": "20123456789"})
        assert_problem(answer, 422, "VALIDACION", "numeroDocumento")
        assert stored() == before

    def test_a_write_that_gives_no_document_is_not_held_up_by_an_old_one(
        self, tecnico: Caller, make_cliente: Make
    ) -> None:
        cliente = make_cliente(tipoDocumento="OTRO", numeroDocumento="20123456789")
        path = f"/api/clientes/{cliente['id']}"
        assert_problem(tecnico.put(path, json={"tipoDocumento": "RUC"}), 422, "VALIDACION", "numeroDocumento")
        from clientes_service.clientes.models import Cliente

        Cliente.update(tipo_documento="RUC").where(Cliente.id == cliente["id"]).execute()
        answer = tecnico.put(path, json={"telefono": "999999"})
        assert answer.status_code == 200
        assert codes(answer.json) == ["RUC_DIGITO_INVALIDO"]
        tecnico.delete(path)
        assert tecnico.post(f"{path}/restaurar").status_code == 200


class TestUniqueDocument:
    """CLIENTES_UNIQUE_DOCUMENT=true."""

    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "CLIENTES_UNIQUE_DOCUMENT": "true"}

    def test_a_repeated_document_is_refused_on_create_update_and_restore(
        self, tecnico: Caller, make_cliente: Make, stored: Any
    ) -> None:
        dni = {"tipoDocumento": "DNI", "numeroDocumento": "40123456"}
        gone = make_cliente(**dni)
        tecnico.delete(f"/api/clientes/{gone['id']}")
        kept = make_cliente(tipoDocumento="RUC", numeroDocumento="10401234567")
        other = make_cliente()
        before = stored()
        for answer in (
            tecnico.post("/api/clientes", json={**EMPRESA, **dni, "codigoCliente": "X"}),
            tecnico.put(f"/api/clientes/{other['id']}", json=dni),
            tecnico.post(f"/api/clientes/{gone['id']}/restaurar"),
        ):
            problem = assert_problem(answer, 409, "DOCUMENTO_DUPLICADO", "numeroDocumento")
            assert problem["clientes"] == [kept["id"]]
        assert stored() == before

    def test_a_client_does_not_stand_in_its_own_way(self, tecnico: Caller, make_cliente: Make) -> None:
        cliente = make_cliente()
        path = f"/api/clientes/{cliente['id']}"
        assert tecnico.put(path, json={"numeroDocumento": "20100070970", "telefono": "999999"}).status_code == 200
        tecnico.delete(path)
        assert tecnico.post(f"{path}/restaurar").status_code == 200
