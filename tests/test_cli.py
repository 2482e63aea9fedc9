"""The command line: exit codes, data on stdout, the rest on stderr, and accounts."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import click
import pytest
from click.testing import CliRunner, Result

from clientes_service import __version__, db
from clientes_service.auth.models import Sesion, Usuario
from clientes_service.auth.passwords import verify_password
from clientes_service.auth.roles import Rol
from clientes_service.cli import main
from clientes_service.db import sqlite
from tests.conftest import DNI, PASSWORD
from tests.server.conftest import BIN

Run = Callable[..., Result]

NEW = "--dni 20000001 --nombre Nueva --email nueva@example.pe --rol TECNICO --password-stdin"
NEW_PASSWORD = "kañiwa-y-oca-2026"


@pytest.fixture
def run(environ: dict[str, str]) -> Iterator[Run]:
    """Run a command on the database of this test, and connect to it afterwards."""

    def invoke(words: str | list[str], input: str | bytes | None = None, **more: str) -> Result:
        given = words.split() if isinstance(words, str) else words
        result = CliRunner().invoke(main, given, input=input, env={**environ, **more})
        db.connect(environ["DATABASE_URL"])
        return result

    yield invoke
    db.database.close()


@pytest.fixture
def fresh(environ: dict[str, str], empty: str) -> None:
    """Ask for this before `run`: the database has no schema yet."""
    db.database.close()
    Path(empty.removeprefix("sqlite:///")).unlink(missing_ok=True)
    environ["DATABASE_URL"] = empty


def accounts() -> list[tuple[Any, ...]]:
    return list(db.database.execute_sql("SELECT * FROM usuario ORDER BY id").fetchall())


def assert_refused(result: Result, code: int, *words: str) -> None:
    """Assert a clear end: an exit code, no data, no traceback, and these words on stderr."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert "Error:" in result.stderr
    for word in words:
        assert word in result.stderr


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every group and command with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))


COMMANDS = dict(commands(main))


# --- Help


def test_the_commands_of_the_contract_exist() -> None:
    groups = {"users": {"create", "list", "set-password", "activate", "deactivate"}, "db": {"upgrade", "status"}}
    assert ("run",) in COMMANDS
    assert ("openapi", "write") in COMMANDS
    for group, names in groups.items():
        assert {(group, name) for name in names} <= COMMANDS.keys()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    for option in ("--help", "-h"):
        result = CliRunner().invoke(main, [*words, option])
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith("Usage: ")
    assert COMMANDS[words].help


@pytest.mark.parametrize(
    ("words", "option"),
    [(words, option) for words, command in COMMANDS.items() for option in command.params
     if isinstance(option, click.Option)],
    ids=lambda value: value.opts[-1] if isinstance(value, click.Option) else " ".join(value),
)  # fmt: skip
def test_every_option_explains_itself(words: tuple[str, ...], option: click.Option) -> None:
    assert option.help


def test_the_version_is_data() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert __version__ in result.stdout


@pytest.mark.parametrize(
    "words",
    ["nothing", "users", "users nothing", "users list extra", "users create --password-stdin", "db", "openapi write",
     "users create --dni 1 --nombre a --email b --rol JEFE --password-stdin", "users activate", "run --port 1"],
)  # fmt: skip
def test_wrong_usage_is_exit_2(run: Run, words: str) -> None:
    result = run(words, input=PASSWORD)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: " in result.stderr


# --- Accounts


def test_an_account_is_created(run: Run) -> None:
    result = run(f"users create {NEW}", input=f"{NEW_PASSWORD}\n")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "created 20000001\n")
    usuario = Usuario.get(Usuario.dni == "20000001")
    assert (usuario.nombre, usuario.email, usuario.rol) == ("Nueva", "nueva@example.pe", Rol.TECNICO)
    assert usuario.vigente
    assert verify_password(usuario.password_hash, NEW_PASSWORD)
    assert not verify_password(usuario.password_hash, f"{NEW_PASSWORD}\n")


