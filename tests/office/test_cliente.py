"""The form and the card of a client: from what is typed to the row in the database."""

import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from clientes_service.auth.roles import Rol
from clientes_service.clientes import documento
from clientes_service.clientes.documento import DocumentoInvalido, TipoDocumento
from tests.conftest import DNI, EMPRESA, PASSWORD
from tests.server.wire import Wire

pytestmark = [pytest.mark.sqlite, pytest.mark.browser]

NUMBERS = iter(range(7000, 8000))
BIDI = "שלום <b>&amp;</b> 🧯 " + "مرحبا"


@pytest.fixture
def make(api: Wire) -> Callable[..., dict[str, Any]]:
    """Make a client, with a code and a document of its own."""

    def make_it(**overrides: Any) -> dict[str, Any]:
        number = next(NUMBERS)
        own = {"codigoCliente": f"CLI{number}", "numeroDocumento": f"2050000{number}", "nombre": f"Botica {number}"}
        answer = api.call("POST", "/api/clientes", {**EMPRESA, **own, **overrides})
        assert answer.status == 201, answer.body
        cliente: dict[str, Any] = answer.json
        return cliente

    return make_it


def stored(api: Wire, id: int) -> dict[str, Any]:
    cliente: dict[str, Any] = api.call("GET", f"/api/clientes/{id}").json
    return cliente


def named(api: Wire, nombre: str) -> list[dict[str, Any]]:
    """The clients with this name."""
    found = api.call("GET", "/api/clientes?vigente=todos&size=500").json["content"]
    return [cliente for cliente in found if cliente["nombre"] == nombre]


def field(page: Page, name: str) -> Any:
    return page.locator(f"#cliente-{name}")


def fill(page: Page, nombre: str, numero: str = "") -> None:
    """Type a new company; its code is offered."""
    expect(field(page, "codigoCliente")).not_to_have_value("")
    page.get_by_label("Nombre o razón social").fill(nombre)
    page.get_by_label("Tipo de cliente").locator("visible=true").select_option("Empresa")
    page.get_by_label("Número de documento").fill(numero or f"2060000{next(NUMBERS)}")


def save(page: Page) -> None:
    page.get_by_role("button", name="Guardar").click()


def heading(page: Page, text: str) -> Any:
    return page.get_by_role("heading", level=1, name=text)


# --- A new client


def test_a_new_client_is_typed_with_the_keyboard_alone_and_stored(open_page: Callable[..., Page], api: Wire) -> None:
    page = open_page(Rol.TECNICO, "/#/nuevo")
    expect(page.get_by_label("Nombre o razón social")).to_be_focused()
    expect(page.get_by_label("Código de cliente")).to_have_value(re.compile("^CLI[0-9]{4}$"))
    page.keyboard.type(" Minera Los Andes ")
    for typed in ("Empresa", "Rosa Choque", None, "20100070970", None, "Jr. Puno 3", "952 123 456", "a@example.pe"):
        page.keyboard.press("Tab")
        if typed:
            page.keyboard.type(typed)
    expect(page.get_by_label("Tipo de documento")).to_have_value("RUC")
    page.keyboard.press("Enter")
    expect(heading(page, "Minera Los Andes")).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="Se guardó Minera Los Andes (CLI")).to_be_visible()
    [cliente] = named(api, "Minera Los Andes")
    assert page.url.endswith(f"#/clientes/{cliente['id']}")
    kept = {**EMPRESA, "nombre": "Minera Los Andes", "codigoCliente": cliente["codigoCliente"]}
    kept |= {"direccion": "Jr. Puno 3", "telefono": "952 123 456", "email": "a@example.pe"}
    assert {name: cliente[name] for name in EMPRESA} == kept


