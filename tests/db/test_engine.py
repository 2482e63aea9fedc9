"""What both engines promise: one writer at a time, reads that wait for nobody, and which faults may pass."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from peewee import IntegrityError, OperationalError, ProgrammingError

from clientes_service import db
from clientes_service.auth.models import Usuario
from clientes_service.clientes.models import Contador
from tests.conftest import DNI, EMPRESA, Caller, assert_problem


def in_thread(work: Callable[[], Any]) -> Any:
    """What `work` returns in a thread of its own, which closes its connection."""
    results: list[Any] = []

    def run() -> None:
        results.append(work())
        db.database.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert results, "the thread failed or still waits"
    return results[0]


def counted(engine: db.Engine) -> Any:
    return engine.execute_sql("SELECT valor FROM contador").fetchone()[0]


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


def test_a_foreign_key_is_enforced(app: Flask) -> None:
    with pytest.raises(IntegrityError):
        db.database.execute_sql("INSERT INTO sesion (id, usuario_id, generacion, expira) VALUES ('x', 999, 1, 1)")


def test_a_transaction_commits(other: db.Engine) -> None:
    with db.transaction():
        Contador.update(valor=7).execute()
        assert counted(other) == 0
    assert counted(other) == 7


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


def test_a_transaction_in_another_is_undone_alone_and_kept_only_with_it(app: Flask, other: db.Engine) -> None:
    def fail_inside() -> None:
        with db.transaction():
            Contador.update(valor=8).execute()
            db.database.execute_sql("INSERT INTO sesion (id, usuario_id, generacion, expira) VALUES ('x', NULL, 1, 1)")

    with db.transaction():
        Contador.update(valor=7).execute()
        with pytest.raises(IntegrityError):
            fail_inside()
        assert Contador.get().valor == 7
        with db.transaction():
            Contador.update(escrituras=9).execute()
        assert counted(other) == 0
    assert counted(other) == 7
    assert Contador.get().escrituras == 9

    def fail_outside() -> None:
        with db.transaction():
            with db.transaction():
                Contador.update(valor=8).execute()
            raise LookupError

    with pytest.raises(LookupError):
        fail_outside()
    assert counted(other) == 7


def test_a_transaction_holds_the_write_lock_from_its_start(impatient: None, other: db.Engine) -> None:
    with db.transaction(), pytest.raises(OperationalError) as caught, other.writing():
        pass
    assert db.is_unavailable(caught.value)
    with other.writing():
        pass


def test_a_snapshot_sees_one_state_and_takes_no_write_lock(other: db.Engine) -> None:
    with db.snapshot():
        assert Contador.get().valor == 0
        with other.writing():
            other.execute_sql("UPDATE contador SET valor = 5")
        assert Contador.get().valor == 0
    assert Contador.get().valor == 5


def test_a_snapshot_does_not_wait_for_a_writer(other: db.Engine) -> None:
    began = time.monotonic()
    with other.writing():
        other.execute_sql("UPDATE contador SET valor = 5")
        with db.snapshot():
            assert Contador.get().valor == 0
    assert time.monotonic() - began < 1


def test_a_transaction_waits_for_the_writer_before_it_and_sees_its_work(app: Flask, other: db.Engine) -> None:
    begun = threading.Event()

    def write_slowly() -> None:
        with other.writing():
            other.execute_sql("UPDATE contador SET valor = 5")
            begun.set()
            time.sleep(0.2)
        other.close()

    thread = threading.Thread(target=write_slowly)
    thread.start()
    begun.wait()
    began = time.monotonic()
    with db.transaction():
        waited, seen = time.monotonic() - began, Contador.get().valor
    thread.join()
    assert 0.15 <= waited < 5
    assert seen == 5


def add_in_threads(threads: int, times: int) -> None:
    """Read the counter and write it one higher, `times` times in each of some threads."""

    def add() -> None:
        for _ in range(times):
            with db.transaction():
                value = Contador.get().valor
                Contador.update(valor=value + 1).execute()
        db.database.close()

    started = [threading.Thread(target=add) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def test_threads_lose_no_write(app: Flask) -> None:
    add_in_threads(4, 10)
    assert Contador.get().valor == 40


@pytest.mark.usefixtures("impatient")
class TestBusy:
    def test_who_waits_too_long_for_another_process_gets_503(
        self, tecnico: Caller, other: db.Engine, stored: Any
    ) -> None:
        before = stored()
        with ExitStack() as held:
            held.enter_context(other.writing())
            answer = tecnico.post("/api/clientes", json=EMPRESA)
            assert_problem(answer, 503, "NO_DISPONIBLE")
            assert int(answer.headers["Retry-After"]) > 0
            assert tecnico.get("/api/clientes").status_code == 200
        assert stored() == before
        assert tecnico.post("/api/clientes", json=EMPRESA).status_code == 201

    def test_who_waits_too_long_for_another_thread_gets_503(self, tecnico: Caller, stored: Any) -> None:
        before = stored()
        with db.transaction():
            answer = in_thread(lambda: tecnico.post("/api/clientes", json=EMPRESA))
            read = in_thread(lambda: tecnico.get("/api/clientes"))
        assert_problem(answer, 503, "NO_DISPONIBLE")
        assert int(answer.headers["Retry-After"]) > 0
        assert read.status_code == 200
        assert stored() == before
        assert tecnico.post("/api/clientes", json=EMPRESA).status_code == 201


def test_a_defect_in_a_query_does_not_count_as_unavailable(app: Flask) -> None:
    with pytest.raises((OperationalError, ProgrammingError)) as wrong:
        db.database.execute_sql("SELECT * FROM nowhere")
    assert not db.is_unavailable(wrong.value)
    with pytest.raises(IntegrityError) as twice:
        Usuario.create(dni=next(iter(DNI.values())), nombre="", email="", rol="", password_hash="")
    assert not db.is_unavailable(twice.value)
