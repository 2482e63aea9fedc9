"""/healthz and /readyz, and what the other routes answer while the database is old or away."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from clientes_service import db
from tests.conftest import DNI, EMPRESA, PASSWORD, Caller, assert_problem

GO_ON = ["/healthz", "/docs", "/docs/start.js", "/openapi.json", "/errores/no-disponible"]
APPLIED = "SELECT name, applied FROM schema_migration ORDER BY name"


def assert_unavailable(answer: TestResponse) -> dict[str, Any]:
    problem = assert_problem(answer, 503, "NO_DISPONIBLE")
    assert int(answer.headers["Retry-After"]) > 0
    return problem


def api_routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Method and a path for every route of the API and of sign-in."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(("/api/", "/auth")):
            path = re.sub("<[^>]+>", "1", rule.rule)
            yield from ((method, path) for method in sorted(rule.methods or ()) if method != "OPTIONS")


def make_it_old() -> tuple[str, str]:
    """Forget the newest migration, and return its row."""
    newest: tuple[str, str] = db.database.execute_sql(APPLIED).fetchall()[-1]
    db.database.execute_sql(f"DELETE FROM schema_migration WHERE name = '{newest[0]}'")
    return newest


@pytest.fixture
def file(app: Flask, tmp_path: Path) -> Iterator[Path]:
    """The database's file; its connection is closed again, so that the file may be moved."""
    yield tmp_path / "clientes.db"
    db.database.close()


def move_away(file: Path) -> Path:
    """Move the database's whole folder, and return where to."""
    db.database.close()
    return file.parent.rename(file.parent.with_name(f"{file.parent.name}-away"))


def test_a_process_that_answers_is_alive(anonimo: Caller) -> None:
    answer = anonimo.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"estado": "vivo"})
    assert db.database.is_closed()


def test_readiness_names_the_engine_and_the_schema(anonimo: Caller, pytestconfig: pytest.Config) -> None:
    answer = anonimo.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {
        "estado": "listo",
        "baseDeDatos": pytestconfig.getoption("--engine"),
        "versionMotor": db.engine().version(),
        "esquema": max(path.stem for path in db.MIGRATIONS.glob("[0-9]*.py")),
    }


def test_a_pending_migration_is_named_by_readiness(anonimo: Caller) -> None:
    name, _ = make_it_old()
    assert name in assert_unavailable(anonimo.get("/readyz"))["detail"]


def test_no_route_of_the_api_works_on_an_old_schema(app: Flask, anonimo: Caller, stored: Any) -> None:
    make_it_old()
    before, routes = stored(), list(api_routes(app))
    assert ("POST", "/auth") in routes
    assert ("PUT", "/api/clientes/1") in routes
    for method, path in routes:
        answer = anonimo(method, path)
        assert (answer.status_code, method, path) == (503, method, path)
        assert int(answer.headers["Retry-After"]) > 0
        if method != "HEAD":
            assert_problem(answer, 503, "NO_DISPONIBLE")
    assert stored() == before


def test_signing_in_waits_for_the_schema_too(anonimo: Caller) -> None:
    make_it_old()
    credentials = {"dni": next(iter(DNI.values())), "password": PASSWORD}
    assert_unavailable(anonimo.post("/auth", json=credentials))


@pytest.mark.parametrize("path", GO_ON)
def test_what_needs_no_schema_goes_on(anonimo: Caller, path: str) -> None:
    make_it_old()
    assert anonimo.get(path, buffered=True).status_code == 200


def test_an_unknown_address_stays_unknown_on_an_old_schema(anonimo: Caller) -> None:
    make_it_old()
    assert_problem(anonimo.get("/nada"), 404, "NO_ENCONTRADO")


def test_a_migrated_database_is_served_without_a_restart(tecnico: Caller, anonimo: Caller) -> None:
    name, applied = make_it_old()
    assert_unavailable(tecnico.get("/api/clientes"))
    db.database.execute_sql(f"INSERT INTO schema_migration (name, applied) VALUES ('{name}', '{applied}')")
    assert anonimo.get("/readyz").status_code == 200
    assert tecnico.post("/api/clientes", json=EMPRESA).status_code == 201


@pytest.mark.sqlite
def test_an_empty_database_is_one_with_migrations_pending(file: Path, anonimo: Caller) -> None:
    file.unlink()
    assert_unavailable(anonimo.get("/readyz"))
    assert_unavailable(anonimo.get("/api/clientes"))
    db.upgrade()
    assert anonimo.get("/readyz").status_code == 200
    assert_problem(anonimo.get("/api/clientes"), 401, "NO_AUTENTICADO")


@pytest.mark.sqlite
def test_a_database_that_is_away_is_503_until_it_is_back(file: Path, tecnico: Caller, anonimo: Caller) -> None:
    away = move_away(file)
    for path in ("/readyz", "/api/clientes", "/api/clientes/1"):
        assert_unavailable(tecnico.get(path))
    assert_unavailable(tecnico.post("/api/clientes", json=EMPRESA))
    for path in GO_ON:
        assert anonimo.get(path, buffered=True).status_code == 200
    away.rename(file.parent)
    assert anonimo.get("/readyz").status_code == 200
    assert tecnico.post("/api/clientes", json=EMPRESA).status_code == 201


@pytest.mark.sqlite
def test_a_database_that_goes_away_while_serving_is_503(file: Path, tecnico: Caller) -> None:
    assert tecnico.get("/api/clientes").status_code == 200
    move_away(file)
    assert_unavailable(tecnico.get("/readyz"))
    assert_unavailable(tecnico.get("/api/clientes"))
    assert_unavailable(tecnico.post("/api/clientes", json=EMPRESA))


@pytest.mark.sqlite
def test_a_file_that_vanishes_while_serving_is_503_and_is_not_made_anew(file: Path, tecnico: Caller) -> None:
    assert tecnico.get("/api/clientes").status_code == 200
    db.database.close()
    kept = file.rename(file.with_suffix(".kept"))
    assert_unavailable(tecnico.get("/api/clientes"))
    assert_unavailable(tecnico.get("/readyz"))
    assert not file.exists()
    kept.rename(file)
    assert tecnico.get("/api/clientes").status_code == 200
