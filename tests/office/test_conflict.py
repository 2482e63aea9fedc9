"""Two people change the same client: nothing is lost, and the second one chooses."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from clientes_service.auth.roles import Rol
from tests.server.wire import Wire

pytestmark = [pytest.mark.sqlite, pytest.mark.browser]


def edit(page: Page, **typed: str) -> None:
    """Open the form of the client that is shown, and type."""
    page.get_by_role("button", name="Editar").click()
    for name, value in typed.items():
        page.locator(f"#cliente-{name}").fill(value)


def save(page: Page) -> None:
    page.get_by_role("button", name="Guardar", exact=True).click()


def conflict(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Este cliente cambió mientras usted escribía")


def side(page: Page, label: str, value: str) -> Locator:
    """The radio button of a value, in the choice about a field."""
    return conflict(page).get_by_role("group", name=label).get_by_role("radio", name=value)


def stored(api: Wire, id: int) -> dict[str, Any]:
    found: dict[str, Any] = api.call("GET", f"/api/clientes/{id}").json
    return found


def test_two_browsers_change_the_same_client_and_the_second_chooses(
    open_page: Callable[..., Page], api: Wire, cliente: dict[str, Any]
) -> None:
    address = f"/#/clientes/{cliente['id']}"
    mine, theirs = open_page(Rol.OFICINA, address), open_page(Rol.TECNICO, address)
    edit(mine, telefono="953 111 111", direccion="Calle Mía 1", contactoRepresentante="Igual Para Dos")
    edit(theirs, telefono="954 222 222", email="otro@example.pe", contactoRepresentante="Igual Para Dos")
    save(theirs)
    theirs.get_by_role("link", name="Llamar").wait_for()
    save(mine)

    expect(conflict(mine).get_by_role("group")).to_have_count(3)  # what is the same in both is no question
    expect(side(mine, "Teléfono", "953 111 111")).to_be_checked()
    expect(conflict(mine).get_by_role("group", name="Teléfono")).to_contain_text("Lo cambiaron los dos")
    expect(side(mine, "Dirección", "Calle Mía 1")).to_be_checked()
    expect(side(mine, "Correo", "otro@example.pe")).to_be_checked()
    side(mine, "Teléfono", "954 222 222").check()
    conflict(mine).get_by_role("button", name="Guardar lo elegido").click()

    expect(mine.get_by_text(f"({cliente['codigoCliente']}).")).to_be_visible()
    now = stored(api, cliente["id"])
    assert (now["telefono"], now["direccion"], now["email"]) == ("954 222 222", "Calle Mía 1", "otro@example.pe")
    assert now["contactoRepresentante"] == "Igual Para Dos"


def test_a_second_conflict_asks_again(open_page: Callable[..., Page], api: Wire, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    edit(page, telefono="953 111 111")
    api.call("PUT", f"/api/clientes/{cliente['id']}", {"telefono": "954 222 222"})
    save(page)
    side(page, "Teléfono", "954 222 222").wait_for()
    api.call("PUT", f"/api/clientes/{cliente['id']}", {"telefono": "955 333 333"})
    conflict(page).get_by_role("button", name="Guardar lo elegido").click()
    side(page, "Teléfono", "955 333 333").wait_for()
    expect(side(page, "Teléfono", "953 111 111")).to_be_checked()
    conflict(page).get_by_role("button", name="Guardar lo elegido").click()
    expect(conflict(page)).to_have_count(0)
    expect(page.get_by_role("link", name="Llamar")).to_have_attribute("href", "tel:+51953111111")
    assert stored(api, cliente["id"])["telefono"] == "953 111 111"


def test_taking_all_of_the_other_version_changes_nothing(
    open_page: Callable[..., Page], api: Wire, cliente: dict[str, Any]
) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    edit(page, nombre="Mi nombre S.A.")
    theirs = api.call("PUT", f"/api/clientes/{cliente['id']}", {"nombre": "Su nombre <b>S.A.</b>"}).json
    save(page)
    side(page, "Nombre", "Su nombre <b>S.A.</b>").check()
    conflict(page).get_by_role("button", name="Guardar lo elegido").click()
    expect(page.get_by_role("heading", level=1, name="Su nombre <b>S.A.</b>")).to_be_visible()
    assert stored(api, cliente["id"])["version"] == theirs["version"]


def test_kind_and_number_of_a_document_are_one_choice(
    open_page: Callable[..., Page], api: Wire, cliente: dict[str, Any]
) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    edit(page, numeroDocumento="20100070970")
    api.call("PUT", f"/api/clientes/{cliente['id']}", {"tipoDocumento": "DNI", "numeroDocumento": "40000001"})
    save(page)
    expect(conflict(page).get_by_role("group")).to_have_count(1)
    side(page, "Documento", "DNI 40000001").wait_for()
    expect(side(page, "Documento", "RUC 20100070970")).to_be_checked()
    conflict(page).get_by_role("button", name="Guardar lo elegido").click()
    expect(conflict(page)).to_have_count(0)
    expect(page.locator(".ficha")).to_contain_text("20100070970")
    now = stored(api, cliente["id"])
    assert (now["tipoDocumento"], now["numeroDocumento"]) == ("RUC", "20100070970")


def test_going_back_keeps_what_was_typed(open_page: Callable[..., Page], api: Wire, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    edit(page, telefono="953 111 111")
    api.call("PUT", f"/api/clientes/{cliente['id']}", {"telefono": "954 222 222"})
    save(page)
    conflict(page).wait_for()
    page.keyboard.press("Escape")
    expect(conflict(page)).to_have_count(0)
    expect(page.get_by_label("Teléfono")).to_have_value("953 111 111")
    assert stored(api, cliente["id"])["telefono"] == "954 222 222"
    save(page)
    conflict(page).wait_for()


def test_a_client_that_was_deactivated_meanwhile_says_so_and_can_be_saved(
    open_page: Callable[..., Page], api: Wire, cliente: dict[str, Any]
) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    edit(page, telefono="953 111 111")
    api.call("DELETE", f"/api/clientes/{cliente['id']}")
    save(page)
    expect(conflict(page)).to_contain_text("Además se desactivó")
    conflict(page).get_by_role("button", name="Guardar lo elegido").click()
    expect(page.get_by_role("button", name="Restaurar")).to_be_visible()
    now = stored(api, cliente["id"])
    assert (now["telefono"], now["vigente"]) == ("953 111 111", False)


def test_a_client_whose_data_was_erased_meanwhile_cannot_be_saved(
    open_page: Callable[..., Page], api: Wire, cliente: dict[str, Any]
) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    edit(page, telefono="953 111 111")
    api.call("POST", f"/api/clientes/{cliente['id']}/anonimizar")
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("se borraron a pedido suyo")
    page.get_by_role("button", name="Cancelar").click()
    page.get_by_role("button", name="Salir sin guardar").click()
    expect(page.get_by_role("heading", level=1, name="Cliente anonimizado")).to_be_visible()
    assert stored(api, cliente["id"])["telefono"] is None
