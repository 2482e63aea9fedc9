"""Signing in and out, and what outlives a reload."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from clientes_service.auth.roles import Rol
from tests.conftest import DNI, PASSWORD
from tests.office.conftest import once, sign_in
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
    expect(page.locator(".list")).not_to_contain_text("Cargando…")
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


def test_after_a_long_pause_one_can_still_sign_out(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA)
    with page.expect_response("**/auth/logout") as answered:
        page.route("**/auth/logout", refuse_the_token)
        page.get_by_role("button", name="Salir").click()
    assert answered.value.status == 204
    expect(page.get_by_label("DNI")).to_be_visible()
    assert page.context.cookies() == []
    page.reload()
    expect(page.get_by_label("DNI")).to_be_focused()


def refuse_the_token(route: Route) -> None:
    """The token that the page has in memory is too old."""
    headers = route.request.headers
    route.continue_(headers={**headers, "authorization": "Bearer old"} if "authorization" in headers else headers)


def test_without_the_cookie_the_token_signs_out(open_page: Callable[..., Page]) -> None:
    """As on plain http, where the browser keeps none."""
    page = open_page(Rol.OFICINA)
    page.context.clear_cookies()
    with page.expect_response(lambda answer: "logout" in answer.url and answer.status == 204):
        page.get_by_role("button", name="Salir").click()
    expect(page.get_by_label("DNI")).to_be_visible()


def test_a_sign_out_without_an_answer_is_told(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA)
    page.route("**/auth/logout", lambda route: route.abort())
    page.get_by_role("button", name="Salir").click()
    expect(page.get_by_role("status").filter(has_text="No se pudo salir.")).to_be_visible()
    page.unroute("**/auth/logout")
    page.get_by_role("button", name="Salir").click()
    expect(page.get_by_label("DNI")).to_be_focused()


def change_places(page: Page) -> Page:
    """In another tab, which is returned, this user signs out and a TECNICO in."""
    other = page.context.new_page()
    other.goto(page.url.split("#")[0])
    other.get_by_role("button", name="Salir").click()
    sign_in(other, Rol.TECNICO)
    return other


def test_a_tab_goes_on_for_nobody_else(open_page: Callable[..., Page], api: Wire) -> None:
    """In another tab somebody signs out and somebody else in; this one has text that is not saved."""
    page = open_page(Rol.OFICINA, "/#/nuevo")
    expect(page.get_by_label("Código de cliente")).not_to_have_value("")
    page.get_by_label("Nombre o razón social").fill("De Oficina S.A.")
    page.get_by_label("Tipo de cliente").locator("visible=true").select_option("Empresa")
    with page.expect_response(re.compile("numeroDocumento=")):
        page.get_by_label("Número de documento").fill("20100070970")
    change_places(page)
    page.get_by_role("button", name="Guardar", exact=True).click()
    again = page.get_by_role("dialog", name="Su sesión terminó")
    expect(again).to_be_visible()
    assert api.call("GET", "/api/clientes?q=De+Oficina").json["totalElements"] == 0
    again.get_by_label("DNI").fill(DNI[Rol.OFICINA])
    again.get_by_label("Contraseña").fill(PASSWORD)
    again.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("heading", name="De Oficina S.A.")).to_be_visible()
    [made] = api.call("GET", "/api/clientes?q=De+Oficina").json["content"]
    [line] = api.call("GET", f"/api/clientes/{made['id']}/historial").json["content"]
    assert line["usuario"]["nombre"] == "Usuario OFICINA"


def test_who_signs_out_leaves_all_tabs(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA, "/?q=ana")
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Salir").click()
    expect(page.get_by_label("DNI")).to_be_focused()
    assert "ana" not in page.url


def test_a_new_name_and_role_are_known_with_the_next_token(
    open_page: Callable[..., Page], api: Wire, server: Server
) -> None:
    body = {"dni": "50000004", "nombre": "Ana Soto", "email": "ana@example.pe", "rol": "ADMIN", "password": PASSWORD}
    id = api.call("POST", "/api/usuarios", body).json["id"]
    page = open_page(None)
    enter(page, "50000004")
    api.call("PUT", f"/api/usuarios/{id}", {"nombre": "Ana Soto Rey", "rol": "OFICINA"})
    page.route("**/api/clientes?*", once("GET", refuse_the_token))
    page.get_by_label("Buscar").fill("nadie")
    expect(page.get_by_text("Ana Soto Rey")).to_be_visible()
    expect(page.get_by_role("link", name="Usuarios")).to_have_count(0)


def test_a_reload_while_nobody_answers_does_not_ask_to_sign_in(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA)
    page.route("**/auth/refresh", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("No hay respuesta")
    expect(page.get_by_label("DNI")).to_have_count(0)
    page.unroute("**/auth/refresh")
    page.get_by_role("button", name="Reintentar").click()
    expect(page.get_by_role("button", name="Salir")).to_be_visible()


def test_a_token_that_is_always_refused_is_told(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA)
    page.route("**/api/clientes?*", refuse_the_token)
    page.get_by_label("Buscar").fill("nadie")
    expect(page.get_by_role("alert")).to_be_visible()


def test_the_focus_stays_where_one_types(open_page: Callable[..., Page]) -> None:
    page = open_page(None)
    page.get_by_label("DNI").fill(DNI[Rol.OFICINA])
    page.get_by_label("Contraseña").fill("no-es-esta-clave")
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Contraseña")).to_be_focused()
    page.keyboard.type(PASSWORD)  # over the wrong one
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Clientes")).to_be_focused()


def test_a_sign_out_that_fails_leaves_what_was_typed_guarded(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    page.get_by_label("Nombre o razón social").fill("A medias")
    page.route("**/auth/logout", lambda route: route.abort())
    page.get_by_role("button", name="Salir", exact=True).click()
    page.get_by_role("button", name="Salir sin guardar").click()
    expect(page.get_by_text("No se pudo salir.")).to_be_visible()
    page.get_by_role("link", name="Clientes", exact=True).click()
    expect(page.get_by_role("dialog", name="Hay cambios sin guardar")).to_be_visible()


def test_a_tab_that_stayed_does_not_sign_out_somebody_else(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    page.get_by_label("Nombre o razón social").fill("A medias")
    other = change_places(page)
    page.get_by_role("button", name="Salir", exact=True).click()
    page.get_by_role("button", name="Salir sin guardar").click()
    expect(page.get_by_text("Usuario TECNICO")).to_be_visible()  # it was reloaded
    other.reload()
    expect(other.get_by_text("Usuario TECNICO")).to_be_visible()


def test_who_types_at_the_entrance_is_not_disturbed(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA)
    other = page.context.new_page()
    other.route("**/auth/refresh", lambda route: route.fulfill(status=401, json={"code": "NO_AUTENTICADO"}))
    other.goto(page.url)
    other.get_by_label("DNI").fill("4000")
    page.get_by_role("button", name="Salir").click()
    expect(page.get_by_label("DNI")).to_be_visible()
    other.wait_for_timeout(200)
    expect(other.get_by_label("DNI")).to_have_value("4000")


def test_what_was_typed_stays_for_who_may_not_save_it(
    open_page: Callable[..., Page], server: Server, api: Wire
) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    page.get_by_label("Nombre o razón social").fill("A medias")
    page.context.clear_cookies()
    page.route("**/api/clientes", once("POST", refuse_the_token))
    page.get_by_role("button", name="Guardar", exact=True).click()
    again = page.get_by_role("dialog", name="Su sesión terminó")
    again.get_by_label("DNI").fill(DNI[Rol.CONSULTA])
    again.get_by_label("Contraseña").fill(PASSWORD)
    again.get_by_role("button", name="Entrar").click()
    expect(page.get_by_text("Usuario CONSULTA")).to_be_visible()
    expect(page.get_by_role("alert").first).to_be_visible()
    expect(page.get_by_label("Nombre o razón social")).to_have_value("A medias")


def test_a_wrong_dni_has_the_focus(open_page: Callable[..., Page]) -> None:
    page = open_page(None)
    page.get_by_label("DNI").fill("123")
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("DNI")).to_be_focused()
