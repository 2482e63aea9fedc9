"""Saving over a bad network: the form may be left, the answer lost, the client changed from the same page."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from clientes_service.auth.roles import Rol
from tests.office.conftest import once
from tests.server.wire import Wire

pytestmark = [pytest.mark.sqlite, pytest.mark.browser]

OpenPage = Callable[..., Page]


class Held:
    """Answers that come when they are let go; what was asked has been done by then."""

    def __init__(self, page: Page, address: str, method: str) -> None:
        self.routes: list[tuple[Route, Any]] = []
        self.method = method
        page.route(address, self.hold)
        self.page = page

    def hold(self, route: Route) -> None:
        if route.request.method != self.method:
            route.fallback()
            return
        self.routes.append((route, route.fetch()))

    def wait(self) -> None:
        """Wait until one is held."""
        for _ in range(100):
            if self.routes:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError("nothing was asked")

    def let_go(self) -> None:
        """Let the browser have them."""
        for route, answer in self.routes:
            route.fulfill(response=answer)
        self.routes.clear()


def heading(page: Page, text: str) -> Any:
    return page.get_by_role("heading", level=1, name=text)


def edit(page: Page, cliente: dict[str, Any]) -> None:
    """Open the form of a client that is shown."""
    expect(heading(page, cliente["nombre"])).to_be_visible()
    page.get_by_role("button", name="Editar").click()


def leave_while_it_is_saved(page: Page, cliente: dict[str, Any], telefono: str) -> Held:
    """Change the telephone of a client that is shown, and go to the list before the answer comes."""
    edit(page, cliente)
    held = Held(page, f"**/api/clientes/{cliente['id']}", "PUT")
    page.get_by_label("Teléfono").fill(telefono)
    page.keyboard.press("Enter")
    held.wait()
    page.get_by_role("link", name="Clientes", exact=True).click()
    page.get_by_role("button", name="Salir sin guardar").click()
    return held


def test_a_save_that_ends_after_its_form_was_left_leaves_the_next_one_alone(
    open_page: OpenPage, api: Wire, cliente: dict[str, Any]
) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    held = leave_while_it_is_saved(page, cliente, "953 777 777")
    page.get_by_role("link", name="Nuevo cliente").click()
    page.get_by_label("Nombre o razón social").fill("Otro que se escribe")
    held.let_go()
    expect(page.get_by_role("status").filter(has_text=f"Se guardó {cliente['nombre']}")).to_be_visible()
    expect(page.get_by_label("Nombre o razón social")).to_have_value("Otro que se escribe")
    page.get_by_role("link", name="Clientes", exact=True).click()
    expect(page.get_by_role("dialog", name="Hay cambios sin guardar")).to_be_visible()
    page.get_by_role("button", name="Salir sin guardar").click()
    expect(page.get_by_role("row", name=cliente["codigoCliente"])).to_contain_text("953 777 777")


def test_a_save_that_fails_after_its_form_was_left_is_told(open_page: OpenPage, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    edit(page, cliente)
    asked: list[Route] = []
    page.route("**/api/clientes/*", lambda route: asked.append(route) if is_put(route) else route.fallback())
    page.get_by_label("Teléfono").fill("953 777 777")
    with page.expect_request(lambda request: request.method == "PUT"):
        page.keyboard.press("Enter")
    page.get_by_role("link", name="Clientes", exact=True).click()
    page.get_by_role("button", name="Salir sin guardar").click()
    expect(heading(page, "Clientes")).to_be_visible()
    asked[0].abort()
    expect(page.get_by_role("status").filter(has_text="No se sabe si se guardó")).to_be_visible()


def is_put(route: Route) -> bool:
    return route.request.method == "PUT"


def test_what_is_typed_survives_a_reload_of_the_card_that_fails(open_page: OpenPage, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    edit(page, cliente)
    asked: list[Route] = []
    page.route(f"**/api/clientes/{cliente['id']}", lambda route: asked.append(route))
    with page.expect_request(f"**/api/clientes/{cliente['id']}"):
        page.get_by_role("button", name="Cancelar").click()
    page.get_by_role("button", name="Editar").click()
    page.get_by_label("Teléfono").fill("953 888 888")
    asked[0].abort()
    page.unroute(f"**/api/clientes/{cliente['id']}")
    page.wait_for_timeout(200)
    expect(page.get_by_label("Teléfono")).to_have_value("953 888 888")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Llamar")).to_have_attribute("href", "tel:+51953888888")


def test_an_undo_under_the_form_is_no_conflict_with_oneself(
    open_page: OpenPage, api: Wire, cliente: dict[str, Any]
) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name="Desactivar").click()
    expect(page.locator(".ficha .inactive")).to_be_visible()
    page.get_by_role("button", name="Editar").click()
    page.get_by_label("Teléfono").fill("953 999 999")
    page.get_by_role("button", name="Deshacer").click()
    expect(page.get_by_role("status").filter(has_text="Se restauró")).to_be_visible()
    expect(page.get_by_label("Teléfono")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Llamar")).to_have_attribute("href", "tel:+51953999999")
    stored = api.call("GET", f"/api/clientes/{cliente['id']}").json
    assert (stored["telefono"], stored["vigente"]) == ("953 999 999", True)


def test_what_nobody_else_changed_is_saved_without_a_question(
    open_page: OpenPage, api: Wire, cliente: dict[str, Any]
) -> None:
    """Changed and changed back, there and here the same: nothing is left to choose."""
    path = f"/api/clientes/{cliente['id']}"
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    edit(page, cliente)
    page.get_by_label("Teléfono").fill("953 000 111")
    page.get_by_label("Correo").fill("los.dos@example.pe")
    for email in ("otro@example.pe", "los.dos@example.pe"):
        assert api.call("PUT", path, {"email": email}).status == 200
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Llamar")).to_have_attribute("href", "tel:+51953000111")
    expect(page.get_by_role("dialog")).to_have_count(0)
    stored = api.call("GET", path).json
    assert (stored["telefono"], stored["email"]) == ("953 000 111", "los.dos@example.pe")


def test_the_list_is_read_again_after_a_lost_answer(open_page: OpenPage, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA)
    row = page.get_by_role("row", name=cliente["codigoCliente"])
    expect(row).to_be_visible()
    page.evaluate(f"location.hash = '#/clientes/{cliente['id']}'")
    edit(page, cliente)
    page.get_by_label("Teléfono").fill("953 123 987")
    path = f"**/api/clientes/{cliente['id']}"
    page.route(path, once("PUT", lambda route: (route.fetch(), route.abort())))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Guardar otra vez")).to_be_focused()
    page.get_by_role("button", name="Cancelar").click()
    page.get_by_role("button", name="Salir sin guardar").click()
    page.get_by_role("link", name="Volver a la lista").click()
    expect(row).to_contain_text("953 123 987")


def test_a_deactivation_whose_answer_is_lost_is_seen_all_the_same(open_page: OpenPage, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    expect(heading(page, cliente["nombre"])).to_be_visible()
    page.route(f"**/api/clientes/{cliente['id']}", once("DELETE", lambda route: (route.fetch(), route.abort())))
    page.get_by_role("button", name="Desactivar").click()
    expect(page.get_by_role("alert")).to_contain_text("No hay respuesta")
    expect(page.locator(".ficha .inactive")).to_be_visible()
    expect(page.get_by_role("button", name="Restaurar")).to_be_visible()


def test_the_focus_outlives_a_save_and_its_conflict(open_page: OpenPage, api: Wire, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    edit(page, cliente)
    page.get_by_label("Teléfono").fill("953 000 111")
    api.call("PUT", f"/api/clientes/{cliente['id']}", {"telefono": "954 222 222"})
    page.get_by_role("button", name="Guardar").click()
    page.get_by_role("button", name="Volver al formulario").click()
    expect(page.get_by_role("button", name="Guardar")).to_be_focused()


def test_what_is_typed_while_it_is_saved_is_refused_in_sight(open_page: OpenPage, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    edit(page, cliente)
    held = Held(page, f"**/api/clientes/{cliente['id']}", "PUT")
    page.get_by_label("Teléfono").fill("953 000 111")
    page.keyboard.press("Enter")
    held.wait()
    page.keyboard.type("222")
    expect(page.get_by_label("Teléfono")).to_have_value("953 000 111")
    page.get_by_label("Tipo de cliente").locator("visible=true").select_option("Persona")
    expect(page.get_by_label("Tipo de cliente").locator("visible=true")).to_have_value("EMPRESA")
    expect(page.get_by_label("Teléfono")).to_be_focused()
    held.let_go()
    expect(page.get_by_role("link", name="Llamar")).to_have_attribute("href", "tel:+51953000111")


@pytest.mark.parametrize("name", ["Desactivar", "Restaurar"])
def test_the_focus_goes_to_the_heading_where_its_button_is_gone(
    open_page: OpenPage, api: Wire, cliente: dict[str, Any], name: str
) -> None:
    if name == "Restaurar":
        api.call("DELETE", f"/api/clientes/{cliente['id']}")
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")
    expect(heading(page, cliente["nombre"])).to_be_focused()


def test_an_earlier_save_under_the_form_is_no_conflict_with_oneself(
    open_page: OpenPage, api: Wire, cliente: dict[str, Any]
) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    held = leave_while_it_is_saved(page, cliente, "953 000 111")
    page.route(f"**/api/clientes/{cliente['id']}", once("GET", lambda route: route.fulfill(json=cliente)))
    page.get_by_role("row", name=cliente["codigoCliente"]).get_by_role("link").first.click()
    edit(page, cliente)
    page.get_by_label("Correo").fill("nuevo@example.pe")
    held.let_go()
    expect(page.get_by_label("Teléfono")).to_have_value("953 000 111")
    page.unroute(f"**/api/clientes/{cliente['id']}")
    page.get_by_label("Correo").press("Enter")
    expect(page.get_by_role("link", name="Llamar")).to_have_attribute("href", "tel:+51953000111")
    stored = api.call("GET", f"/api/clientes/{cliente['id']}").json
    assert (stored["telefono"], stored["email"]) == ("953 000 111", "nuevo@example.pe")


def test_a_field_that_is_typed_anew_after_a_lost_answer_is_no_conflict(
    open_page: OpenPage, api: Wire, cliente: dict[str, Any]
) -> None:
    path = f"**/api/clientes/{cliente['id']}"
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    edit(page, cliente)
    page.get_by_label("Teléfono").fill("953 000 111")
    page.route(path, once("PUT", lambda route: (route.fetch(), route.abort())))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Guardar otra vez").wait_for()
    page.get_by_label("Teléfono").fill("953 000 222")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Llamar")).to_have_attribute("href", "tel:+51953000222")
    assert api.call("GET", f"/api/clientes/{cliente['id']}").json["telefono"] == "953 000 222"


def test_a_late_answer_does_not_cover_a_later_change(open_page: OpenPage, api: Wire, cliente: dict[str, Any]) -> None:
    path = f"/api/clientes/{cliente['id']}"
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name="Desactivar").click()
    expect(page.locator(".ficha .inactive")).to_be_visible()
    page.get_by_role("button", name="Editar").click()
    page.get_by_label("Teléfono").fill("953 000 333")
    held = Held(page, f"**{path}/restaurar", "POST")
    page.get_by_role("button", name="Deshacer").click()
    held.wait()
    page.get_by_label("Teléfono").press("Enter")
    page.get_by_role("button", name="Guardar lo elegido").click()
    expect(page.get_by_role("link", name="Llamar")).to_have_attribute("href", "tel:+51953000333")
    held.let_go()
    expect(page.get_by_text("Se restauró")).to_be_visible()
    expect(page.get_by_role("link", name="Llamar")).to_have_attribute("href", "tel:+51953000333")


def test_a_deactivation_that_cannot_be_read_back_is_seen_all_the_same(
    open_page: OpenPage, cliente: dict[str, Any]
) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    expect(heading(page, cliente["nombre"])).to_be_visible()
    asked: list[str] = []

    def fail_once(route: Route) -> None:
        is_first_read = route.request.method == "GET" and not asked
        if is_first_read:
            asked.append("GET")
            route.fulfill(status=503, json={"code": "NO_DISPONIBLE", "detail": "Repita en unos segundos."})
        else:
            route.fallback()

    page.route(f"**/api/clientes/{cliente['id']}", fail_once)
    page.get_by_role("button", name="Desactivar").click()
    expect(page.locator(".ficha .inactive")).to_be_visible()
    assert asked


def test_nobody_edits_what_is_being_deactivated(open_page: OpenPage, cliente: dict[str, Any]) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    expect(heading(page, cliente["nombre"])).to_be_visible()
    held = Held(page, f"**/api/clientes/{cliente['id']}", "DELETE")
    page.get_by_role("button", name="Desactivar").click()
    held.wait()
    page.keyboard.press("e")
    page.get_by_role("button", name="Editar").click()
    expect(page.get_by_label("Teléfono")).to_have_count(0)
    held.let_go()
    expect(page.locator(".ficha .inactive")).to_be_visible()
    page.keyboard.press("e")
    expect(page.get_by_label("Teléfono")).to_be_visible()
