"""How the service stands, in words."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from clientes_service import __version__
from clientes_service.auth.roles import Rol
from tests.conftest import EMPRESA
from tests.office.conftest import once
from tests.server.conftest import Server
from tests.server.wire import Wire

pytestmark = [pytest.mark.sqlite, pytest.mark.browser]

Open = Callable[..., Page]
HOUR = 3600


def back_up(server: Server, age: float) -> None:
    """Make a backup with the command, and let it be that old; there is no other."""
    folder = Path(server.environ["CLIENTES_INSTANCE_PATH"]) / "backups"
    made = server.cli("backup", "--keep", "1")
    assert made.returncode == 0, made.stderr
    [file] = folder.iterdir()
    os.utime(file, (time.time() - age,) * 2)


@pytest.fixture
def servicio(open_page: Open) -> Callable[..., Page]:
    """Open the state of the service as an ADMIN, on a screen as wide as that."""

    def open_it(width: int = 1366) -> Page:
        page = open_page(Rol.ADMIN, viewport={"width": width, "height": 800})
        page.get_by_role("link", name="Servicio").click()
        expect(page.get_by_role("heading", name="Estado del servicio")).to_be_focused()
        return page

    return open_it


def fact(page: Page, name: str) -> Any:
    return page.locator("dt", has_text=name).locator("+ dd")


def test_without_a_backup_it_says_what_to_do(servicio: Callable[..., Page], api: Wire) -> None:
    made = [api.call("POST", "/api/clientes", {**EMPRESA, "codigoCliente": f"S{n}"}).json["id"] for n in range(3)]
    api.call("DELETE", f"/api/clientes/{made[0]}")
    page = servicio()
    expect(page.get_by_text("No se encuentra ningún respaldo.")).to_be_visible()
    expect(page.locator(".box-warning")).to_contain_text("ejecute clientes-service backup")
    expect(fact(page, "Clientes")).to_have_text("2 activos y 1 inactivo")
    expect(fact(page, "Usuarios que pueden entrar")).to_have_text("4")
    expect(fact(page, "Versión")).to_have_text(__version__)
    expect(fact(page, "Tamaño de los datos")).to_contain_text("kB")
    expect(fact(page, "Espacio libre")).to_contain_text("B")
    expect(fact(page, "Base de datos")).to_contain_text("SQLite 3.")
    expect(page.get_by_role("link", name="Documentación de la API")).to_have_attribute("href", "/docs")


def test_a_fresh_backup_is_told_in_words_and_an_old_one_is_warned_of(
    servicio: Callable[..., Page], server: Server
) -> None:
    back_up(server, 3.2 * HOUR)
    page = servicio(390)
    expect(fact(page, "Último respaldo")).to_contain_text("hace 3 horas")
    expect(page.locator(".box-warning")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    back_up(server, 27 * HOUR)
    page.get_by_role("button", name="Actualizar").click()
    expect(page.locator(".box-warning")).to_contain_text("ya es antiguo")
    expect(fact(page, "Último respaldo")).to_contain_text("ayer")


def test_a_server_with_backups_of_its_own_and_a_full_disk_are_told(open_page: Open) -> None:
    page = open_page(Rol.ADMIN)
    told = {
        "version": "1", "baseDeDatos": {"motor": "postgresql", "version": "15.4", "bytes": None},
        "ultimoRespaldo": None, "espacioLibre": None, "clientes": {"vigentes": 1234567, "total": 1234567},
        "usuarios": {"vigentes": 1},
    }  # fmt: skip
    page.route("**/api/servicio", lambda route: route.fulfill(json=told))
    page.get_by_role("link", name="Servicio").click()
    expect(fact(page, "Último respaldo")).to_contain_text("pg_dump")
    expect(fact(page, "Clientes")).to_have_text("1,234,567 activos y 0 inactivos")
    expect(page.locator(".box-warning")).to_have_count(0)
    expect(page.locator("dt", has_text="Espacio")).to_have_count(0)
    told.update(espacioLibre=870_000_000, baseDeDatos={"motor": "sqlite", "version": "3.54.1", "bytes": 41_943_040})
    told.update(ultimoRespaldo={"fecha": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), "bytes": 41_000_000})
    page.get_by_role("button", name="Actualizar").click()
    expect(page.locator(".box-warning")).to_contain_text("Queda poco espacio")
    expect(fact(page, "Tamaño de los datos")).to_have_text("41.9 MB")
    expect(fact(page, "Espacio libre")).to_have_text("870 MB")
    expect(fact(page, "Último respaldo")).to_have_text("hace un momento; 41 MB")


def test_without_an_answer_the_page_says_so_and_looks_again(open_page: Open) -> None:
    page = open_page(Rol.ADMIN)
    page.route("**/api/servicio", once("GET", lambda route: route.abort()))
    page.get_by_role("link", name="Servicio").click()
    expect(page.get_by_role("alert")).to_contain_text("No hay respuesta")
    page.get_by_role("button", name="Actualizar").click()
    expect(fact(page, "Versión")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_others_are_not_led_there_and_are_told_why(open_page: Open) -> None:
    page = open_page(Rol.OFICINA)
    expect(page.get_by_role("link", name="Importar")).to_be_visible()
    expect(page.get_by_role("link", name="Servicio")).to_have_count(0)
    expect(page.get_by_role("link", name="Usuarios")).to_have_count(0)
    for address in ("#/servicio", "#/usuarios"):
        page.evaluate("address => { location.hash = address }", address)
        expect(page.get_by_role("heading", name="Su cuenta no puede abrir esto")).to_be_focused()
        page.get_by_role("link", name="Ir a la lista").click()
