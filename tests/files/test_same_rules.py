"""A row is valid exactly when the same JSON would be, and becomes the same client."""

import re
from collections.abc import Callable
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clientes_service.clientes.schemas import ClienteCreate
from clientes_service.fields import clean_text
from clientes_service.files.columns import Columns, read_cell
from tests.conftest import EMPRESA, Caller
from tests.files.conftest import Import, as_csv

CREATE = ClienteCreate()
NAMES = [str(field.data_key) for field in CREATE.fields.values()]
TYPED = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\v\f\u2028\u2029"), max_size=40)
VALUES = {
    "nombre": TYPED | st.just("x" * 151),
    "tipoCliente": st.sampled_from(["EMPRESA", "PERSONA", "OTRO", "EMPRESAS", "x"]),
    "tipoDocumento": st.sampled_from(["RUC", "DNI", "CE", "OTRO", "LE"]),
    "numeroDocumento": st.from_regex(r"\A[0-9]{7,12}\Z") | st.from_regex(r"\A[A-Za-z0-9 .-]{1,14}\Z") | TYPED,
    "codigoCliente": st.from_regex(r"\A[A-Za-z0-9._/ -]{1,12}\Z") | TYPED,
    "direccion": TYPED,
    "telefono": st.from_regex(r"\A[0-9 +().#/-]{4,31}\Z") | TYPED,
    "email": st.emails() | TYPED,
    "contactoRepresentante": TYPED,
}


def as_typed(cells: dict[str, str]) -> dict[str, str]:
    """What the cells say as JSON: blank ones are not there."""
    return {name: cell for name, cell in cells.items() if read_cell(cell)}


def is_repaired(cells: dict[str, str]) -> bool:
    """Whether a spreadsheet's damage is undone here, which JSON does not know."""
    number = cells["numeroDocumento"].replace("-", "").replace(" ", "")
    return bool(
        re.fullmatch(r"[0-9]{5,7}", number) or re.fullmatch(r"[0-9.,]+[eE.,][+0-9]*", cells["numeroDocumento"])
    ) or any(cell.startswith("'") or cell in ("\u2013", "\u2014") for cell in cells.values())


def load(typed: dict[str, str]) -> tuple[dict[str, Any], set[str]]:
    """What the schema makes of the same JSON, or the fields that it refuses. A null is a blank cell."""
    try:
        loaded = CREATE.load(typed, partial=True)
    except ma.ValidationError as error:
        return {}, set(error.messages)
    return {name: value for name, value in loaded.items() if value is not None}, set()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries(VALUES))
def test_a_row_loads_as_the_schema_does(cells: dict[str, str]) -> None:
    if is_repaired(cells):
        return
    fila = Columns(NAMES).read(2, [cells[name] for name in NAMES])
    expected, problems = load(as_typed(cells))
    assert {campo for campo, _ in fila.errores} == problems if fila else not problems
    if not problems:
        read = dict(fila.datos) if fila else {}
        number = read.pop("numero_documento", None)
        assert read == {name: value for name, value in expected.items() if name != "numero_documento"}
        assert (number is None) == ("numero_documento" not in expected)


@settings(max_examples=3000, deadline=None)
@given(st.text(max_size=30))
def test_the_short_way_of_cleaning_a_text_gives_what_the_long_way_does(text: str) -> None:
    def outcome(typed: str) -> str | None:
        try:
            return clean_text(typed)
        except ma.ValidationError:
            return None

    # A text with an unseen character at its end takes the long way.
    assert outcome(text) == outcome(text + "\u200b")


SHEET = [
    {**EMPRESA, "codigoCliente": "A1", "nombre": "  Ñandú\u0301 "},
    {**EMPRESA, "codigoCliente": "A2", "numeroDocumento": "20-10007097-0", "telefono": "(052) 42\u201300\u20111122"},
    {**EMPRESA, "codigoCliente": "A3", "tipoDocumento": "CE", "numeroDocumento": "ab 12"},
    {**EMPRESA, "codigoCliente": "A4", "tipoDocumento": "OTRO", "numeroDocumento": "S/N"},
    {**EMPRESA, "codigoCliente": "A 5", "direccion": "", "contactoRepresentante": ""},
    {**EMPRESA, "codigoCliente": "A  6"},
    {**EMPRESA, "codigoCliente": "Ñ7"},
    {**EMPRESA, "codigoCliente": "A8", "tipoDocumento": "DNI", "numeroDocumento": "123456789"},
    {**EMPRESA, "codigoCliente": "A9", "email": "a@localhost"},
    {**EMPRESA, "codigoCliente": "B1", "telefono": "12345"},
    {**EMPRESA, "codigoCliente": "B2", "nombre": "x" * 151},
    {**EMPRESA, "codigoCliente": "B3", "nombre": "a\u202eb"},
    {**EMPRESA, "codigoCliente": "", "numeroDocumento": "x"},
]


@pytest.mark.parametrize("strict", ["false", "true"])
def test_a_file_makes_the_clients_that_single_calls_make(
    environ: dict[str, str], strict: str, request: pytest.FixtureRequest
) -> None:
    environ["CLIENTES_STRICT_DOCUMENTS"] = strict
    oficina: Caller = request.getfixturevalue("oficina")
    send: Import = request.getfixturevalue("send")
    stored: Callable[[], dict[str, list[tuple[Any, ...]]]] = request.getfixturevalue("stored")
    rows = [*SHEET, {**EMPRESA, "codigoCliente": "B4", "numeroDocumento": "20123456789"}]

    report = send(as_csv(rows), "parcial=true").json
    imported = oficina.get("/api/clientes?size=100").json["content"]
    refused = {error["fila"] - 2 for error in report["errores"]}
    for client in imported:
        oficina.delete(f"/api/clientes/{client['id']}")

    for place, row in enumerate(rows):
        body = {name: value for name, value in row.items() if value != ""}
        answer = oficina.post("/api/clientes", json={**body, "codigoCliente": f"N{body.get('codigoCliente', '')}"})
        if "codigoCliente" not in body:
            answer = oficina.post("/api/clientes", json=body)
        assert (answer.status_code == 422) == (place in refused), (place, answer.text, report)
        if answer.status_code == 422:
            fields = {error["campo"] for error in report["errores"] if error["fila"] == place + 2}
            assert {error["field"] for error in answer.json["errors"]} == fields
    singles = oficina.get("/api/clientes?size=100").json["content"]
    own = {"id", "version", "codigoCliente", "vigente", "fechaCreacion", "fechaModificacion"}
    assert [{k: v for k, v in one.items() if k not in own} for one in imported] == [
        {k: v for k, v in one.items() if k not in own} for one in singles
    ]
    keys = [row[:7] for row in stored()["cliente"]]
    assert len(keys) == 2 * len(imported)
