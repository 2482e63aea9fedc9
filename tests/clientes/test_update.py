"""PUT /api/clientes/{id}."""

from collections.abc import Callable
from typing import Any

import pytest

from clientes_service.clientes.models import Cliente
from tests.conftest import Caller, assert_problem

Make = Callable[..., dict[str, Any]]


def test_only_the_given_field_changes(tecnico: Caller, make_cliente: Make) -> None:
    before = make_cliente()
    answer = tecnico.put(f"/api/clientes/{before['id']}", json={"telefono": "052 411234"})
    assert answer.status_code == 200
    assert answer.json["telefono"] == "052 411234"
    assert answer.headers["ETag"] == f'"{answer.json["version"]}"'
    changed = {k for k in before if before[k] != answer.json[k]}
    assert changed - {"fechaModificacion"} == {"telefono", "version"}
    assert answer.json["fechaModificacion"] >= before["fechaModificacion"]
    assert tecnico.get(f"/api/clientes/{before['id']}").json["telefono"] == "052 411234"


@pytest.mark.parametrize("given", [{}, {"telefono": "+51 952 123 456"}, {"numeroDocumento": "20-100070970"}])
def test_what_already_holds_is_no_change(tecnico: Caller, make_cliente: Make, stored: Any, given: Any) -> None:
    cliente = make_cliente()
    before = stored()
    answer = tecnico.put(f"/api/clientes/{cliente['id']}", json=given, headers={"If-Match": '"stale"'})
    assert answer.status_code == 200
    assert answer.json == cliente
    assert stored() == before


@pytest.mark.parametrize("field", ["direccion", "telefono", "email", "contactoRepresentante"])
def test_null_clears_an_optional_field(tecnico: Caller, make_cliente: Make, field: str) -> None:
    cliente = make_cliente()
    assert tecnico.put(f"/api/clientes/{cliente['id']}", json={field: None}).json[field] is None


def test_inactive_clients_can_be_corrected(tecnico: Caller, make_cliente: Make) -> None:
    path = f"/api/clientes/{make_cliente()['id']}"
    tecnico.delete(path)
    answer = tecnico.put(path, json={"nombre": "Corregido"})
    assert (answer.status_code, answer.json["nombre"], answer.json["vigente"]) == (200, "Corregido", False)


def test_a_new_kind_is_checked_against_the_stored_number(tecnico: Caller, make_cliente: Make, stored: Any) -> None:
    path = f"/api/clientes/{make_cliente()['id']}"
    before = stored()
    assert_problem(tecnico.put(path, json={"tipoDocumento": "DNI"}), 422, "VALIDACION", "numeroDocumento")
    assert stored() == before
    answer = tecnico.put(path, json={"tipoDocumento": "DNI", "numeroDocumento": "01234567"})
    assert (answer.status_code, answer.json["numeroDocumento"]) == (200, "01234567")


def test_a_new_number_is_checked_against_the_stored_kind(tecnico: Caller, make_cliente: Make, stored: Any) -> None:
    path = f"/api/clientes/{make_cliente()['id']}"
    before = stored()
    assert_problem(tecnico.put(path, json={"numeroDocumento": "01234567"}), 422, "VALIDACION", "numeroDocumento")
    assert stored() == before


def test_a_stored_number_takes_the_form_of_its_new_kind(tecnico: Caller, make_cliente: Make) -> None:
    cliente = make_cliente(tipoDocumento="OTRO", numeroDocumento="ab-12")
    answer = tecnico.put(f"/api/clientes/{cliente['id']}", json={"tipoDocumento": "CE"})
    assert (answer.status_code, answer.json["numeroDocumento"]) == (200, "AB12")


def test_the_keys_follow_their_fields(tecnico: Caller, make_cliente: Make) -> None:
    id = make_cliente()["id"]
    tecnico.put(
        f"/api/clientes/{id}", json={"nombre": "Ángel", "codigoCliente": "NUEVO", "numeroDocumento": "20100047218"}
    )
    row = Cliente.get_by_id(id)
    assert (row.nombre_orden, row.codigo_clave, row.documento_clave) == ("angel", "nuevo", "20100047218")


