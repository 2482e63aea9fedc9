"""GET /api/clientes/exportar, and the way there and back."""

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flask import Flask

from clientes_service import db
from clientes_service.clientes import lists, search
from clientes_service.clientes.models import Cliente
from clientes_service.clientes.rows import MEMBERS, NAMES
from clientes_service.clientes.search import Filters, iterate_rows
from clientes_service.files.columns import guard_cell, read_cell
from clientes_service.files.exporter import MEDIA_TYPES, Formato, export_clientes
from tests.conftest import EMPRESA, Caller, assert_problem

Make = Callable[..., dict[str, Any]]
Imported = Callable[..., dict[str, Any]]

# What a sheet does to such texts is known; all of them are valid over the API.
NASTY: list[dict[str, Any]] = [
    {"nombre": 'Ñandú, «Hermanos» "S.A." & <Cía>; fin', "telefono": "+51 952 123 456"},
    {"nombre": "=1+1", "direccion": "@importante", "contactoRepresentante": "-5"},
    {"nombre": "'=1+1", "direccion": "'hola'", "contactoRepresentante": "''+1"},
    {"nombre": "-", "direccion": "--", "contactoRepresentante": "\u2014"},
    {"nombre": "_x0041_ _x000D_", "direccion": "_x005F_", "contactoRepresentante": "a\u00a0b"},
    {"nombre": "\U0001f468\u200d\U0001f469\u200d\U0001f467 Familia Pérez", "direccion": "\u05d0\u05d1\u05d2"},
    {"tipoDocumento": "DNI", "numeroDocumento": "00001234", "telefono": "(052) 42-11"},
    {"tipoDocumento": "CE", "numeroDocumento": "1E5", "tipoCliente": "PERSONA"},
    {"tipoDocumento": "OTRO", "numeroDocumento": "-", "tipoCliente": "OTRO"},
    {"tipoDocumento": "OTRO", "numeroDocumento": "1.0", "direccion": None, "telefono": None, "email": None},
    {"codigoCliente": "001", "contactoRepresentante": None},
    {"codigoCliente": "-", "nombre": "TRUE"},
    {"codigoCliente": "1E5", "nombre": "  2.0E10".strip()},
]


@pytest.fixture
def clients(make_cliente: Make) -> list[dict[str, Any]]:
    return [make_cliente(**overrides) for overrides in NASTY]


def without_warnings(client: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in client.items() if name != "advertencias"}


def test_ndjson_holds_the_clients_as_the_api_shows_them(oficina: Caller, clients: list[dict[str, Any]]) -> None:
    answer = oficina.get("/api/clientes/exportar?formato=ndjson")
    assert answer.status_code == 200
    assert answer.mimetype == "application/x-ndjson"
    assert [json.loads(line) for line in answer.text.splitlines()] == [without_warnings(each) for each in clients]


def test_csv_has_the_api_s_names_and_runs_no_formula(oficina: Caller, clients: list[dict[str, Any]]) -> None:
    answer = oficina.get("/api/clientes/exportar")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.data.startswith(b"\xef\xbb\xbfid,nombre,")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert rows[0] == list(without_warnings(clients[0]))
    assert len(rows) == len(clients) + 1
    for cells, client in zip(rows[1:], clients, strict=True):
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert cells[0] == str(client["id"])
        assert cells[rows[0].index("vigente")] == "true"


def test_xlsx_is_a_workbook_of_texts(oficina: Caller, clients: list[dict[str, Any]]) -> None:
    answer = oficina.get("/api/clientes/exportar?formato=xlsx")
    assert answer.mimetype == MEDIA_TYPES[Formato.XLSX]
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    rows = list(sheet.iter_rows())
    assert [cell.value for cell in rows[0]] == list(MEMBERS)
    assert len(rows) == len(clients) + 1
    for cells, client in zip(rows[1:], clients, strict=True):
        assert {cell.data_type for cell in cells if cell.value is not None} <= {"s", "inlineStr"}
        assert {cell.number_format for cell in cells if cell.value is not None} == {"@"}
        assert cells[list(MEMBERS).index("codigoCliente")].value.lstrip("'") == client["codigoCliente"]
    assert sheet.freeze_panes == "A2"


