"""The cast: an application on a real SQLite file for each test, and callers of every role."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from clientes_service import config as settings
from clientes_service import db
from clientes_service.app import create_app
from clientes_service.auth import tokens, usuarios
from clientes_service.auth.models import Sesion, Usuario
from clientes_service.auth.roles import Rol
from clientes_service.auth.service import Ticket
from clientes_service.config import Config
from tests.engines import Databases, PostgresDatabases, SqliteFiles
from tests.postgres import cluster

PASSWORD = "quinua-tarwi-kiwicha"
SECRET = "0123456789abcdef" * 3
DNI = {Rol.ADMIN: "10000001", Rol.OFICINA: "10000002", Rol.TECNICO: "10000003", Rol.CONSULTA: "10000004"}
EMPRESA = {
    "nombre": "Comercial Ñahui S.A.C.",
    "tipoCliente": "EMPRESA",
    "tipoDocumento": "RUC",
    "numeroDocumento": "20100070970",
    "codigoCliente": "CLI0001",
    "direccion": "Av. Los Álamos 12, Tacna",
    "telefono": "+51 952 123 456",
    "email": "ventas@example.pe",
    "contactoRepresentante": "Rosa Choque",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=("sqlite", "postgresql"), default="sqlite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is about the other engine, and begin with what takes longest: no core is to wait for it at the end."""
    engine = config.getoption("--engine")
    items.sort(key=lambda item: item.get_closest_marker("load") is None)
    for item in items:
        for marker in ("sqlite", "postgresql"):
            if marker != engine and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"about {marker}; this run is on {engine}"))


def fill(url: str) -> None:
    """Migrate a database, and make one user of each role."""
    db.connect(url)
    db.upgrade()
    for rol, dni in DNI.items():
        usuarios.create_usuario(
            {"dni": dni, "nombre": f"Usuario {rol}", "email": f"{rol.lower()}@example.pe", "rol": rol,
             "password": PASSWORD}
        )  # fmt: skip
    db.database.close()


@pytest.fixture(scope="session")
def databases(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Makes databases of the engine that `--engine` names; a PostgreSQL server is started for that."""
    if pytestconfig.getoption("--engine") == "sqlite":
        yield SqliteFiles(tmp_path_factory.mktemp("template"), fill)
        return
    try:
        with cluster() as server, closing(PostgresDatabases(server, fill)) as databases:
            yield databases
    except LookupError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))


@pytest.fixture
def environ(tmp_path: Path, databases: Databases) -> Iterator[dict[str, str]]:
    """The settings of this test's service; a test may add to them before it asks for `app`."""
    url = databases.copy(tmp_path)
    yield {
        "DATABASE_URL": url,
        "CLIENTES_INSTANCE_PATH": str(tmp_path / "instance"),
        "CLIENTES_JWT_SECRET_KEY": SECRET,
    }
    databases.drop(url)


@pytest.fixture
def empty(tmp_path: Path, databases: Databases) -> Iterator[str]:
    """The URL of a database without a schema, to which this process is connected."""
    url = databases.empty(tmp_path)
    db.connect(url)
    yield url
    db.database.close()
    databases.drop(url)


@cache
def app_with(config: Config) -> Flask:
    return create_app(config)


@pytest.fixture
def app(environ: dict[str, str]) -> Iterator[Flask]:
    """The application on this test's database. Tests with the same settings share it: it keeps no state of its own."""
    config = settings.load(environ)
    app = app_with(replace(config, database_url="sqlite:///nowhere", instance_path=Path("nowhere")))
    db.connect(config.database_url)
    yield app
    db.database.close()


class Caller:
    """Someone who calls the API; `token` None is nobody."""

    def __init__(self, app: Flask, token: str | None = None, refresh_token: str | None = None) -> None:
        self.app, self.token, self.refresh_token = app, token, refresh_token

    def __call__(self, method: str, path: str, headers: dict[str, str] | None = None, **kwargs: Any) -> TestResponse:
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        with self.app.test_client(use_cookies=False) as client:  # which would drop a Cookie header
            return client.open(path, method=method, headers={**authorization, **(headers or {})}, **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> TestResponse:
        return self("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> TestResponse:
        return self("PUT", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self("DELETE", path, **kwargs)


@pytest.fixture
def sign_in(app: Flask) -> Callable[[Rol], Caller]:
    """Open a session for the user of a role, without the cost of hashing a password."""

    def open_session(rol: Rol) -> Caller:
        usuario = Usuario.get(Usuario.dni == DNI[rol])
        sesion = Sesion.create(id=os.urandom(16).hex(), usuario=usuario, expira=int(time.time()) + 3600)
        with app.app_context():
            pair = tokens.issue(Ticket(usuario, sesion.id, sesion.generacion))
        return Caller(app, pair["token"], pair["refresh_token"])

    return open_session


@pytest.fixture
def anonimo(app: Flask) -> Caller:
    return Caller(app)


@pytest.fixture
def admin(sign_in: Callable[[Rol], Caller]) -> Caller:
    return sign_in(Rol.ADMIN)


@pytest.fixture
def oficina(sign_in: Callable[[Rol], Caller]) -> Caller:
    return sign_in(Rol.OFICINA)


@pytest.fixture
def tecnico(sign_in: Callable[[Rol], Caller]) -> Caller:
    return sign_in(Rol.TECNICO)


@pytest.fixture
def consulta(sign_in: Callable[[Rol], Caller]) -> Caller:
    return sign_in(Rol.CONSULTA)


@pytest.fixture
def make_cliente(tecnico: Caller) -> Callable[..., dict[str, Any]]:
    """Create a client over the API; every one has a code of its own."""
    numbers = iter(range(1, 10_000))

    def make(**overrides: Any) -> dict[str, Any]:
        body = {**EMPRESA, "codigoCliente": f"T{next(numbers):04d}", **overrides}
        answer = tecnico.post("/api/clientes", json=body)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json
        return created

    return make


@pytest.fixture
def stored(app: Flask) -> Callable[[], dict[str, list[tuple[Any, ...]]]]:
    """Every row of every table that a client or user call may change, to compare before and after."""

    def read() -> dict[str, list[tuple[Any, ...]]]:
        tables = ("cliente", "contador", "usuario", "historial", "idempotencia")
        return {table: list(db.database.execute_sql(f"SELECT * FROM {table} ORDER BY 1, 2, 3")) for table in tables}

    return read


def assert_problem(answer: TestResponse, status: int, code: str, *fields: str) -> dict[str, Any]:
    """Assert the one error shape (RFC 9457), and which fields it names."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    problem: dict[str, Any] = answer.json
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == "/errores/" + code.lower().replace("_", "-")
    assert problem["title"]
    assert problem["detail"]
    assert problem["requestId"] == answer.headers["X-Request-Id"]
    assert {error["field"] for error in problem["errors"]} == set(fields)
    assert all(error["message"] for error in problem["errors"])
    return problem
