"""The accounts: make one, lock it and unlock it, another password, another role; and one's own."""

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from clientes_service.auth.roles import Rol
from tests.conftest import DNI, PASSWORD
from tests.office.conftest import once
from tests.server.conftest import Server
from tests.server.wire import Wire, connected

pytestmark = [pytest.mark.sqlite, pytest.mark.browser]

Open = Callable[..., Page]
Make = Callable[..., dict[str, Any]]
DNIS = (f"2{number:07d}" for number in itertools.count())
HOSTILE = ["<img src=x onerror=alert(1)>", "Ñ" * 150, "شركة الصيانة", "👩🏽‍🔧 Rosa 🇵🇪", "'; DROP TABLE usuario; --"]


@pytest.fixture
def make_usuario(api: Wire) -> Make:
    """Create an account over the API, with a DNI of its own and PASSWORD."""

    def make(nombre: str = "Rosa Quispe", rol: Rol = Rol.TECNICO) -> dict[str, Any]:
        body = {"dni": next(DNIS), "nombre": nombre, "email": "rosa@example.pe", "rol": rol, "password": PASSWORD}
        answer = api.call("POST", "/api/usuarios", body)
        assert answer.status == 201, answer.body
        usuario: dict[str, Any] = answer.json
        return usuario

    return make


@pytest.fixture
def usuarios(open_page: Open) -> Page:
    """The page of the accounts, before an ADMIN."""
    page = open_page(Rol.ADMIN)
    page.get_by_role("link", name="Usuarios").click()
    expect(page.get_by_role("heading", name="Usuarios")).to_be_focused()
    expect(page.get_by_role("listitem").first).to_be_visible()
    return page


def row(page: Page, usuario: dict[str, Any]) -> Locator:
    page.get_by_role("listitem").first.wait_for()
    return page.get_by_role("listitem").filter(has_text=usuario["dni"])


def stored(api: Wire, dni: str) -> dict[str, Any] | None:
    found = [one for one in api.call("GET", "/api/usuarios").json["content"] if one["dni"] == dni]
    return found[0] if found else None


def may_sign_in(server: Server, dni: str, password: str) -> bool:
    with connected(server.url) as wire:
        status = wire.call("POST", "/auth", {"dni": dni, "password": password}).status
    assert status in (200, 401)
    return status == 200


def test_a_new_user_is_made_with_a_password_that_is_shown_once(usuarios: Page, api: Wire, server: Server) -> None:
    dni = next(DNIS)
    usuarios.get_by_role("button", name="Nuevo usuario").click()
    dialog = usuarios.get_by_role("dialog", name="Nuevo usuario")
    dialog.get_by_label("DNI").press_sequentially(f"{dni[:4]} {dni[4:7]}")
    expect(dialog).to_contain_text("Falta 1 dígito.")
    dialog.get_by_label("DNI").press_sequentially(dni[7:])
    expect(dialog).to_contain_text("8 dígitos: está completo.")
    dialog.get_by_label("Nombre completo").fill("Luz Ñahui")
    dialog.get_by_label("Correo").fill("luz@example.pe")
    dialog.get_by_label("Oficina.").check()
    dialog.get_by_role("button", name="Proponer").click()
    proposed = dialog.get_by_label("Contraseña").input_value()
    assert re.fullmatch(r"(?:[a-z2-9]{5}-){2}[a-z2-9]{5}", proposed)
    dialog.get_by_role("button", name="Crear usuario").click()
    shown = usuarios.get_by_role("dialog", name="Entregue estos datos")
    expect(shown).to_contain_text(proposed)
    shown.get_by_role("button", name="Ya la anoté").click()
    expect(shown).to_have_count(0)
    expect(usuarios.get_by_role("button", name="Nuevo usuario")).to_be_focused()
    expect(row(usuarios, {"dni": dni})).to_contain_text("Oficina")
    assert proposed not in usuarios.content()
    made = stored(api, dni)
    assert made
    assert (made["nombre"], made["email"], made["rol"]) == ("Luz Ñahui", "luz@example.pe", "OFICINA")
    assert may_sign_in(server, dni, proposed)