def test_a_code_of_another_client_is_refused_and_ones_own_is_not(
    tecnico: Caller, make_cliente: Make, stored: Any
) -> None:
    one, two = make_cliente(codigoCliente="UNO"), make_cliente(codigoCliente="DOS")
    before = stored()
    answer = tecnico.put(f"/api/clientes/{two['id']}", json={"codigoCliente": "uno"})
    assert assert_problem(answer, 409, "CODIGO_DUPLICADO", "codigoCliente")["existenteId"] == one["id"]
    assert stored() == before
    assert tecnico.put(f"/api/clientes/{two['id']}", json={"codigoCliente": "dos"}).json["codigoCliente"] == "dos"


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', "{}", '"x", "{}"', "*"])
def test_if_match_lets_the_current_version_through(tecnico: Caller, make_cliente: Make, form: str) -> None:
    cliente = make_cliente()
    header = {"If-Match": form.format(cliente["version"])}
    assert tecnico.put(f"/api/clientes/{cliente['id']}", json={"telefono": "999999"}, headers=header).status_code == 200


@pytest.mark.parametrize("header", ["", " ", '""', '"otra"', "otra", ","])
def test_if_match_that_names_another_version_or_none_is_412(
    tecnico: Caller, make_cliente: Make, stored: Any, header: str
) -> None:
    path = f"/api/clientes/{make_cliente()['id']}"
    before = stored()
    answer = tecnico.put(path, json={"telefono": "999999"}, headers={"If-Match": header})
    assert_problem(answer, 412, "VERSION_OBSOLETA")
    assert stored() == before


def test_a_stale_version_is_told_before_a_number_that_no_longer_fits_the_kind(
    tecnico: Caller, oficina: Caller, make_cliente: Make, stored: Any
) -> None:
    old = make_cliente()
    path = f"/api/clientes/{old['id']}"
    oficina.put(path, json={"tipoDocumento": "DNI", "numeroDocumento": "01234567"})
    before = stored()
    body, match = {"numeroDocumento": "20512333797"}, {"If-Match": f'"{old["version"]}"'}
    problem = assert_problem(tecnico.put(path, json=body, headers=match), 412, "VERSION_OBSOLETA")
    assert problem["actual"]["tipoDocumento"] == "DNI"
    assert_problem(tecnico.put(path, json=body), 422, "VALIDACION", "numeroDocumento")
    assert stored() == before


CHANGES = [("PUT", "", {"json": {"telefono": "999999"}}), ("DELETE", "", {}), ("POST", "/restaurar", {})]


@pytest.mark.parametrize(("method", "suffix", "body"), CHANGES)
def test_a_stale_version_is_412_with_the_client_as_it_is(
    tecnico: Caller, make_cliente: Make, stored: Any, method: str, suffix: str, body: Any
) -> None:
    old = make_cliente()
    path = f"/api/clientes/{old['id']}"
    tecnico.put(path, json={"direccion": "Otra 2"})
    if suffix:
        tecnico.delete(path)
    current, before = tecnico.get(path), stored()
    answer = tecnico(method, path + suffix, headers={"If-Match": f'"{old["version"]}"'}, **body)
    problem = assert_problem(answer, 412, "VERSION_OBSOLETA")
    assert problem["actual"] == current.json
    assert answer.headers["ETag"] == current.headers["ETag"]
    assert stored() == before


@pytest.mark.parametrize(("method", "suffix", "body"), CHANGES)
def test_a_repeated_request_whose_answer_was_lost_succeeds(
    tecnico: Caller, make_cliente: Make, stored: Any, method: str, suffix: str, body: Any
) -> None:
    path = f"/api/clientes/{make_cliente()['id']}"
    if suffix:
        tecnico.delete(path)
    version = tecnico.get(path).json["version"]
    first = tecnico(method, path + suffix, headers={"If-Match": f'"{version}"'}, **body)
    before = stored()
    second = tecnico(method, path + suffix, headers={"If-Match": f'"{version}"'}, **body)
    assert second.status_code == first.status_code < 300
    assert second.data == first.data
    assert stored() == before
