"""The engine: pragmas in force, one write at a time, and what a database at fault answers."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from flask import Flask
from peewee import IntegrityError, OperationalError

from clientes_service import db
from clientes_service.auth.models import Usuario
from clientes_service.clientes.models import Contador
from tests.conftest import DNI, EMPRESA, Caller, assert_problem

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def path(tmp_path: Path, app: Flask) -> Path:
    """The file of the application under test."""
    return tmp_path / "clientes.db"


@pytest.fixture
def other(path: Path) -> Iterator[apsw.Connection]:
    """Another process's connection, which does not wait."""
    connection = apsw.Connection(str(path))
    yield connection
    connection.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for this before `app`: who waits for the write lock gives up soon."""
    monkeypatch.setattr(db, "BUSY_SECONDS", 0.1)


def value_of(pragma: str) -> Any:
    return db.database.execute_sql(f"PRAGMA {pragma}").fetchone()[0]


def in_thread(work: Callable[[], Any]) -> Any:
    """What `work` returns in a thread of its own."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()
    thread.join(timeout=5)
    assert results, "the thread failed or still waits"
    return results[0]


def cause(error: BaseException) -> BaseException:
    """What the engine itself raised; peewee may wrap it more than once."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


# --- Connections


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)])
def test_the_pragmas_are_in_force_on_every_connection(app: Flask, pragma: str, value: Any) -> None:
    assert value_of(pragma) == value
    assert in_thread(lambda: value_of(pragma)) == value


def test_the_engine_has_no_known_corruption() -> None:
    assert tuple(int(part) for part in db.engine_version().split(".")) >= (3, 51, 3)


def test_making_the_application_opens_no_connection(app: Flask) -> None:
    assert db.database.is_closed()


def test_each_thread_keeps_one_connection(app: Flask, admin: Caller) -> None:
    def connection() -> Any:
        assert admin.get("/api/clientes").status_code == 200
        assert not db.database.is_closed()
        return db.database.connection()

    mine = connection()
    assert connection() is mine
    theirs = in_thread(lambda: (connection(), connection()))
    assert theirs[0] is theirs[1] is not mine


def test_connecting_elsewhere_leaves_the_old_file(app: Flask, tmp_path: Path) -> None:
    assert Usuario.select().count() == len(DNI)
    db.connect(tmp_path / "elsewhere.db")
    db.upgrade()
    assert Usuario.select().count() == 0


def test_a_foreign_key_is_enforced(app: Flask) -> None:
    with pytest.raises(IntegrityError):
        db.database.execute_sql("INSERT INTO sesion (id, usuario_id, generacion, expira) VALUES ('x', 999, 1, 1)")


# --- Transactions


def test_a_transaction_commits(app: Flask, other: apsw.Connection) -> None:
    with db.transaction():
        Contador.update(valor=7).execute()
    assert other.execute("SELECT valor FROM contador").get == 7


def test_raising_rolls_back(app: Flask, stored: Any) -> None:
    before = stored()

    def change_and_fail() -> None:
        with db.transaction():
            Contador.update(valor=7).execute()
            assert stored() != before
            raise LookupError

    with pytest.raises(LookupError):
        change_and_fail()
    assert stored() == before
    with db.transaction():
        Contador.update(valor=8).execute()
    assert Contador.get().valor == 8


def test_a_transaction_holds_the_write_lock_from_its_start(app: Flask, other: apsw.Connection) -> None:
    with db.transaction(), pytest.raises(apsw.BusyError):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")


def test_a_snapshot_takes_no_write_lock(app: Flask, other: apsw.Connection) -> None:
    with db.snapshot():
        assert Contador.get().valor == 0
        other.execute("UPDATE contador SET valor = 5")
        assert Contador.get().valor == 0
    assert Contador.get().valor == 5


def test_a_snapshot_does_not_wait_for_a_writer(app: Flask, other: apsw.Connection) -> None:
    other.execute("BEGIN IMMEDIATE; UPDATE contador SET valor = 5")
    began = time.monotonic()
    with db.snapshot():
        assert Contador.get().valor == 0
    assert time.monotonic() - began < 1


def test_a_transaction_waits_for_the_writer_before_it(app: Flask, other: apsw.Connection) -> None:
    other.execute("BEGIN IMMEDIATE; UPDATE contador SET valor = 5")
    timer = threading.Timer(0.2, other.execute, ["COMMIT"])
    began = time.monotonic()
    timer.start()
    with db.transaction():
        waited, seen = time.monotonic() - began, Contador.get().valor
    timer.join()
    assert 0.2 <= waited < 5
    assert seen == 5


def test_threads_lose_no_write(app: Flask) -> None:
    def add() -> None:
        for _ in range(10):
            with db.transaction():
                value = Contador.get().valor
                Contador.update(valor=value + 1).execute()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Contador.get().valor == 40


# --- A database at fault


@pytest.mark.usefixtures("impatient")
class TestBusy:
    def test_who_waits_too_long_for_another_process_gets_503(
        self, app: Flask, tecnico: Caller, other: apsw.Connection, stored: Any
    ) -> None:
        before = stored()
        other.execute("BEGIN IMMEDIATE")
        answer = tecnico.post("/api/clientes", json=EMPRESA)
        assert_problem(answer, 503, "NO_DISPONIBLE")
        assert int(answer.headers["Retry-After"]) > 0
        assert tecnico.get("/api/clientes").status_code == 200
        other.execute("ROLLBACK")
        assert stored() == before
        assert tecnico.post("/api/clientes", json=EMPRESA).status_code == 201

    def test_who_waits_too_long_for_another_thread_gets_503(self, app: Flask, tecnico: Caller, stored: Any) -> None:
        before = stored()
        with db.transaction():
            answer = in_thread(lambda: tecnico.post("/api/clientes", json=EMPRESA))
            read = in_thread(lambda: tecnico.get("/api/clientes"))
        assert_problem(answer, 503, "NO_DISPONIBLE")
        assert int(answer.headers["Retry-After"]) > 0
        assert read.status_code == 200
        assert stored() == before
        assert tecnico.post("/api/clientes", json=EMPRESA).status_code == 201

    def test_both_kinds_of_waiting_count_as_unavailable(self, app: Flask, other: apsw.Connection) -> None:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError) as caught, db.transaction():
            pass
        assert isinstance(cause(caught.value), apsw.BusyError)
        assert db.is_unavailable(caught.value)
        assert db.is_unavailable(db.DatabaseBusy("the write lock is taken"))


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
    db.connect(tmp_path / "away" / "clientes.db")
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


def test_a_defect_in_a_query_does_not_count_as_unavailable(app: Flask) -> None:
    with pytest.raises(OperationalError) as wrong:
        db.database.execute_sql("SELECT * FROM nowhere")
    assert not db.is_unavailable(wrong.value)
    with pytest.raises(IntegrityError) as twice:
        Usuario.create(dni=next(iter(DNI.values())), nombre="", email="", rol="", password_hash="")
    assert not db.is_unavailable(twice.value)


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
