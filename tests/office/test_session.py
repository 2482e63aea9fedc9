"""Signing in and out, and what outlives a reload."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from clientes_service.auth.roles import Rol
from tests.conftest import DNI, PASSWORD
from tests.server.conftest import Server
from tests.server.wire import Wire

pytestmark = [pytest.mark.sqlite, pytest.mark.browser]


def test_a_reload_does_not_sign_out_and_no_script_finds_the_refresh_token(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA)
    page.reload()
    expect(page.get_by_role("button", name="Salir")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])") == "[{},{}]"
    [cookie] = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["secure"]) == ("__Host-refresh", True, True)
    page.get_by_role("button", name="Salir").click()
    expect(page.get_by_label("DNI")).to_be_visible()
    page.reload()
    expect(page.get_by_label("DNI")).to_be_focused()
    assert page.context.cookies() == []


def test_a_wrong_password_is_told_in_spanish(open_page: Callable[..., Page]) -> None:
    page = open_page(None)
    page.get_by_label("DNI").fill(DNI[Rol.OFICINA])
    page.get_by_label("Contraseña").fill("no-es-esta-clave")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("contraseña")
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Salir")).to_be_visible()


def test_two_tabs_share_a_session_and_renew_by_turns(open_page: Callable[..., Page], server: Server) -> None:
    page = open_page(Rol.OFICINA)
    others = [page.context.new_page() for _ in range(4)]
    for other in others:
        other.goto(server.url)
    for other in (page, *others):
        other.reload()
        expect(other.get_by_role("button", name="Salir")).to_be_visible()


@pytest.fixture
def make_admin(api: Wire) -> Callable[[str], Callable[[], None]]:
    """Create an ADMIN with a DNI and PASSWORD; what is returned ends its sessions, as a new password does."""

    def make(dni: str) -> Callable[[], None]:
        body = {"dni": dni, "nombre": "Ana Soto", "email": "ana@example.pe", "rol": "ADMIN", "password": PASSWORD}
        id = api.call("POST", "/api/usuarios", body).json["id"]

        def end_sessions() -> None:
            assert api.call("PUT", f"/api/usuarios/{id}", {"password": PASSWORD}).status == 200

        return end_sessions

    return make


def test_a_session_that_ends_in_the_middle_of_a_form_loses_nothing(
    open_page: Callable[..., Page], make_admin: Callable[[str], Callable[[], None]], api: Wire
) -> None:
    end_sessions = make_admin("50000001")
    page = open_page(None)
    enter(page, "50000001")
    page.get_by_role("link", name="Usuarios").click()
    page.get_by_role("button", name="Nuevo usuario").click()
    form = page.get_by_role("dialog", name="Nuevo usuario")
    form.get_by_label("DNI").fill("50000002")
    form.get_by_label("Nombre completo").fill("Luz Ñahui")
    form.get_by_label("Correo").fill("luz@example.pe")
    form.get_by_label("Oficina.").check()
    form.get_by_label("Contraseña").fill(PASSWORD)
    end_sessions()
    form.get_by_role("button", name="Crear usuario").click()
    again = page.get_by_role("dialog", name="Su sesión terminó")
    expect(again.get_by_label("DNI")).to_be_focused()
    for _ in range(3):  # a browser takes the second for an insistence
        page.keyboard.press("Escape")
    expect(again).to_be_visible()
    again.get_by_label("DNI").fill("50000001")
    again.get_by_label("Contraseña").fill("no-es-esta-clave")
    again.get_by_role("button", name="Entrar").click()
    expect(again.get_by_role("alert")).to_contain_text("contraseña")
    again.get_by_label("Contraseña").fill(PASSWORD)
    again.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("status")).to_contain_text("Luz Ñahui ya puede entrar.")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert [one["nombre"] for one in api.call("GET", "/api/usuarios").json["content"]].count("Luz Ñahui") == 1


def test_who_does_not_sign_in_again_is_let_out(
    open_page: Callable[..., Page], make_admin: Callable[[str], Callable[[], None]]
) -> None:
    end_sessions = make_admin("50000003")
    page = open_page(None)
    enter(page, "50000003")
    end_sessions()
    page.get_by_role("link", name="Servicio").click()
    page.get_by_role("button", name="Salir sin guardar").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_label("DNI")).to_be_focused()
    page.reload()
    expect(page.get_by_label("DNI")).to_be_focused()


def enter(page: Page, dni: str) -> None:
    page.get_by_label("DNI").fill(dni)
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    page.get_by_role("button", name="Salir").wait_for()