def test_what_is_wrong_is_said_at_its_field(usuarios: Page, api: Wire) -> None:
    usuarios.get_by_role("button", name="Nuevo usuario").click()
    dialog = usuarios.get_by_role("dialog")
    dialog.get_by_role("button", name="Crear usuario").click()
    expect(dialog.get_by_role("alert")).to_have_count(5)
    expect(dialog.get_by_label("DNI")).to_be_focused()
    dni = next(DNIS)
    dialog.get_by_label("DNI").fill(dni)
    dialog.get_by_label("Nombre completo").fill("Ana Soto")
    dialog.get_by_label("Correo").fill("ana@example.pe")
    dialog.get_by_label("Consulta.").check()
    dialog.get_by_label("Contraseña").fill("nueve-999")
    expect(dialog).to_contain_text("Al menos 10 caracteres; van 9.")
    dialog.get_by_role("button", name="Crear usuario").click()
    expect(dialog.get_by_label("Contraseña")).to_have_accessible_description(re.compile("al menos 10 caracteres"))
    dialog.get_by_label("Contraseña").fill("-".join(dni))
    dialog.get_by_role("button", name="Crear usuario").click()
    expect(dialog.get_by_role("alert")).to_have_text("La contraseña no puede ser el DNI.")
    dialog.get_by_label("Contraseña").fill(PASSWORD)
    dialog.get_by_label("DNI").fill(DNI[Rol.CONSULTA])
    dialog.get_by_label("Contraseña").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("DNI")
    expect(dialog.get_by_label("DNI")).to_be_focused()
    assert stored(api, dni) is None
    dialog.get_by_label("DNI").fill(dni)
    dialog.get_by_label("DNI").press("Enter")
    expect(usuarios.get_by_role("status")).to_contain_text("Ana Soto ya puede entrar.")
    assert stored(api, dni)


def test_what_was_typed_is_not_dropped_unasked(usuarios: Page, api: Wire) -> None:
    before = api.call("GET", "/api/usuarios").json
    usuarios.get_by_role("button", name="Nuevo usuario").click()
    dialog = usuarios.get_by_role("dialog", name="Nuevo usuario")
    question = usuarios.get_by_role("dialog", name="Hay cambios sin guardar")
    dialog.get_by_label("Nombre completo").fill("Luz Ñahui")
    for _ in range(2):
        usuarios.keyboard.press("Escape")
        question.get_by_role("button", name="Seguir escribiendo").click()
        expect(question).to_have_count(0)
        expect(dialog.get_by_label("Nombre completo")).to_have_value("Luz Ñahui")
    dialog.get_by_role("button", name="Cancelar").click()
    question.get_by_role("button", name="Salir sin guardar").click()
    expect(usuarios.get_by_role("dialog")).to_have_count(0)
    usuarios.get_by_role("button", name="Nuevo usuario").click()
    expect(dialog.get_by_label("Nombre completo")).to_have_value("")
    usuarios.keyboard.press("Escape")  # nothing was typed
    expect(usuarios.get_by_role("dialog")).to_have_count(0)
    assert api.call("GET", "/api/usuarios").json == before


def test_a_deactivation_can_be_undone(usuarios: Page, make_usuario: Make, api: Wire, server: Server) -> None:
    rosa = make_usuario("Rosa Choque")
    usuarios.reload()
    row(usuarios, rosa).get_by_role("button", name="Desactivar a Rosa Choque").click()
    expect(row(usuarios, rosa)).to_contain_text("Sin acceso")
    assert not may_sign_in(server, rosa["dni"], PASSWORD)
    usuarios.get_by_role("status").get_by_role("button", name="Deshacer").click()
    expect(row(usuarios, rosa)).to_contain_text("Activo")
    assert may_sign_in(server, rosa["dni"], PASSWORD)


