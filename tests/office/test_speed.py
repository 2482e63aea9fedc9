"""How much the first useful view weighs, how soon it is there on a slow machine, and how fast a search answers."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from clientes_service.auth.roles import Rol
from tests.conftest import DNI, PASSWORD
from tests.server.conftest import SLACK, Server
from tests.server.wire import sign_in, upload

pytestmark = [pytest.mark.sqlite, pytest.mark.browser]

Open = Callable[..., Page]
CLIENTES = 100_000
ROWS = "table tbody tr, [data-cliente]"
WEIGHT = 150_000  # bytes on the wire, all in all
SOON = 1_000  # milliseconds from the beginning of the navigation to the first row, four times slowed
ANSWER = 200  # milliseconds that a search takes
# Notes when the first row appears, in milliseconds since the navigation began.
WATCH = f"""
    new MutationObserver((_, observer) => {{
        if (!document.querySelector("{ROWS}")) return;
        window.firstRow = performance.now();
        observer.disconnect();
    }}).observe(document, {{ childList: true, subtree: true }});
"""


@pytest.fixture(scope="module")
def filled(server: Server) -> Server:
    """The service with a hundred thousand clients."""
    names = ("Comercial", "Botica", "Taller", "Bodega", "Restaurante", "Hostal", "Ferretería")
    lines = ["nombre,tipoCliente,tipoDocumento,numeroDocumento,codigoCliente,direccion,telefono"]
    for number in range(CLIENTES):
        name = f"{names[number % len(names)]} Ñahui {number:05d}"
        street = f"Av. Los Álamos {number % 900} - Tacna"
        lines.append(f"{name},OTRO,OTRO,D{number:06d},VEL{number:05d},{street},952 {number:06d}")
    token = str(sign_in(server.url, DNI[Rol.OFICINA], PASSWORD)["token"])
    status, answer = upload(server.url, token, "\n".join(lines).encode())
    assert status == 200, answer
    return server


def slowed(page: Page, times: int) -> CDPSession:
    """A line to the browser's own measurements, on a processor that is so many times slower."""
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Emulation.setCPUThrottlingRate", {"rate": times})
    return line


def test_the_first_rows_are_there_soon_and_weigh_little(open_page: Open, filled: Server) -> None:
    page = open_page(Rol.OFICINA)
    page.context.add_init_script(WATCH)
    line = slowed(page, 4)
    sizes: list[int] = []
    line.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    line.send("Network.clearBrowserCache")  # as on the first day, with a session that goes on
    page.reload()
    page.locator(ROWS).first.wait_for(timeout=5_000)
    took: float = page.evaluate("window.firstRow")
    print(f"{sum(sizes)} bytes in {len(sizes)} answers, first row after {took:.0f} ms")
    assert len(sizes) > 5
    assert sum(sizes) < WEIGHT
    assert took < SOON * SLACK


def test_each_key_is_answered_at_once(open_page: Open, filled: Server) -> None:
    page = open_page(Rol.OFICINA)
    page.locator(ROWS).first.wait_for(timeout=5_000)
    field = page.get_by_role("searchbox")
    for typed in (*"tacna", " b", *"otica"):  # all have the one, a seventh the other
        with page.expect_response(lambda answer: "q=" in answer.url, timeout=5_000):
            field.press_sequentially(typed)
    expect(page.locator(ROWS).first).to_contain_text("Botica")
    entries: list[dict[str, Any]] = page.evaluate("performance.getEntriesByType('resource').map((one) => one.toJSON())")
    took = [round(one["duration"]) for one in entries if "q=" in one["name"]]
    print(f"searches took {took} ms")
    assert len(took) >= 3
    assert max(took) < ANSWER * SLACK
