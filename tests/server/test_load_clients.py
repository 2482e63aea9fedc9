"""examples/load_clients.py against the real service."""

import csv
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest

from clientes_service import db
from examples import load_clients
from tests.conftest import PASSWORD
from tests.server.conftest import ADMIN_DNI, ROOT, Server

pytestmark = pytest.mark.sqlite  # about the program, not about what it calls

FIELDS = ["nombre", "tipoCliente", "tipoDocumento", "numeroDocumento", "codigoCliente", "direccion", "telefono",
          "email", "contactoRepresentante"]  # fmt: skip


def invented(number: int, prefix: str) -> dict[str, str]:
    """A client that a careless loader would spoil; every third has no optional field."""
    company = number % 2 == 0
    row = {
        "nombre": f'Peña, Ñahui & Cía. "El Águila" {number}' if company else f"Íñigo O'Higgins, Núñez {number}",
        "tipoCliente": "EMPRESA" if company else "PERSONA",
        "tipoDocumento": "RUC" if company else "DNI",
        "numeroDocumento": f"20{number:09d}" if company else f"{number:08d}",
        "codigoCliente": f"{prefix}{number:04d}",
    }
    optional = {
        "direccion": f"Jr. Unión #{number}, dpto. 3; «Tacna»",
        "telefono": f"+51 952 {number:06d}",
        "email": f"cliente.{number}@example.pe",
        "contactoRepresentante": "José \u00c1vila; María Güiza",
    }
    return row if number % 3 == 0 else row | optional


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server()


def load(server: Server, path: Path, password: str = PASSWORD) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, ROOT / "examples" / "load_clients.py", path, "--url", server.url, "--dni", ADMIN_DNI]
    environ = {**os.environ, "PASSWORD": password}
    return subprocess.run(command, env=environ, text=True, capture_output=True, timeout=60)


def all_clients(server: Server) -> dict[str, dict[str, object]]:
    """What the service holds, read with nothing of the example's."""

    def call(path: str, headers: dict[str, str], body: dict[str, str] | None = None) -> dict[str, object]:
        data = json.dumps(body).encode() if body else None
        with urllib.request.urlopen(urllib.request.Request(server.url + path, data, headers)) as answer:
            read: dict[str, object] = json.load(answer)
            return read

    signed_in = call("/auth", {"Content-Type": "application/json"}, {"dni": ADMIN_DNI, "password": PASSWORD})
    listed = call("/api/clientes?size=500&vigente=todos", {"Authorization": f"Bearer {signed_in['token']}"})
    content = listed["content"]
    assert isinstance(content, list)
    assert listed["totalElements"] == len(content)
    return {client["codigoCliente"]: client for client in content}


def test_every_field_of_every_row_arrives(server: Server, tmp_path: Path) -> None:
    rows = [invented(number, "A") for number in range(1, 301)]
    loaded = load(server, write(tmp_path / "clients.csv", rows))
    assert (loaded.returncode, loaded.stderr) == (0, "")
    assert loaded.stdout.startswith("300 rows: 300 created in ")
    assert loaded.stdout.endswith(" s, 300 read back equal, 0 bad\n")
    stored = all_clients(server)
    for row in rows:
        client = stored[row["codigoCliente"]]
        assert {name: client[name] for name in FIELDS} == {name: row.get(name) for name in FIELDS}
        assert client["vigente"] is True


def test_a_refused_row_is_named_and_the_others_are_loaded(server: Server, tmp_path: Path) -> None:
    rows = [invented(number, "B") for number in range(1, 21)]
    rows[6]["numeroDocumento"] = "1234567"
    loaded = load(server, write(tmp_path / "clients.csv", rows))
    assert loaded.returncode == 1
    assert loaded.stderr == (
        "row 8 (B0007): VALIDACION numeroDocumento: "
        "El DNI debe tener 8 dígitos: con ceros a la izquierda, sin el de verificación.\n"
    )
    assert "20 rows: 19 created" in loaded.stdout
    assert loaded.stdout.endswith("19 read back equal, 1 bad\n")
    assert {code for code in all_clients(server) if code.startswith("B")} == {
        row["codigoCliente"] for row in rows if row is not rows[6]
    }