def test_warnings_are_shown_after_saving(open_page: Callable[..., Page], make: Callable[..., Any], api: Wire) -> None:
    other = make()
    page = open_page(Rol.OFICINA, "/#/nuevo")
    fill(page, "Repetida S.A.", other["numeroDocumento"])
    save(page)
    box = page.locator(".box-warning")
    expect(box).to_contain_text("Conviene anotar con quién tratar en la empresa.")
    expect(box.get_by_role("link", name=re.compile(other["codigoCliente"]))).to_be_visible()
    assert len(named(api, "Repetida S.A.")) == 1


def test_two_clicks_and_two_enters_make_one_client(open_page: Callable[..., Page], api: Wire) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.method) if asked.url.endswith("/api/clientes") else None)
    page.route("**/api/clientes", slowly)
    fill(page, "Doble S.A.")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Guardando…")).to_be_disabled()
    heading(page, "Doble S.A.").wait_for()
    page.goto(page.url.split("#")[0] + "#/nuevo")
    fill(page, "Doble clic S.A.")
    page.get_by_role("button", name="Guardar").dblclick()
    heading(page, "Doble clic S.A.").wait_for()
    assert sent == ["POST", "POST"]
    assert len(named(api, "Doble S.A.")) == len(named(api, "Doble clic S.A.")) == 1


def slowly(route: Route) -> None:
    """Like a bad network: the answer comes late."""
    response = route.fetch()
    route.request.frame.page.wait_for_timeout(300)
    route.fulfill(response=response)


def lose_answers(page: Page) -> None:
    """What is sent arrives; no answer does."""
    page.route("**/api/clientes", lambda route: (route.fetch(), route.abort()))


def test_a_save_without_an_answer_is_repeated_and_makes_one_client(open_page: Callable[..., Page], api: Wire) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    lose_answers(page)
    fill(page, "Sin respuesta S.A.")
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("nada se hará dos veces")
    expect(page.get_by_role("button", name="Guardar otra vez")).to_be_focused()
    page.unroute("**/api/clientes")
    page.keyboard.press("Enter")
    heading(page, "Sin respuesta S.A.").wait_for()
    assert len(named(api, "Sin respuesta S.A.")) == 1


def test_what_is_typed_after_a_lost_answer_is_saved_too(open_page: Callable[..., Page], api: Wire) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    lose_answers(page)
    fill(page, "Primero S.A.")
    save(page)
    page.get_by_role("button", name="Guardar otra vez").wait_for()
    page.unroute("**/api/clientes")
    page.get_by_label("Nombre o razón social").fill("Después S.A.")
    save(page)
    heading(page, "Después S.A.").wait_for()
    assert (len(named(api, "Primero S.A.")), len(named(api, "Después S.A."))) == (0, 1)


def test_an_answer_that_never_comes_is_given_up(open_page: Callable[..., Page], api: Wire) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    fill(page, "Nunca S.A.")
    page.evaluate("{ const usual = AbortSignal.timeout; AbortSignal.timeout = () => usual.call(AbortSignal, 300); }")
    page.route("**/api/clientes", lambda route: None)
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("No hay respuesta del servicio")
    expect(page.get_by_label("Nombre o razón social")).to_have_value("Nunca S.A.")
    assert named(api, "Nunca S.A.") == []


def test_a_session_that_ends_in_the_middle_loses_nothing(open_page: Callable[..., Page], api: Wire) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    fill(page, "Paciente S.A.")
    expire(page, api)
    save(page)
    again = page.get_by_role("dialog", name="Su sesión terminó")
    again.get_by_label("DNI").fill(DNI[Rol.OFICINA])
    again.get_by_label("Contraseña").fill(PASSWORD)
    again.get_by_role("button", name="Entrar").click()
    heading(page, "Paciente S.A.").wait_for()
    assert len(named(api, "Paciente S.A.")) == 1


def expire(page: Page, api: Wire) -> None:
    """End all sessions of the page's user, as a new password does, and leave the password as it was."""
    users = api.call("GET", "/api/usuarios").json["content"]
    [id] = [user["id"] for user in users if user["dni"] == DNI[Rol.OFICINA]]
    assert api.call("PUT", f"/api/usuarios/{id}", {"password": PASSWORD}).status == 200