def test_who_was_deactivated_is_active_again(usuarios: Page, make_usuario: Make, api: Wire) -> None:
    rosa = make_usuario()
    api.call("PUT", f"/api/usuarios/{rosa['id']}", {"vigente": False})
    usuarios.reload()
    expect(usuarios.locator("main")).to_contain_text("sin acceso")
    row(usuarios, rosa).get_by_role("button", name="Reactivar").click()
    expect(usuarios.get_by_role("status")).to_contain_text("puede entrar otra vez")
    expect(row(usuarios, rosa).get_by_role("button", name="Desactivar")).to_be_focused()
    assert stored(api, rosa["dni"]) == rosa


def test_another_password_and_no_other_works_from_then_on(
    usuarios: Page, make_usuario: Make, server: Server, api: Wire
) -> None:
    rosa = make_usuario()
    usuarios.reload()
    row(usuarios, rosa).get_by_role("button", name="Contraseña de").click()
    dialog = usuarios.get_by_role("dialog", name="Nueva contraseña")
    dialog.get_by_label("Contraseña").fill(rosa["dni"])
    usuarios.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_label("Contraseña").fill("otra-clave-larga")
    usuarios.keyboard.press("Enter")
    expect(usuarios.get_by_role("status")).to_contain_text("contraseña nueva")
    assert not may_sign_in(server, rosa["dni"], PASSWORD)
    assert may_sign_in(server, rosa["dni"], "otra-clave-larga")


def test_a_role_and_a_name_are_changed(usuarios: Page, make_usuario: Make, api: Wire) -> None:
    rosa = make_usuario()
    usuarios.reload()
    row(usuarios, rosa).get_by_role("button", name="Editar").click()
    dialog = usuarios.get_by_role("dialog")
    expect(dialog.get_by_label("Técnico.")).to_be_checked()
    dialog.get_by_label("Técnico.").press("ArrowDown")
    dialog.get_by_label("Nombre completo").fill("  Rosa Quispe Mamani ")
    usuarios.keyboard.press("Enter")
    expect(row(usuarios, rosa)).to_contain_text("Oficina")
    assert stored(api, rosa["dni"]) == {**rosa, "rol": "OFICINA", "nombre": "Rosa Quispe Mamani"}
    row(usuarios, rosa).get_by_role("button", name="Editar").click()
    expect(dialog).to_be_visible()
    usuarios.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(row(usuarios, rosa).get_by_role("button", name="Editar")).to_be_focused()


def test_the_last_administrator_is_kept(usuarios: Page, api: Wire) -> None:
    me = {"dni": DNI[Rol.ADMIN]}
    row(usuarios, me).get_by_role("button", name="Editar").click()
    dialog = usuarios.get_by_role("dialog")
    dialog.get_by_label("Técnico.").check()
    expect(dialog.get_by_role("status")).to_contain_text("dejará de ser administrador")
    dialog.get_by_role("button", name="Guardar").click()
    expect(dialog.locator(".roles").get_by_role("alert")).to_contain_text("administrador")
    usuarios.keyboard.press("Escape")
    usuarios.get_by_role("button", name="Salir sin guardar").click()
    row(usuarios, me).get_by_role("button", name="Desactivar").click()
    usuarios.get_by_role("button", name="Desactivar mi cuenta").click()
    expect(row(usuarios, me).get_by_role("alert")).to_contain_text("administrador")
    mine = stored(api, DNI[Rol.ADMIN])
    assert mine
    assert (mine["rol"], mine["vigente"]) == ("ADMIN", True)


def sign_in_as(page: Page, usuario: dict[str, Any]) -> None:
    page.get_by_label("DNI").fill(usuario["dni"])
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    page.get_by_role("link", name="Usuarios").click()