def test_a_file_may_be_loaded_again_and_a_changed_row_is_named(server: Server, tmp_path: Path) -> None:
    rows = [invented(number, "C") for number in range(1, 6)]
    path = write(tmp_path / "clients.csv", rows)
    assert load(server, path).returncode == 0
    again = load(server, path)
    assert (again.returncode, again.stderr) == (0, "")
    assert "5 rows: 0 created" in again.stdout

    write(path, [{**rows[0], "nombre": "Otro nombre"}, *rows[1:]])
    changed = load(server, path)
    assert changed.returncode == 1
    assert changed.stderr == "row 2 (C0001): CODIGO_DUPLICADO codigoCliente: Ya está en uso; elija otro código.\n"
    assert all_clients(server)["C0001"]["nombre"] == rows[0]["nombre"]


def test_a_row_with_a_cell_too_many_is_named(server: Server, tmp_path: Path) -> None:
    path = write(tmp_path / "clients.csv", [invented(1, "D"), invented(2, "D")])
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + ",x\n", encoding="utf-8")
    loaded = load(server, path)
    assert loaded.returncode == 1
    assert loaded.stderr.startswith("row 3 (D0002): VALIDACION cells without a heading: ")


def test_a_sheet_as_people_save_it_is_loaded(server: Server, tmp_path: Path) -> None:
    rows = [invented(number, "G") for number in (1, 2, 3)]
    rows[0]["numeroDocumento"] = "0000\u20130001"
    path = write(tmp_path / "clients.csv", rows)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines.insert(2, "," * 8)
    path.write_text("\n".join([*lines, "," * 8]).replace("G0002", "g0002"), encoding="utf-8")
    first, again = load(server, path), load(server, path)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("3 rows: 3 created in ")
    assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.parametrize(
    ("content", "word"),
    [(None, "No such file"), ("nombre;codigoCliente\nAna;X\n", "commas"), ("nombre,codigoCliente\nÑ,X\n", "UTF-8")],
)
def test_another_file_is_refused_in_one_line(server: Server, tmp_path: Path, content: str | None, word: str) -> None:
    path = tmp_path / "clients.csv"
    if content:
        path.write_text(content, encoding="latin-1")
    loaded = load(server, path)
    assert loaded.returncode == 1
    [line] = loaded.stderr.splitlines()
    assert word in line


def test_a_wrong_password_ends_the_program_with_the_reason(server: Server, tmp_path: Path) -> None:
    loaded = load(server, write(tmp_path / "clients.csv", [invented(1, "E")]), password="equivocada-del-todo")
    assert loaded.returncode == 1
    assert loaded.stderr.startswith("401 CREDENCIALES_INVALIDAS: ")


def test_an_expired_token_is_renewed_once_for_all_threads(server: Server) -> None:
    api = load_clients.Api(server.url, ADMIN_DNI, PASSWORD)
    spent = api.session["refreshToken"]
    api.session["token"] = "expired"
    answers: list[load_clients.Answer] = []

    def list_clients() -> None:
        answers.append(api.call("GET", "/api/clientes"))
        api.connection.http.close()

    threads = [threading.Thread(target=list_clients) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _ in answers] == [200] * 4
    assert jwt.decode(api.session["token"], options={"verify_signature": False})["gen"] == 2
    assert api.send("POST", "/auth/refresh", token=spent)[0] == 401
    api.connection.http.close()


def test_a_service_that_is_not_ready_is_asked_again(start_server: Callable[..., Server], tmp_path: Path) -> None:
    server = start_server(workers=1)
    engine = db.open_engine(server.environ["DATABASE_URL"])
    # Until the table is back, a migration is pending: 503, Retry-After: 2
    engine.execute_sql("ALTER TABLE schema_migration RENAME TO away")

    def bring_back() -> None:
        engine.execute_sql("ALTER TABLE away RENAME TO schema_migration")
        engine.close()

    timer = threading.Timer(1, bring_back)
    timer.start()
    started = time.monotonic()
    loaded = load(server, write(tmp_path / "clients.csv", [invented(1, "F")]))
    timer.join()
    engine.close()
    assert (loaded.returncode, loaded.stderr) == (0, "")
    assert time.monotonic() - started >= 2
    assert '"status":503' in server.log.read_text()
