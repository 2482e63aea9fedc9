"""The list: looking for clients, moving among them, and what it says when there is nobody or no answer."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Locator, Page, Route, expect

from clientes_service.auth.roles import Rol
from tests.conftest import DNI, PASSWORD
from tests.office.conftest import download
from tests.server.conftest import Server
from tests.server.wire import Wire, connected
from tests.server.wire import sign_in as token_of

pytestmark = [pytest.mark.sqlite, pytest.mark.browser]

OpenPage = Callable[..., Page]
LIST = re.compile(r"/api/clientes\?")
HOSTILE = ["<img src=x onerror=alert(1)><b>Negra</b>", "W" * 150, "شركة المياه الدولية", "👷🏽‍♀️ Gasfitería 🚰"]
NAMED = ["Ana Ñahui", "Beto Quispe", "Carla Rojas", *HOSTILE]
FILLERS = 57  # so that there is a second page


@pytest.fixture(scope="module")
def ids(server: Server) -> dict[str, int]:
    """The ids by name of the clients that every test finds; those that follow `Relleno` fill pages."""
    with connected(server.url, str(token_of(server.url, DNI[Rol.ADMIN], PASSWORD)["token"])) as wire:
        empty_page = wire.call("GET", "/api/clientes").json
        assert empty_page["totalElements"] == 0
        names = [*NAMED, *(f"Relleno {number:03}" for number in range(FILLERS))]
        return {name: make(wire, name, number) for number, name in enumerate(names, 1)}


def make(wire: Wire, nombre: str, number: int, **others: Any) -> int:
    """Make a client; its id."""
    is_empresa = nombre == "Beto Quispe"
    cliente = {
        "nombre": nombre,
        "tipoCliente": "EMPRESA" if is_empresa else "PERSONA",
        "tipoDocumento": "RUC" if is_empresa else "DNI",
        "numeroDocumento": f"20{number:09}" if is_empresa else f"{number:08}",
        "codigoCliente": f"CLI{number:04}",
        "telefono": {1: "+51 952 123 456", 2: "052 412 345"}.get(number),
        **others,
    }
    answer = wire.call("POST", "/api/clientes", cliente)
    assert answer.status == 201, answer.body
    id: int = answer.json["id"]
    return id


def names(page: Page) -> Locator:
    """The links of the rows that are shown."""
    return page.locator("tbody a.open")


def test_an_empty_directory_says_how_to_begin(open_page: OpenPage, api: Wire) -> None:
    if api.call("GET", "/api/clientes").json["totalElements"]:
        pytest.skip("another test filled it before")
    page = open_page(Rol.OFICINA)
    expect(page.get_by_text("Todavía no hay clientes: importe su Excel o cree el primero.")).to_be_visible()
    expect(page.get_by_role("link", name="importe su Excel")).to_have_attribute("href", "#/importar")
    page = open_page(Rol.CONSULTA)
    expect(page.get_by_text("Todavía no hay clientes.")).to_be_visible()
    expect(page.get_by_role("link", name="cree el primero")).to_have_count(0)


def test_each_keystroke_narrows_the_list_and_the_address_keeps_it(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    expect(page.get_by_role("status").first).to_have_text(f"{len(ids)} clientes")
    page.keyboard.press("/")
    expect(page.get_by_label("Buscar")).to_be_focused()
    page.keyboard.type("nahui")
    expect(names(page)).to_have_text(["Ana Ñahui"])
    expect(page.get_by_role("status").first).to_have_text("1 cliente coincide")
    expect(page).to_have_url(re.compile(r"\?q=nahui"))
    page.reload()
    expect(page.get_by_label("Buscar")).to_have_value("nahui")
    expect(names(page)).to_have_text(["Ana Ñahui"])
    page.get_by_label("Buscar").fill("zzz nadie")
    expect(page.get_by_text("Nadie coincide con «zzz nadie». Pruebe con otras palabras, o con menos.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Buscar")).to_have_value("")
    expect(page.get_by_role("status").first).to_have_text(f"{len(ids)} clientes")


def test_a_late_answer_does_not_replace_a_newer_one(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    expect(names(page).first).to_be_visible()
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "q=ana&" in route.request.url:
            held.append(route)
        else:
            route.continue_()

    page.route(LIST, hold)
    page.get_by_label("Buscar").fill("ana")
    page.wait_for_event("request", lambda request: "q=ana&" in request.url)
    expect(page.locator("table[aria-busy=true] a.open").first).to_be_visible()  # the old rows stay meanwhile
    page.get_by_label("Buscar").fill("beto")
    expect(names(page)).to_have_text(["Beto Quispe"])
    for route in held:
        route.abort()
    expect(names(page)).to_have_text(["Beto Quispe"])
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_is_typed_while_an_answer_comes_is_not_lost(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    page.get_by_label("Buscar").press_sequentially("carla rojas", delay=70)
    page.get_by_label("Buscar").press_sequentially(" cli0003", delay=155)
    expect(page.get_by_label("Buscar")).to_have_value("carla rojas cli0003")
    expect(names(page)).to_have_text(["Carla Rojas"])


def test_filters_and_headings_change_what_is_listed(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    page.get_by_label("Tipo de cliente").select_option("Empresas")
    expect(names(page)).to_have_text(["Beto Quispe"])
    page.get_by_label("Documento").select_option("DNI")
    expect(page.get_by_text("Ningún cliente es así.")).to_be_visible()
    page.get_by_role("button", name="Quitar los filtros").click()
    expect(page.get_by_role("columnheader", name="Nombre")).to_have_attribute("aria-sort", "ascending")
    expect(page.get_by_role("columnheader", name="Documento")).not_to_have_attribute("aria-sort", re.compile(""))
    page.get_by_role("button", name="Código").click()
    expect(names(page).nth(2)).to_have_text("Carla Rojas")
    page.get_by_role("button", name="Código").click()
    expect(page.get_by_role("columnheader", name="Código")).to_have_attribute("aria-sort", "descending")
    expect(page.get_by_role("columnheader", name="Nombre")).to_have_attribute("aria-sort", "none")
    expect(names(page).first).to_have_text(f"Relleno {FILLERS - 1:03}")
    expect(page.get_by_label("Ordenar por")).to_have_value("codigoCliente,desc")


def test_more_are_shown_in_place_and_each_once(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    expect(page.get_by_text(f"Se ven 50 de {len(ids)}.")).to_be_visible()
    fiftieth = names(page).nth(49).inner_text()
    page.get_by_role("button", name="Mostrar más").focus()
    before = page.evaluate("scrollY")
    page.keyboard.press("Enter")
    expect(names(page)).to_have_count(len(ids))
    expect(names(page).nth(50)).to_be_focused()
    assert page.evaluate("scrollY") == before
    assert names(page).nth(49).inner_text() == fiftieth
    assert len(set(names(page).all_inner_texts())) == len(ids)
    expect(page.get_by_role("button", name="Mostrar más")).to_have_count(0)


def test_arrows_go_from_the_search_to_the_rows_past_the_page_and_back(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    expect(names(page).first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    expect(names(page).nth(0)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Buscar")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    expect(names(page).nth(49)).to_be_focused()
    expect(names(page).nth(49)).to_be_in_viewport()
    page.keyboard.press("ArrowDown")
    expect(names(page).nth(50)).to_be_focused()
    expect(names(page).nth(50)).to_be_in_viewport()
    page.keyboard.press("Home")
    expect(names(page).nth(0)).to_be_focused()
    expect(page.locator("tbody a.open[tabindex='0']")).to_have_count(1)


def test_enter_opens_a_client_and_the_list_keeps_its_place(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    page.get_by_role("button", name="Mostrar más").click()
    expect(names(page)).to_have_count(len(ids))
    row = names(page).nth(55)
    row.focus()
    place = page.evaluate("scrollY")
    id = row.get_attribute("data-id")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"#/clientes/{id}$"))
    page.go_back()
    expect(row).to_be_focused()
    assert page.evaluate("scrollY") == place
    expect(names(page)).to_have_count(len(ids))


def test_the_back_button_leads_to_the_search_of_then(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    page.get_by_label("Buscar").fill("ana")
    expect(names(page)).to_have_text(["Ana Ñahui"])
    page.keyboard.press("Enter")  # the only one that is found
    expect(page).to_have_url(re.compile(rf"\?q=ana#/clientes/{ids['Ana Ñahui']}$"))
    page.get_by_role("link", name="Clientes", exact=True).click()
    page.get_by_label("Buscar").fill("beto")
    expect(names(page)).to_have_text(["Beto Quispe"])
    page.go_back()
    page.go_back()
    expect(page.get_by_label("Buscar")).to_have_value("ana")
    expect(names(page)).to_have_text(["Ana Ñahui"])


def test_keys_are_listed_and_n_is_for_those_who_write(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.TECNICO)
    expect(names(page).first).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Teclas")).to_contain_text("Crear un cliente")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile("#/nuevo$"))
    page = open_page(Rol.CONSULTA)
    expect(names(page).first).to_be_visible()
    page.keyboard.press("n")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Teclas")).not_to_contain_text("Crear un cliente")
    expect(page).not_to_have_url(re.compile("nuevo"))
    expect(page.get_by_role("link", name="Nuevo cliente")).to_have_count(0)
    expect(page.get_by_role("button", name="Exportar")).to_have_count(0)


def test_names_are_text_and_fit_a_phone(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA, viewport={"width": 390, "height": 844})
    for name in HOSTILE:
        page.get_by_label("Buscar").fill(f"CLI{ids[name]:04}")
        expect(names(page)).to_have_text([name])
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.locator("tbody img, tbody b")).to_have_count(0)


def test_mobile_numbers_can_be_called_and_written_to(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    page.get_by_label("Buscar").fill("nahui")
    expect(names(page)).to_have_count(1)
    expect(page.get_by_role("link", name="llamar a Ana")).to_have_attribute("href", "tel:+51952123456")
    whatsapp = page.get_by_role("link", name="WhatsApp a Ana Ñahui")
    expect(whatsapp).to_have_attribute("href", "https://wa.me/51952123456")
    expect(whatsapp).to_have_attribute("rel", "noopener noreferrer")
    expect(whatsapp).to_have_attribute("target", "_blank")
    page.get_by_label("Buscar").fill("beto")
    expect(page.get_by_role("link", name="llamar a Beto")).to_have_attribute("href", "tel:052412345")
    expect(page.get_by_role("link", name="WhatsApp")).to_have_count(0)


@pytest.mark.parametrize(
    ("telefono", "tel", "whatsapp"),
    [
        ("952000111", "tel:+51952000111", "https://wa.me/51952000111"),
        ("(+51) 952-000-111", "tel:+51952000111", "https://wa.me/51952000111"),
        ("0051 952.000.111", "tel:+51952000111", "https://wa.me/51952000111"),
        ("952 000 111 / 052 412 345", "tel:+51952000111", "https://wa.me/51952000111"),
        ("#952000111", "tel:+51952000111", "https://wa.me/51952000111"),
        ("052 412 345 # 12", "tel:052412345", None),
        ("+56 9 8765 4321", "tel:+56987654321", None),
        ("(01) 952-0001", "tel:019520001", None),
        ("9520001112", "tel:9520001112", None),
        (None, None, None),
    ],
)
def test_a_number_leads_to_whom_it_belongs(
    phone_page: Page, telefono: str | None, tel: str | None, whatsapp: str | None
) -> None:
    act = "async (telefono) => (await import('/oficina/phone.js')).links(telefono)"
    assert phone_page.evaluate(act, telefono) == {"tel": tel, "whatsapp": whatsapp}


@pytest.fixture(scope="module")
def phone_page(browser: Any, server: Server) -> Any:
    """A page, signed in as nobody, that can load modules."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    yield page
    context.close()


