"""The schema: applied once, the same as the models say, in a database with a life of its own."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from playhouse.apsw_ext import APSWDatabase

from clientes_service import db
from clientes_service.clientes.models import Contador
from tests.conftest import EMPRESA, SECRET, Caller
from tests.engines import Databases
from tests.server.conftest import BIN

NAMES = sorted(path.stem for path in db.MIGRATIONS.glob("[0-9]*.py"))
MODELS = sorted(db.BaseModel.__subclasses__(), key=lambda model: str(model.__name__))
SAME_AFFINITY = {"BIGINT": "INTEGER", "BOOLEAN": "INTEGER", "SMALLINT": "INTEGER"}  # SQLite has one kind of integer


@pytest.fixture
def from_models() -> Iterator[APSWDatabase]:
    """A database in memory whose tables peewee made from the models."""
    database = APSWDatabase(":memory:")
    with database.bind_ctx(MODELS):
        database.create_tables(MODELS)
    yield database
    database.close()


def columns(database: Any, table: str) -> dict[str, tuple[Any, ...]]:
    """Type, NOT NULL and place in the primary key of each column."""
    rows = database.execute_sql(f"PRAGMA table_info({table})").fetchall()
    return {name: (SAME_AFFINITY.get(kind, kind), notnull, key) for _, name, kind, notnull, _, key in rows}


def indexes(database: Any, table: str) -> set[tuple[tuple[str, ...], bool]]:
    """The columns of each index, and whether it is unique."""
    return {(tuple(index.columns), bool(index.unique)) for index in database.get_indexes(table)}


def foreign_keys(database: Any, table: str) -> set[tuple[str, ...]]:
    rows = database.execute_sql(f"PRAGMA foreign_key_list({table})").fetchall()
    return {(source, target, column, on_delete) for _, _, target, source, column, _, on_delete, _ in rows}


def test_an_empty_file_gets_every_migration_once(empty: str) -> None:
    assert NAMES[0] == "0001_initial"
    assert db.migrations() == [(name, False) for name in NAMES]
    assert db.pending() == NAMES
    assert db.upgrade() == NAMES
    assert db.migrations() == [(name, True) for name in NAMES]
    assert db.pending() == []
    epoch = Contador.get().epoca
    assert db.upgrade() == []
    assert Contador.get().epoca == epoch


def test_migration_numbers_follow_each_other() -> None:
    assert [int(name[:4]) for name in NAMES] == list(range(1, len(NAMES) + 1))


def test_eight_processes_at_once_apply_the_schema_once(empty: str, tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "DATABASE_URL": empty,
        "CLIENTES_INSTANCE_PATH": str(tmp_path),
        "CLIENTES_JWT_SECRET_KEY": SECRET,
    }
    command = [str(BIN / "clientes-service"), "db", "upgrade"]
    started = [subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    told = sorted(process.communicate()[1] for process in started)
    assert [process.returncode for process in started] == [0] * 8, told
    assert told == [f"applied: {', '.join(NAMES)}\n"] + ["nothing to apply\n"] * 7
    assert db.pending() == []
    assert Contador.select().count() == 1
    applied = db.database.execute_sql("SELECT name FROM schema_migration ORDER BY name").fetchall()
    assert list(applied) == [(name,) for name in NAMES]


def test_eight_threads_at_once_apply_the_schema_once(empty: str) -> None:
    start = Barrier(8)

    def upgrade(_: int) -> list[str]:
        start.wait()
        applied = db.upgrade()
        db.database.close()
        return applied

    with ThreadPoolExecutor(8) as pool:
        applied = sorted(pool.map(upgrade, range(8)))
    assert applied == [[]] * 7 + [NAMES]
    assert Contador.select().count() == 1


def test_a_migration_that_fails_leaves_nothing(empty: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "0001_half.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('CREATE TABLE half (id INTEGER)')\n    raise LookupError\n"
    )
    monkeypatch.setattr(db, "MIGRATIONS", tmp_path)
    with pytest.raises(LookupError):
        db.upgrade()
    assert not db.database.table_exists("half")
    assert db.pending() == ["0001_half"]


def test_every_database_has_an_epoch_of_its_own(empty: str, databases: Databases, tmp_path: Path) -> None:
    epochs = set()
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        url = databases.empty(folder)
        db.connect(url)
        db.upgrade()
        counter = Contador.get()
        assert (Contador.select().count(), counter.id, counter.valor) == (1, 1, 0)
        assert len(counter.epoca) == 8
        epochs.add(counter.epoca)
        db.database.close()
        databases.drop(url)
    assert len(epochs) == 3


def test_a_client_bears_the_epoch_of_its_database(app: Flask, tecnico: Caller) -> None:
    version = tecnico.post("/api/clientes", json=EMPRESA).json["version"]
    assert version == f"{Contador.get().epoca}-{Contador.get().valor}"


@pytest.mark.sqlite
@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.__name__))
def test_the_migrated_table_is_the_one_of_the_model(empty: str, from_models: APSWDatabase, model: Any) -> None:
    db.upgrade()
    table = model._meta.table_name
    assert columns(db.database, table) == columns(from_models, table)
    assert columns(db.database, table).keys() == model._meta.columns.keys()
    assert foreign_keys(db.database, table) == foreign_keys(from_models, table)
    assert indexes(db.database, table) >= indexes(from_models, table)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.__name__))
def test_the_migrated_table_has_the_columns_of_the_model(empty: str, model: Any) -> None:
    db.upgrade()
    found = {column.name: column.null for column in db.database.get_columns(model._meta.table_name)}
    assert found == {name: field.null for name, field in model._meta.columns.items()}


@pytest.mark.parametrize(
    ("table", "column", "unique"),
    [
        ("cliente", ("codigo_clave",), True),
        ("cliente", ("version",), True),
        ("cliente", ("persona_clave",), False),
        ("cliente", ("vigente", "id"), False),
        ("usuario", ("dni",), True),
        ("sesion", ("usuario_id",), False),
        ("sesion", ("expira",), False),
        ("intento", ("clave", "fecha"), False),
        ("intento", ("fecha",), False),
    ],
)
def test_what_is_looked_up_is_indexed(empty: str, table: str, column: tuple[str, ...], unique: bool) -> None:
    db.upgrade()
    assert (column, unique) in indexes(db.database, table)


def test_ids_are_never_used_again(app: Flask, tecnico: Caller) -> None:
    first = tecnico.post("/api/clientes", json=EMPRESA).json["id"]
    db.database.execute_sql("DELETE FROM cliente")
    assert tecnico.post("/api/clientes", json=EMPRESA).json["id"] == first + 1


def test_there_is_one_counter(app: Flask) -> None:
    with pytest.raises(Exception, match=r"(?i)check constraint"):
        Contador.create(id=2, epoca="x", valor=0)
