"""clientes-service restore: a new life for an old copy; the old database or the new one, at any moment."""

import itertools
import os
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from peewee import OperationalError

from clientes_service import db, restore
from clientes_service.auth.models import Sesion, Usuario
from clientes_service.auth.roles import Rol
from clientes_service.cli import main
from clientes_service.clientes.models import Cliente, Contador
from clientes_service.clientes.search import STATE
from clientes_service.db import Sqlite, file_lock
from clientes_service.historial.service import Linea
from tests.backups import assert_refused, edit, kill_at_every_step, names_in, rows_of
from tests.conftest import DNI, EMPRESA, Caller
from tests.datos_personales.test_anonimizar import SECRETS
from tests.server.conftest import BIN
from tests.test_transfer import content

Make = Callable[..., dict[str, Any]]
Run = Callable[..., Result]

NOMBRES = "SELECT nombre FROM cliente ORDER BY id"

pytestmark = pytest.mark.sqlite


@pytest.fixture
def live(app: Flask, tmp_path: Path) -> Path:
    """The file of the current database."""
    return tmp_path / "clientes.db"


@pytest.fixture
def run(app: Flask, environ: dict[str, str]) -> Run:
    """Run a command while nobody else uses the database, and connect to it afterwards."""

    def invoke(*words: str | Path, **more: str) -> Result:
        db.database.close()
        result = CliRunner().invoke(main, [str(word) for word in words], env={**environ, **more})
        db.connect(environ["DATABASE_URL"])
        return result

    return invoke


@pytest.fixture
def saved(run: Run, make_cliente: Make) -> Path:
    """A backup with one client, to which another was added since."""
    make_cliente(nombre="De antes")
    file = Path(run("backup").stdout.strip())
    make_cliente(nombre="De después")
    return file


def restored(result: Result) -> Path:
    """Where a restore that went well left the replaced database."""
    assert result.exit_code == 0, result.stderr
    return Path(result.stdout.removesuffix("\n"))


# --- What it does


