"""clientes-service backup: whole and private, or not there at all; and what --keep removes."""

import itertools
import os
import re
import resource
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from click.testing import CliRunner, Result
from flask import Flask

from clientes_service import backup, db
from clientes_service.cli import main
from clientes_service.clientes.models import Cliente
from clientes_service.db import Sqlite
from tests.backups import assert_refused, edit, kill_at_every_step, names_in, rows_of
from tests.conftest import Caller
from tests.server.conftest import BIN
from tests.test_transfer import content, row

Make = Callable[..., dict[str, Any]]
Back = Callable[..., Result]

NAME = r"clientes-\d{8}T\d{6}Z(-\d+)?\.db"

pytestmark = pytest.mark.sqlite


@pytest.fixture
def folder(environ: dict[str, str]) -> Path:
    """Where backups go unless another folder is named."""
    return Path(environ["CLIENTES_INSTANCE_PATH"]) / "backups"


@pytest.fixture
def back_up(environ: dict[str, str]) -> Back:
    """Run the command on this test's database."""
    return lambda *words, **more: CliRunner().invoke(main, ["backup", *words], env={**environ, **more})


def test_a_backup_is_a_private_file_with_everything_in_it(
    tecnico: Caller, make_cliente: Make, environ: dict[str, str], back_up: Back, folder: Path
) -> None:
    for _ in range(3):
        make_cliente()
    tecnico.delete("/api/clientes/2")
    result = back_up()
    assert (result.exit_code, result.stderr) == (0, "checked: 3 clients\n")
    file = Path(result.stdout.removesuffix("\n"))
    assert file.parent == folder
    assert re.fullmatch(NAME, file.name)
    assert names_in(folder) == {file.name}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes()[18:20] == b"\1\1"  # one file, which read-only media can hold (SQLite file format, 1.3.3)
    db.database.close()
    assert content(f"sqlite:///{file}") == content(environ["DATABASE_URL"])


def test_another_folder_is_made_and_used(app: Flask, back_up: Back, folder: Path, tmp_path: Path) -> None:
    result = back_up(str(tmp_path / "otro disco" / "copias"))
    assert result.exit_code == 0
    assert Path(result.stdout.strip()).parent == tmp_path / "otro disco" / "copias"
    assert not folder.exists()


def test_what_was_deleted_is_not_in_it(app: Flask, back_up: Back, tmp_path: Path) -> None:
    live = apsw.Connection(str(tmp_path / "clientes.db"))
    live.execute("CREATE TABLE x (y)")
    with live:
        live.executemany("INSERT INTO x VALUES (?)", [("secreto de antes",)] * 2000)
    live.execute("DROP TABLE x")
    live.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    live.close()
    assert b"secreto de antes" in (tmp_path / "clientes.db").read_bytes()
    assert b"secreto de antes" not in Path(back_up().stdout.strip()).read_bytes()


# --- Names, and what is kept


def test_two_in_one_second_have_names_of_their_own(
    app: Flask, back_up: Back, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "utc_now", lambda: "2026-11-25T09:30:00.123Z")
    printed = [Path(back_up().stdout.strip()).name for _ in range(3)]
    stem = "clientes-20261125T093000Z"
    assert printed == [f"{stem}.db", f"{stem}-2.db", f"{stem}-3.db"]
    assert names_in(folder) == set(printed)


def test_only_older_copies_of_ours_are_removed(app: Flask, back_up: Back, folder: Path) -> None:
    folder.mkdir(parents=True)
    ours = [
        "clientes-20250101T000000Z.db",
        "clientes-20250102T000000Z.db",
        "clientes-20250102T000000Z-2.db",
        "clientes-20250102T000000Z-10.db",
    ]
    strangers = {
        "clientes-2024.db", "clientes-20240101T000000Z.db.gz", "otra-20240101T000000Z.db", "notas.txt",
        "clientes-20240101T000000Z.db-wal", "xclientes-20240101T000000Z.db", "clientes-replaced-20240101T000000Z.db",
        "clientes-20240101t000000z.db",
    }  # fmt: skip
    for name in (*ours, *strangers):
        (folder / name).write_bytes(b"x")
    (folder / "clientes-20240102T000000Z.db").mkdir()
    (folder / "clientes-20240103T000000Z.db").symlink_to(folder / "notas.txt")
    strangers |= {"clientes-20240102T000000Z.db", "clientes-20240103T000000Z.db"}
    result = back_up("--keep", "2")
    new = Path(result.stdout.strip()).name
    assert names_in(folder) == strangers | {new, "clientes-20250102T000000Z-10.db"}
    assert all(f"removed {folder / name}\n" in result.stderr for name in ours[:3])
    newer = Path(back_up("--keep", "1").stdout.strip()).name
    assert names_in(folder) == strangers | {newer}


