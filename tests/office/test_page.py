"""What holds all views: the notice of what was done, the title, and views that do not open."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from clientes_service.auth.roles import Rol
from tests.office.conftest import once, sign_in

pytestmark = [pytest.mark.sqlite, pytest.mark.browser]

OpenPage = Callable[..., Page]


def notice(page: Page) -> Locator:
    return page.locator(".notice")


def deactivate(page: Page, cliente: dict[str, Any]) -> None:
    """Deactivate a client whose card is open; the notice offers to undo it."""
    expect(page.get_by_role("heading", level=1, name=cliente["nombre"])).to_be_visible()
    page.get_by_role("button", name="Desactivar").click()
    expect(notice(page)).to_contain_text("Se desactivó")


def test_the_notice_is_a_place_that_is_always_there(open_page: OpenPage) -> None:
    """A reader tells what comes into one; of one that comes with its text it may tell nothing."""
    page = open_page(Rol.OFICINA)
    assert notice(page).get_attribute("role") == "status"
    assert page.evaluate("getComputedStyle(document.querySelector('.notice')).display") == "flex"
    box = notice(page).bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (0, 0)


def test_the_notice_goes_after_a_while_but_not_from_under_a_hand(open_page: OpenPage, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.clock.install()
    deactivate(page, cliente)
    notice(page).get_by_role("button", name="Deshacer").focus()
    page.clock.run_for(30_000)
    expect(notice(page)).to_contain_text("Se desactivó")
    page.get_by_role("button", name="Editar").focus()
    notice(page).hover()
    page.clock.run_for(30_000)
    expect(notice(page)).to_contain_text("Se desactivó")
    page.mouse.move(5, 5)
    page.clock.run_for(11_000)
    expect(notice(page)).to_be_empty()


@pytest.mark.parametrize("name", ["Deshacer", "Cerrar el aviso"])
def test_the_focus_goes_back_where_it_came_from(open_page: OpenPage, cliente: dict[str, Any], name: str) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    deactivate(page, cliente)
    page.get_by_role("button", name="Imprimir").focus()
    notice(page).get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")
    expect(
        page.get_by_role("button", name="Imprimir")
        .or_(page.get_by_role("heading", level=1))
        .and_(page.locator(":focus"))
    ).to_have_count(1)


def test_an_undo_that_fails_says_so_wherever_one_is(open_page: OpenPage, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    deactivate(page, cliente)
    page.get_by_role("link", name="Volver a la lista").click()
    page.route("**/restaurar", lambda route: route.abort())
    notice(page).get_by_role("button", name="Deshacer").click()
    expect(notice(page)).to_contain_text("No hay respuesta")


def test_the_tab_is_named_after_what_is_open(open_page: OpenPage, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.ADMIN)
    for address, title in {
        f"#/clientes/{cliente['id']}": f"{cliente['nombre']} · Clientes",
        "#/nuevo": "Nuevo cliente · Clientes",
        "#/importar": "Importar clientes · Clientes",
        "#/usuarios": "Usuarios · Clientes",
        "#/servicio": "Estado del servicio · Clientes",
        "#/": "Clientes",
    }.items():
        page.evaluate("address => { location.hash = address }", address)
        expect(page).to_have_title(title)


def test_a_view_whose_script_does_not_come_says_so(open_page: OpenPage) -> None:
    page = open_page(Rol.OFICINA)
    page.route("**/oficina/import.js", lambda route: route.abort())
    page.get_by_role("link", name="Importar", exact=True).click()
    expect(page.get_by_role("heading", name="No se pudo abrir")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("No hay respuesta")
    page.unroute("**/oficina/import.js")
    page.get_by_role("button", name="Reintentar").click()
    expect(page.get_by_role("heading", name="Importar clientes")).to_be_focused()


def test_a_view_that_is_not_for_ones_role_says_so(open_page: OpenPage) -> None:
    page = open_page(Rol.CONSULTA, "/#/importar")
    expect(page.get_by_role("heading", name="Su cuenta no puede abrir esto")).to_be_focused()


def test_back_from_a_form_that_was_left_does_not_lead_into_it(open_page: OpenPage, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA)
    page.get_by_role("link", name="Nuevo cliente").click()
    page.get_by_label("Nombre o razón social").fill("A medias")
    page.go_back()
    page.get_by_role("button", name="Salir sin guardar").click()
    expect(page.get_by_role("heading", name="Clientes")).to_be_visible()
    expect(page).not_to_have_url(re.compile("nuevo"))
    page.go_forward()
    expect(page.get_by_label("Nombre o razón social")).to_have_value("")


def test_a_browser_of_an_old_laptop_is_enough(open_page: OpenPage) -> None:
    """Chromium 109, the last for Windows 7, has no AbortSignal.any and no Array.prototype.with."""
    page = open_page(None)
    page.add_init_script("delete AbortSignal.any; delete Array.prototype.with; delete HTMLElement.prototype.popover;")
    page.reload()
    page.get_by_label("DNI").wait_for()
    assert page.evaluate("[AbortSignal.any, Array.prototype.with]") == [None, None]
    sign_in(page, Rol.OFICINA)
    page.get_by_label("Buscar").fill("nadie que exista")
    expect(page.get_by_text("Nadie coincide con")).to_be_visible()


def test_the_focus_outlives_the_button_that_tries_again(open_page: OpenPage) -> None:
    page = open_page(Rol.ADMIN)
    page.route("**/api/servicio", once("GET", lambda route: route.abort()))
    page.get_by_role("link", name="Servicio").click()
    page.get_by_role("button", name="Reintentar").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".facts")).to_be_visible()
    expect(page.get_by_role("heading", name="Estado del servicio")).to_be_focused()


def test_a_click_in_the_notice_takes_the_focus_from_nobody(open_page: OpenPage, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    deactivate(page, cliente)
    page.keyboard.press("e")
    page.get_by_label("Teléfono").fill("953 000 111")
    page.get_by_role("button", name="Cerrar el aviso").click()
    expect(notice(page)).to_be_empty()
    expect(page.get_by_label("Teléfono")).to_be_focused()


def test_back_to_a_list_without_rows_the_heading_has_the_focus(open_page: OpenPage) -> None:
    page = open_page(Rol.OFICINA, "/?q=nadie-se-llama-asi#/nuevo")
    page.reload()
    expect(page.get_by_label("Código de cliente")).not_to_have_value("")
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Clientes")).to_be_focused()
