"""POST /api/clientes/importar: what a file may do, and what is told about it."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from clientes_service.clientes.models import Cliente, Contador
from clientes_service.files import importer, plan
from clientes_service.historial.service import Linea
from tests.conftest import EMPRESA, Caller, assert_problem
from tests.files.conftest import HEADINGS, REPORT, Import, as_csv, as_xlsx, row

Imported = Callable[..., dict[str, Any]]
Make = Callable[..., dict[str, Any]]
Stored = Callable[[], dict[str, list[tuple[Any, ...]]]]


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    return tuple(report[name] for name in ("filas", "creados", "actualizados", "sinCambios", "erroresTotal"))


def test_every_row_becomes_a_client_with_its_line_of_history(imported: Imported, oficina: Caller) -> None:
    report = imported(as_csv([EMPRESA, {**EMPRESA, "codigoCliente": "CLI0002", "telefono": ""}]))
    assert counts(report) == (2, 2, 0, 0, 0)
    first, second = oficina.get("/api/clientes").json["content"]
    assert {name: first[name] for name in EMPRESA} == EMPRESA
    assert (second["codigoCliente"], second["telefono"], second["vigente"]) == ("CLI0002", None, True)
    assert first["version"] != second["version"]
    [line] = oficina.get(f"/api/clientes/{second['id']}/historial").json["content"]
    given = {name: value for name, value in EMPRESA.items() if name != "telefono"} | {"codigoCliente": "CLI0002"}
    assert line["cambios"] == {name: {"antes": None, "despues": value} for name, value in given.items()}
    assert (line["accion"], line["origen"], line["usuario"]["nombre"]) == ("CREADO", "importacion", "Usuario OFICINA")
    assert (line["version"], line["fecha"]) == (second["version"], second["fechaCreacion"])
    assert second["fechaCreacion"] == second["fechaModificacion"]
    assert Linea.select().count() == Contador.get().valor == 2


def test_what_was_imported_is_sorted_and_found_as_what_was_created(
    imported: Imported, oficina: Caller, make_cliente: Make
) -> None:
    made = make_cliente(nombre="Ñandú S.A.C.")
    imported(as_csv([{**EMPRESA, "nombre": "Ñandú S.A.C.", "codigoCliente": "Import-1"}]))
    rows = list(Cliente.select().order_by(Cliente.id))
    keys = [(row.nombre_orden, row.documento_clave, row.persona_clave, row.anonimizado) for row in rows]
    assert keys[0] == keys[1]
    assert oficina.get("/api/clientes?codigoCliente=IMPORT-1").json["totalElements"] == 1
    assert oficina.get(f"/api/clientes?numeroDocumento={made['numeroDocumento']}").json["totalElements"] == 2


def test_creating_refuses_a_code_that_is_taken(send: Import, make_cliente: Make, stored: Stored) -> None:
    make_cliente(codigoCliente="Uno")
    before = stored()
    answer = send(as_csv([row(1), row(2, codigoCliente="UNO")]))
    problem = assert_problem(answer, 422, "IMPORTACION_RECHAZADA")
    assert problem.keys() >= REPORT
    [error] = problem["errores"]
    assert (error["fila"], error["campo"]) == (3, "codigoCliente")
    assert stored() == before


def test_updating_changes_the_given_fields_alone(imported: Imported, make_cliente: Make, oficina: Caller) -> None:
    made = make_cliente(codigoCliente="Uno")
    report = imported("codigoCliente,telefono,direccion\nuno,999 888 777,\n", "modo=actualizar")
    assert counts(report) == (1, 0, 1, 0, 0)
    after = oficina.get(f"/api/clientes/{made['id']}").json
    changed = {name for name in after if after[name] != made[name]}
    assert changed == {"telefono", "version", "fechaModificacion"}
    [line, _] = oficina.get(f"/api/clientes/{made['id']}/historial").json["content"]
    assert line["cambios"] == {"telefono": {"antes": made["telefono"], "despues": "999 888 777"}}
    assert (line["accion"], line["version"]) == ("ACTUALIZADO", after["version"])


def test_updating_makes_no_client(send: Import, make_cliente: Make, stored: Stored) -> None:
    make_cliente(codigoCliente="Uno")
    before = stored()
    problem = assert_problem(send(as_csv([row(1)]), "modo=actualizar"), 422, "IMPORTACION_RECHAZADA")
    assert problem["errores"][0]["campo"] == "codigoCliente"
    assert stored() == before


def test_upsert_does_both_and_leaves_alone_what_holds(imported: Imported, make_cliente: Make, stored: Stored) -> None:
    made = [make_cliente(codigoCliente=code) for code in ("Uno", "Dos")]
    same = {name: made[0][name] for name in EMPRESA} | {"numeroDocumento": "20-100070970", "codigoCliente": "UNO"}
    changed = {**same, "codigoCliente": "dos", "nombre": "Otro nombre"}
    before = stored()["cliente"][0]
    report = imported(as_csv([same, changed, {**same, "codigoCliente": "Tres"}]), "modo=upsert")
    assert counts(report) == (3, 1, 1, 1, 0)
    after = stored()["cliente"]
    assert after[0] == before
    codes = [row.codigo_cliente for row in Cliente.select().order_by(Cliente.id)]
    assert codes == ["Uno", "Dos", "Tres"]  # the key of a row is no change of the code


def test_a_new_kind_is_checked_against_the_stored_number(send: Import, make_cliente: Make, stored: Stored) -> None:
    make_cliente(codigoCliente="Uno")
    before = stored()
    problem = assert_problem(
        send("codigoCliente,tipoDocumento\nUno,DNI\n", "modo=actualizar"), 422, "IMPORTACION_RECHAZADA"
    )
    assert [error["campo"] for error in problem["errores"]] == ["numeroDocumento"]
    assert stored() == before


def test_a_row_of_an_inactive_client_is_bad(send: Import, make_cliente: Make, oficina: Caller) -> None:
    made = make_cliente(codigoCliente="Uno")
    oficina.delete(f"/api/clientes/{made['id']}")
    for modo in plan.Modo:
        problem = assert_problem(
            send(as_csv([row(1, codigoCliente="uno")]), f"modo={modo}"), 422, "IMPORTACION_RECHAZADA"
        )
        assert problem["errores"][0]["campo"] == "codigoCliente"


@pytest.mark.parametrize("chunk", [1, 1000])
def test_a_code_twice_in_the_file_is_bad_the_second_time(
    send: Import, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(importer, "CHUNK", chunk)
    rows = [row(1, codigoCliente="Doble"), row(2), row(3, codigoCliente="DOBLE"), row(4, codigoCliente="doble")]
    answer = send(as_csv(rows), "parcial=true")
    assert counts(answer.json) == (4, 2, 0, 0, 2)
    assert [(error["fila"], error["campo"]) for error in answer.json["errores"]] == [
        (4, "codigoCliente"),
        (5, "codigoCliente"),
    ]
    assert "fila 2" in answer.json["errores"][0]["mensaje"]


def test_one_bad_row_of_ten_thousand_keeps_all_out_and_with_parcial_itself(
    send: Import, imported: Imported, stored: Stored
) -> None:
    rows = [row(number, email="") for number in range(10_000)]
    rows[6_789]["email"] = "no es un correo"
    content, before = as_csv(rows), stored()
    problem = assert_problem(send(content), 422, "IMPORTACION_RECHAZADA")
    assert problem["errores"] == [{"fila": 6_791, "campo": "email", "mensaje": problem["errores"][0]["mensaje"]}]
    assert stored() == before
    report = imported(content, "parcial=true")
    assert counts(report) == (10_000, 9_999, 0, 0, 1)
    assert {name: problem[name] for name in REPORT} == report
    assert Cliente.select().count() == Linea.select().count() == Contador.get().valor == 9_999


@pytest.mark.parametrize("bad", [{}, {"email": "x"}], ids=["good", "bad"])
def test_a_simulation_writes_nothing_and_reports_what_the_real_run_does(
    send: Import, make_cliente: Make, stored: Stored, bad: dict[str, str]
) -> None:
    make_cliente(codigoCliente="F00001")
    rows = [row(1), row(2, tipoCliente="EMPRESA"), {**row(3), **bad}, row(4, numeroDocumento="1234567")]
    content = as_csv([{"Zona": "Sur", "email": "", **each} for each in rows])
    before = stored()
    simulated = send(content, "modo=upsert&simular=true")
    assert simulated.status_code == 200
    assert stored() == before
    real = send(content, "modo=upsert")
    assert real.status_code == (422 if bad else 200)
    assert {name: real.json[name] for name in REPORT} == simulated.json
    assert (stored() == before) == bool(bad)


def test_rows_are_numbered_as_a_spreadsheet_does(imported: Imported) -> None:
    content = (
        "Lista de clientes,,,,\n\n"
        + ",".join(HEADINGS)
        + '\n,,,,\n"Ana\nMaría",PERSONA,DNI,1,A1\n\nB,PERSONA,DNI,x,B1\n'
    )
    report = imported(content, "parcial=true")
    assert [error["fila"] for error in report["errores"]] == [5, 7]
    assert report["filas"] == 2


def test_a_line_break_in_a_cell_becomes_a_space(imported: Imported) -> None:
    imported(as_csv([row(1, nombre="Ana\r\n María\nQuispe")]))
    assert Cliente.get().nombre == "Ana María Quispe"


def test_the_first_thousand_of_each_list_are_named(imported: Imported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "LISTED", 3)
    rows = [row(number, email="x") for number in range(10)] + [row(90 + n, tipoCliente="EMPRESA") for n in range(10)]
    report = imported(as_csv([{"email": "", **each} for each in rows]), "parcial=true")
    assert counts(report) == (20, 10, 0, 0, 10)
    assert [error["fila"] for error in report["errores"]] == [2, 3, 4]
    assert [each["fila"] for each in report["advertencias"]] == [12, 13, 14]


def test_warnings_are_those_of_the_api(imported: Imported, make_cliente: Make) -> None:
    make_cliente(tipoDocumento="RUC", numeroDocumento="10401234567")
    rows = [
        row(1, numeroDocumento="40123456"),  # inside a RUC that is stored
        row(2, numeroDocumento="40123457"),
        row(3, tipoDocumento="RUC", numeroDocumento="10401234575"),  # around a DNI that stands above
        row(4, tipoDocumento="RUC", numeroDocumento="20123456789", tipoCliente="EMPRESA"),
    ]
    found = [(each["fila"], each["codigo"]) for each in imported(as_csv(rows))["advertencias"]]
    assert found == [
        (2, "DOCUMENTO_REPETIDO"),
        (4, "RUC_DIGITO_INVALIDO"),
        (4, "DOCUMENTO_REPETIDO"),
        (5, "RUC_DIGITO_INVALIDO"),
        (5, "REPRESENTANTE_RECOMENDADO"),
    ]


class TestStrictDocuments:
    """CLIENTES_STRICT_DOCUMENTS=true."""

    @pytest.fixture(autouse=True)
    def _setting(self, environ: dict[str, str]) -> None:
        environ["CLIENTES_STRICT_DOCUMENTS"] = "true"

    def test_a_wrong_check_digit_makes_a_row_bad(self, imported: Imported) -> None:
        rows = [row(1), row(2, tipoDocumento="RUC", numeroDocumento="20123456789")]
        report = imported(as_csv(rows), "parcial=true")
        assert [(error["fila"], error["campo"]) for error in report["errores"]] == [(3, "numeroDocumento")]
        assert report["creados"] == 1


class TestUniqueDocument:
    """CLIENTES_UNIQUE_DOCUMENT=true."""

    @pytest.fixture(autouse=True)
    def _setting(self, environ: dict[str, str]) -> None:
        environ["CLIENTES_UNIQUE_DOCUMENT"] = "true"

    @pytest.mark.parametrize("chunk", [1, 1000])
    def test_a_document_that_is_held_makes_a_row_bad(
        self, imported: Imported, make_cliente: Make, monkeypatch: pytest.MonkeyPatch, chunk: int
    ) -> None:
        monkeypatch.setattr(importer, "CHUNK", chunk)
        make_cliente()
        held = EMPRESA["numeroDocumento"]
        rows = [row(1), row(2, tipoDocumento="RUC", numeroDocumento=held), row(3, numeroDocumento="00000001")]
        report = imported(as_csv(rows), "parcial=true")
        assert [(error["fila"], error["campo"]) for error in report["errores"]] == [
            (3, "numeroDocumento"),
            (4, "numeroDocumento"),
        ]

    def test_a_client_may_keep_its_own(self, imported: Imported, make_cliente: Make) -> None:
        made = make_cliente()
        same = {name: made[name] for name in EMPRESA} | {"nombre": "Otro nombre"}
        assert counts(imported(as_csv([same]), "modo=upsert")) == (1, 0, 1, 0, 0)


# --- Files that are no sheet of clients


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "vacía"),
        (b"\n\n , \n", "vacía"),
        (",".join(HEADINGS).encode(), "filas"),
        (b"nombre,tipoCliente,tipoDocumento,numeroDocumento\nAna,PERSONA,DNI,01234567\n", "Falta la columna «Código»"),
        (
            b"nombre,RUC\nAna,20100070970\n",
            "Faltan las columnas «Tipo de cliente» (tipoCliente: PERSONA, EMPRESA u OTRO) y",
        ),
        (b"a,b,c\n1,2,3\n", "No se encontraron los encabezados"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "CSV"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "CSV"),
        (b"\xef\xbb\xbf \r\n<!DOCTYPE html><table><tr><td>nombre</td></tr></table>", "CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ".xls"),
        (b"PK\x03\x04" + b"\x00" * 600, "XLSX"),
        (",".join(HEADINGS).encode() + b'\nAna,"PERSONA,DNI,1,A\n', "comillas"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(
    send: Import, stored: Stored, content: bytes, word: str
) -> None:
    before = stored()
    problem = assert_problem(send(content), 422, "IMPORTACION_RECHAZADA")
    assert word in problem["detail"]
    assert problem["detail"].count("\n") == 0
    assert problem.keys() >= REPORT
    assert stored() == before


def test_a_file_for_updates_needs_the_code_alone(send: Import) -> None:
    problem = assert_problem(send(b"telefono\n999888777\n", "modo=upsert"), 422, "IMPORTACION_RECHAZADA")
    assert "codigoCliente" in problem["detail"]
    assert "tipoCliente" not in problem["detail"]


def test_a_row_with_more_cells_than_headings_is_bad(imported: Imported) -> None:
    lines = [
        ",".join(HEADINGS),
        "Ana,PERSONA,DNI,01234567,A1",
        "Sol, S.A.,EMPRESA,RUC,20100070970,A2",
        "B,OTRO,OTRO,x,A3,,",
    ]
    report = imported("\n".join(lines), "parcial=true")
    assert counts(report) == (3, 2, 0, 0, 1)
    assert (report["errores"][0]["fila"], report["errores"][0]["campo"]) == (3, "")


# --- The form


def test_a_body_that_is_no_form_is_415(oficina: Caller, stored: Stored) -> None:
    before = stored()
    for body in ({"json": {}}, {"data": as_csv([row(1)]), "content_type": "text/csv"}, {}):
        assert_problem(oficina.post("/api/clientes/importar", **body), 415, "TIPO_NO_SOPORTADO")
    assert stored() == before


@pytest.mark.parametrize(
    "form",
    [{"x": "1"}, {"archivo": "nombre\nAna"}, {"otro": (io.BytesIO(b"x"), "x.csv")}],
    ids=["field", "text", "other"],
)
def test_a_form_without_the_file_is_422(oficina: Caller, form: dict[str, Any]) -> None:
    answer = oficina.post("/api/clientes/importar", data=form, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert answer.json["code"] == "VALIDACION"


@pytest.mark.parametrize("query", ["modo=borrar", "simular=si", "parcial=1", "simular=", "page=1", "parcial=TRUE"])
def test_a_wrong_query_is_422(send: Import, stored: Stored, query: str) -> None:
    before = stored()
    assert_problem(send(as_csv([row(1)]), query), 422, "VALIDACION", query.partition("=")[0])
    assert stored() == before


class TestLimits:
    """CLIENTES_IMPORT_MAX_MB, and the rows of one file."""

    @pytest.fixture(autouse=True)
    def _setting(self, environ: dict[str, str]) -> None:
        environ["CLIENTES_IMPORT_MAX_MB"] = "1"

    def test_a_file_over_the_limit_is_413(self, send: Import, stored: Stored) -> None:
        before = stored()
        problem = assert_problem(send(b"x" * 1_200_000), 413, "CUERPO_DEMASIADO_GRANDE")
        assert "1 MB" in problem["detail"]
        assert stored() == before

    def test_a_file_of_that_size_is_read(self, send: Import) -> None:
        rows = as_csv([row(1), row(2)])
        assert send(rows + b"\n" * (2**20 - len(rows))).status_code == 200

    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_more_rows_than_the_limit_are_413(
        self, send: Import, stored: Stored, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        from clientes_service.files import views
        from clientes_service.files.sheets import Limits

        monkeypatch.setattr(views, "LIMITS", Limits(rows=50, unpacked=10**8, memory=10**9))
        rows = [row(number) for number in range(51)]
        before = stored()

        def content(rows: list[dict[str, str]]) -> bytes:
            return as_csv(rows) if kind == "csv" else as_xlsx([HEADINGS, *[list(each.values()) for each in rows]])

        assert_problem(send(content(rows)), 413, "CUERPO_DEMASIADO_GRANDE")
        assert stored() == before
        assert send(content(rows[:50])).status_code == 200