@pytest.mark.parametrize("rest", ["", "\n", "\r\n", "\nsecond line\n"])
def test_the_password_is_the_first_line_of_stdin(run: Run, rest: str) -> None:
    assert run(f"users create {NEW}", input=f" {NEW_PASSWORD} {rest}").exit_code == 0
    assert verify_password(Usuario.get(Usuario.dni == "20000001").password_hash, f" {NEW_PASSWORD} ")


def test_an_account_is_created_in_a_database_that_is_empty(fresh: None, run: Run) -> None:
    assert run(f"users create {NEW}", input=NEW_PASSWORD).exit_code == 0
    assert db.pending() == []
    assert Usuario.select().count() == 1


@pytest.mark.parametrize(
    ("option", "value", "field"),
    [
        ("--dni", "1234567", "dni"),
        ("--dni", "12345678x", "dni"),
        ("--nombre", " ", "nombre"),
        ("--nombre", "x" * 151, "nombre"),
        ("--email", "a@localhost", "email"),
    ],
)
def test_a_bad_account_is_refused_by_the_rules_of_the_api(run: Run, option: str, value: str, field: str) -> None:
    run("users list")
    before = accounts()
    words = NEW.split()
    words[words.index(option) + 1] = value
    assert_refused(run(["users", "create", *words], input=NEW_PASSWORD), 1, f"{field}: ")
    assert accounts() == before


@pytest.mark.parametrize("password", ["", "corta", "x" * 9, "x" * 129, "x" * 10 + "\x00"])
@pytest.mark.parametrize(
    "words", [f"users create {NEW}", f"users set-password --dni {DNI[Rol.TECNICO]} --password-stdin"]
)
def test_a_bad_password_is_refused_and_not_shown(run: Run, words: str, password: str) -> None:
    run("users list")
    before = accounts()
    result = run(words, input=f"{password}\n")
    assert_refused(result, 1, "password: ")
    assert not password or password not in result.stderr
    assert accounts() == before


def test_a_dni_is_no_password(run: Run) -> None:
    before = run("users list").stdout
    assert_refused(run(f"users create {NEW}", input=" 20000001 "), 1, "password: ", "DNI")
    assert run("users list").stdout == before


def test_a_password_that_is_not_text_is_refused(run: Run) -> None:
    before = run("users list").stdout
    assert_refused(run(f"users create {NEW}", input=b"\xff\xfe" * 10), 1)
    assert run("users list").stdout == before


def test_a_dni_that_has_an_account_is_refused(run: Run) -> None:
    before = run("users list").stdout
    words = NEW.replace("20000001", DNI[Rol.CONSULTA])
    assert_refused(run(f"users create {words}", input=NEW_PASSWORD), 1, "dni: ")
    assert run("users list").stdout == before


def test_accounts_are_listed_as_data(run: Run) -> None:
    run(f"users deactivate --dni {DNI[Rol.CONSULTA]}")
    result = run("users list")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[0] for row in rows] == list(DNI.values())
    assert rows[0] == [DNI[Rol.ADMIN], "ADMIN", "activo", "Usuario ADMIN", "admin@example.pe"]
    assert rows[3][2] == "inactivo"
    assert "argon2" not in result.stdout


def test_a_new_password_ends_the_sessions_of_its_account(run: Run) -> None:
    run("users list")
    tecnico, admin = (Usuario.get(Usuario.dni == DNI[rol]) for rol in (Rol.TECNICO, Rol.ADMIN))
    for usuario in (tecnico, admin):
        Sesion.create(id=usuario.dni, usuario=usuario, expira=2**40)
    result = run(f"users set-password --dni {tecnico.dni} --password-stdin", input=NEW_PASSWORD)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"changed {tecnico.dni}\n")
    assert verify_password(Usuario.get_by_id(tecnico.id).password_hash, NEW_PASSWORD)
    assert [sesion.id for sesion in Sesion.select()] == [admin.dni]


