"""SQLite: pragmas in force, and what a file at fault answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from flask import Flask
from peewee import OperationalError

from clientes_service import db
from clientes_service.auth.models import Usuario
from clientes_service.clientes.models import Contador
from clientes_service.db import sqlite
from tests.conftest import DNI, EMPRESA, Caller, assert_problem
from tests.db.test_engine import in_thread

Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.sqlite


@pytest.fixture
def path(tmp_path: Path, app: Flask) -> Path:
    """The file of the application under test."""
    return tmp_path / "clientes.db"


def value_of(pragma: str) -> Any:
    return db.database.execute_sql(f"PRAGMA {pragma}").fetchone()[0]


def cause(error: BaseException) -> BaseException:
    """What the engine itself raised; peewee may wrap it more than once."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("secure_delete", 1), ("temp.secure_delete", 0)],
)
def test_the_pragmas_are_in_force_on_every_connection(app: Flask, pragma: str, value: Any) -> None:
    assert value_of(pragma) == value
    assert in_thread(lambda: value_of(pragma)) == value


def test_a_statement_is_compiled_once_whatever_is_bound(app: Flask) -> None:
    def is_on() -> bool:
        state: int = db.engine().connection().config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1)  # type: ignore[no-untyped-call]
        return bool(state)

    assert is_on()
    assert in_thread(is_on)


def test_the_engine_has_no_known_corruption() -> None:
    assert tuple(int(part) for part in db.engine().version().split(".")) >= (3, 51, 3)


def test_connecting_elsewhere_leaves_the_old_file(app: Flask, tmp_path: Path) -> None:
    assert Usuario.select().count() == len(DNI)
    db.connect(f"sqlite:///{tmp_path}/elsewhere.db")
    db.upgrade()
    assert Usuario.select().count() == 0


def test_waiting_for_another_process_and_for_another_thread_are_both_unavailable(
    impatient: None, app: Flask, path: Path
) -> None:
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError) as caught, db.transaction():
        pass
    other.close()
    assert isinstance(cause(caught.value), apsw.BusyError)
    assert db.is_unavailable(caught.value)
    assert db.is_unavailable(sqlite.DatabaseBusy("the write lock is taken"))


def test_a_full_disk_stores_nothing_and_goes_on_reading(tecnico: Caller, make_cliente: Make, stored: Any) -> None:
    first = make_cliente()
    db.database.execute_sql(f"PRAGMA max_page_count = {value_of('page_count')}")
    for number in range(500):
        before = stored()
        answer = tecnico.post("/api/clientes", json={**EMPRESA, "nombre": "x" * 150, "codigoCliente": f"F{number}"})
        if answer.status_code != 201:
            break
    assert_problem(answer, 503, "NO_DISPONIBLE")
    assert int(answer.headers["Retry-After"]) > 0
    assert stored() == before
    assert tecnico.get(f"/api/clientes/{first['id']}").status_code == 200
    assert tecnico.get("/api/clientes").json["totalElements"] == len(before["cliente"])
    db.database.execute_sql("PRAGMA max_page_count = 1000000")
    assert tecnico.post("/api/clientes", json={**EMPRESA, "codigoCliente": "AGAIN"}).status_code == 201


def test_a_full_disk_counts_as_unavailable(app: Flask, stored: Any) -> None:
    before = stored()
    db.database.execute_sql(f"PRAGMA max_page_count = {value_of('page_count')}")
    rows = [{"dni": str(n), "nombre": "x" * 150, "email": "", "rol": "", "password_hash": ""} for n in range(2000)]
    with pytest.raises(OperationalError) as caught, db.transaction():
        Usuario.insert_many(rows).execute()
    assert isinstance(cause(caught.value), apsw.FullError)
    assert db.is_unavailable(caught.value)
    assert stored() == before


def test_a_file_that_cannot_be_opened_counts_as_unavailable(app: Flask, tmp_path: Path) -> None:
    db.connect(f"sqlite:///{tmp_path}/away/clientes.db")
    with pytest.raises(OperationalError) as caught:
        Contador.get()
    assert isinstance(cause(caught.value), apsw.CantOpenError)
    assert db.is_unavailable(caught.value)


def test_a_file_that_cannot_be_written_counts_as_unavailable(app: Flask) -> None:
    db.database.execute_sql("PRAGMA query_only = 1")
    with pytest.raises(OperationalError) as caught, db.transaction():
        Contador.update(valor=7).execute()
    assert isinstance(cause(caught.value), apsw.ReadOnlyError)
    assert db.is_unavailable(caught.value)


def test_a_file_that_is_no_database_is_answered_with_a_problem(app: Flask, path: Path, anonimo: Caller) -> None:
    path.write_bytes(b"these are not the clients you are looking for\n" * 200)
    assert_problem(anonimo.get("/readyz"), 503, "NO_DISPONIBLE")
    answer = anonimo.get("/api/clientes")
    assert_problem(answer, 500, "ERROR_INTERNO")
    assert "database" not in answer.text
    assert anonimo.get("/healthz").status_code == 200


def test_a_damaged_table_is_answered_with_a_problem_and_spares_the_others(
    app: Flask, path: Path, tecnico: Caller, admin: Caller, make_cliente: Make
) -> None:
    cliente = make_cliente()
    root = db.database.execute_sql("SELECT rootpage FROM sqlite_master WHERE name = 'cliente'").fetchone()[0]
    size = value_of("page_size")
    db.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    db.database.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    answer = tecnico.get(f"/api/clientes/{cliente['id']}")
    assert_problem(answer, 500, "ERROR_INTERNO")
    assert "malformed" not in answer.text
    assert_problem(tecnico.post("/api/clientes", json=EMPRESA), 500, "ERROR_INTERNO")
    assert admin.get("/api/usuarios").status_code == 200