def test_the_new_one_is_kept_though_the_clock_was_ahead_before(app: Flask, back_up: Back, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "clientes-29990101T000000Z.db").write_bytes(b"x")
    new = Path(back_up("--keep", "1").stdout.strip())
    assert names_in(folder) == {new.name}


@pytest.mark.parametrize("words", [["--keep", "0"], ["--keep", "muchas"], ["a", "b"], [__file__]])
def test_wrong_usage_is_exit_2(app: Flask, back_up: Back, folder: Path, words: list[str]) -> None:
    result = back_up(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert not folder.exists()


# --- Refused


def test_where_there_is_no_database_none_is_made(back_up: Back, folder: Path, tmp_path: Path) -> None:
    assert_refused(back_up(DATABASE_URL=f"sqlite:///{tmp_path}/nueva.db"), "there is no database", "nueva.db")
    assert not (tmp_path / "nueva.db").exists()
    assert not folder.exists()


def test_a_database_of_another_program_is_refused(back_up: Back, folder: Path, tmp_path: Path) -> None:
    edit(tmp_path / "ajena.db", "CREATE TABLE cliente (id INTEGER PRIMARY KEY)")
    assert_refused(back_up(DATABASE_URL=f"sqlite:///{tmp_path}/ajena.db"), "not a database of this service")
    assert names_in(folder) == set()


def spoil(monkeypatch: pytest.MonkeyPatch, *statements: str) -> None:
    """Let the copy be otherwise than what it was made of."""
    copy_into = Sqlite.copy_into

    def copy_and_spoil(engine: Sqlite, file: Path) -> None:
        copy_into(engine, file)
        edit(file, *statements)

    monkeypatch.setattr(Sqlite, "copy_into", copy_and_spoil)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DELETE FROM cliente WHERE id = 1", "has not the rows that were there: cliente"),
        ("DELETE FROM historial WHERE version = 1", "has not the rows that were there: historial"),
        ("UPDATE contador SET valor = 9", "has not the rows that were there: contador"),
        ("DROP TRIGGER busqueda_changed", "the schema"),
        ("DELETE FROM schema_migration WHERE name LIKE '0004%'", "the schema"),
        ("INSERT INTO sesion VALUES ('x', 999, 1, 1)", "damaged: a row of sesion refers to none of usuario"),
        ("DELETE FROM busqueda_gramas WHERE grama = 'a'", "damaged: the search index differs"),
        ("UPDATE busqueda_gramas SET ids = x'' WHERE grama = 'a'", "damaged: the search index differs"),
        ("UPDATE busqueda_gramas SET ids = x'0102030405060708090a' WHERE grama = 'a'", "damaged: the search index"),
        ("INSERT INTO busqueda_gramas SELECT 7, grama, ids FROM busqueda_gramas", "damaged: the search index differs"),
        ("DELETE FROM busqueda_cambios", "damaged: the search index differs"),
        ("UPDATE busqueda_limite SET hasta = 3", "damaged: the search index differs"),
    ],
)
def test_a_copy_that_is_not_right_gets_no_name(
    make_cliente: Make, back_up: Back, folder: Path, monkeypatch: pytest.MonkeyPatch, statement: str, message: str
) -> None:
    make_cliente()
    make_cliente()
    db.engine().texts.extend(1)
    db.execute("UPDATE busqueda SET texto = 'nuevo' WHERE clave = 1")
    make_cliente()  # which the index has not yet, nor the change
    assert back_up().exit_code == 0
    before = names_in(folder)
    spoil(monkeypatch, statement)
    assert_refused(back_up("--keep", "1"), message)
    assert names_in(folder) == before


def test_a_database_is_copied_before_it_is_upgraded(back_up: Back, tmp_path: Path) -> None:
    """Its texts are not all in the index of trigrams, which the upgrade replaces."""
    engine = db.open_engine(f"sqlite:///{tmp_path}/vieja.db")
    with engine.migrating():
        db._runner(engine).up("0006_idempotencia")
    engine.execute_sql("INSERT INTO busqueda (clave, texto) VALUES (1, 'maria quispe'), (2, 'rosa')")
    engine.execute_sql("INSERT INTO busqueda_fts (rowid, texto) VALUES (1, 'maria quispe')")
    engine.execute_sql("UPDATE busqueda_fts_limite SET hasta = 1")
    engine.close()
    result = back_up(DATABASE_URL=f"sqlite:///{tmp_path}/vieja.db")
    assert result.exit_code == 0, result.stderr