def test_an_inactive_client_is_restored_from_its_row_and_back(
    open_page: OpenPage, ids: dict[str, int], api: Wire
) -> None:
    id = make(api, "Zoila Inactiva", 900)
    api.call("DELETE", f"/api/clientes/{id}")
    page = open_page(Rol.TECNICO)
    page.get_by_label("Estado").select_option("Inactivos")
    expect(page.get_by_role("status").first).to_have_text("1 cliente inactivo")
    row = page.get_by_role("row", name="Zoila Inactiva")
    expect(row.get_by_text("Inactivo")).to_be_visible()
    row.get_by_role("button", name="Restaurar a Zoila Inactiva").click()
    expect(page.get_by_text("Se restauró Zoila Inactiva (CLI0900).")).to_be_visible()
    expect(page.get_by_text("No hay clientes inactivos.")).to_be_visible()
    assert api.call("GET", f"/api/clientes/{id}").json["vigente"]
    page.get_by_role("button", name="Deshacer").click()
    expect(names(page)).to_have_text(["Zoila Inactiva"])
    assert not api.call("GET", f"/api/clientes/{id}").json["vigente"]
    page.get_by_label("Estado").select_option("Activos")
    page.get_by_label("Buscar").fill("zoila")
    page.get_by_role("button", name="Buscar también entre los inactivos").click()
    expect(names(page)).to_have_text(["Zoila Inactiva"])


