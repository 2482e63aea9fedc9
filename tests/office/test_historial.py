"""The history of a client reads as sentences."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from clientes_service.auth.roles import Rol
from tests.server.conftest import Server
from tests.server.wire import Wire

pytestmark = [pytest.mark.sqlite, pytest.mark.browser]


def history(page: Page) -> Locator:
    return page.get_by_role("region", name="Historial").locator(".historial > li")


def test_every_change_is_a_sentence(open_page: Callable[..., Page], api: Wire, cliente: dict[str, Any]) -> None:
    path = f"/api/clientes/{cliente['id']}"
    api.call("PUT", path, {"telefono": "953 000 111"})
    api.call("PUT", path, {"tipoCliente": "PERSONA", "email": None})
    api.call("PUT", path, {"email": "nuevo@example.pe"})
    api.call("DELETE", path)
    api.call("POST", f"{path}/restaurar")
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    expect(history(page)).to_have_count(6)
    restored, deactivated, added, two, phone, created = (history(page).nth(place) for place in range(6))
    expect(restored).to_have_text("Usuario ADMIN restauró el cliente, hace un momento.")
    expect(deactivated).to_have_text("Usuario ADMIN desactivó el cliente, hace un momento.")
    expect(added).to_have_text("Usuario ADMIN agregó el correo «nuevo@example.pe», hace un momento.")
    expect(two).to_contain_text("Usuario ADMIN hizo 2 cambios, hace un momento:")
    expect(two.get_by_role("listitem")).to_have_text(
        ["cambió el tipo de cliente de «Empresa» a «Persona»", "quitó el correo «ventas@example.pe»"]
    )
    expect(phone).to_have_text(
        "Usuario ADMIN cambió el teléfono de «+51 952 123 456» a «953 000 111», hace un momento."
    )
    expect(created).to_contain_text("Usuario ADMIN creó el cliente, hace un momento.")
    created.get_by_text("Datos al crearlo").click()
    expect(created).to_contain_text("Dirección: «Av. Los Álamos 12, Tacna»")


def test_what_was_just_saved_is_in_the_history(open_page: Callable[..., Page], cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    expect(history(page)).to_have_count(1)
    page.get_by_role("button", name="Editar").click()
    page.get_by_label("Contacto").fill("<i>Juana</i>")
    page.keyboard.press("Enter")
    expect(history(page).first).to_contain_text("Usuario OFICINA cambió el contacto de «Rosa Choque» a «<i>Juana</i>»")


def test_imports_and_erased_values_are_told(
    open_page: Callable[..., Page], api: Wire, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "clientes.csv"
    names = "nombre,tipoCliente,tipoDocumento,numeroDocumento,codigoCliente"
    file.write_text(f"{names}\nImportada S.A.,EMPRESA,RUC,20100070970,IMP0001\n", encoding="utf-8")
    assert server.cli("import", str(file)).returncode == 0
    [imported] = api.call("GET", "/api/clientes?codigoCliente=IMP0001").json["content"]
    page = open_page(Rol.ADMIN, f"/#/clientes/{imported['id']}")
    expect(history(page)).to_contain_text(
        ["El administrador del servidor (por línea de comandos) creó el cliente al importar un archivo"]
    )
    api.call("PUT", f"/api/clientes/{imported['id']}", {"telefono": "953 000 111"})
    api.call("POST", f"/api/clientes/{imported['id']}/anonimizar")
    page.reload()
    expect(history(page)).to_have_count(3)
    expect(history(page).nth(0)).to_contain_text("Usuario ADMIN borró los datos personales")
    expect(history(page).nth(1)).to_contain_text("Usuario ADMIN cambió datos que después se borraron")


def test_a_long_history_goes_on_by_a_button(open_page: Callable[..., Page], api: Wire, cliente: dict[str, Any]) -> None:
    for number in range(120):
        api.call("PUT", f"/api/clientes/{cliente['id']}", {"direccion": f"Calle {number}"})
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    expect(history(page)).to_have_count(100)
    page.get_by_role("button", name="Ver más").click()
    expect(history(page)).to_have_count(121)
    expect(page.get_by_role("button", name="Ver más")).to_have_count(0)
    expect(history(page).last).to_contain_text("creó el cliente")


def test_a_history_that_does_not_come_can_be_asked_for_again(
    open_page: Callable[..., Page], cliente: dict[str, Any]
) -> None:
    page = open_page(Rol.OFICINA)
    page.route("**/historial", lambda route: route.abort())
    page.evaluate(f"location.hash = '#/clientes/{cliente['id']}'")
    expect(page.get_by_role("alert")).to_contain_text("No hay respuesta")
    page.unroute("**/historial")
    page.get_by_role("button", name="Reintentar").click()
    expect(history(page)).to_have_count(1)


def test_history_is_not_for_technicians(open_page: Callable[..., Page], cliente: dict[str, Any]) -> None:
    page = open_page(Rol.TECNICO, f"/#/clientes/{cliente['id']}")
    expect(page.get_by_role("button", name="Editar")).to_be_visible()
    expect(page.get_by_text("Historial")).to_have_count(0)


def test_a_page_of_before_does_not_hide_a_newer_line(
    open_page: Callable[..., Page], api: Wire, cliente: dict[str, Any]
) -> None:
    for number in range(110):
        api.call("PUT", f"/api/clientes/{cliente['id']}", {"direccion": f"Calle {number}"})
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    expect(history(page)).to_have_count(100)
    held: list[Route] = []
    page.route("**/historial?cursor=*", lambda route: held.append(route))
    with page.expect_request("**/historial?cursor=*"):
        page.get_by_role("button", name="Ver más").click()
    page.get_by_role("button", name="Desactivar").click()
    expect(history(page).first).to_contain_text("desactivó el cliente")
    held[0].continue_()
    page.wait_for_timeout(300)
    expect(history(page).first).to_contain_text("desactivó el cliente")
    expect(history(page)).to_have_count(100)


def test_the_focus_goes_on_to_what_came(open_page: Callable[..., Page], api: Wire, cliente: dict[str, Any]) -> None:
    for number in range(120):
        api.call("PUT", f"/api/clientes/{cliente['id']}", {"direccion": f"Calle {number}"})
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name="Ver más").focus()
    page.keyboard.press("Enter")
    expect(history(page)).to_have_count(121)
    expect(history(page).nth(100)).to_be_focused()


def test_more_that_does_not_come_is_asked_for_again_with_the_same_button(
    open_page: Callable[..., Page], api: Wire, cliente: dict[str, Any]
) -> None:
    for number in range(110):
        api.call("PUT", f"/api/clientes/{cliente['id']}", {"direccion": f"Calle {number}"})
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    more = page.get_by_role("button", name="Ver más")
    page.route("**/historial?cursor=*", lambda route: route.abort())
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("No hay respuesta")
    expect(more).to_be_focused()
    page.unroute("**/historial?cursor=*")
    page.keyboard.press("Enter")
    expect(history(page)).to_have_count(111)