def test_the_copy_takes_the_place_of_the_database_which_is_kept(
    run: Run, saved: Path, live: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    db.database.close()
    wanted, replaced, bytes_saved = content(f"sqlite:///{saved}"), content(environ["DATABASE_URL"]), saved.read_bytes()
    kept = restored(run("restore", saved))
    assert kept.parent == tmp_path
    assert kept.name.startswith("clientes-replaced-")
    assert names_in(tmp_path) == {"clientes.db", kept.name, "instance"}
    found = content(environ["DATABASE_URL"])
    for name in wanted.keys() - {"Contador", "Sesion"}:
        assert found[name] == wanted[name], name
    assert content(f"sqlite:///{kept}") == replaced
    assert saved.read_bytes() == bytes_saved


def test_what_the_log_still_held_is_in_the_kept_one(run: Run, saved: Path, live: Path, make_cliente: Make) -> None:
    shutil.copy(live, live.with_name("a"))  # as it lies on the disk when the power fails
    shutil.copy(f"{live}-wal", live.with_name("a-wal"))
    assert (live.with_name("a-wal")).stat().st_size > 0
    db.database.close()
    for name in ("", "-wal"):
        live.with_name(f"a{name}").replace(f"{live}{name}")
    assert rows_of(restored(run("restore", saved)), NOMBRES) == [("De antes",), ("De después",)]


def test_a_new_epoch_begins_and_the_old_clients_keep_their_versions(
    run: Run, saved: Path, tecnico: Caller, oficina: Caller, sign_in: Callable[[Rol], Caller], make_cliente: Make
) -> None:
    old, states = Contador.get(), set(db.execute(STATE).fetchall())
    version = tecnico.get("/api/clientes/1").headers["ETag"]
    restored(run("restore", saved))
    states |= set(db.execute(STATE).fetchall())
    new = Contador.get()
    assert new.epoca != old.epoca
    assert len(new.epoca) == 8
    assert (new.valor, old.valor) == (1, 2)
    caller = sign_in(Rol.TECNICO)
    assert caller.get("/api/clientes/1").headers["ETag"] == version
    made = caller.post("/api/clientes", json={**EMPRESA, "codigoCliente": "NUEVO"}).json
    assert made["version"] == f"{new.epoca}-2"
    states |= set(db.execute(STATE).fetchall())
    assert len(states) == 3


LAST_ID = [(restore.UNKNOWN_IDS + 1,)]  # after a copy with one client
SEQUENCE = "SELECT seq FROM sqlite_sequence WHERE name = 'cliente'"


def test_no_id_is_given_a_second_time(run: Run, saved: Path, live: Path, sign_in: Callable[[Rol], Caller]) -> None:
    lost = Cliente.get(Cliente.nombre == "De después").id
    restored(run("restore", saved))
    made = sign_in(Rol.TECNICO).post("/api/clientes", json={**EMPRESA, "codigoCliente": "NUEVO"}).json
    assert made["id"] == lost + 1


def test_all_sessions_end_and_accounts_that_come_back_are_named(run: Run, saved: Path, tecnico: Caller) -> None:
    assert tecnico.get("/api/clientes").status_code == 200
    run("users", "deactivate", "--dni", DNI[Rol.CONSULTA])
    result = run("restore", saved)
    restored(result)
    assert Sesion.select().count() == 0
    assert tecnico.get("/api/clientes").status_code == 401
    assert Usuario.get(Usuario.dni == DNI[Rol.CONSULTA]).vigente
    assert f"active again, though deactivated since: {DNI[Rol.CONSULTA]}\n" in result.stderr
    assert "all sessions are ended" in result.stderr
    assert "users list" in result.stderr


def test_it_can_be_repeated_and_taken_back(run: Run, saved: Path) -> None:
    first = restored(run("restore", saved))
    second = restored(run("restore", saved))
    assert first != second
    assert Cliente.select().count() == 1
    restored(run("restore", first))
    assert [cliente.nombre for cliente in Cliente.select()] == ["De antes", "De después"]


def test_on_a_new_machine_there_is_nothing_to_replace(run: Run, saved: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/otra/clientes.db"
    result = run("restore", saved, DATABASE_URL=url)
    assert (result.exit_code, result.stdout) == (0, "")
    assert rows_of(tmp_path / "otra" / "clientes.db", NOMBRES) == [("De antes",)]
    assert rows_of(tmp_path / "otra" / "clientes.db", SEQUENCE) == LAST_ID
    assert names_in(tmp_path / "otra") == {"clientes.db"}
    assert stat.S_IMODE((tmp_path / "otra" / "clientes.db").stat().st_mode) == 0o600


def test_a_database_behind_a_link_is_replaced_where_it_is(run: Run, saved: Path, live: Path, tmp_path: Path) -> None:
    (link := tmp_path / "enlace.db").symlink_to(live)
    kept = restored(run("restore", saved, DATABASE_URL=f"sqlite:///{link}"))
    assert link.is_symlink()
    assert kept.parent == tmp_path
    assert rows_of(live, NOMBRES) == [("De antes",)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_leaves_the_files_to_whom_they_belonged(run: Run, saved: Path, live: Path) -> None:
    db.database.close()
    os.chown(live, 12345, 12346)
    live.chmod(0o640)
    Path(f"{live}.lock").unlink()
    restored(run("restore", saved))
    for file in (live, Path(f"{live}.lock")):
        assert (file.stat().st_uid, file.stat().st_gid) == (12345, 12346)
    assert stat.S_IMODE(live.stat().st_mode) == 0o640


# --- Anonymised again


def test_who_was_anonymised_since_is_so_again_and_leaves_no_trace(
    run: Run, admin: Caller, make_cliente: Make, live: Path, sign_in: Callable[[Rol], Caller]
) -> None:
    made, other = make_cliente(**SECRETS), make_cliente()
    renamed = make_cliente(**{**SECRETS, "nombre": "Zoila Zárate"})
    admin.put(f"/api/clientes/{made['id']}", json={"telefono": "952 468 135"})
    saved = Path(run("backup").stdout.strip())
    traces = [f"INSERT INTO x VALUES ('{secret}')" for secret in SECRETS.values()] * 20
    edit(saved, "CREATE TABLE x (y)", *traces, "DROP TABLE x")  # as in a file that was simply copied
    admin.put(f"/api/clientes/{renamed['id']}", json={"codigoCliente": "RENOMBRADO"})
    for client in (made, renamed):
        assert admin.post(f"/api/clientes/{client['id']}/anonimizar").status_code == 200
    result = run("restore", saved)
    restored(result)
    assert "anonymised again: 2 clients\n" in result.stderr
    caller = sign_in(Rol.ADMIN)
    found = caller.get(f"/api/clientes/{made['id']}").json
    assert (found["nombre"], found["vigente"], found["email"]) == ("Cliente anonimizado", False, None)
    assert found["version"].startswith(f"{Contador.get().epoca}-")
    lines = caller.get(f"/api/clientes/{made['id']}/historial").json["content"]
    assert [line["accion"] for line in lines] == ["ANONIMIZADO", "ACTUALIZADO", "CREADO"]
    assert [line["cambios"] for line in lines] == [{}, {}, {}]
    assert (lines[0]["origen"], lines[0]["usuario"]) == ("cli", None)
    assert caller.get("/api/clientes", query_string={"q": "zacarias", "vigente": "todos"}).json["content"] == []
    assert caller.get(f"/api/clientes/{other['id']}").json["nombre"] == EMPRESA["nombre"]
    assert Linea.select().count() == Contador.get().valor
    files = b"".join(path.read_bytes() for path in live.parent.glob("clientes.db*"))
    for secret in ("zacarias@example.pe", "Zacar", "Zoila", "952 468 135", "09081726", "Pasaje Oculto"):
        assert secret.encode() not in files
        assert secret.encode() in saved.read_bytes()


def test_another_client_of_the_same_number_is_left_alone(
    run: Run, saved: Path, admin: Caller, make_cliente: Make, live: Path
) -> None:
    edit(saved, "UPDATE cliente SET codigo_cliente = 'X', codigo_clave = 'x', fecha_creacion = '2020'")
    admin.post("/api/clientes/1/anonimizar")
    result = run("restore", saved)
    restored(result)
    assert "anonymised" not in result.stderr
    assert Cliente.get().nombre == "De antes"


# --- Who uses the database


def test_a_connection_of_anybody_keeps_a_restore_away(
    app: Flask, run: Run, saved: Path, live: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    before, names = content(environ["DATABASE_URL"]), names_in(tmp_path)
    other = db.open_engine(environ["DATABASE_URL"])
    other.execute_sql("SELECT 1")
    assert_refused(run("restore", saved), "in use", "stop the service")
    other.close()
    assert content(environ["DATABASE_URL"]) == before
    assert names_in(tmp_path) == names - {"clientes.db-wal", "clientes.db-shm"}
    restored(run("restore", saved))


def test_a_thread_that_ends_does_not_keep_it_away(app: Flask, run: Run, saved: Path) -> None:
    thread = threading.Thread(target=lambda: db.execute("SELECT 1").fetchall())
    thread.start()
    thread.join()
    restored(run("restore", saved))


def test_another_program_that_has_it_open_is_found(
    run: Run, saved: Path, live: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    other = apsw.Connection(str(live))
    other.execute("SELECT * FROM contador").fetchall()
    assert_refused(run("restore", saved), "another program")
    other.close()
    assert rows_of(live, NOMBRES) == [("De antes",), ("De después",)]
    assert not [name for name in names_in(tmp_path) if "rest" in name or "repl" in name]


def test_who_starts_during_a_restore_is_told(app: Flask, run: Run, live: Path) -> None:
    with db.file_engine(f"sqlite:///{live}").alone():
        for words in (["users", "list"], ["backup"], ["restore", __file__]):
            assert_refused(run(*words), "restore is replacing" if words[0] != "restore" else "in use")
        with pytest.raises(OperationalError, match="restore is replacing") as caught:
            db.execute("SELECT 1")
        assert db.is_unavailable(caught.value)
    assert run("users", "list").exit_code == 0


def test_a_lock_that_cannot_be_opened_is_said(app: Flask, run: Run, live: Path) -> None:
    Path(f"{live}.lock").symlink_to("/proc/sysrq-trigger/x")
    assert run("users", "list").exit_code == 0  # ENOTDIR: no place for a lock
    Path(f"{live}.lock").unlink()
    Path(f"{live}.lock").symlink_to(f"{live}.lock")
    assert_refused(run("users", "list"), "the lock of", "cannot be opened")


def test_the_lock_costs_a_request_nothing(consulta: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def share(database: Path) -> int:
        raise AssertionError("a lock was taken")

    assert consulta.get("/api/clientes").status_code == 200
    monkeypatch.setattr(file_lock, "share", share)
    assert consulta.get("/api/clientes").status_code == 200


def test_no_database_is_left_locked_when_it_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "clientes.db").mkdir()
    engine = db.open_engine(f"sqlite:///{tmp_path}/clientes.db")
    with pytest.raises(OperationalError):
        engine.execute_sql("SELECT 1")
    os.close(file_lock.take_alone(tmp_path / "clientes.db"))


# --- What is refused


def half(file: Path) -> None:
    """Overwrite what lies in the middle."""
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        opened.write(b"\xff" * 8192)


def other_database(file: Path) -> None:
    file.unlink()
    edit(file, "CREATE TABLE cliente (id INTEGER PRIMARY KEY)")


BAD: list[tuple[Callable[[Path], Any], str]] = [
    (half, "is damaged"),
    (lambda file: os.truncate(file, file.stat().st_size // 2), "is damaged"),
    (lambda file: os.truncate(file, 0), "not a database of this service"),
    (lambda file: file.write_text("no es una base de datos\n" * 500), "is damaged: file is not a database"),
    (other_database, "not a database of this service"),
    (lambda file: edit(file, "INSERT INTO schema_migration (name, applied) VALUES ('9999_x', '2030')"), "9999_x"),
    (lambda file: edit(file, "DELETE FROM schema_migration"), "not a database of this service"),
    (lambda file: edit(file, "DELETE FROM schema_migration WHERE name LIKE '0003%'"), "not a database of this service"),
    (lambda file: edit(file, "CREATE TABLE ajena (id INTEGER)"), "ajena should be otherwise"),
    (lambda file: edit(file, "DROP TRIGGER busqueda_changed"), "busqueda_changed should be otherwise"),
    (lambda file: edit(file, "DROP TABLE historial"), "historial should be otherwise"),
    (lambda file: edit(file, "INSERT INTO busqueda_gramas VALUES (0, 'x', x'01')"), "is damaged"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD, ids=range(len(BAD)))
def test_a_file_that_is_not_fit_changes_nothing(
    run: Run, saved: Path, live: Path, tmp_path: Path, spoil: Callable[[Path], Any], message: str
) -> None:
    spoil(saved)
    db.database.close()
    before, names = (live.read_bytes(), saved.read_bytes()), names_in(tmp_path)
    assert_refused(run("restore", saved), str(saved), message)
    assert (live.read_bytes(), saved.read_bytes()) == before
    assert names_in(tmp_path) == names
    assert not list(tmp_path.glob("*.restoring*"))


def test_the_database_itself_is_refused_by_whatever_name(run: Run, saved: Path, live: Path, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(live)
    (tmp_path / "hard.db").hardlink_to(live)
    for name in ("clientes.db", "link.db", "hard.db"):
        assert_refused(run("restore", tmp_path / name), "is the current database itself")
    assert rows_of(live, NOMBRES) == [("De antes",), ("De después",)]


def test_a_database_that_somebody_uses_is_no_backup(run: Run, saved: Path, tmp_path: Path) -> None:
    other = db.open_engine(f"sqlite:///{saved}")
    other.execute_sql("SELECT 1")
    assert_refused(run("restore", saved), "in use", "make a backup of it")
    other.close()
    restored(run("restore", saved))


def test_a_database_of_another_program_is_not_replaced(run: Run, saved: Path, tmp_path: Path) -> None:
    edit(tmp_path / "ajena.db", "CREATE TABLE ajena (id INTEGER)")
    refused = run("restore", saved, DATABASE_URL=f"sqlite:///{tmp_path}/ajena.db")
    assert_refused(refused, "ajena.db is not a database of this service")
    assert rows_of(tmp_path / "ajena.db", "SELECT name FROM sqlite_master") == [("ajena",)]


def test_no_file_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    for words in ([], [tmp_path / "nada.db"], [tmp_path], [__file__, __file__]):
        assert run("restore", *words).exit_code == 2


# --- Files as they are found


def test_a_copy_with_a_log_beside_it_brings_what_that_holds(run: Run, saved: Path, live: Path, tmp_path: Path) -> None:
    (tmp_path / "copia").mkdir()
    for suffix in ("", "-wal"):  # somebody copied the files
        shutil.copy(f"{live}{suffix}", tmp_path / "copia" / f"c.db{suffix}")
    before = {path.name: path.read_bytes() for path in (tmp_path / "copia").iterdir()}
    assert before["c.db-wal"]
    kept = restored(run("restore", saved))
    (tmp_path / "link.db").symlink_to(tmp_path / "copia" / "c.db")
    restored(run("restore", tmp_path / "link.db"))
    assert [cliente.nombre for cliente in Cliente.select()] == ["De antes", "De después"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "copia").iterdir()} == before
    assert kept.exists()


def test_a_log_without_its_database_does_not_meet_the_new_one(
    run: Run, saved: Path, live: Path, tmp_path: Path
) -> None:
    log = Path(f"{live}-wal").read_bytes()
    assert log
    db.database.close()
    live.unlink()
    Path(f"{live}-wal").write_bytes(log)
    Path(f"{live}-shm").write_bytes(b"stale")
    result = run("restore", saved)
    assert (result.exit_code, result.stdout) == (0, "")
    db.database.close()
    assert rows_of(live, NOMBRES) == [("De antes",)]
    [kept] = tmp_path.glob("clientes-replaced-*.db-wal")
    assert kept.read_bytes() == log


@pytest.mark.parametrize("damage", [b"x" * 5000, b""])
def test_of_a_damaged_database_all_files_are_kept_as_they_are(
    run: Run, saved: Path, live: Path, tmp_path: Path, damage: bytes
) -> None:
    log = Path(f"{live}-wal").read_bytes()
    db.database.close()
    live.write_bytes(damage)
    Path(f"{live}-wal").write_bytes(log)
    result = run("restore", saved)
    kept = restored(result)
    assert "could not be read" in result.stderr
    assert "anonymise again" in result.stderr
    assert (kept.read_bytes(), Path(f"{kept}-wal").read_bytes()) == (damage, log)
    db.database.close()
    assert rows_of(live, NOMBRES) == [("De antes",)]
    assert rows_of(live, SEQUENCE) == LAST_ID


def test_an_older_copy_is_migrated(
    run: Run, saved: Path, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (older := tmp_path / "migrations").mkdir()
    for path in db.MIGRATIONS.glob("000[1-2]*.py"):
        (older / path.name).write_text(path.read_text())
    with monkeypatch.context() as changed:
        changed.setattr(db, "MIGRATIONS", older)
        engine = db.open_engine(f"sqlite:///{tmp_path}/old.db")
        db.upgrade(engine)
        engine.close()
    edit(
        tmp_path / "old.db",
        "INSERT INTO cliente VALUES (7, 'Antigua', 'antigua', 'OTRO', 'OTRO', '1', '1', '', 'A', 'a', "
        "NULL, NULL, NULL, NULL, 1, 'abcdabcd', 7, '2025', '2025')",
        "UPDATE contador SET valor = 7, epoca = 'abcdabcd'",
    )
    result = run("restore", tmp_path / "old.db")
    restored(result)
    assert "migrated: 0003_anonimizado, 0004_orden" in result.stderr
    assert db.pending() == []
    [cliente] = Cliente.select()
    assert (cliente.nombre, cliente.version_publica, cliente.anonimizado) == ("Antigua", "abcdabcd-7", False)
    assert rows_of(tmp_path / "old.db", "SELECT count(*) FROM schema_migration") == [(2,)]


# --- Killed


def test_killed_at_any_step_the_old_database_or_the_new_one_is_there(
    run: Run, saved: Path, live: Path, admin: Caller, tmp_path: Path
) -> None:
    admin.post("/api/clientes/1/anonimizar")
    db.database.close()
    (template := tmp_path / "template").mkdir()
    shutil.copy(live, template / "clientes.db")
    shutil.copy(saved, template / "copia.db")
    old, new = rows_of(live, NOMBRES), [("Cliente anonimizado",)]
    states = []
    for folder in kill_at_every_step(template, tmp_path / "work", "restore"):
        file = folder / "clientes.db"
        found = rows_of(file, NOMBRES)
        assert found in (old, new)
        kept = [path for path in folder.glob("clientes*repl*") if not path.samefile(file)]
        assert [rows_of(path, NOMBRES) for path in kept] == ([old] if found == new else [])
        states.append(found == new)
        # The next restore clears what was left, and loses nothing.
        engine = db.file_engine(f"sqlite:///{file}")
        assert restore.restore(engine, folder / "copia.db").clientes == 1
        assert db.engine() is engine
        engine.close()
        named = [path for path in folder.glob("clientes-replaced-*.db") if not path.samefile(file)]
        assert len(named) == 1 + len(kept)
        assert names_in(folder) == {"clientes.db", "copia.db", *(path.name for path in named)}
    assert [state for state, _ in itertools.groupby(states)] == [False, True]
    assert len(states) > 15


def test_a_restore_that_is_killed_while_it_prepares_has_changed_nothing(
    run: Run, saved: Path, live: Path, environ: dict[str, str]
) -> None:
    db.database.close()
    words = [BIN / "clientes-service", "restore", saved]
    process = subprocess.Popen(words, env={**os.environ, **environ})
    while not list(live.parent.glob("*.restoring")):
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert rows_of(live, NOMBRES) == [("De antes",), ("De después",)]
    restored(run("restore", saved))
    assert not list(live.parent.glob("*.restoring*"))


def test_where_files_cannot_be_linked_the_replaced_one_is_copied(
    run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*paths: Any) -> None:
        raise PermissionError("this file system has no links")

    monkeypatch.setattr(os, "link", link)
    assert rows_of(restored(run("restore", saved)), NOMBRES) == [("De antes",), ("De después",)]
    assert Sqlite(f"sqlite:///{saved}").exists()