def test_without_an_answer_the_rows_stay_and_one_can_try_again(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    expect(names(page)).to_have_count(50)
    page.route(LIST, lambda route: route.abort())
    page.get_by_label("Buscar").fill("carla")
    expect(page.get_by_role("alert")).to_contain_text("No hay respuesta del servicio")
    expect(names(page)).to_have_count(50)
    page.unroute(LIST)
    page.get_by_role("button", name="Reintentar").click()
    expect(names(page)).to_have_text(["Carla Rojas"])
    expect(page.get_by_role("alert")).to_have_count(0)
    page.route(LIST, lambda route: route.fulfill(status=503, content_type="application/problem+json", body=FULL))
    page.get_by_label("Buscar").fill("ana")
    expect(page.get_by_role("alert")).to_contain_text("Repita en unos segundos.")
    expect(page.get_by_role("alert")).to_contain_text("abc123")
    expect(names(page)).to_have_text(["Carla Rojas"])


FULL = '{"status": 503, "code": "NO_DISPONIBLE", "detail": "Repita en unos segundos.", "requestId": "abc123"}'


def test_what_the_filters_show_is_exported(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.OFICINA)
    page.get_by_label("Buscar").fill("relleno")
    expect(page.get_by_role("status").first).to_have_text(f"{FILLERS} clientes coinciden")
    exported = page.get_by_role("button", name="Exportar", exact=False)

    def choose(formato: str) -> Callable[[], None]:
        def act() -> None:
            exported.click()
            page.get_by_role("button", name=formato).click()

        return act

    rows = list(csv.DictReader(download(page, choose("CSV")).read_text("utf-8-sig").splitlines()))
    assert [row["nombre"] for row in rows] == [f"Relleno {number:03}" for number in range(FILLERS)]
    expect(exported).to_have_text("Exportar ▾")
    page.get_by_label("Buscar").fill("beto")
    expect(names(page)).to_have_count(1)
    sheet = load_workbook(as_xlsx(download(page, choose("Excel")))).active
    assert sheet is not None
    assert sheet.max_row == 2
    exported.click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="CSV")).to_have_count(0)
    expect(exported).to_be_focused()


