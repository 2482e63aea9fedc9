"""GET /api/servicio. Who may call it stands in tests/test_routes.py."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clientes_service import __version__
from clientes_service.app import create_app
from clientes_service.config import Config, load
from tests.conftest import Caller, assert_problem

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def config(environ: dict[str, str]) -> Config:
    return load(environ)


@pytest.fixture
def jefe(config: Config, admin: Caller) -> Caller:
    """The ADMIN, at an application that knows where its own files are; others share one that does not."""
    return Caller(create_app(config), admin.token)


def make_copy(folder: Path, name: str, size: int, age: float) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x" * size)
    os.utime(folder / name, (time.time() - age,) * 2)


def test_it_tells_version_database_and_counts(jefe: Caller, make_cliente: Make) -> None:
    gone = make_cliente()
    make_cliente()
    jefe.delete(f"/api/clientes/{gone['id']}")
    [other, *_] = [user for user in jefe.get("/api/usuarios").json["content"] if user["rol"] != "ADMIN"]
    jefe.put(f"/api/usuarios/{other['id']}", json={"vigente": False})
    answer = jefe.get("/api/servicio")
    assert answer.status_code == 200
    told = answer.json
    assert told.keys() == {"version", "baseDeDatos", "ultimoRespaldo", "espacioLibre", "clientes", "usuarios"}
    ready = jefe.get("/readyz").json
    assert told["version"] == __version__
    assert told["baseDeDatos"].keys() == {"motor", "version", "bytes"}
    assert told["baseDeDatos"]["motor"] == ready["baseDeDatos"]
    assert told["baseDeDatos"]["version"] == ready["versionMotor"]
    assert told["ultimoRespaldo"] is None
    assert told["clientes"] == {"vigentes": 1, "total": 2}
    assert told["usuarios"] == {"vigentes": 3}
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.sqlite
def test_a_file_has_a_size_a_disk_and_a_last_backup(jefe: Caller, config: Config, tmp_path: Path) -> None:
    for name, size, age in (("20260101T000000Z", 9, 90), ("20260102T000000Z", 7, 3600)):
        make_copy(config.backups_path, f"clientes-{name}.db", size, age)
    make_copy(config.backups_path, "other.db", 5, 1)
    told = jefe.get("/api/servicio").json
    file = tmp_path / "clientes.db"
    assert told["baseDeDatos"]["bytes"] >= file.stat().st_size > 10_000
    assert abs(told["espacioLibre"] - shutil.disk_usage(tmp_path).free) < 1e9
    made = time.time() - 3600
    assert told["ultimoRespaldo"]["bytes"] == 7
    fecha = told["ultimoRespaldo"]["fecha"]
    assert fecha[:13] in {time.strftime("%Y-%m-%dT%H", time.gmtime(made + slip)) for slip in (-5, 5)}
    assert fecha.endswith("Z")


@pytest.mark.postgresql
def test_a_server_shows_neither_its_disk_nor_its_backups(jefe: Caller, config: Config) -> None:
    make_copy(config.backups_path, "clientes-20260101T000000Z.db", 9, 90)
    told = jefe.get("/api/servicio").json
    assert told["baseDeDatos"]["motor"] == "postgresql"
    assert [told["baseDeDatos"]["bytes"], told["ultimoRespaldo"], told["espacioLibre"]] == [None, None, None]


def test_nothing_can_be_asked_for(jefe: Caller) -> None:
    assert_problem(jefe.get("/api/servicio?detalle=1"), 422, "VALIDACION", "detalle")