def test_a_taken_code_says_who_has_it_and_the_next_is_a_click_away(
    open_page: Callable[..., Page], make: Callable[..., Any], api: Wire
) -> None:
    other = make(codigoCliente="TAC0009", nombre=BIDI)
    page = open_page(Rol.OFICINA, "/#/nuevo")
    fill(page, "Tacneña S.A.")
    page.get_by_label("Código de cliente").fill("tac0009")
    save(page)
    expect(page.get_by_label("Código de cliente")).to_be_focused()
    wrong = page.locator("#cliente-codigoCliente-error")
    expect(wrong).to_contain_text(BIDI)
    expect(wrong.get_by_role("link")).to_have_attribute("href", f"#/clientes/{other['id']}")
    wrong.get_by_role("button", name="Usar tac0010").click()
    expect(wrong).to_have_count(0)
    save(page)
    heading(page, "Tacneña S.A.").wait_for()
    assert named(api, "Tacneña S.A.")[0]["codigoCliente"] == "tac0010"


def test_errors_stand_at_their_fields_and_the_first_has_the_focus(open_page: Callable[..., Page], api: Wire) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    fill(page, "Errores S.A.", "123")
    page.get_by_label("Teléfono").fill("no tengo")
    page.get_by_label("Correo").fill("nadie")
    save(page)
    expect(page.get_by_label("Número de documento")).to_be_focused()
    expect(field(page, "numeroDocumento")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#cliente-numeroDocumento-error")).to_have_text("El RUC debe tener 11 dígitos.")
    expect(page.locator("#cliente-telefono-error")).to_contain_text("al menos 6")
    expect(page.locator("#cliente-email-error")).to_contain_text("nombre@ejemplo.pe")
    page.get_by_label("Teléfono").fill("952123456")
    expect(page.locator("#cliente-telefono-error")).to_have_count(0)
    assert named(api, "Errores S.A.") == []


def test_an_empty_form_says_what_is_required(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    expect(page.get_by_text("(obligatorio)")).to_have_count(5)
    save(page)
    expect(page.locator("#cliente-nombre-error")).to_have_text("Falta este dato.")
    expect(field(page, "nombre")).to_be_focused()
    for name in ("tipoCliente", "tipoDocumento", "numeroDocumento"):
        expect(page.locator(f"#cliente-{name}-error")).to_be_visible()


def test_who_may_only_look_is_told_so(open_page: Callable[..., Page], make: Callable[..., Any]) -> None:
    cliente = make()
    page = open_page(Rol.CONSULTA, "/#/nuevo")
    expect(heading(page, "Su cuenta no puede abrir esto")).to_be_focused()
    expect(page.locator("main")).to_contain_text("pida ese permiso a un administrador")
    page.goto(page.url.split("#")[0] + f"#/clientes/{cliente['id']}")
    heading(page, cliente["nombre"]).wait_for()
    for name in ("Editar", "Desactivar", "Historial"):
        expect(page.get_by_text(name)).to_have_count(0)
    page.keyboard.press("e")
    expect(page.get_by_label("Nombre o razón social")).to_have_count(0)


# --- Documents


def test_the_document_is_explained_while_it_is_typed(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    page.get_by_label("Tipo de cliente").locator("visible=true").select_option("Empresa")
    number, hints = page.get_by_label("Número de documento"), page.locator(".hints")
    number.press_sequentially("20-100070")
    expect(page.locator("#cliente-numeroDocumento-help")).to_have_text("8 de 11 dígitos")
    number.press_sequentially("971")
    expect(hints).to_have_text("Algún dígito no es correcto (el último sería 0): compárelo con la ficha RUC.")
    number.press("Backspace")
    number.press_sequentially("0")
    expect(hints).to_have_text("")
    number.fill("10400000018")
    expect(hints).to_contain_text("contiene su DNI, 40000001")
    number.fill("104000000187")
    expect(hints).to_have_text("Sobra 1 dígito.")
    page.get_by_label("Tipo de documento").select_option("DNI")
    number.fill("4000000a")
    expect(hints).to_have_text("El DNI lleva solo dígitos.")


def test_the_page_judges_documents_as_the_service_does(open_page: Callable[..., Page]) -> None:
    draw = random.Random(8)
    rucs = [f"{draw.choice(['10', '15', '17', '20'])}{draw.randrange(10**9):09}" for _ in range(300)]
    page = open_page(None)
    judged = page.evaluate(
        "async (rucs) => { const { hasValidCheckDigit } = await import('/oficina/documento.js');"
        "return rucs.map(hasValidCheckDigit); }",
        rucs,
    )
    assert judged == [documento.has_valid_check_digit(ruc) for ruc in rucs]
    assert 10 < sum(judged) < 100

    typed = [(tipo, draw_number(draw)) for tipo in TipoDocumento for _ in range(150)]
    whole = page.evaluate(
        "async (typed) => { const { isWhole } = await import('/oficina/documento.js');"
        "return typed.map(([tipo, numero]) => isWhole(tipo, numero)); }",
        typed,
    )
    assert whole == [is_normal(tipo, numero) for tipo, numero in typed]
    assert 100 < sum(whole) < 500


def draw_number(draw: random.Random) -> str:
    """A number such as people type: of one of some lengths, with a space, a dash or a letter in it."""
    digits = "".join(draw.choices("0123456789", k=draw.choice([1, 8, 8, 9, 11, 11, 13, 31])))
    place = draw.randrange(len(digits))
    return digits[:place] + draw.choice(["", "", " ", "-", "\u2013", "\u00ad", "k", "ñ", "٣"]) + digits[place:]


def is_normal(tipo: TipoDocumento, numero: str) -> bool:
    try:
        documento.normalize(tipo, numero)
    except DocumentoInvalido:
        return False
    return True


def test_who_else_has_the_document_is_told_before_saving(
    open_page: Callable[..., Page], make: Callable[..., Any], api: Wire
) -> None:
    other = make(numeroDocumento="20131312955")
    person = make(tipoCliente="PERSONA", tipoDocumento="DNI", numeroDocumento="40123456", nombre="Ana <i>Mamani</i>")
    page = open_page(Rol.OFICINA, "/#/nuevo")
    page.get_by_label("Tipo de cliente").locator("visible=true").select_option("Empresa")
    page.get_by_label("Número de documento").fill("2013 1312955")
    hints = page.locator(".hints")
    expect(hints).to_contain_text(f"Este RUC ya lo tiene {other['codigoCliente']} {other['nombre']}")
    expect(hints.get_by_role("link")).to_have_attribute("href", f"#/clientes/{other['id']}")
    page.get_by_label("Número de documento").fill("10401234561")
    expect(hints).to_contain_text("El DNI de esta persona (40123456) ya lo tiene")
    expect(hints).to_contain_text("Ana <i>Mamani</i>")
    api.call("DELETE", f"/api/clientes/{person['id']}")
    page.get_by_label("Tipo de documento").select_option("DNI")
    page.get_by_label("Número de documento").fill("40123456")
    expect(hints).to_contain_text("Este DNI ya lo tiene")
    expect(hints).to_contain_text("(inactivo)")


def test_a_client_does_not_have_its_own_document_twice(
    open_page: Callable[..., Page], make: Callable[..., Any]
) -> None:
    cliente = make()
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name="Editar").click()
    with page.expect_response(re.compile("numeroDocumento=")):
        expect(page.get_by_label("Número de documento")).to_have_value(cliente["numeroDocumento"])
    expect(page.locator(".hints")).not_to_contain_text("ya lo tiene")


# --- Leaving


def test_leaving_with_unsaved_changes_asks_first(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA)
    page.evaluate("location.hash = '#/nuevo'")
    page.get_by_label("Nombre o razón social").fill("A medias")
    asked = page.get_by_role("dialog", name="Hay cambios sin guardar")
    for leave in (
        lambda: page.get_by_role("link", name="Clientes").click(),
        lambda: page.evaluate("history.back()"),
        lambda: page.get_by_label("Correo").press("Escape"),
        lambda: page.get_by_role("button", name="Cancelar").click(),
        lambda: page.get_by_role("button", name="Salir", exact=True).click(),
    ):
        leave()
        asked.get_by_role("button", name="Seguir escribiendo").click()
        expect(page.get_by_label("Nombre o razón social")).to_have_value("A medias")
        assert page.url.endswith("#/nuevo")
    page.get_by_role("link", name="Clientes").click()
    asked.get_by_role("button", name="Salir sin guardar").click()
    heading(page, "Clientes").wait_for()


def test_closing_the_tab_with_unsaved_changes_asks_first(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    page.get_by_label("Nombre o razón social").press_sequentially("A")
    with page.expect_event("dialog") as asked:
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    expect(page.get_by_label("Nombre o razón social")).to_have_value("A")


def test_leaving_an_untouched_form_asks_nothing(open_page: Callable[..., Page]) -> None:
    page = open_page(Rol.OFICINA, "/#/nuevo")
    expect(page.get_by_label("Código de cliente")).not_to_have_value("")
    page.keyboard.press("Escape")
    heading(page, "Clientes").wait_for()
    assert page.url.endswith("#/")


# --- A client that is known


def test_the_card_calls_writes_and_shows_the_way(open_page: Callable[..., Page], make: Callable[..., Any]) -> None:
    cliente = make(direccion="Av. Grau 5 & 7, Tacna", email="a?cc=b@example.pe", telefono="952 123 456 / 052-421234")
    page = open_page(Rol.CONSULTA, f"/#/clientes/{cliente['id']}")
    expect(heading(page, cliente["nombre"])).to_be_focused()
    for name, address in {
        "Llamar": "tel:+51952123456",
        "WhatsApp": "https://wa.me/51952123456",
        "Ver en el mapa": "https://www.openstreetmap.org/search?query=Av.%20Grau%205%20%26%207%2C%20Tacna%2C%20Per%C3%BA",
        "a?cc=b@example.pe": "mailto:a%3Fcc%3Db@example.pe",
    }.items():
        expect(page.get_by_role("link", name=name)).to_have_attribute("href", address)


@pytest.mark.parametrize("nombre", ["<img src=x onerror=alert(1)>", "Ñ" * 150, BIDI])
def test_any_name_stays_readable_and_harmless(
    open_page: Callable[..., Page], make: Callable[..., Any], nombre: str
) -> None:
    cliente = make(nombre=nombre, direccion=nombre, contactoRepresentante=nombre)
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}", viewport={"width": 390, "height": 844})
    expect(page.locator("h1:visible")).to_have_text(nombre)
    page.keyboard.press("e")
    expect(page.locator("h1:visible")).to_have_text(f"Editar {nombre}")
    expect(page.get_by_label("Nombre o razón social")).to_have_value(nombre)
    assert page.locator("main img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_only_what_was_changed_is_sent_and_stored(
    open_page: Callable[..., Page], make: Callable[..., Any], api: Wire
) -> None:
    cliente = make()
    page = open_page(Rol.TECNICO, f"/#/clientes/{cliente['id']}")
    heading(page, cliente["nombre"]).wait_for()
    page.keyboard.press("e")
    expect(page.get_by_label("Nombre o razón social")).to_be_focused()
    page.get_by_label("Teléfono").fill("953 000 111")
    page.get_by_label("Dirección").fill("")
    with page.expect_request(lambda asked: asked.method == "PUT") as sent:
        page.keyboard.press("Enter")
    assert sent.value.post_data_json == {"telefono": "953 000 111", "direccion": None}
    assert sent.value.headers["if-match"] == f'"{cliente["version"]}"'
    expect(page.get_by_role("link", name="Llamar")).to_have_attribute("href", "tel:+51953000111")
    changed = stored(api, cliente["id"])
    assert (changed["telefono"], changed["direccion"], changed["nombre"]) == ("953 000 111", None, cliente["nombre"])


def test_a_field_that_was_wrong_is_typed_anew(
    open_page: Callable[..., Page], make: Callable[..., Any], api: Wire
) -> None:
    """Its error goes with the first key, the cursor does not."""
    cliente = make()
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name="Editar").click()
    field(page, "telefono").fill("no tiene")
    page.keyboard.press("Enter")
    expect(field(page, "telefono")).to_be_focused()
    expect(field(page, "telefono")).to_have_attribute("aria-invalid", "true")
    page.keyboard.press("Control+A")
    page.keyboard.type("052 281 839")
    expect(field(page, "telefono")).to_have_value("052 281 839")
    expect(field(page, "telefono")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Llamar")).to_be_visible()
    assert stored(api, cliente["id"])["telefono"] == "052 281 839"


def test_saving_nothing_calls_nobody(open_page: Callable[..., Page], make: Callable[..., Any], api: Wire) -> None:
    cliente = make()
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name="Editar").click()
    save(page)
    expect(page.get_by_text("No había nada que guardar.")).to_be_visible()
    assert stored(api, cliente["id"])["version"] == cliente["version"]


def test_a_client_is_deactivated_and_that_is_undone(
    open_page: Callable[..., Page], make: Callable[..., Any], api: Wire
) -> None:
    cliente = make()
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name="Desactivar").dblclick()
    expect(page.locator(".inactive")).to_be_visible()
    assert stored(api, cliente["id"])["vigente"] is False
    page.get_by_role("button", name="Deshacer").click()
    expect(page.locator(".inactive")).to_have_count(0)
    assert stored(api, cliente["id"])["vigente"] is True