def test_an_account_is_deactivated_and_activated(run: Run) -> None:
    run("users list")
    usuario = Usuario.get(Usuario.dni == DNI[Rol.TECNICO])
    Sesion.create(id="x", usuario=usuario, expira=2**40)
    for _ in range(2):
        result = run(f"users deactivate --dni {usuario.dni}")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"changed {usuario.dni}\n")
        assert not Usuario.get_by_id(usuario.id).vigente
        assert Sesion.select().count() == 0
    for _ in range(2):
        assert run(f"users activate --dni {usuario.dni}").exit_code == 0
        assert Usuario.get_by_id(usuario.id).vigente


def test_the_last_administrator_is_kept(run: Run) -> None:
    before = run("users list").stdout
    assert_refused(run(f"users deactivate --dni {DNI[Rol.ADMIN]}"), 1, "último administrador")
    assert run("users list").stdout == before
    run(f"users create {NEW.replace('TECNICO', 'ADMIN')}", input=NEW_PASSWORD)
    assert run(f"users deactivate --dni {DNI[Rol.ADMIN]}").exit_code == 0
    assert_refused(run("users deactivate --dni 20000001"), 1, "último administrador")


@pytest.mark.parametrize("command", ["activate", "deactivate", "set-password --password-stdin"])
def test_an_unknown_dni_is_refused(run: Run, command: str) -> None:
    before = run("users list").stdout
    assert_refused(run(f"users {command} --dni 99999999", input=NEW_PASSWORD), 1, "99999999")
    assert run("users list").stdout == before


@pytest.mark.parametrize("words", [f"users create {NEW}", f"users set-password --dni {DNI[Rol.TECNICO]}"])
def test_without_a_terminal_the_password_is_not_asked_for(run: Run, words: str) -> None:
    before = run("users list").stdout
    result = run(words.replace(" --password-stdin", ""), input=f"{NEW_PASSWORD}\n{NEW_PASSWORD}\n")
    assert_refused(result, 2, "--password-stdin")
    assert run("users list").stdout == before


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(run: Run, environ: dict[str, str]) -> None:
    terminal, of_command = os.openpty()
    words = [str(BIN / "clientes-service"), *f"users create {NEW}".replace(" --password-stdin", "").split()]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        words, env={**os.environ, **environ}, stdin=of_command, stdout=pipe, stderr=pipe, start_new_session=True
    )
    os.close(of_command)
    assert process.stderr
    asked = b""
    for _ in range(2):
        while not asked.endswith(b": "):
            asked += (letter := os.read(process.stderr.fileno(), 1))
            assert letter, asked
        os.write(terminal, f"{NEW_PASSWORD}\n".encode())
        asked += os.read(process.stderr.fileno(), 1)
    stdout, stderr = process.communicate(timeout=20)
    echoed = b""
    with suppress(OSError):  # what Linux says of a terminal that nobody holds and nothing is left in
        echoed = os.read(terminal, 1000)
    os.close(terminal)
    assert (process.returncode, stdout) == (0, b"")
    assert stderr.endswith(b"created 20000001\n")
    assert NEW_PASSWORD.encode() not in asked + stderr + echoed
    run("users list")
    assert verify_password(Usuario.get(Usuario.dni == "20000001").password_hash, NEW_PASSWORD)


# --- Settings and the database


@pytest.mark.parametrize(
    "words", ["run", "users list", f"users create {NEW}", "users activate --dni 1", "db upgrade", "db status",
              "openapi write -"]
)  # fmt: skip
def test_a_wrong_setting_stops_every_command_with_one_line(run: Run, words: str) -> None:
    for name, value in (("CLIENTES_DOC", "true"), ("CLIENTES_DOCS", "si")):
        result = run(words, input=NEW_PASSWORD, **{name: value})
        assert_refused(result, 1, name)
        assert len(result.stderr.splitlines()) == 1


