"""clientes-service copy: everything, either way, compared; all or nothing."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from peewee import PeeweeException

from clientes_service import config as settings
from clientes_service import db, transfer
from clientes_service.app import create_app
from clientes_service.auth.models import Sesion, Usuario
from clientes_service.cli import main
from clientes_service.clientes.models import Cliente, Contador
from clientes_service.transfer import TransferError
from tests.conftest import EMPRESA, Caller
from tests.engines import Databases
from tests.server.conftest import BIN

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A SQLite database that does not exist yet, whatever the engine of this run."""
    folder = tmp_path / "sqlite"
    folder.mkdir()
    return f"sqlite:///{folder}/copia.db"


@pytest.fixture
def target(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """An empty database of this run's engine."""
    folder = tmp_path / "target"
    folder.mkdir()
    url = databases.empty(folder)
    yield url
    databases.drop(url)


def content(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the models, as Python sees it."""
    db.connect(url)
    found = {model.__name__: sorted(model.select().tuples()) for model in db.BaseModel.__subclasses__()}
    found["busqueda"] = sorted(db.execute("SELECT clave, texto FROM busqueda").fetchall())
    found["idempotencia"] = sorted(db.execute("SELECT * FROM idempotencia").fetchall())
    db.database.close()
    return found


def copied(source: str, target: str) -> dict[str, int]:
    engines = db.open_engine(source), db.open_engine(target)
    try:
        return transfer.copy(*engines, lambda done, total: None)
    finally:
        for engine in engines:
            engine.close()


def test_everything_arrives_on_the_other_engine_and_comes_back(
    tecnico: Caller, make_cliente: Make, environ: dict[str, str], file: str, target: str
) -> None:
    for number in range(1, 30):
        make_cliente(nombre=f"Ñandú 🏨 {number}", direccion=None if number % 2 else "'; DROP TABLE cliente --")
    tecnico.delete("/api/clientes/2")
    before = content(environ["DATABASE_URL"])
    counts = copied(environ["DATABASE_URL"], file)
    assert counts == {
        "busqueda": 29, "cliente": 29, "contador": 1, "historial": 30, "idempotencia": 0, "intento": 0, "sesion": 1,
        "usuario": 4,
    }  # fmt: skip
    assert content(file) == before
    assert copied(file, target) == counts
    assert content(target) == before


def test_phones_and_sessions_go_on_with_what_they_know(
    tecnico: Caller, make_cliente: Make, environ: dict[str, str], file: str, target: str
) -> None:
    kept = make_cliente()
    copied(environ["DATABASE_URL"], file)
    copied(file, target)
    moved = Caller(create_app(settings.load({**environ, "DATABASE_URL": target})), tecnico.token)
    path = f"/api/clientes/{kept['id']}"
    assert moved.get(path, headers={"If-None-Match": f'"{kept["version"]}"'}).status_code == 304
    created = moved.post("/api/clientes", json={**EMPRESA, "codigoCliente": "DESPUES"}).json
    assert created["id"] == kept["id"] + 1
    epoch, number = kept["version"].split("-")
    assert created["version"] == f"{epoch}-{int(number) + 1}"
    db.database.close()


def test_requests_and_feeds_go_on_where_they_were(
    tecnico: Caller, make_cliente: Make, environ: dict[str, str], file: str, target: str
) -> None:
    made = make_cliente()
    token = tecnico.get("/api/clientes/cambios").json["siguiente"]
    asked = {"json": {**EMPRESA, "codigoCliente": "CLAVE"}, "headers": {"Idempotency-Key": "k-1"}}
    first = tecnico.post("/api/clientes", **asked)
    batch = {"operaciones": [{"clave": "k-1", "op": "eliminar", "id": made["id"]}]}
    assert tecnico.post("/api/clientes/lote", json=batch).json["resultados"][0]["status"] == 204
    before = content(environ["DATABASE_URL"])
    assert copied(environ["DATABASE_URL"], file)["idempotencia"] == 2
    copied(file, target)
    assert content(target) == before
    moved = Caller(create_app(settings.load({**environ, "DATABASE_URL": target})), tecnico.token)
    again = moved.post("/api/clientes", **asked)
    assert (again.status_code, again.data, again.headers["Idempotency-Replayed"]) == (201, first.data, "true")
    assert moved.post("/api/clientes/lote", json=batch).json["resultados"][0]["status"] == 204
    changed = moved.get(f"/api/clientes/cambios?desde={token}").json["content"]
    assert [client["id"] for client in changed] == [first.json["id"], made["id"]]
    db.database.close()
    assert content(target) == before


def test_an_id_of_a_row_that_is_gone_is_not_used_again(
    tecnico: Caller, make_cliente: Make, environ: dict[str, str], file: str, target: str
) -> None:
    gone = [make_cliente()["id"] for _ in range(3)][-1]
    Cliente.delete().where(Cliente.id == gone).execute()
    copied(environ["DATABASE_URL"], file)
    copied(file, target)
    moved = Caller(create_app(settings.load({**environ, "DATABASE_URL": target})), tecnico.token)
    assert moved.post("/api/clientes", json={**EMPRESA, "codigoCliente": "DESPUES"}).json["id"] == gone + 1
    db.database.close()


def test_more_than_a_batch_is_copied(
    make_cliente: Make, environ: dict[str, str], file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "BATCH", 3)
    for _ in range(7):
        make_cliente()
    assert copied(environ["DATABASE_URL"], file)["cliente"] == 7
    assert content(file) == content(environ["DATABASE_URL"])


@pytest.mark.parametrize("model", [Usuario, Cliente, Contador])
def test_a_target_that_is_not_empty_is_refused_and_left_as_it_is(
    make_cliente: Make, environ: dict[str, str], target: str, model: type[db.BaseModel]
) -> None:
    make_cliente()
    source = environ["DATABASE_URL"]
    copied(source, target)
    db.connect(target)
    for each in (Sesion, Usuario, Cliente):
        if each is not model:
            each.delete().execute()
    if model is not Contador:
        Contador.update(valor=0).execute()
    db.database.close()
    before = content(target)
    with pytest.raises(TransferError, match="not empty"):
        copied(source, target)
    assert content(target) == before


def test_a_target_that_another_version_or_program_uses_is_refused_untouched(
    make_cliente: Make, environ: dict[str, str], target: str
) -> None:
    make_cliente()
    engine = db.open_engine(target)
    with engine.migrating():
        engine.execute_sql("CREATE TABLE ajena (id INTEGER PRIMARY KEY)")
    with pytest.raises(TransferError, match="not empty"):
        copied(environ["DATABASE_URL"], target)
    assert engine.get_tables() == ["ajena"]
    engine.close()


def test_rows_too_many_are_found(
    make_cliente: Make, environ: dict[str, str], target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_cliente()
    insert = transfer._Table.insert

    def add_one(table: Any, rows: list[tuple[Any, ...]]) -> None:
        insert(table, rows)
        if table.name == "historial":
            insert(table, [(99, *rows[0][1:])])

    monkeypatch.setattr(transfer._Table, "insert", add_one)
    with pytest.raises(TransferError, match="historial differs in its number of rows"):
        copied(environ["DATABASE_URL"], target)


def test_what_is_written_during_the_copy_is_not_half_in_it(
    make_cliente: Make, environ: dict[str, str], target: str
) -> None:
    make_cliente()
    source, writer = db.open_engine(environ["DATABASE_URL"]), db.open_engine(environ["DATABASE_URL"])
    into = db.open_engine(target)

    def write_meanwhile(done: int, total: int) -> None:
        with writer.writing():
            writer.execute_sql("UPDATE contador SET valor = valor + 1")
            writer.execute_sql("UPDATE cliente SET nombre = 'Mientras tanto'")

    transfer.copy(source, into, write_meanwhile)
    for engine in (source, writer, into):
        engine.close()
    assert [row[1] for row in content(target)["Cliente"]] == [EMPRESA["nombre"]]


def test_an_insert_that_the_engine_refuses_is_an_error_of_peewee(
    make_cliente: Make, environ: dict[str, str], target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_cliente()
    insert = transfer._Table.insert
    monkeypatch.setattr(transfer._Table, "insert", lambda table, rows: insert(table, rows + rows))
    with pytest.raises(PeeweeException):
        copied(environ["DATABASE_URL"], target)
    assert content(target)["Cliente"] == []


@pytest.mark.sqlite  # whose tables may refer to what is not there yet
@pytest.mark.parametrize(
    ("left", "right", "message"), [("ida", "vuelta", "refer to each other"), ("ida", "nada", "not there: nada")]
)
def test_tables_that_have_no_order_are_refused(
    app: Any, environ: dict[str, str], target: str, left: str, right: str, message: str
) -> None:
    db.database.execute_sql(f"CREATE TABLE {left} (id INTEGER PRIMARY KEY, otra INTEGER REFERENCES {right} (id))")
    db.database.execute_sql(f"CREATE TABLE vuelta (id INTEGER PRIMARY KEY, otra INTEGER REFERENCES {left} (id))")
    with pytest.raises(TransferError, match=message):
        copied(environ["DATABASE_URL"], target)


def test_a_source_with_migrations_pending_is_refused(file: str, target: str) -> None:
    with pytest.raises(TransferError, match="db upgrade"):
        copied(file, target)


@pytest.mark.parametrize("column", ["nombre", "vigente", "telefono"])
def test_a_difference_is_found_and_nothing_is_kept(
    make_cliente: Make, environ: dict[str, str], target: str, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    make_cliente()
    insert = transfer._Table.insert

    def spoil(table: Any, rows: list[tuple[Any, ...]]) -> None:
        place = table.columns.index(column) if column in table.columns else None
        insert(table, rows)
        if table.name == "cliente" and place is not None:
            change = "NOT vigente" if column == "vigente" else "'otra cosa'"
            table.target.execute_sql(f"UPDATE cliente SET {column} = {change}")

    monkeypatch.setattr(transfer._Table, "insert", spoil)
    with pytest.raises(TransferError, match="cliente differs"):
        copied(environ["DATABASE_URL"], target)
    assert content(target)["Cliente"] == []
    assert content(target)["Usuario"] == []


def test_the_command_tells_what_it_copied(make_cliente: Make, environ: dict[str, str], file: str) -> None:
    make_cliente()
    words = ["copy", "--from", environ["DATABASE_URL"], "--to", file]
    result = CliRunner().invoke(main, words, env=environ)
    assert (result.exit_code, result.stdout) == (
        0,
        "busqueda\t1\ncliente\t1\ncontador\t1\nhistorial\t1\nidempotencia\t0\nintento\t0\nusuario\t4\nsesion\t1\n",
    )
    assert result.stderr.endswith("both databases hold the same\n")
    again = CliRunner().invoke(main, words, env=environ)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "not empty" in again.stderr


@pytest.mark.parametrize(("option", "url"), [("--from", "nada"), ("--to", "mysql://ana:secreta@db/x")])
def test_a_url_that_does_not_parse_is_refused(file: str, option: str, url: str) -> None:
    other = "--to" if option == "--from" else "--from"
    result = CliRunner().invoke(main, ["copy", option, url, other, file])
    assert result.exit_code == 1
    assert option in result.stderr
    assert "secreta" not in result.stderr


def is_migrated(url: str) -> bool:
    engine = db.open_engine(url)
    try:
        return all(applied for _, applied in db.migrations(engine))
    except PeeweeException:
        return False  # the first of them is under way
    finally:
        engine.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_copy_that_is_killed_leaves_both_as_they_were_and_can_be_repeated(
    environ: dict[str, str], target: str, app: Any, how: signal.Signals
) -> None:
    with db.transaction():
        for first in range(0, 20_000, 500):
            Cliente.insert_many([row(number) for number in range(first, first + 500)]).execute()
    db.database.close()
    before = content(environ["DATABASE_URL"])
    words = [BIN / "clientes-service", "copy", "--from", environ["DATABASE_URL"], "--to", target]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not is_migrated(target):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(how)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (-how, "")
    assert "run it again" in stderr
    assert content(environ["DATABASE_URL"]) == before
    assert content(target)["Cliente"] == content(target)["Usuario"] == []
    assert copied(environ["DATABASE_URL"], target)["cliente"] == 20_000
    assert content(target) == before


def row(number: int) -> dict[str, Any]:
    cliente = Cliente(vigente=True).assign(
        {"nombre": f"Cliente {number}", "tipo_cliente": "PERSONA", "tipo_documento": "DNI",
         "numero_documento": f"{number:08d}", "codigo_cliente": f"K{number}"}
    )  # fmt: skip
    now = "2026-11-24T00:00:00.000Z"
    more = {"epoca": "x", "version": number, "fecha_creacion": now, "fecha_modificacion": now}
    return {**cliente.__data__, **more}