def test_an_undo_still_works_from_the_list(open_page: Callable[..., Page], make: Callable[..., Any], api: Wire) -> None:
    cliente = make()
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name="Desactivar").click()
    expect(page.locator(".inactive")).to_be_visible()
    page.keyboard.press("Escape")
    heading(page, "Clientes").wait_for()
    page.get_by_role("button", name="Deshacer").click()
    expect(page.get_by_text("Se restauró")).to_be_visible()
    assert stored(api, cliente["id"])["vigente"] is True


def test_an_undo_is_seen_on_the_card_that_was_opened_again(
    open_page: Callable[..., Page], make: Callable[..., Any], api: Wire
) -> None:
    cliente = make()
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name="Desactivar").click()
    expect(page.locator(".inactive")).to_be_visible()
    page.keyboard.press("Escape")
    heading(page, "Clientes").wait_for()
    page.go_back()
    expect(page.locator(".ficha .inactive")).to_be_visible()
    page.get_by_role("button", name="Deshacer").click()
    expect(page.locator(".ficha .inactive")).to_have_count(0)
    expect(page.get_by_role("button", name="Desactivar")).to_be_enabled()


def test_an_inactive_client_is_restored(open_page: Callable[..., Page], make: Callable[..., Any], api: Wire) -> None:
    cliente = make()
    api.call("DELETE", f"/api/clientes/{cliente['id']}")
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name="Restaurar").click()
    expect(page.get_by_role("button", name="Desactivar")).to_be_visible()
    assert stored(api, cliente["id"])["vigente"] is True