def test_status_lists_the_migrations_and_tells_by_its_exit_code(fresh: None, run: Run) -> None:
    names = sorted(path.stem for path in db.MIGRATIONS.glob("[0-9]*.py"))
    before = run("db status")
    assert (before.exit_code, before.stdout, before.stderr) == (1, "".join(f"{n}\tpending\n" for n in names), "")
    upgrade = run("db upgrade")
    assert (upgrade.exit_code, upgrade.stdout, upgrade.stderr) == (0, "", f"applied: {', '.join(names)}\n")
    after = run("db status")
    assert (after.exit_code, after.stdout, after.stderr) == (0, "".join(f"{n}\tapplied\n" for n in names), "")
    again = run("db upgrade")
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "nothing to apply\n")


@pytest.mark.parametrize("words", ["users list", f"users create {NEW}", f"users activate --dni {DNI[Rol.ADMIN]}"])
def test_an_old_database_is_refused_and_left_as_it_is(
    run: Run, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run("users list").stdout
    for path in db.MIGRATIONS.glob("[0-9]*.py"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "9999_later.py").write_text("def up(migrator, db):\n    pass\n")
    with monkeypatch.context() as changed:
        changed.setattr(db, "MIGRATIONS", tmp_path)
        assert_refused(run(words, input=NEW_PASSWORD), 1, "9999_later", "db upgrade")
        assert run("db status").exit_code == 1
    assert run("users list").stdout == before


@pytest.mark.parametrize("words", ["users list", "db upgrade"])
def test_a_database_that_cannot_be_opened_is_one_line(run: Run, words: str) -> None:
    result = run(words, DATABASE_URL="sqlite:////proc/clientes.db")
    assert_refused(result, 1)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.sqlite
@pytest.mark.parametrize("words", ["users list", "db status", "db upgrade"])
def test_a_file_that_is_no_database_is_one_line(run: Run, words: str, tmp_path: Path) -> None:
    (tmp_path / "clientes.db").write_bytes(b"no database\n" * 500)
    result = run(words)
    assert_refused(result, 1)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.sqlite
def test_a_busy_database_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    before = run("users list").stdout
    other = apsw.Connection(str(tmp_path / "clientes.db"))
    other.execute("BEGIN IMMEDIATE")
    result = run(f"users deactivate --dni {DNI[Rol.TECNICO]}")
    other.close()
    assert_refused(result, 1, "locked")
    assert run("users list").stdout == before


@pytest.mark.parametrize("words", ["backup", f"restore {__file__}"])
def test_postgresql_has_its_own_tools(run: Run, words: str, tmp_path: Path) -> None:
    result = run(words, DATABASE_URL="postgresql://ana:secreta@127.0.0.1:1/clientes")
    assert_refused(result, 1, "pg_dump", "pg_restore")
    assert len(result.stderr.splitlines()) == 1
    assert "secreta" not in result.stderr
    assert not (tmp_path / "instance" / "backups").exists()


# --- OpenAPI


def test_the_document_is_written_to_stdout_or_to_a_file(run: Run, tmp_path: Path) -> None:
    shown = run("openapi write -")
    assert (shown.exit_code, shown.stderr) == (0, "")
    document = json.loads(shown.stdout)
    assert document["openapi"].startswith("3.1")
    assert "/api/clientes" in document["paths"]
    written = run(["openapi", "write", str(tmp_path / "openapi.json")])
    assert (written.exit_code, written.stdout) == (0, "")
    assert (tmp_path / "openapi.json").read_text(encoding="utf-8") == shown.stdout
    assert "\\u" not in shown.stdout


def test_a_file_that_cannot_be_written_is_refused(run: Run, tmp_path: Path) -> None:
    assert_refused(run(["openapi", "write", str(tmp_path / "no" / "openapi.json")]), 1, "openapi.json")
