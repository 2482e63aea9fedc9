"""Every view is for everybody: no violation that axe-core finds, and the keyboard leads everywhere."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from clientes_service.auth.roles import Rol
from tests.conftest import EMPRESA, PASSWORD
from tests.server.conftest import Server
from tests.server.wire import Wire

pytestmark = [pytest.mark.sqlite, pytest.mark.browser]

Open = Callable[..., Page]
Way = Callable[[Page], object]


def click(*names: str) -> Way:
    """Click buttons, one after the other; the last one opens a dialog."""

    def go(page: Page) -> None:
        for name in names:
            page.get_by_role("button", name=name).first.click()
        page.get_by_role("dialog").first.wait_for()

    return go


def refused_form(page: Page) -> None:
    click("Nuevo usuario")(page)
    page.get_by_role("button", name="Crear usuario").click()
    page.get_by_role("alert").first.wait_for()


def shown_password(page: Page) -> None:
    row = page.get_by_role("listitem").filter(has_text="otra@example.pe")
    row.get_by_role("button", name="Contraseña").click()
    page.get_by_role("button", name="Proponer").click()
    page.get_by_role("button", name="Guardar").click()
    page.get_by_role("button", name="Ya la anoté").wait_for()


def undo(page: Page) -> None:
    row = page.get_by_role("listitem").filter(has_text="otra@example.pe")
    row.get_by_role("button", name="activar").click()
    page.get_by_role("button", name="Deshacer").wait_for()


def lost_session(page: Page) -> None:
    page.route("**/api/**", lambda route: route.fulfill(status=401, json={"code": "NO_AUTENTICADO"}))
    page.route("**/auth/refresh", lambda route: route.fulfill(status=401, json={"code": "NO_AUTENTICADO"}))
    page.get_by_role("button", name="Actualizar").click()
    page.get_by_role("dialog").wait_for()


def not_loaded(page: Page) -> None:
    page.route("**/oficina/import.js", lambda route: route.abort())
    page.get_by_role("link", name="Importar", exact=True).click()
    page.get_by_role("heading", name="No se pudo abrir").wait_for()


def nothing(page: Page) -> None:
    """Stay."""


# What is looked at: its name, who looks, at which address, and the way from there.
VIEWS: list[tuple[str, Rol | None, str, Way]] = [
    ("sign-in", None, "", nothing),
    ("sign-in refused", None, "", lambda page: page.get_by_role("button", name="Entrar").click()),
    ("list", Rol.OFICINA, "", nothing),
    ("list of nothing", Rol.OFICINA, "", lambda page: page.get_by_label("Buscar").fill("nadie")),
    ("keys", Rol.OFICINA, "", lambda page: page.keyboard.press("?")),
    ("new client", Rol.OFICINA, "#/nuevo", nothing),
    ("client", Rol.OFICINA, "#/clientes/1", nothing),
    ("change a client", Rol.OFICINA, "#/clientes/1", lambda page: page.get_by_role("button", name="Editar").click()),
    ("client, for who only reads", Rol.CONSULTA, "#/clientes/1", nothing),
    ("client that is not there", Rol.OFICINA, "#/clientes/999999", nothing),
    ("import", Rol.OFICINA, "#/importar", nothing),
    ("import that does not load", Rol.OFICINA, "", not_loaded),
    ("users", Rol.ADMIN, "#/usuarios", nothing),
    ("users, refused", Rol.OFICINA, "#/usuarios", nothing),
    ("users, undo", Rol.ADMIN, "#/usuarios", undo),
    ("new user", Rol.ADMIN, "#/usuarios", click("Nuevo usuario")),
    ("new user, refused", Rol.ADMIN, "#/usuarios", refused_form),
    ("edit user", Rol.ADMIN, "#/usuarios", click("Editar")),
    ("new password", Rol.ADMIN, "#/usuarios", click("Contraseña de")),
    ("shown password", Rol.ADMIN, "#/usuarios", shown_password),
    ("service", Rol.ADMIN, "#/servicio", nothing),
    ("lost session", Rol.ADMIN, "#/servicio", lost_session),
]
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1366, 390)]


@pytest.fixture(autouse=True, scope="module")
def _some_data(server: Server) -> None:
    """Two clients, one of them inactive, and another ADMIN."""
    from tests.conftest import DNI
    from tests.server.wire import connected, sign_in

    with connected(server.url, str(sign_in(server.url, DNI[Rol.ADMIN], PASSWORD)["token"])) as api:
        assert api.call("POST", "/api/clientes", EMPRESA).json["id"] == 1
        other = {**EMPRESA, "codigoCliente": "CLI0002", "nombre": "<b>Ñ</b> " + "W" * 140}
        gone = api.call("POST", "/api/clientes", other).json["id"]
        api.call("DELETE", f"/api/clientes/{gone}")
        user = {"dni": "60000001", "nombre": "Otra Cuenta", "email": "otra@example.pe", "rol": "ADMIN"}
        api.call("POST", "/api/usuarios", {**user, "password": PASSWORD})


@pytest.fixture(scope="module")
def axe() -> Axe:
    return Axe()


def violations(axe: Axe, page: Page) -> list[str]:
    found: list[dict[str, Any]] = axe.run(page).response["violations"]
    return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("rol", "address", "way"), [view[1:] for view in VIEWS], ids=[view[0] for view in VIEWS])
def test_axe_finds_no_violation(
    open_page: Open, server: Server, axe: Axe, rol: Rol | None, address: str, way: Way
) -> None:
    page = open_page(rol, viewport={"width": 1366, "height": 768})
    if address:
        page.evaluate("address => { location.hash = address }", address)
        page.locator("main > div[hidden]").wait_for(state="attached")  # the list gives way
    expect(page.locator("h1:not([hidden] *)")).to_have_count(1)
    expect(page.locator(".waiting")).to_have_count(0)
    way(page)
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 768})
        assert violations(axe, page) == [], (scheme, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_axe_finds_one_that_is_there(open_page: Open, axe: Axe) -> None:
    """The control: without it, finding nothing would prove nothing."""
    page = open_page(None)
    page.get_by_label("DNI").wait_for()
    page.evaluate("document.querySelector('label').remove()")
    assert any(found.startswith("label:") for found in violations(axe, page))


def test_the_keyboard_leads_through_the_header(open_page: Open) -> None:
    page = open_page(Rol.ADMIN)
    expect(page.get_by_role("heading", name="Clientes")).to_be_focused()  # one has just signed in
    page.get_by_role("link", name="Clientes", exact=True).focus()
    walked = []
    for _ in range(5):
        walked.append(page.evaluate("document.activeElement.textContent"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineColor") == "rgb(255, 255, 255)"
        page.keyboard.press("Tab")
    assert walked == ["Clientes", "Importar", "Usuarios", "Servicio", "Salir"]
    page.get_by_role("link", name="Usuarios").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Usuarios")).to_be_focused()
    expect(page.get_by_role("link", name="Usuarios")).to_have_attribute("aria-current", "page")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Salir")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("DNI")).to_be_focused()


def test_twice_as_large_it_still_fits(open_page: Open) -> None:
    """At 200 % a screen of 1366 pixels has room for 683."""
    page = open_page(Rol.ADMIN, viewport={"width": 683, "height": 384})
    for name in ("Usuarios", "Servicio"):
        page.get_by_role("link", name=name).click()
        expect(page.locator("main .card")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 683


def test_a_dialog_keeps_the_keyboard_and_gives_it_back(open_page: Open, api: Wire) -> None:
    page = open_page(Rol.ADMIN)
    page.get_by_role("link", name="Usuarios").click()
    opener = page.get_by_role("button", name="Nuevo usuario")
    opener.click()
    dialog = page.get_by_role("dialog", name="Nuevo usuario")
    expect(dialog).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()
