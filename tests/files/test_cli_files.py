"""clientes-service import and export."""

import csv
import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result

from clientes_service import db
from clientes_service.cli import main
from clientes_service.clientes.models import Cliente, Contador
from clientes_service.historial.service import Linea
from tests.files.conftest import HEADINGS, as_csv, as_xlsx, row
from tests.server.conftest import BIN

Run = Callable[..., Result]


@pytest.fixture
def run(environ: dict[str, str]) -> Iterator[Run]:
    """Run a command on the database of this test, and connect to it afterwards."""

    def invoke(*words: str | Path, **more: str) -> Result:
        result = CliRunner().invoke(main, [str(word) for word in words], env={**environ, **more})
        db.connect(environ["DATABASE_URL"])
        return result

    yield invoke
    db.database.close()


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[..., Path]:
    """A file of rows."""

    def write(rows: list[dict[str, str]], name: str = "clientes.csv") -> Path:
        table = [list(rows[0]), *[list(each.values()) for each in rows]]
        content = as_xlsx(table) if name.endswith("xlsx") else as_csv(rows)
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def printed(result: Result) -> dict[str, int]:
    return {name: int(count) for name, count in (line.split("\t") for line in result.stdout.splitlines())}


@pytest.mark.parametrize("name", ["clientes.csv", "clientes.xlsx", "Clientes de Tacna (ñ).XLSX"])
def test_a_file_is_imported_and_counted(run: Run, sheet: Any, name: str) -> None:
    result = run("import", sheet([row(1), row(2)], name))
    assert result.exit_code == 0, result.output
    assert printed(result) == {"filas": 2, "creados": 2, "actualizados": 0, "sinCambios": 0, "errores": 0}
    assert Cliente.select().count() == Contador.get().valor == 2
    line = Linea.get()
    assert (line.origen, line.usuario) == ("importacion", None)