def test_a_client_that_changed_is_shown_before_it_is_deactivated(
    open_page: Callable[..., Page], make: Callable[..., Any], api: Wire
) -> None:
    cliente = make()
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    heading(page, cliente["nombre"]).wait_for()
    api.call("PUT", f"/api/clientes/{cliente['id']}", {"nombre": "Otra razón"})
    page.get_by_role("button", name="Desactivar").click()
    expect(page.get_by_role("alert")).to_contain_text("cambió")
    expect(heading(page, "Otra razón")).to_be_visible()
    assert stored(api, cliente["id"])["vigente"] is True


def test_an_erased_client_offers_nothing(open_page: Callable[..., Page], make: Callable[..., Any], api: Wire) -> None:
    cliente = make()
    api.call("POST", f"/api/clientes/{cliente['id']}/anonimizar")
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    heading(page, "Cliente anonimizado").wait_for()
    for name in ("Editar", "Restaurar", "Desactivar"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)


@pytest.mark.parametrize("id", ["999999", "9" * 30])
def test_an_unknown_client_leads_to_the_list(open_page: Callable[..., Page], id: str) -> None:
    page = open_page(Rol.OFICINA, f"/#/clientes/{id}")
    expect(heading(page, "Este cliente no existe")).to_be_focused()
    page.get_by_role("link", name="Ir a la lista").click()
    heading(page, "Clientes").wait_for()