def test_an_own_new_password_asks_to_sign_in_again(open_page: Open, make_usuario: Make, server: Server) -> None:
    ana = make_usuario("Ana Soto", Rol.ADMIN)
    page = open_page(None)
    sign_in_as(page, ana)
    expect(row(page, ana)).to_contain_text("usted")
    row(page, ana).get_by_role("button", name="Contraseña de").click()
    expect(page.get_by_role("dialog")).to_contain_text("Es su propia cuenta")
    page.get_by_role("button", name="Proponer").click()
    made = page.get_by_role("dialog").get_by_label("Contraseña").input_value()
    page.get_by_role("button", name="Guardar").click()
    expect(page.get_by_role("dialog", name="Entregue estos datos")).to_contain_text(made)
    page.get_by_role("button", name="Ya la anoté").click()
    again = page.get_by_role("dialog", name="Su sesión terminó")
    again.get_by_label("DNI").fill(ana["dni"])
    again.get_by_label("Contraseña").fill(made)
    again.get_by_role("button", name="Entrar").click()
    expect(again).to_have_count(0)
    expect(row(page, ana)).to_contain_text("usted")


def test_who_demotes_or_locks_himself_is_warned_and_let_out(open_page: Open, make_usuario: Make, api: Wire) -> None:
    ana = make_usuario("Ana Soto", Rol.ADMIN)
    page = open_page(None)
    sign_in_as(page, ana)
    row(page, ana).get_by_role("button", name="Desactivar").click()
    page.get_by_role("button", name="Cancelar").click()
    assert stored(api, ana["dni"]) == ana
    row(page, ana).get_by_role("button", name="Editar").click()
    page.get_by_label("Oficina.").check()
    page.get_by_role("button", name="Guardar").click()
    expect(page.get_by_role("link", name="Importar")).to_be_visible()
    expect(page.get_by_role("link", name="Usuarios")).to_have_count(0)
    api.call("PUT", f"/api/usuarios/{ana['id']}", {"rol": "ADMIN"})
    page.reload()
    page.get_by_role("link", name="Usuarios").click()
    row(page, ana).get_by_role("button", name="Desactivar").click()
    page.get_by_role("button", name="Desactivar mi cuenta").click()
    expect(page.get_by_label("DNI")).to_be_visible()
    left = stored(api, ana["dni"])
    assert left
    assert left["vigente"] is False


