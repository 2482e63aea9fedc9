"""The sheet as an office really has it: its headings, its blanks, and what a spreadsheet did to its numbers."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clientes_service.clientes.documento import TipoDocumento
from clientes_service.clientes.models import Cliente
from clientes_service.files.columns import BY_HEADING, HEADINGS, KINDS, Columns
from clientes_service.files.sheets import NO_LIMITS, Sheet
from tests.conftest import Caller, assert_problem
from tests.files.conftest import HEADINGS as NAMES
from tests.files.conftest import Import, as_csv, as_form, as_xlsx, row

Imported = Callable[..., dict[str, Any]]
SAMPLE = Path(__file__).parents[2] / "examples" / "clientes.xlsx"

OFFICE = [
    [
        "CÓDIGO",
        "RAZON SOCIAL",
        "Tipo de cliente",
        "Ruc",
        "D.N.I.",
        "Teléfono / Celular",
        "Correo electrónico",
        "",
        "Zona",
    ],
    [
        "CLI0001",
        "Comercial Ñahui S.A.C.",
        "EMPRESA",
        "2.0512333797E10",
        "-",
        "+51 952 123 456",
        "a@example.pe",
        "",
        "Sur",
    ],
    ["CLI0002", "Rosa Quispe, Mamani", "Persona", "-", "1234567", "-", "-", "", "Sur"],
    ["CLI0003", "Botica Sol", "empresa", "20512333797", "", "952-000-111", "", "", ""],
    ["", "", "", "", "", "", "", "", ""],
    ["CLI0004", "Sin documento", "PERSONA", "-", "-", "", "", "", ""],
    ["CLI0005", "Cortado", "EMPRESA", "2.0512E+10", "", "", "", "", ""],
    ["CLI0006", "Dos documentos", "PERSONA", "10012345674", "01234567", "", "", "", ""],
    ["", "TOTAL: 6", "", "", "", "", "", "", ""],
]


@pytest.mark.parametrize("kind", ["comma", "semicolon", "tab", "latin-1", "utf-8 with a mark", "utf-16", "xlsx"])
def test_what_is_clear_is_imported_and_the_rest_is_named(imported: Imported, kind: str) -> None:
    delimiter = {"semicolon": ";", "tab": "\t"}.get(kind, ",")
    lines = [delimiter.join(f'"{cell}"' if cell else "" for cell in cells) for cells in OFFICE]
    encoding = {"latin-1": "latin-1", "utf-8 with a mark": "utf-8-sig", "utf-16": "utf-16"}.get(kind, "utf-8")
    content = as_xlsx(OFFICE) if kind == "xlsx" else "\r\n".join(lines).encode(encoding)

    report = imported(content, "parcial=true")

    assert (report["filas"], report["creados"], report["columnasIgnoradas"]) == (7, 3, ["Zona"])
    stored = {row.codigo_cliente: row for row in Cliente.select()}
    assert stored.keys() == {"CLI0001", "CLI0002", "CLI0003"}
    first, second = stored["CLI0001"], stored["CLI0002"]
    assert (first.nombre, first.tipo_documento, first.numero_documento) == (
        "Comercial Ñahui S.A.C.", TipoDocumento.RUC, "20512333797",
    )  # fmt: skip
    assert (first.telefono, first.email) == ("+51 952 123 456", "a@example.pe")
    assert (second.nombre, second.tipo_cliente) == ("Rosa Quispe, Mamani", "PERSONA")
    assert (second.numero_documento, second.telefono, second.email) == ("01234567", None, None)
    bad = [(error["fila"], error["campo"]) for error in report["errores"]]
    assert bad == [
        (6, "numeroDocumento"),
        (7, "numeroDocumento"),
        (8, "numeroDocumento"),
        (9, "codigoCliente"),
    ]
    assert "cortado" in report["errores"][1]["mensaje"]
    repaired = {(each["fila"], each["codigo"]) for each in report["advertencias"]}
    assert {(2, "NUMERO_CONVERTIDO"), (3, "CEROS_REPUESTOS")} <= repaired


def test_the_sample_in_the_repository_is_imported_whole(imported: Imported) -> None:
    report = imported(SAMPLE.read_bytes())
    assert report["filas"] == report["creados"] > 5
    assert report["errores"] == []


# --- Headings


def columns_of(*headings: Any) -> Columns:
    return Columns(list(headings))


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("Razón social", "nombre"), ("RAZON SOCIAL", "nombre"), ("Nombre o Razón Social", "nombre"),
        ("Código", "codigo_cliente"), ("CODIGO CLIENTE", "codigo_cliente"), ("codigocliente", "codigo_cliente"),
        ("Dirección", "direccion"), ("Teléfono / Celular", "telefono"), ("Telf.", "telefono"), ("Correo", "email"),
        ("E-mail", "email"), ("Correo electrónico", "email"), ("Tipo de Cliente", "tipo_cliente"),
        ("N° documento", "numero_documento"), ("Nº de documento", "numero_documento"),
        ("Nro. Doc.", "numero_documento"), ("Nº documento de identidad", "numero_documento"),
        ("Cliente / Razón Social", "nombre"), ("Empresa", "nombre"), ("Celular 1", "telefono"),
        ("Contacto / Representante", "contacto_representante"),
        ("Tipo Documento", "tipo_documento"), ("Contacto", "contacto_representante"),
        ("Representante Legal", "contacto_representante"), ("  nombre ", "nombre"),
    ],
)  # fmt: skip
def test_usual_headings_are_understood(heading: str, field: str) -> None:
    columns = columns_of(heading)
    assert columns.ignored == []
    cells = {"telefono": "999888777", "email": "a@example.pe", "tipo_cliente": "OTRO", "tipo_documento": "CE"}
    fila = columns.read(2, [cells.get(field, "x1")])
    assert fila
    assert list(fila.datos) == [field]


def test_every_field_and_word_is_known_once() -> None:
    words = [word for name, words in HEADINGS.items() for word in words.split()]
    assert len(words) == len(set(words))
    assert not set(words) & KINDS.keys()
    assert len(BY_HEADING) == len(words) + len(HEADINGS)


@pytest.mark.parametrize(
    ("heading", "cell", "expected"),
    [
        ("RUC", "20100070970", ("RUC", "20100070970")), ("N° RUC", "20-10007097-0", ("RUC", "20100070970")),
        ("DNI", "01234567", ("DNI", "01234567")), ("C.E.", "a1b2", ("CE", "A1B2")),
        ("Carné de extranjería", "000123456", ("CE", "000123456")),
        ("RUC / DNI", "20100070970", ("RUC", "20100070970")),
        ("DNI o RUC", "1234567", ("DNI", "01234567")), ("RUC/DNI", 20100070970.0, ("RUC", "20100070970")),
    ],
)  # fmt: skip
def test_a_heading_can_give_the_kind_of_the_number(heading: str, cell: Any, expected: tuple[str, str]) -> None:
    columns = columns_of(heading)
    assert not {"tipoDocumento", "numeroDocumento"} & set(columns.missing)
    fila = columns.read(2, [cell])
    assert fila
    assert (fila.datos["tipo_documento"], fila.datos["numero_documento"]) == expected
    assert fila.errores == []


@pytest.mark.parametrize(("cell", "count"), [("123456789", 9), ("2010007097", 10), ("201000709701", 12)])
def test_what_is_neither_dni_nor_ruc_is_told_with_both(cell: str, count: int) -> None:
    fila = columns_of("RUC / DNI").read(2, [cell])
    assert fila
    assert fila.errores == [("numeroDocumento", f"No es un DNI (8 dígitos) ni un RUC (11): tiene {count}.")]


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        ("tipoCliente", "Persona Natural", "PERSONA"), ("tipoCliente", "jurídica", "EMPRESA"),
        ("tipoCliente", "empresa", "EMPRESA"), ("tipoDocumento", "R.U.C.", "RUC"), ("tipoDocumento", "C.E.", "CE"),
        ("tipoDocumento", "Carné de extranjería", "CE"), ("tipoDocumento", "Pasaporte", "OTRO"),
    ],
)  # fmt: skip
def test_usual_words_for_a_kind_are_understood(field: str, cell: str, value: str) -> None:
    fila = columns_of(field).read(2, [cell])
    assert fila
    assert ([*fila.datos.values()], fila.errores) == ([value], [])


def test_what_an_office_writes_for_nothing_is_nothing() -> None:
    fila = columns_of("telefono", "email", "contactoRepresentante", "direccion").read(
        2, ["No tiene", "s/n", "SN", "S/N"]
    )
    assert fila
    assert (fila.datos, fila.errores) == ({"direccion": "S/N"}, [])


def test_the_field_s_own_name_goes_before_other_words_for_it() -> None:
    columns = columns_of("Celular", "Cliente", "telefono", "nombre", "Nombre", "id", "vigente", "", "Zona")
    assert columns.ignored == ["Celular", "Cliente", "Nombre", "id", "vigente", "Zona"]
    fila = columns.read(2, ["1", "2", "999888777", "Ana", "5", "6", "7", "8", "9"])
    assert fila
    assert fila.datos == {"telefono": "999888777", "nombre": "Ana"}


def test_a_kind_that_contradicts_its_column_is_bad() -> None:
    fila = columns_of("Tipo documento", "RUC").read(2, ["DNI", "20100070970"])
    assert fila
    assert [campo for campo, _ in fila.errores] == ["numeroDocumento"]


# --- Cells


def document(tipo: str, cell: Any) -> tuple[str | None, list[str], list[str]]:
    """The number as it is read, with the codes of its warnings and the messages of its errors."""
    fila = columns_of("tipoDocumento", "numeroDocumento").read(2, [tipo, cell])
    assert fila
    return (
        fila.datos.get("numero_documento"),
        [codigo for _, codigo, _ in fila.advertencias],
        [message for _, message in fila.errores],
    )


@pytest.mark.parametrize(
    ("tipo", "cell", "number", "warning"),
    [
        ("RUC", 20512333797.0, "20512333797", "NUMERO_CONVERTIDO"),
        ("RUC", 20512333797, "20512333797", "NUMERO_CONVERTIDO"),
        ("RUC", "20512333797.0", "20512333797", "NUMERO_CONVERTIDO"),
        ("RUC", "20512333797.00", "20512333797", "NUMERO_CONVERTIDO"),
        ("RUC", "2.0512333797E10", "20512333797", "NUMERO_CONVERTIDO"),
        ("RUC", "2,0512333797e+10", "20512333797", "NUMERO_CONVERTIDO"),
        ("RUC", "20512333797", "20512333797", None),
        ("DNI", "1234567", "01234567", "CEROS_REPUESTOS"),
        ("DNI", 1234567.0, "01234567", "CEROS_REPUESTOS"),
        ("DNI", "1234567.0", "01234567", "CEROS_REPUESTOS"),
        ("DNI", "1.234567E6", "01234567", "CEROS_REPUESTOS"),
        ("DNI", "1 234 567", "01234567", "CEROS_REPUESTOS"),
        ("DNI", 12345678.0, "12345678", "NUMERO_CONVERTIDO"),
        ("CE", 123456789.0, "123456789", "NUMERO_CONVERTIDO"),
        ("CE", "1E5", "1E5", None),
        ("OTRO", "1.0", "1.0", None),
        ("OTRO", 7.0, "7", "NUMERO_CONVERTIDO"),
    ],
)
def test_what_a_spreadsheet_did_to_a_number_is_undone_and_told(
    tipo: str, cell: Any, number: str, warning: str | None
) -> None:
    assert document(tipo, cell) == (number, [warning] if warning else [], [])


@pytest.mark.parametrize(
    ("tipo", "cell"),
    [
        ("RUC", "2.05E+10"), ("RUC", "2.05123E+10"), ("RUC", 1e22), ("RUC", "2051233379"), ("DNI", "1234"),
        ("DNI", "x"),
        ("DNI", {"date": "2020-01-02"}), ("RUC", 20512333797.5), ("DNI", "9" * 1001), ("RUC", True),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_bad(tipo: str, cell: Any) -> None:
    _, _, messages = document(tipo, cell)
    assert len(messages) == 1
    assert messages[0].endswith(".")


@pytest.mark.parametrize("blank", ["-", "--", "\u2013", "\u2014", " - ", " ", "\u00a0", None])
def test_a_dash_alone_is_a_blank(blank: str | None) -> None:
    cell = "" if blank is None else blank
    assert columns_of("nombre", "telefono").read(2, [cell, cell]) is None
    fila = columns_of("nombre", "telefono").read(2, ["Ana - María", cell])
    assert fila
    assert fila.datos == {"nombre": "Ana - María"}


def test_numbers_dates_and_formulas_of_a_workbook_are_read_as_values(imported: Imported) -> None:
    table = [
        [*NAMES, "telefono", "Desde"],
        ["Ana", "PERSONA", "DNI", 1234567, 15, 952000111, datetime.date(2020, 1, 2)],
        ["=1+1", "PERSONA", "DNI", "01234568", "A2", None, None],
    ]
    report = imported(as_xlsx(table), "parcial=true")
    client = Cliente.get()
    assert (client.numero_documento, client.codigo_cliente, client.telefono) == ("01234567", "15", "952000111")
    told = {(each["fila"], each["campo"], each["codigo"]) for each in report["advertencias"]}
    assert told == {(2, "codigoCliente", "NUMERO_CONVERTIDO"), (2, "numeroDocumento", "CEROS_REPUESTOS")}
    # openpyxl stores no value with a formula, so that it is blank
    assert [(error["fila"], error["campo"]) for error in report["errores"]] == [(3, "nombre")]


def test_rows_of_a_workbook_that_begins_further_down_keep_their_numbers(imported: Imported) -> None:
    blank: list[Any] = [None] * 7
    table = [blank, [None, None, "Nuestros clientes"], blank, [None, None, *NAMES], blank]
    table.append([None, None, *row(1, email="").values()][:7])
    table.append([None, None, *row(2, numeroDocumento="x").values()])
    report = imported(as_xlsx(table), "parcial=true")
    assert report["creados"] == 1
    assert [error["fila"] for error in report["errores"]] == [7]


# --- Files


def test_a_file_is_read_by_what_it_is_and_not_by_its_name(tmp_path: Path) -> None:
    for name, content in (("a.xlsx", as_csv([row(1)])), ("b.csv", as_xlsx([NAMES, list(row(1).values())]))):
        path = tmp_path / name
        path.write_bytes(content)
        sheet = Sheet(path, NO_LIMITS, lambda cell: cell in NAMES)
        assert [cells[:5] for _, cells in sheet.rows()] == [NAMES, list(row(1).values())]
        assert sheet.progress == 1.0
        assert len(list(sheet.rows())) == 2  # as often as one likes


def test_a_line_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    from clientes_service.errors import ImportacionRechazada

    path = tmp_path / "long.csv"
    path.write_text("nombre\n" + "x" * 5_000_000)
    with pytest.raises(ImportacionRechazada):
        list(Sheet(path, NO_LIMITS, lambda cell: cell in NAMES).rows())


# --- What was found by trying


def test_an_apostrophe_of_the_text_s_own_stays(imported: Imported, oficina: Caller) -> None:
    imported(as_csv([row(1, nombre="'Ntra Señora", tipoDocumento="OTRO", numeroDocumento="'123")]))
    client = Cliente.get()
    assert (client.nombre, client.numero_documento) == ("'Ntra Señora", "'123")
    assert "'Ntra Señora" in oficina.get("/api/clientes/exportar").text
    assert "''Ntra" not in oficina.get("/api/clientes/exportar").text


def test_headings_may_be_dates_numbers_or_damaged(imported: Imported) -> None:
    headings = [*NAMES, datetime.datetime(2024, 1, 1), 2024, True, None]
    report = imported(as_xlsx([headings, [*row(1).values(), "x", "y", "z", None]]))
    assert report["columnasIgnoradas"] == ["2024-01-01", "2024", "True"]
    text = (",".join(NAMES) + ",Zo\x81na\n" + ",".join(row(2).values()) + ",Jos\xe9\n").encode("latin-1")
    assert imported(text)["columnasIgnoradas"] == ["Zo?na"]
    assert Cliente.select().count() == 2


def test_a_report_names_some_ignored_columns_and_not_all_of_them(imported: Imported) -> None:
    wide = ",".join([*NAMES, *[f"columna {number} {'x' * 200}" for number in range(100)]])
    assert max(map(len, imported(wide + "\n" + ",".join(row(1).values()))["columnasIgnoradas"])) == 100
    wide = ",".join([*NAMES, *[f"c{number}" for number in range(5000)]])
    assert len(imported(wide + "\n" + ",".join(row(2).values()))["columnasIgnoradas"]) == 1000


def test_a_document_of_a_column_that_says_no_kind_needs_one(imported: Imported) -> None:
    content = "nombre,tipoCliente,RUC,Documento,codigo\nAna,PERSONA,,01234567,A1\nSol,EMPRESA,20100070970,,A2\n"
    report = imported(content, "parcial=true")
    assert report["creados"] == 1
    assert [(error["fila"], error["campo"]) for error in report["errores"]] == [(2, "tipoDocumento")]


def test_what_is_no_number_is_bad() -> None:
    fila = columns_of("nombre", "telefono").read(2, ["Ana", float("nan")])
    assert fila
    assert [campo for campo, _ in fila.errores] == ["telefono"]


@pytest.mark.parametrize(
    ("stored", "cell", "number", "warning"),
    [
        (("DNI", "01111111"), "1111111", "01111111", "CEROS_REPUESTOS"),
        (("RUC", "20100070970"), "20512333797.0", "20512333797", "NUMERO_CONVERTIDO"),
        (("RUC", "20100070970"), "2.0512333797E10", "20512333797", "NUMERO_CONVERTIDO"),
    ],
)
def test_a_number_is_repaired_by_the_kind_that_is_stored(
    imported: Imported, make_cliente: Imported, stored: tuple[str, str], cell: str, number: str, warning: str
) -> None:
    make_cliente(tipoDocumento=stored[0], numeroDocumento=stored[1], codigoCliente="A")
    report = imported(f"codigo,numeroDocumento\nA,{cell}\n", "modo=actualizar")
    assert warning in [each["codigo"] for each in report["advertencias"]]
    assert Cliente.get().numero_documento == number


def test_headings_are_the_row_that_has_the_code(imported: Imported, make_cliente: Imported) -> None:
    make_cliente(codigoCliente="A")
    content = "codigo,telefono,Canal,Medio\nA,952000111,x,\nCódigo,Correo,WhatsApp,\n"
    report = imported(content, "modo=actualizar&parcial=true")
    assert (report["filas"], report["actualizados"], report["columnasIgnoradas"]) == (2, 1, ["Canal", "Medio"])


def test_a_cell_of_blanks_beyond_the_headings_is_none(imported: Imported) -> None:
    imported(",".join(NAMES) + "\n" + ",".join(row(1).values()) + ", ,-\n")


def test_a_line_too_long_is_told_as_such_and_a_vertical_tab_is_a_line_break(send: Import, imported: Imported) -> None:
    assert "caracteres" in send(",".join(NAMES) + "\n" + "x" * 100_001).json["detail"]
    imported(as_csv([row(1, nombre="Ana\vMaría")]))
    assert Cliente.get().nombre == "Ana María"


def test_the_row_of_an_anonymised_client_says_so(admin: Caller, send: Import, make_cliente: Imported) -> None:
    id = make_cliente(codigoCliente="A")["id"]
    admin.post(f"/api/clientes/{id}/anonimizar")
    [error] = send("codigo,telefono\nA,952000111\n", "modo=upsert").json["errores"]
    assert "se borraron" in error["mensaje"]


def test_titles_and_blank_rows_are_no_rows(send: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    from clientes_service.files import views
    from clientes_service.files.sheets import Limits

    monkeypatch.setattr(views, "LIMITS", Limits(rows=5, unpacked=10**8, memory=10**9))
    table: list[list[Any]] = [["Clientes"], [], NAMES, *[list(row(number).values()) for number in range(5)]]
    for content in (as_xlsx([*table, *[[] for _ in range(90)], [" "]]), "\n".join(",".join(cells) for cells in table)):
        assert send(content, "simular=true").status_code == 200


def test_two_files_in_one_form_are_422(oficina: Caller) -> None:
    content, kind = as_form(as_csv([row(1)]))
    twice = content.replace(b"--limite--", content[: content.rindex(b"--limite--")] + b"--limite--")
    answer = oficina.post("/api/clientes/importar", data=twice, content_type=kind)
    assert_problem(answer, 422, "VALIDACION", "archivo")


def test_both_processes_cut_a_cell_at_the_same_length() -> None:
    from clientes_service.files import columns, sheets, xlsx_process

    assert (xlsx_process.MAX_CELL, xlsx_process.MAX_TITLES) == (columns.MAX_CELL, sheets.HEADINGS_WITHIN)
