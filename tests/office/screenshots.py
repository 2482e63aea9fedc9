"""Make the README's pictures of the page: `python -m tests.office.screenshots`."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from clientes_service.auth.roles import Rol
from tests.conftest import DNI, PASSWORD, fill
from tests.engines import SqliteFiles
from tests.office.conftest import FLAGS, sign_in
from tests.server.conftest import Server
from tests.server.wire import Wire, connected
from tests.server.wire import sign_in as token_of

TARGET = Path(__file__).parents[2] / "screenshots"
ROOT = Path(__file__).parents[2]
WIDE, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}


def fill_in(page: Page) -> None:
    """Begin a client whose document somebody has already."""
    page.get_by_label("Nombre").fill("Botica Virgen del Rosario")
    page.get_by_label("Tipo de cliente").locator("visible=true").select_option("EMPRESA")
    page.get_by_label("Tipo de documento").select_option("RUC")
    page.get_by_label("Número de documento").fill("20500007000")
    page.get_by_text("Algún dígito").wait_for()


def conflict(page: Page, api: Wire) -> None:
    """Change a client while somebody else does."""
    page.get_by_role("button", name="Editar").click()
    page.get_by_label("Teléfono").fill("052 411 222")
    page.get_by_label("Correo").fill("recepcion@example.pe")
    path = "/api/clientes/1"
    others = {"telefono": "952 700 800", "direccion": "Av. Bolognesi 845, Tacna"}
    assert api.call("PUT", path, others).status == 200
    page.get_by_role("button", name="Guardar").click()
    page.get_by_role("dialog").wait_for()


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="screenshots-"))
    (folder / "template").mkdir()
    server = Server(folder, SqliteFiles(folder / "template", fill).copy(folder), 2, {})
    server.start()
    TARGET.mkdir(exist_ok=True)
    try:
        server.cli("import", str(ROOT / "examples" / "clientes.xlsx"))
        token = str(token_of(server.url, DNI[Rol.OFICINA], PASSWORD)["token"])
        with sync_playwright() as playwright, connected(server.url, token) as api:
            program = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            for name, address, size, scheme in (
                ("list", "/", WIDE, "light"),
                ("conflict", "/#/clientes/1", WIDE, "light"),
                ("new", "/#/nuevo", PHONE, "dark"),
            ):
                page = browser.new_page(viewport=size, color_scheme=scheme, locale="es-PE")  # type: ignore[arg-type]
                page.goto(server.url + address)
                sign_in(page, Rol.OFICINA)
                if name == "list":
                    page.locator("tbody tr").first.wait_for()
                elif name == "conflict":
                    conflict(page, api)
                else:
                    fill_in(page)
                page.screenshot(path=TARGET / f"{name}.png")
            browser.close()
    finally:
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