def test_damage_in_the_database_is_not_copied(
    app: Flask, make_cliente: Make, back_up: Back, folder: Path, tmp_path: Path
) -> None:
    make_cliente()
    [page] = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'cliente_codigo_clave'").fetchone()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.database.close()
    with (tmp_path / "clientes.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    assert_refused(back_up(), "malformed")
    assert names_in(folder) == set()


def test_a_full_disk_leaves_the_older_copies_and_no_draft(
    app: Flask, back_up: Back, environ: dict[str, str], folder: Path
) -> None:
    assert back_up().exit_code == 0
    before = names_in(folder)

    def allow_little() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    ran = subprocess.run(
        [BIN / "clientes-service", "backup", "--keep", "1"],
        env={**os.environ, **environ}, preexec_fn=allow_little, text=True, capture_output=True,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, "")
    assert len(ran.stderr.splitlines()) == 1
    assert names_in(folder) == before


def test_an_older_schema_can_be_saved_before_it_is_migrated(
    app: Flask, back_up: Back, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in db.MIGRATIONS.glob("[0-9]*.py"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "9999_later.py").write_text("def up(migrator, db):\n    pass\n")
    monkeypatch.setattr(db, "MIGRATIONS", tmp_path)
    result = back_up()
    assert result.exit_code == 0, result.stderr
    assert db.pending() == ["9999_later"]


# --- Killed


def fill(rows: int) -> None:
    with db.transaction():
        for first in range(1, rows, 500):
            Cliente.insert_many([row(number) for number in range(first, first + 500)]).execute()


@pytest.mark.parametrize("pause", [0, 0.01])
def test_a_backup_that_is_killed_while_it_copies_leaves_a_draft_that_the_next_one_clears(
    app: Flask, back_up: Back, environ: dict[str, str], folder: Path, pause: float
) -> None:
    fill(5_000)
    process = subprocess.Popen(
        [BIN / "clientes-service", "backup"], env={**os.environ, **environ}, stdout=subprocess.PIPE
    )
    while not (folder.exists() and any(folder.iterdir())):
        assert process.poll() is None
    time.sleep(pause)
    process.kill()
    printed, _ = process.communicate(timeout=10)
    assert printed == b""
    assert all(path.name.startswith(".") and ".db.draft" in path.name for path in folder.iterdir())
    assert db.execute("SELECT count(*) FROM cliente").fetchone() == (5_000,)
    made = Path(back_up().stdout.strip())
    assert names_in(folder) == {made.name}


def test_killed_at_any_step_there_is_no_half_copy_and_never_none(
    app: Flask, make_cliente: Make, environ: dict[str, str], tmp_path: Path
) -> None:
    make_cliente()
    db.database.close()
    template = tmp_path / "template"
    (template / "backups").mkdir(parents=True)
    edit(tmp_path / "clientes.db", f"VACUUM INTO '{template}/clientes.db'")
    old = template / "backups" / "clientes-20250101T000000Z.db"
    edit(tmp_path / "clientes.db", f"VACUUM INTO '{old}'")
    (template / "backups" / ".clientes-20250102T000000Z.db.draft").write_bytes(b"half")
    states = []
    for folder in kill_at_every_step(template, tmp_path / "work", "backup"):
        named = sorted(name for name in names_in(folder / "backups") if re.fullmatch(NAME, name))
        for name in named:
            assert rows_of(folder / "backups" / name, "SELECT count(*) FROM cliente") == [(1,)]
        assert rows_of(folder / "clientes.db", "SELECT count(*) FROM cliente") == [(1,)]
        states.append((old.name in named, len(named)))
    assert [state for state, _ in itertools.groupby(states)] == [(True, 1), (True, 2), (False, 1)]
    assert len(states) > 8


def test_another_backup_into_the_folder_is_waited_for(app: Flask, environ: dict[str, str], folder: Path) -> None:
    folder.mkdir(parents=True)
    words = [BIN / "clientes-service", "backup"]
    with backup._alone_in(folder):
        (draft := folder / ".clientes-20250102T000000Z.db.draft").write_bytes(b"half")
        process = subprocess.Popen(words, env={**os.environ, **environ}, stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        assert draft.exists()
    printed, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert names_in(folder) == {Path(printed.decode().strip()).name}