def test_a_client_that_cannot_be_read_is_asked_for_again(
    open_page: Callable[..., Page], make: Callable[..., Any]
) -> None:
    cliente = make()
    page = open_page(Rol.OFICINA)
    page.route("**/api/clientes/*", lambda route: route.abort())
    page.evaluate(f"location.hash = '#/clientes/{cliente['id']}'")
    expect(page.get_by_role("alert")).to_contain_text("No hay respuesta")
    page.unroute("**/api/clientes/*")
    page.get_by_role("button", name="Reintentar").click()
    expect(heading(page, cliente["nombre"])).to_be_focused()


def test_a_clean_sheet_is_printed(open_page: Callable[..., Page], make: Callable[..., Any]) -> None:
    cliente = make()
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    heading(page, cliente["nombre"]).wait_for()
    page.evaluate("print = () => { document.title = 'impreso' }")
    page.get_by_role("button", name="Imprimir").click()
    expect(page).to_have_title("impreso")
    page.emulate_media(media="print")
    for shown in (cliente["nombre"], cliente["numeroDocumento"], cliente["direccion"], "Impreso el"):
        expect(page.get_by_text(shown).locator("visible=true").first).to_be_visible()
    for hidden in ("Editar", "Llamar", "Historial", "Salir"):
        expect(page.get_by_text(hidden, exact=True).locator("visible=true")).to_have_count(0)


