"""Signing in and out, and what outlives a reload."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from clientes_service.auth.roles import Rol
from tests.conftest import DNI, PASSWORD
from tests.server.conftest import Server

pytestmark = pytest.mark.sqlite  # no database has a part in this


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