def as_xlsx(path: Path) -> Path:
    """The same file, with the ending that its reader asks for."""
    return path.rename(path.with_suffix(".xlsx"))


def test_a_row_is_opened_by_a_click_anywhere_and_its_text_can_be_marked(
    open_page: OpenPage, ids: dict[str, int]
) -> None:
    page = open_page(Rol.CONSULTA)
    page.get_by_label("Buscar").fill("nahui")
    expect(names(page)).to_have_count(1)
    box = page.get_by_text("00000001").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 2, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 5, steps=4)
    page.mouse.up()
    assert page.evaluate("String(getSelection())") in "00000001"
    expect(page).not_to_have_url(re.compile("#/clientes/"))
    page.mouse.click(1, 1)
    page.get_by_text("00000001").click()
    expect(page).to_have_url(re.compile("#/clientes/"))


def test_writes_elsewhere_show_without_losing_ones_place(open_page: OpenPage, ids: dict[str, int], api: Wire) -> None:
    page = open_page(Rol.OFICINA)
    page.get_by_role("button", name="Mostrar más").click()
    expect(names(page)).to_have_count(len(ids))
    id = make(api, "Zulema Pasajera", 901)
    api.call("DELETE", f"/api/clientes/{id}")
    page.get_by_label("Estado").select_option("todos")
    page.get_by_label("Buscar").fill("relleno")
    expect(page.get_by_text(f"Se ven 50 de {FILLERS}.")).to_be_visible()
    page.get_by_role("button", name="Mostrar más").click()
    expect(names(page)).to_have_count(FILLERS)
    page.get_by_label("Buscar").fill("zulema")
    page.get_by_role("button", name="Restaurar a Zulema").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Se restauró Zulema Pasajera (CLI0901).")).to_be_visible()
    expect(page.get_by_text("Inactivo", exact=True)).to_have_count(0)
    expect(names(page)).to_be_focused()
    api.call("DELETE", f"/api/clientes/{id}")


