"""The office page in a real Chromium, before a real service; what a user does is typed and clicked."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from clientes_service.auth.roles import Rol
from tests.conftest import DNI, EMPRESA, PASSWORD
from tests.engines import Databases
from tests.server.conftest import Server, start_server, token  # noqa: F401 - fixtures
from tests.server.wire import Wire, connected

# Without its own traffic, and as root in a container, which its sandbox refuses.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--no-first-run"]  # fmt: skip
WAIT = 10_000  # milliseconds for what must appear
NUMBERS = iter(range(1, 1000))  # of clients


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, which must be installed: apt install chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if "CI" in os.environ:
            pytest.fail("Chromium is not installed")
        pytest.skip("Chromium is not installed: on Debian and Ubuntu, apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[Server]:
    """A service with one user of each role (DNI, PASSWORD), and no client."""
    folder = tmp_path_factory.mktemp("office")
    server = Server(folder, databases.copy(folder), 2, {})
    server.start()
    yield server
    server.stop()
    databases.drop(server.environ["DATABASE_URL"])


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """Open the page in a browser of its own, signed in as a role; None is nobody. It must log no error."""
    contexts: list[BrowserContext] = []
    mistakes: list[str] = []

    def open_it(rol: Rol | None = Rol.OFICINA, path: str = "/", **options: Any) -> Page:
        context = browser.new_context(locale="es-PE", timezone_id="America/Lima", **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        page.on("console", lambda said: mistakes.append(said.text) if is_mistake(said) else None)
        page.goto(server.url + path)
        if rol:
            sign_in(page, rol)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert mistakes == []


def is_mistake(said: Any) -> bool:
    """Whether the console tells of a defect: not of an answer of 400 or more, or of none, which a user is told."""
    return said.type == "error" and "Failed to load resource" not in said.text


def sign_in(page: Page, rol: Rol) -> None:
    """Sign in as a user of a role."""
    page.get_by_label("DNI").fill(DNI[rol])
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    page.get_by_role("button", name="Salir").wait_for()


@pytest.fixture
def api(server: Server) -> Iterator[Wire]:
    """The API as the ADMIN, to prepare and to look."""
    from tests.server.wire import sign_in as token_of

    with connected(server.url, str(token_of(server.url, DNI[Rol.ADMIN], PASSWORD)["token"])) as wire:
        yield wire


@pytest.fixture
def cliente(api: Wire) -> dict[str, Any]:
    """A client with a code and a document of its own."""
    number = next(NUMBERS)
    own = {"codigoCliente": f"PROPIO{number:04}", "numeroDocumento": f"2070000{number:04}"}
    created: dict[str, Any] = api.call("POST", "/api/clientes", {**EMPRESA, **own}).json
    return created


def once(method: str, act: Callable[[Route], object]) -> Callable[[Route], None]:
    """Act on the first request with this method; `times=1` would let go of it while it is still being acted on."""
    used: list[Route] = []

    def handle(route: Route) -> None:
        if used or route.request.method != method:
            route.fallback()
            return
        used.append(route)
        act(route)

    return handle


def download(page: Page, act: Callable[[], None]) -> Path:
    """The file that the user gets by doing something."""
    with page.expect_download() as waiting:
        act()
    return Path(waiting.value.path())