def test_a_file_has_a_name(oficina: Caller) -> None:
    for formato in Formato:
        answer = oficina.get(f"/api/clientes/exportar?formato={formato}")
        disposition = answer.headers["Content-Disposition"]
        assert disposition.startswith("attachment; filename=clientes-20")
        assert disposition.endswith(f".{formato}")
        assert answer.headers["Cache-Control"] == "no-store"


def test_of_no_clients_there_are_headings_alone(oficina: Caller, imported: Imported) -> None:
    assert oficina.get("/api/clientes/exportar?formato=ndjson").data == b""
    assert oficina.get("/api/clientes/exportar").text.count("\n") == 1
    book = openpyxl.load_workbook(io.BytesIO(oficina.get("/api/clientes/exportar?formato=xlsx").data))
    assert book.active.max_row == 1


@pytest.mark.parametrize(
    "query",
    ["", "vigente=todos", "vigente=false", "tipoDocumento=DNI", "tipoCliente=PERSONA", "codigoCliente=t0002",
     "numeroDocumento=20-100070970", "sort=nombre", "sort=nombre,desc", "sort=codigoCliente,desc&vigente=todos",
     "sort=id,desc", "sort=fechaModificacion"],
)  # fmt: skip
def test_filters_and_sort_are_the_list_s(
    oficina: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(search, "CHUNK", 2)
    for number in range(9):
        made = make_cliente(
            nombre=f"Nombre {number // 4}",
            tipoCliente="PERSONA" if number % 2 else "EMPRESA",
            **({"tipoDocumento": "DNI", "numeroDocumento": f"{number:08d}"} if number % 3 else {}),
        )
        if number % 4 == 3:
            oficina.delete(f"/api/clientes/{made['id']}")
    listed = oficina.get(f"/api/clientes?size=100&{query}").json["content"]
    exported = oficina.get(f"/api/clientes/exportar?formato=ndjson&{query}").text.splitlines()
    assert [json.loads(line) for line in exported] == listed
    assert listed


@pytest.mark.parametrize("query", ["formato=pdf", "formato=", "page=1", "size=2", "vigente=si", "sort=x", "x=1"])
def test_a_wrong_query_is_422(oficina: Caller, query: str) -> None:
    answer = oficina.get(f"/api/clientes/exportar?{query}")
    assert_problem(answer, 422, "VALIDACION", query.partition("=")[0])


def test_a_database_that_is_away_is_an_error_and_no_empty_file(
    oficina: Caller, monkeypatch: pytest.MonkeyPatch, app: Flask
) -> None:
    from peewee import OperationalError

    from clientes_service.files import exporter

    def fail(filters: Filters) -> Any:
        raise OperationalError("away")
        yield

    monkeypatch.setattr(exporter, "iterate_rows", fail)
    monkeypatch.setattr(db, "is_unavailable", lambda error: True)
    assert_problem(oficina.get("/api/clientes/exportar"), 503, "NO_DISPONIBLE")


@pytest.mark.parametrize("words", [(), ("n",), ("n1",)])
@pytest.mark.parametrize("few", [15, 100_000])
@pytest.mark.parametrize("sort", ["id", "id,desc", "codigoCliente", "nombre,desc"])
def test_who_was_there_throughout_comes_once_while_others_write(
    oficina: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch, sort: str, few: int, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(search, "CHUNK", 3)
    monkeypatch.setattr(lists, "SORTING", few)
    monkeypatch.setattr(search, "FEW", few)
    throughout = {make_cliente(nombre=f"N{number % 3}")["id"] for number in range(20)}
    if "n1" in words:
        throughout = {id for id in throughout if id % 3 == 2}
    others = [make_cliente(nombre=f"N{number % 3}")["id"] for number in range(10)]
    db.engine().texts.extend(1)
    seen: list[int] = []
    for rows in iterate_rows(Filters(sort=sort, words=words)):
        assert all(row[NAMES.index("vigente")] for row in rows)
        seen += [row[0] for row in rows]
        if others:
            oficina.delete(f"/api/clientes/{others.pop()}")
        make_cliente(nombre="N1")
    assert sorted(id for id in seen if id in throughout) == sorted(throughout)
    assert len(seen) == len(set(seen))


# --- There and back


def back(kind: str, exported: bytes, folder: Path) -> bytes:
    """What another program makes of a file when it opens and saves it."""
    if kind == "openpyxl":
        file = io.BytesIO()
        openpyxl.load_workbook(io.BytesIO(exported)).save(file)
        return file.getvalue()
    if kind.startswith("libreoffice"):
        program = shutil.which("soffice")
        if not program:
            pytest.skip("LibreOffice is not installed")
        extension = kind.partition(" ")[2]
        (folder / f"clientes.{extension}").write_bytes(exported)
        (folder / "out").mkdir()
        # 44,34,76: commas, double quotes, UTF-8. Columns are read as texts, which is what a careful user chooses.
        filters = {"xlsx": "xlsx", "csv": "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true"}
        texts = "/".join(f"{column}/2" for column in range(1, len(list(MEMBERS)) + 1))
        words = [f"--infilter=CSV:44,34,76,1,{texts},0,false,false"] if extension == "csv" else []
        subprocess.run(
            [program, f"-env:UserInstallation=file://{folder}/profile", "--headless", *words, "--convert-to",
             filters[extension], "--outdir", folder / "out", folder / f"clientes.{extension}"],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        return (folder / "out" / f"clientes.{extension}").read_bytes()
    return exported


@pytest.mark.parametrize("kind", ["csv", "xlsx", "openpyxl", "libreoffice xlsx", "libreoffice csv"])
def test_what_was_exported_changes_nothing_when_it_comes_back(
    oficina: Caller, clients: list[dict[str, Any]], imported: Imported, stored: Any, tmp_path: Path, kind: str
) -> None:
    formato = "csv" if kind.endswith("csv") else "xlsx"
    before = stored()
    file = back(kind, oficina.get(f"/api/clientes/exportar?formato={formato}").data, tmp_path)
    report = imported(file, "modo=upsert")
    assert (report["filas"], report["sinCambios"], report["errores"]) == (len(clients), len(clients), [])
    assert report["columnasIgnoradas"] == ["id", "vigente", "version", "fechaCreacion", "fechaModificacion"]
    assert stored() == before


@pytest.mark.parametrize("kind", ["csv", "xlsx", "openpyxl", "libreoffice xlsx", "libreoffice csv"])
def test_what_was_exported_makes_the_same_clients_elsewhere(
    oficina: Caller, clients: list[dict[str, Any]], imported: Imported, tmp_path: Path, kind: str
) -> None:
    formato = "csv" if kind.endswith("csv") else "xlsx"
    file = back(kind, oficina.get(f"/api/clientes/exportar?formato={formato}").data, tmp_path)
    Cliente.delete().execute()
    assert imported(file)["creados"] == len(clients)
    again = oficina.get("/api/clientes?size=100").json["content"]
    assert [{name: each[name] for name in EMPRESA} for each in again] == [
        {name: each[name] for name in EMPRESA} for each in clients
    ]


@pytest.mark.parametrize("runs_formulas", [True, False])
def test_a_guarded_cell_reads_as_what_it_was(runs_formulas: bool) -> None:
    from hypothesis import given
    from hypothesis import strategies as st

    from clientes_service.fields import clean_text

    @given(st.text("=+-@'a1 \u2013\u2014\u00a0", max_size=6).map(clean_text))
    def check(text: str) -> None:
        written = guard_cell(text, runs_formulas)
        assert read_cell(written) == text
        assert not (runs_formulas and written.startswith(("=", "+", "-", "@")))

    check()


def test_the_first_bytes_come_before_the_last_clients_are_read(
    app: Flask, monkeypatch: pytest.MonkeyPatch, make_cliente: Make
) -> None:
    monkeypatch.setattr(search, "CHUNK", 2)
    for _ in range(11):
        make_cliente()
    for formato in Formato:
        content = export_clientes(Filters(), formato)
        assert next(content)
        Cliente.update(direccion=formato.value).where(Cliente.id > 2).execute()  # and is seen: it was not read yet
        rest = b"".join(content)
        if formato is not Formato.XLSX:
            assert rest.count(formato.value.encode()) == 9