def test_more_of_a_list_that_is_about_to_change_is_not_asked_for(open_page: OpenPage, ids: dict[str, int]) -> None:
    """Its place is that of another search, which the service would refuse."""
    page = open_page(Rol.CONSULTA)
    expect(names(page)).to_have_count(50)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if LIST.search(request.url) else None)
    held: list[Route] = []
    page.route(LIST, lambda route: held.append(route))
    with page.expect_request(LIST):
        page.get_by_label("Buscar").fill("carla")
    page.get_by_role("button", name="Mostrar más").click()
    names(page).nth(49).focus()
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    held[0].continue_()
    expect(names(page)).to_have_text(["Carla Rojas"])
    expect(page.get_by_role("alert")).to_have_count(0)
    assert len(asked) == 1


def test_enter_opens_the_only_one_even_before_it_is_found(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    expect(names(page)).to_have_count(50)
    page.get_by_label("Buscar").fill("carla rojas")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"#/clientes/{ids['Carla Rojas']}$"))


def test_enter_opens_nothing_for_what_is_typed_further(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    expect(names(page)).to_have_count(50)
    page.route(re.compile("[?&]q=carla(&|$)"), lambda route: None)
    page.get_by_label("Buscar").fill("carla")
    page.keyboard.press("Enter")
    page.keyboard.type(" rojas")
    expect(names(page)).to_have_text(["Carla Rojas"])
    expect(page).not_to_have_url(re.compile("#/clientes/"))


def test_an_undo_from_the_list_reaches_the_card_that_is_open(
    open_page: OpenPage, ids: dict[str, int], api: Wire
) -> None:
    id = make(api, "Zacarías Inactivo", 902)
    api.call("DELETE", f"/api/clientes/{id}")
    page = open_page(Rol.TECNICO, "/?vigente=false&q=zacarias")
    page.get_by_role("button", name="Restaurar a Zacarías").click()
    expect(page.get_by_text("Se restauró Zacarías")).to_be_visible()
    page.evaluate("id => { location.hash = `#/clientes/${id}` }", id)
    expect(page.locator(".ficha")).to_be_visible()
    expect(page.locator(".ficha .inactive")).to_have_count(0)
    page.get_by_role("button", name="Deshacer").click()
    expect(page.locator(".ficha .inactive")).to_be_visible()


def test_a_first_answer_that_does_not_come_leaves_nothing_waiting(open_page: OpenPage) -> None:
    page = open_page(None)
    page.route(LIST, lambda route: route.abort())
    page.get_by_label("DNI").fill(DNI[Rol.CONSULTA])
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("No hay respuesta")
    expect(page.get_by_text("Cargando…")).to_have_count(0)


def test_enter_opens_nothing_once_the_list_was_left(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.TECNICO)
    expect(names(page)).to_have_count(50)
    held: list[Route] = []
    page.route(LIST, lambda route: held.append(route))
    page.get_by_label("Buscar").fill("carla rojas")
    with page.expect_request(LIST):
        page.keyboard.press("Enter")
    page.get_by_role("link", name="Nuevo cliente").click()
    page.get_by_label("Nombre o razón social").fill("Otro")
    held[0].continue_()
    page.wait_for_timeout(300)
    expect(page).to_have_url(re.compile("#/nuevo$"))
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_enter_asks_again_after_a_failure(open_page: OpenPage, ids: dict[str, int]) -> None:
    page = open_page(Rol.CONSULTA)
    expect(names(page)).to_have_count(50)
    page.route(LIST, lambda route: route.abort())
    page.get_by_label("Buscar").fill("carla rojas")
    expect(page.get_by_role("alert")).to_be_visible()
    page.unroute(LIST)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"#/clientes/{ids['Carla Rojas']}$"))


@pytest.mark.parametrize("name", ["Quitar los filtros", "Buscar también entre los inactivos"])
def test_the_focus_goes_to_the_heading_where_a_search_is_widened(
    open_page: OpenPage, ids: dict[str, int], name: str
) -> None:
    page = open_page(Rol.CONSULTA, "/?q=carla&tipoCliente=OTRO")
    page.get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Clientes")).to_be_focused()