def test_a_change_without_an_answer_is_repeated_and_done_once(
    open_page: Callable[..., Page], make: Callable[..., Any], api: Wire
) -> None:
    cliente = make()
    path = f"/api/clientes/{cliente['id']}"
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name="Editar").click()
    page.get_by_label("Teléfono").fill("953 000 111")
    page.route(f"**{path}", lambda route: (route.fetch(), route.abort()))
    save(page)
    page.get_by_role("button", name="Guardar otra vez").wait_for()
    page.unroute(f"**{path}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Llamar")).to_have_attribute("href", "tel:+51953000111")
    assert len(api.call("GET", f"{path}/historial").json["content"]) == 2


def test_a_known_client_can_be_given_a_taken_code_by_nobody(
    open_page: Callable[..., Page], make: Callable[..., Any], api: Wire
) -> None:
    cliente, other = make(), make()
    page = open_page(Rol.OFICINA, f"/#/clientes/{cliente['id']}")
    page.get_by_role("button", name="Editar").click()
    page.get_by_label("Código de cliente").fill(other["codigoCliente"])
    save(page)
    expect(page.locator("#cliente-codigoCliente-error")).to_contain_text(f"Ya lo tiene {other['codigoCliente']}")
    page.get_by_role("button", name="Cancelar").click()
    page.get_by_role("button", name="Salir sin guardar").click()
    expect(heading(page, cliente["nombre"])).to_be_focused()
    assert stored(api, cliente["id"])["codigoCliente"] == cliente["codigoCliente"]
