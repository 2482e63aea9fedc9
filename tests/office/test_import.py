"""Importing: the rehearsal of a spreadsheet, the real run, and what is said when it does not go well."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Error, FilePayload, Page, Route, expect

from clientes_service.auth.roles import Rol
from clientes_service.office import STATIC
from tests.office.conftest import once
from tests.server.conftest import ROOT
from tests.server.wire import Wire

pytestmark = [pytest.mark.sqlite, pytest.mark.browser]

OpenPage = Callable[..., Page]
SAMPLE = ROOT / "examples" / "clientes.xlsx"
IMPORT = re.compile("/api/clientes/importar")
REAL = re.compile(r"/api/clientes/importar\?modo=\w+&parcial=")
HEAD = "Código;Nombre;Tipo de cliente;RUC / DNI;Teléfono;Zona\n"


def sheet(*rows: str, name: str = "hoja.csv") -> FilePayload:
    """A CSV file with these rows."""
    return {"name": name, "mimeType": "text/csv", "buffer": (HEAD + "\n".join(rows)).encode()}


def choose(page: Page, file: Path | FilePayload) -> None:
    """Choose a file to be imported."""
    page.set_input_files("#archivo", file)


def total(api: Wire, q: str = "") -> int:
    """How many clients are found."""
    found: int = api.call("GET", f"/api/clientes?q={q}").json["totalElements"]
    return found


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """The view, opened by its link."""
    page = open_page(Rol.OFICINA)
    page.get_by_role("link", name="Importar", exact=True).click()
    expect(page.get_by_role("heading", name="Importar clientes")).to_be_focused()
    return page


def test_a_sheet_is_rehearsed_then_imported_and_listed(page: Page, api: Wire) -> None:
    before = total(api)
    choose(page, SAMPLE)
    expect(page.get_by_role("heading", name="Prueba: así quedaría")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="6 clientes nuevos")).to_be_visible()
    assert total(api) == before
    page.get_by_role("button", name="Importar ahora").click()
    expect(page.get_by_role("heading", name="Importación terminada")).to_be_visible()
    expect(page.get_by_text("Importación terminada: 6 clientes nuevos, 0 actualizados.")).to_be_visible()
    assert total(api) == before + 6
    page.get_by_role("link", name="Ver la lista").click()
    expect(page.get_by_role("link", name="Hotel Las Vilcas S.A.", exact=True)).to_be_visible()


def test_bad_rows_are_marked_and_the_good_ones_can_go_in(page: Page, api: Wire) -> None:
    choose(page, sheet("M1;Ana;PERSONA;1234567;952000111;x", "M2;;PERSONA;40123456;952;x", "M1;Eva;PERSONA;40123457;;"))
    table = page.get_by_role("region", name="Filas con errores").get_by_role("row")
    expect(table.filter(has_text="Nombre")).to_contain_text("3")
    expect(table.filter(has_text="Teléfono")).to_contain_text("Use dígitos")
    expect(table.filter(has_text="Código")).to_contain_text("La fila 2 ya tiene este código.")
    expect(page.get_by_role("listitem").filter(has_text="2 filas con errores")).to_be_visible()
    expect(page.get_by_text("Estas columnas del archivo no se importan: Zona.")).to_be_visible()
    page.get_by_text("Advertencias: las filas").click()
    expect(page.get_by_role("region", name="Advertencias")).to_contain_text("ceros a la izquierda")
    page.get_by_role("button", name="Importar sin las filas con errores (1 cliente)").click()
    expect(page.get_by_text("2 filas con errores, que no se importaron")).to_be_visible()
    [made] = api.call("GET", "/api/clientes?q=M1&codigoCliente=M1").json["content"]
    assert (made["nombre"], made["numeroDocumento"]) == ("Ana", "01234567")
    assert api.call("GET", "/api/clientes?codigoCliente=M2").json["content"] == []


def test_a_warning_about_many_rows_is_told_once(page: Page) -> None:
    choose(
        page, sheet(*(f"G{n};Ana {n};PERSONA;{1234500 + n};952000111;" for n in (1, 2, 3)), "G5;Eva;PERSONA;40123458;;")
    )
    page.get_by_text("Advertencias: las filas").click()
    zeros = page.get_by_role("region", name="Advertencias").get_by_role("row").filter(has_text="ceros a la izquierda")
    expect(zeros).to_have_count(1)
    expect(zeros.get_by_role("rowheader")).to_have_text("2 a 4")


def test_a_file_that_was_corrected_is_chosen_again(page: Page) -> None:
    """To send the same one again would tell the same."""
    choose(page, {"name": "otra.csv", "mimeType": "text/csv", "buffer": b"nada;que;ver\n1;2;3\n"})
    expect(page.get_by_role("heading", name="El archivo no se importó")).to_be_visible()
    expect(page.get_by_role("button", name="Reintentar")).to_have_count(0)
    choose(page, sheet("H1;Ana;PERSONA;40123459;952000111;"))
    expect(page.get_by_role("button", name="Importar ahora")).to_be_visible()


def test_clients_that_exist_are_updated_when_one_says_so(page: Page, api: Wire) -> None:
    row = "U1;Ulises Uno;PERSONA;40200001;952000111;"
    choose(page, sheet(row))
    page.get_by_role("button", name="Importar ahora").click()
    page.get_by_role("button", name="Importar otro archivo").click()
    choose(page, sheet(row.replace("111", "999")))
    expect(page.get_by_text("No hay nada que importar.")).to_be_visible()
    page.get_by_label("Agregar los nuevos y actualizar").check()
    expect(page.get_by_role("listitem").filter(has_text="1 cliente que cambia")).to_be_visible()
    page.get_by_role("button", name="Importar ahora").click()
    expect(page.get_by_role("heading", name="Importación terminada")).to_be_visible()
    [changed] = api.call("GET", "/api/clientes?codigoCliente=U1").json["content"]
    assert changed["telefono"] == "952000999"


def test_a_file_may_be_dropped_and_one_at_a_time(page: Page, api: Wire) -> None:
    drop = """([names, text]) => {
        const data = new DataTransfer();
        for (const name of names) data.items.add(new File([text], name, { type: "text/csv" }));
        const zone = document.querySelector(".drop");
        for (const kind of ["dragover", "drop"]) {
          zone.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
        }
    }"""
    text = HEAD + "D1;Dora;PERSONA;40300001;;"
    page.evaluate(drop, [["uno.csv", "dos.csv"], text])
    expect(page.get_by_role("alert")).to_contain_text("Elija un archivo a la vez.")
    page.evaluate(drop, [["<b>uno.csv"], text])
    expect(page.get_by_text("<b>uno.csv")).to_be_visible()
    expect(page.get_by_role("button", name="Importar ahora")).to_be_visible()


def test_a_file_that_is_refused_says_why(page: Page, tmp_path: Path) -> None:
    choose(page, {"name": "foto.xlsx", "mimeType": "", "buffer": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10})
    expect(page.get_by_role("heading", name="El archivo no se importó")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("No se guardó nada.")
    choose(page, {"name": "sin.csv", "mimeType": "text/csv", "buffer": b"Nombre;Zona\nAna;x\n"})
    expect(page.get_by_role("alert")).to_contain_text("Faltan las columnas «Tipo de cliente»")
    big = tmp_path / "grande.csv"
    big.write_bytes(HEAD.encode() + b"x" * (22 * 2**20))
    choose(page, big)
    expect(page.get_by_role("alert")).to_contain_text("20 MB")


def test_progress_is_shown_and_a_rehearsal_can_be_stopped(page: Page, api: Wire) -> None:
    page.route(IMPORT, lambda route: None)
    choose(page, sheet("P1;Paula;PERSONA;40400001;;"))
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Cancelar").click()
    expect(page.locator("label", has_text="Elegir archivo")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.unroute(IMPORT)
    choose(page, sheet("P1;Paula;PERSONA;40400001;;"))
    expect(page.get_by_role("button", name="Importar ahora")).to_be_visible()


def test_after_a_lost_answer_one_may_try_again_and_nothing_is_made_twice(page: Page, api: Wire) -> None:
    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route(REAL, lose)
    choose(page, sheet("L1;Lidia;PERSONA;40500001;;"))
    page.get_by_role("button", name="Importar ahora").click()
    expect(page.get_by_role("heading", name="No llegó la respuesta")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Puede repetirlo sin riesgo")
    expect(page.get_by_role("alert")).to_contain_text("los códigos saldrán como ya usados")
    page.unroute(REAL)
    page.get_by_role("button", name="Probar otra vez").click()
    expect(page.get_by_role("region", name="Filas con errores")).to_contain_text("Ya está en uso")
    assert total(api, "L1") == 1


def test_an_answer_that_never_comes_is_not_waited_for_without_end(open_page: OpenPage) -> None:
    page = open_page(Rol.OFICINA)
    page.get_by_role("link", name="Importar", exact=True).click()
    choose(page, sheet("E1;Elsa;PERSONA;40600001;;"))
    expect(page.get_by_role("button", name="Importar ahora")).to_be_visible()
    page.clock.install()
    page.route(REAL, lambda route: None)
    page.get_by_role("button", name="Importar ahora").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.clock.run_for(1_000)  # what begins to wait does so a moment later
    page.clock.fast_forward(25_000)
    expect(page.get_by_text("Sigue en marcha.")).to_be_visible()
    page.clock.fast_forward(301_000)
    expect(page.get_by_role("heading", name="No llegó la respuesta")).to_be_visible()


def test_what_changed_between_rehearsal_and_import_is_told(page: Page, api: Wire) -> None:
    choose(page, sheet("C1;Carmen;PERSONA;40700001;;"))
    expect(page.get_by_role("button", name="Importar ahora")).to_be_visible()
    taken = {"nombre": "Otra", "tipoCliente": "PERSONA", "tipoDocumento": "DNI", "numeroDocumento": "40700002"}
    assert api.call("POST", "/api/clientes", taken | {"codigoCliente": "C1"}).status == 201
    page.get_by_role("button", name="Importar ahora").click()
    expect(page.get_by_role("alert")).to_contain_text("No se guardó nada: los datos cambiaron")
    expect(page.get_by_role("region", name="Filas con errores")).to_contain_text("Ya está en uso")


def test_the_template_is_understood(page: Page, tmp_path: Path, api: Wire) -> None:
    link = page.get_by_role("link", name="Descargar una plantilla de Excel")
    with page.expect_download() as waiting:
        link.click()
    assert Path(waiting.value.path()).read_bytes() == (STATIC / "plantilla.xlsx").read_bytes()
    filled = load_workbook(STATIC / "plantilla.xlsx")
    row = ["T1", "Tania", "PERSONA", "01234567", "Calle 1", "952 000 111", "tania@example.pe", "Luis"]
    for column, text in enumerate(row, 1):
        filled.worksheets[0].cell(2, column, text)
    filled.save(tmp_path / "lleno.xlsx")
    choose(page, tmp_path / "lleno.xlsx")
    expect(page.get_by_role("listitem").filter(has_text="1 cliente nuevo")).to_be_visible()
    expect(page.get_by_text("Estas columnas del archivo no se importan")).to_have_count(0)
    page.get_by_role("button", name="Importar ahora").click()
    expect(page.get_by_role("heading", name="Importación terminada")).to_be_visible()
    [made] = api.call("GET", "/api/clientes?codigoCliente=T1").json["content"]
    assert [made["nombre"], made["telefono"], made["contactoRepresentante"]] == ["Tania", "952 000 111", "Luis"]


def test_who_may_not_import_is_not_led_there(open_page: OpenPage) -> None:
    page = open_page(Rol.TECNICO)
    expect(page.get_by_role("link", name="Importar")).to_have_count(0)


def test_a_failure_is_told_to_who_has_left_the_view(page: Page) -> None:
    choose(page, sheet("F1;Flor;PERSONA;40800001;;"))
    held: list[Route] = []
    page.route(REAL, lambda route: held.append(route))
    with page.expect_request(REAL):
        page.get_by_role("button", name="Importar ahora").click()
    expect(page.get_by_role("radio").first).to_be_disabled()
    page.get_by_role("link", name="Clientes", exact=True).click()
    expect(page.get_by_role("heading", name="Clientes", exact=True)).to_be_visible()
    held[0].abort()
    expect(page.locator(".notice")).to_contain_text("La importación no terminó. No hay respuesta")


def test_of_two_files_the_last_one_counts(page: Page, api: Wire) -> None:
    held: list[Route] = []
    page.route(IMPORT, lambda route: held.append(route) if not held else route.fallback())
    with page.expect_request(IMPORT):
        choose(page, sheet("K1;Karla;PERSONA;40810001;;", name="primero.csv"))
    rows = ("K2;Kelly;PERSONA;40810002;;", "K3;Keiko;PERSONA;40810003;;")
    choose(page, sheet(*rows, name="segundo.csv"))
    expect(page.get_by_role("listitem").filter(has_text="2 clientes nuevos")).to_be_visible()
    expect(page.get_by_text("segundo.csv")).to_be_visible()
    with contextlib.suppress(Error):  # it was given up
        held[0].continue_()
    page.wait_for_timeout(300)
    expect(page.get_by_role("listitem").filter(has_text="2 clientes nuevos")).to_be_visible()
    page.get_by_role("button", name="Importar ahora").click()
    expect(page.get_by_role("heading", name="Importación terminada")).to_be_visible()
    assert (total(api, "Karla"), total(api, "Kelly"), total(api, "Keiko")) == (0, 1, 1)


def test_arrows_go_through_the_modes_while_each_is_tried(page: Page) -> None:
    choose(page, sheet("R1;Rita;PERSONA;40820001;;"))
    expect(page.get_by_role("button", name="Importar ahora")).to_be_visible()
    page.get_by_label("Agregar clientes nuevos").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    only = page.get_by_label("Solo actualizar")
    expect(only).to_be_focused()
    expect(only).to_be_checked()
    expect(page.get_by_role("region", name="Filas con errores")).to_contain_text("Ningún cliente")
    expect(only).to_be_focused()


def test_it_says_that_there_may_be_more_than_it_shows(page: Page) -> None:
    choose(page, sheet(*(f"W{n};Wari {n};PERSONA;{1000000 + n};;" for n in range(1100))))
    page.get_by_text("Advertencias: las filas").click()
    expect(page.get_by_text("Puede haber más: aquí salen los primeros 1,000 avisos.")).to_be_visible()


def test_nobody_signs_out_in_the_middle_of_an_import(page: Page, api: Wire) -> None:
    choose(page, sheet("S1;Sonia;PERSONA;40830001;;"))
    held: list[Route] = []
    page.route(REAL, lambda route: held.append(route))
    with page.expect_request(REAL):
        page.get_by_role("button", name="Importar ahora").click()
    page.get_by_role("link", name="Clientes", exact=True).click()
    page.get_by_role("button", name="Salir").click()
    expect(page.locator(".notice")).to_contain_text("La importación sigue en marcha.")
    other = page.context.new_page()
    other.goto(page.url.split("#")[0])
    other.get_by_role("button", name="Salir").click()
    expect(other.get_by_label("DNI")).to_be_visible()
    expect(page.get_by_role("button", name="Salir")).to_be_visible()
    held[0].abort()
    expect(page.locator(".notice")).to_contain_text("La importación no terminó.")


def test_a_rehearsal_that_was_given_up_while_the_session_was_renewed_is_not_shown(page: Page) -> None:
    renewing: list[Route] = []
    page.route("**/auth/refresh", lambda route: renewing.append(route))
    page.route(IMPORT, once("POST", lambda route: route.fulfill(status=401, json={"code": "NO_AUTENTICADO"})))
    with page.expect_request("**/auth/refresh"):
        choose(page, sheet("V1;Vilma;PERSONA;40840001;;", name="uno.csv"))
    rows = ("V2;Vera;PERSONA;40840002;;", "V3;Violeta;PERSONA;40840003;;")
    choose(page, sheet(*rows, name="dos.csv"))
    renewing[0].continue_()
    expect(page.get_by_role("listitem").filter(has_text="2 clientes nuevos")).to_be_visible()
    page.wait_for_timeout(300)
    expect(page.get_by_role("listitem").filter(has_text="2 clientes nuevos")).to_be_visible()


def test_a_mode_that_is_chosen_while_the_file_is_read_is_rehearsed(page: Page) -> None:
    page.evaluate("""() => {
        const usual = File.prototype.arrayBuffer;
        const isLetGo = new Promise((resolve) => Object.assign(window, { letGo: resolve }));
        File.prototype.arrayBuffer = async function () {
          await isLetGo;
          return usual.call(this);
        };
    }""")
    choose(page, sheet("Z1;Zoe;PERSONA;40850001;;"))
    page.get_by_label("Solo actualizar").check()
    with page.expect_request(IMPORT) as asked:
        page.evaluate("letGo()")
    assert "modo=actualizar" in asked.value.url
