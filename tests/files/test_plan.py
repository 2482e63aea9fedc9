"""What others write between the planning of a file and its writing."""

from collections.abc import Callable
from typing import Any

import pytest

from clientes_service import db
from clientes_service.clientes.models import Cliente, Contador
from clientes_service.files import importer
from clientes_service.files.staging import Staging
from clientes_service.historial.service import Linea
from tests.conftest import EMPRESA, Caller, assert_problem
from tests.files.conftest import Import, as_csv, row

Make = Callable[..., dict[str, Any]]
Meanwhile = Callable[[Callable[[], Any]], list[int]]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Let somebody act after a plan was made and before it is written; the list counts the plans."""
    original = Staging.write

    def arrange(act: Callable[[], Any], times: int = 1) -> list[int]:
        plans: list[int] = []

        def write(self: Staging, *args: Any) -> None:
            plans.append(len(plans))
            if len(plans) <= times:
                act()
            original(self, *args)

        monkeypatch.setattr(Staging, "write", write)
        return plans

    return arrange


def assert_history_is_whole() -> None:
    versions = [linea.version for linea in Linea.select().order_by(Linea.version)]
    assert {cliente.version for cliente in Cliente.select()} <= {*versions}
    if db.engine().name == "sqlite":  # on PostgreSQL an import that failed leaves its numbers unused
        assert versions == [*range(1, Contador.get().valor + 1)]


def test_a_code_that_was_taken_meanwhile_makes_its_row_bad(
    send: Import, meanwhile: Meanwhile, make_cliente: Make
) -> None:
    plans = meanwhile(lambda: make_cliente(codigoCliente="f00002"))
    problem = assert_problem(send(as_csv([row(1), row(2), row(3)])), 422, "IMPORTACION_RECHAZADA")
    assert [(error["fila"], error["campo"]) for error in problem["errores"]] == [(3, "codigoCliente")]
    assert Cliente.select().count() == 1
    assert len(plans) == 1
    assert_history_is_whole()


def test_a_code_that_was_taken_meanwhile_is_changed_by_an_upsert(
    send: Import, meanwhile: Meanwhile, make_cliente: Make
) -> None:
    plans = meanwhile(lambda: make_cliente(codigoCliente="f00002"))
    report = send(as_csv([row(1), row(2), row(3)]), "modo=upsert").json
    assert (report["creados"], report["actualizados"]) == (2, 1)
    assert Cliente.get(Cliente.codigo_clave == "f00002").nombre == "Cliente 2"
    assert len(plans) == 2
    assert_history_is_whole()


def test_a_client_that_was_changed_meanwhile_keeps_both_changes(
    send: Import, meanwhile: Meanwhile, make_cliente: Make, oficina: Caller
) -> None:
    made = make_cliente(codigoCliente="Uno")
    path = f"/api/clientes/{made['id']}"
    plans = meanwhile(lambda: oficina.put(path, json={"telefono": "999 000 111", "direccion": "Otra"}))
    report = send("codigoCliente,email,direccion\nuno,nuevo@example.pe,Del archivo\n", "modo=actualizar").json
    assert report["actualizados"] == 1
    after = oficina.get(path).json
    assert (after["telefono"], after["email"], after["direccion"]) == ("999 000 111", "nuevo@example.pe", "Del archivo")
    [line, _, _] = oficina.get(f"{path}/historial").json["content"]
    assert line["cambios"]["direccion"] == {"antes": "Otra", "despues": "Del archivo"}
    assert len(plans) == 2
    assert_history_is_whole()


@pytest.mark.parametrize("change", ["delete", "code"])
def test_a_client_that_is_gone_meanwhile_is_not_changed(
    send: Import, meanwhile: Meanwhile, make_cliente: Make, oficina: Caller, change: str
) -> None:
    path = f"/api/clientes/{make_cliente(codigoCliente='Uno')['id']}"
    act = {"delete": lambda: oficina.delete(path), "code": lambda: oficina.put(path, json={"codigoCliente": "Dos"})}
    meanwhile(act[change])
    answer = send("codigoCliente,email\nuno,nuevo@example.pe\n", "modo=actualizar")
    assert_problem(answer, 422, "IMPORTACION_RECHAZADA")
    assert oficina.get(path).json["email"] == EMPRESA["email"]


def test_a_document_that_was_taken_meanwhile_is_told(send: Import, meanwhile: Meanwhile, make_cliente: Make) -> None:
    plans = meanwhile(lambda: make_cliente(tipoDocumento="RUC", numeroDocumento="10000000028"))
    report = send(as_csv([row(1), row(2)])).json
    assert [(each["fila"], each["codigo"]) for each in report["advertencias"]] == [(3, "DOCUMENTO_REPETIDO")]
    assert len(plans) == 2


def test_what_has_nothing_to_do_with_the_file_costs_no_second_plan(
    send: Import, meanwhile: Meanwhile, make_cliente: Make
) -> None:
    plans = meanwhile(make_cliente)
    assert send(as_csv([row(1), row(2)])).json["creados"] == 2
    assert len(plans) == 1
    versions = [cliente.version for cliente in Cliente.select().order_by(Cliente.version)]
    assert versions == [1, 2, 3]
    assert_history_is_whole()


def test_many_changes_of_others_are_not_looked_at_one_by_one(
    send: Import, meanwhile: Meanwhile, make_cliente: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clientes_service.files.staging.MOST_CHANGES", 2)
    plans = meanwhile(lambda: [make_cliente() for _ in range(3)])
    assert send(as_csv([row(1)])).json["creados"] == 1
    assert len(plans) == 2


def test_who_is_always_overtaken_gives_up_and_is_told_to_repeat(
    send: Import, monkeypatch: pytest.MonkeyPatch, make_cliente: Make, oficina: Caller, stored: Any
) -> None:
    path = f"/api/clientes/{make_cliente(codigoCliente='Uno')['id']}"
    numbers = iter(range(100))
    original = Staging.write

    def write(self: Staging, *args: Any) -> None:
        oficina.put(path, json={"telefono": f"999000{next(numbers):03d}"})
        original(self, *args)

    monkeypatch.setattr(Staging, "write", write)
    answer = send("codigoCliente,email\nuno,nuevo@example.pe\n", "modo=actualizar")
    assert_problem(answer, 503, "NO_DISPONIBLE")
    assert answer.headers["Retry-After"]
    assert next(numbers) == importer.ATTEMPTS
    assert oficina.get(path).json["email"] == EMPRESA["email"]
    assert_history_is_whole()


def test_the_temporary_table_is_gone_afterwards_whatever_happened(send: Import, meanwhile: Meanwhile) -> None:
    for content, query in ((as_csv([row(1)]), ""), (as_csv([row(1)]), ""), (as_csv([row(2)]), "simular=true")):
        send(content, query)
        with pytest.raises(Exception, match="importacion"):
            db.execute("SELECT count(*) FROM importacion")

    def fail() -> None:
        raise OSError("the disk is full")

    meanwhile(fail)
    assert send(as_csv([row(3)])).status_code == 500
    with pytest.raises(Exception, match="importacion"):
        db.execute("SELECT count(*) FROM importacion")


@pytest.mark.postgresql
def test_a_connection_that_is_lost_in_the_middle_is_503(
    send: Import, monkeypatch: pytest.MonkeyPatch, stored: Any
) -> None:
    monkeypatch.setattr(importer, "CHUNK", 1)
    before, add = stored(), Staging.add

    def add_and_lose(self: Staging, rows: Any) -> None:
        add(self, rows)
        connection: Any = db.engine().connection()
        monkeypatch.setattr(Staging, "add", add)
        import psycopg

        with psycopg.connect(connection.info.dsn, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))

    monkeypatch.setattr(Staging, "add", add_and_lose)
    assert_problem(send(as_csv([row(1), row(2), row(3)])), 503, "NO_DISPONIBLE")
    assert stored() == before
    assert send(as_csv([row(1), row(2), row(3)])).status_code == 200