@pytest.mark.parametrize("nombre", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_text(usuarios: Page, make_usuario: Make, nombre: str) -> None:
    someone = make_usuario(nombre)
    usuarios.set_viewport_size({"width": 390, "height": 844})
    usuarios.reload()
    expect(row(usuarios, someone).locator("bdi").first).to_have_text(nombre)
    row(usuarios, someone).get_by_role("button", name="Desactivar").click()
    expect(usuarios.get_by_role("status")).to_contain_text(nombre)
    assert usuarios.locator("main img").count() == 0
    assert usuarios.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_an_answer_the_page_says_so_and_tries_again(open_page: Open, make_usuario: Make, api: Wire) -> None:
    page = open_page(Rol.ADMIN)
    page.route("**/api/usuarios", lambda route: route.abort())
    page.get_by_role("link", name="Usuarios").click()
    expect(page.get_by_role("alert")).to_contain_text("No hay respuesta")
    page.unroute("**/api/usuarios")
    page.get_by_role("button", name="Reintentar").click()
    expect(page.get_by_role("listitem").first).to_be_visible()


def test_a_lost_answer_makes_no_second_user(usuarios: Page, api: Wire) -> None:
    """The account was stored, its answer never came: the same DNI is then found to be taken."""
    dni = next(DNIS)
    usuarios.get_by_role("button", name="Nuevo usuario").click()
    dialog = usuarios.get_by_role("dialog")
    dialog.get_by_label("DNI").fill(dni)
    dialog.get_by_label("Nombre completo").fill("Eva Rojas")
    dialog.get_by_label("Correo").fill("eva@example.pe")
    dialog.get_by_label("Consulta.").check()
    dialog.get_by_label("Contraseña").fill(PASSWORD)

    def lose(route: Any) -> None:
        route.fetch()
        route.abort()

    usuarios.route("**/api/usuarios", once("POST", lose))
    dialog.get_by_role("button", name="Crear usuario").click()
    expect(dialog.get_by_role("alert")).to_contain_text("No hay respuesta")
    dialog.get_by_role("button", name="Crear usuario").click()
    expect(dialog.get_by_label("DNI")).to_have_accessible_description(re.compile("usuario"))
    assert [one["dni"] for one in api.call("GET", "/api/usuarios").json["content"]].count(dni) == 1


def test_only_what_was_changed_is_sent(usuarios: Page, make_usuario: Make, api: Wire) -> None:
    """Another ADMIN has given her another role meanwhile."""
    rosa = make_usuario()
    usuarios.reload()
    row(usuarios, rosa).get_by_role("button", name="Editar").click()
    api.call("PUT", f"/api/usuarios/{rosa['id']}", {"rol": "CONSULTA"})
    usuarios.get_by_label("Nombre completo").fill("Rosa Quispe Mamani")
    with usuarios.expect_request(lambda request: request.method == "PUT") as sent:
        usuarios.get_by_role("button", name="Guardar").click()
    assert sent.value.post_data_json == {"nombre": "Rosa Quispe Mamani"}
    expect(row(usuarios, rosa)).to_contain_text("Consulta")
    assert stored(api, rosa["dni"]) == {**rosa, "rol": "CONSULTA", "nombre": "Rosa Quispe Mamani"}


def show_password(page: Page, usuario: dict[str, Any]) -> Locator:
    """Give a user a proposed password; the dialog that shows it."""
    page.reload()
    row(page, usuario).get_by_role("button", name="Contraseña de").click()
    page.get_by_role("button", name="Proponer").click()
    page.get_by_role("button", name="Guardar").click()
    shown = page.get_by_role("dialog", name="Entregue estos datos")
    expect(shown).to_be_visible()
    return shown


def test_a_password_that_is_shown_once_does_not_go_by_a_key(usuarios: Page, make_usuario: Make) -> None:
    shown = show_password(usuarios, make_usuario())
    for _ in range(3):
        usuarios.keyboard.press("Escape")
    expect(shown).to_be_visible()
    shown.get_by_role("button", name="Ya la anoté").click()
    expect(shown).to_have_count(0)


def test_an_undo_is_seen_in_a_view_that_was_opened_again(usuarios: Page, make_usuario: Make) -> None:
    rosa = make_usuario()
    usuarios.reload()
    row(usuarios, rosa).get_by_role("button", name="Desactivar").click()
    expect(row(usuarios, rosa)).to_contain_text("Sin acceso")
    usuarios.get_by_role("link", name="Servicio").click()
    expect(usuarios.get_by_role("heading", name="Estado del servicio")).to_be_focused()
    usuarios.get_by_role("link", name="Usuarios").click()
    expect(row(usuarios, rosa)).to_contain_text("Sin acceso")
    usuarios.get_by_role("button", name="Deshacer").click()
    expect(row(usuarios, rosa)).to_contain_text("Activo")


def test_an_undo_that_fails_is_told_in_any_view(usuarios: Page, make_usuario: Make) -> None:
    rosa = make_usuario()
    usuarios.reload()
    row(usuarios, rosa).get_by_role("button", name="Desactivar").click()
    expect(row(usuarios, rosa)).to_contain_text("Sin acceso")
    usuarios.get_by_role("link", name="Clientes", exact=True).click()
    usuarios.route(f"**/api/usuarios/{rosa['id']}", lambda route: route.abort())
    usuarios.get_by_role("button", name="Deshacer").click()
    expect(usuarios.locator(".notice")).to_contain_text("No hay respuesta")


def test_a_password_that_is_shown_once_outlives_a_sign_out_elsewhere(usuarios: Page, make_usuario: Make) -> None:
    shown = show_password(usuarios, make_usuario())
    other = usuarios.context.new_page()
    other.goto(usuarios.url.split("#")[0])
    other.get_by_role("button", name="Salir").click()
    expect(other.get_by_label("DNI")).to_be_visible()
    expect(shown).to_be_visible()
    usuarios.go_back()
    usuarios.get_by_role("dialog", name="¿Ya anotó la contraseña?").get_by_role("button", name="Volver").click()
    expect(shown).to_be_visible()