@pytest.mark.sqlite
def test_very_many_new_clients_are_indexed_at_once(run: Run, sheet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clientes_service.cli.files.LEFT_TO_SERVER", 2)
    for rows, limit in (([1, 2], 0), ([3, 4, 5], 5)):
        assert run("import", sheet([row(number) for number in rows])).exit_code == 0
        assert db.execute("SELECT hasta FROM busqueda_limite").fetchone() == (limit,)


def test_a_bad_row_is_named_in_a_table_and_nothing_is_stored(run: Run, sheet: Any) -> None:
    result = run("import", sheet([row(1), row(2, numeroDocumento="x"), row(3, tipoCliente="y")]))
    assert result.exit_code == 1
    assert printed(result) == {"filas": 3, "errores": 2}
    lines = [line.split(maxsplit=2) for line in result.stderr.splitlines()]
    assert ["row", "column", "what to do"] in lines
    assert [
        "3",
        "numeroDocumento",
        "El DNI debe tener 8 dígitos: con ceros a la izquierda, sin el de verificación.",
    ] in lines
    assert [line[:2] for line in lines if line[0] == "4"] == [["4", "tipoCliente"]]
    assert "Error:" in result.stderr
    assert Cliente.select().count() == 0


def test_the_good_rows_alone_are_imported_on_demand(run: Run, sheet: Any) -> None:
    result = run("import", sheet([row(1), row(2, numeroDocumento="x")]), "--partial")
    assert result.exit_code == 1
    assert printed(result)["creados"] == printed(result)["errores"] == 1
    assert "numeroDocumento" in result.stderr
    assert Cliente.select().count() == 1


@pytest.mark.parametrize("bad", [{}, {"numeroDocumento": "x"}], ids=["good", "bad"])
def test_a_dry_run_stores_nothing_and_tells_by_its_exit_code(run: Run, sheet: Any, bad: dict[str, str]) -> None:
    result = run("import", sheet([row(1), row(2, **bad)]), "--dry-run")
    assert result.exit_code == (1 if bad else 0)
    assert printed(result)["creados"] == (1 if bad else 2)
    assert Cliente.select().count() == Contador.get().valor == 0


def test_a_mode_is_chosen(run: Run, sheet: Any) -> None:
    run("import", sheet([row(1)]))
    changed = sheet([row(1, nombre="Otro"), row(2)])
    assert run("import", changed).exit_code == 1
    assert run("import", "--mode", "actualizar", changed).exit_code == 1
    assert Cliente.get().nombre == "Cliente 1"
    result = run("import", "--mode", "upsert", changed)
    assert (printed(result)["creados"], printed(result)["actualizados"]) == (1, 1)


def test_the_settings_hold_here_too(run: Run, sheet: Any) -> None:
    path = sheet([row(1, tipoDocumento="RUC", numeroDocumento="20123456789")])
    assert run("import", path, CLIENTES_STRICT_DOCUMENTS="true").exit_code == 1
    result = run("import", path)
    assert result.exit_code == 0
    assert "worth a second look" in result.stderr
    assert "ficha RUC" in result.stderr


def test_what_was_ignored_is_told(run: Run, sheet: Any) -> None:
    result = run("import", sheet([row(1, Zona="Sur")]))
    assert "columns that were ignored: Zona" in result.stderr


@pytest.mark.parametrize(("content", "word"), [(b"", "vacía"), (b"\x00\x01", "CSV"), (b"a,b\n1,2\n", "columna")])
def test_a_file_that_cannot_be_read_is_one_line(run: Run, tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    result = run("import", tmp_path / "x.csv")
    assert (result.exit_code, result.stdout) == (1, "")
    [error] = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert word in error


@pytest.mark.parametrize("words", [(), ("missing.csv",), ("--mode", "borrar", "."), (".",), ("a.csv", "b.csv")])
def test_wrong_usage_is_exit_2(run: Run, words: tuple[str, ...]) -> None:
    result = run("import", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: " in result.stderr


def test_a_terminal_shows_a_bar(environ: dict[str, str], sheet: Any, run: Run) -> None:
    path = sheet([row(number) for number in range(3000)])
    terminal, of_command = os.openpty()
    process = subprocess.Popen(
        [BIN / "clientes-service", "import", path],
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=of_command,
    )
    os.close(of_command)
    shown = b""
    with suppress(OSError):  # what Linux says of a terminal that nobody holds and nothing is left in
        while block := os.read(terminal, 1000):
            shown += block
    os.close(terminal)
    stdout, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert b"creados\t3000\n" in stdout
    assert b"importing  [###" in shown
    assert b"100%" in shown


# --- Export


@pytest.fixture
def filled(run: Run, sheet: Any) -> None:
    assert run("import", sheet([row(1), row(2), row(3, nombre="+Ñandú")])).exit_code == 0
    Cliente.update(vigente=False).where(Cliente.codigo_cliente == "F00002").execute()


def codes(content: bytes, formato: str) -> list[Any]:
    if formato == "ndjson":
        return [json.loads(line)["codigoCliente"] for line in content.splitlines()]
    if formato == "xlsx":
        rows = list(openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True))
    else:
        rows = [tuple(cells) for cells in csv.reader(io.StringIO(content.decode("utf-8-sig")))]
    return [cells[rows[0].index("codigoCliente")] for cells in rows[1:]]


@pytest.mark.parametrize("formato", ["csv", "xlsx", "ndjson"])
@pytest.mark.usefixtures("filled")
def test_clients_are_written_to_a_file_or_to_stdout(run: Run, tmp_path: Path, formato: str) -> None:
    by_name = tmp_path / f"salida.{formato}"
    result = run("export", by_name)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"wrote {by_name}\n")
    assert codes(by_name.read_bytes(), formato) == ["F00001", "F00003"]
    for words in (("--format", formato), ("-", "--format", formato)):
        result = run("export", *words)
        assert (result.exit_code, result.stderr) == (0, "")
        assert codes(result.stdout_bytes, formato) == ["F00001", "F00003"]
    other = tmp_path / "salida.dat"
    run("export", other, "--format", formato)
    assert codes(other.read_bytes(), formato) == ["F00001", "F00003"]
    assert sorted(path.name for path in tmp_path.glob("*salida*")) == sorted(["salida.dat", f"salida.{formato}"])


@pytest.mark.usefixtures("filled")
def test_active_ones_or_others_are_chosen(run: Run) -> None:
    for vigente, expected in (("true", 2), ("false", 1), ("todos", 3)):
        assert len(codes(run("export", "--vigente", vigente).stdout_bytes, "csv")) == expected
    assert run("export", "--vigente", "si").exit_code == 2


@pytest.mark.usefixtures("filled")
def test_a_file_is_replaced_only_by_a_whole_one(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "salida.csv"
    path.write_text("the old one")

    def half(*_: Any) -> Iterator[bytes]:
        yield b"half of"
        raise OSError("the disk is full")

    with monkeypatch.context() as changed:
        changed.setattr("clientes_service.cli.files.export_clientes", half)
        result = run("export", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Error: the disk is full" in result.stderr
    assert path.read_text() == "the old one"
    assert [each.name for each in tmp_path.glob(".*")] == []
    assert run("export", path).exit_code == 0
    assert codes(path.read_bytes(), "csv") == ["F00001", "F00003"]


def test_what_was_exported_comes_back_unchanged(run: Run, tmp_path: Path, filled: None) -> None:
    for formato in ("csv", "xlsx"):
        run("export", tmp_path / f"a.{formato}")
        result = run("import", "--mode", "upsert", tmp_path / f"a.{formato}")
        assert printed(result)["sinCambios"] == 2
    assert HEADINGS
