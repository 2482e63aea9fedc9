"""Spreadsheets for the tests: made in memory, sent as a form."""

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any

import openpyxl
import pytest
from werkzeug.test import TestResponse

from tests.conftest import Caller

HEADINGS = ["nombre", "tipoCliente", "tipoDocumento", "numeroDocumento", "codigoCliente"]
REPORT = {
    "filas", "creados", "actualizados", "sinCambios", "errores", "erroresTotal", "advertencias", "columnasIgnoradas",
}  # fmt: skip

Import = Callable[..., TestResponse]


def row(number: int, **overrides: str) -> dict[str, str]:
    """A valid row with a code and a DNI of its own."""
    return {
        "nombre": f"Cliente {number}",
        "tipoCliente": "PERSONA",
        "tipoDocumento": "DNI",
        "numeroDocumento": f"{number:08d}",
        "codigoCliente": f"F{number:05d}",
        **overrides,
    }


def as_csv(rows: Iterable[dict[str, Any]], delimiter: str = ",") -> bytes:
    """Rows as CSV, with the headings of the first."""
    rows = list(rows)
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def as_xlsx(table: list[list[Any]]) -> bytes:
    """Cells as openpyxl writes them, which is another program than the one that reads them."""
    book = openpyxl.Workbook()
    for cells in table:
        book.active.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def as_form(content: bytes) -> tuple[bytes, str]:
    """The body of a form with this file, and its content type."""
    head = b'--limite\r\nContent-Disposition: form-data; name="archivo"; filename="clientes"\r\n\r\n'
    return head + content + b"\r\n--limite--\r\n", "multipart/form-data; boundary=limite"


@pytest.fixture
def send(oficina: Caller) -> Import:
    """Send a file to be imported."""

    def post(content: bytes | str, query: str = "", caller: Caller | None = None) -> TestResponse:
        body, kind = as_form(content.encode() if isinstance(content, str) else content)
        return (caller or oficina).post(f"/api/clientes/importar?{query}", data=body, content_type=kind)

    return post


@pytest.fixture
def imported(send: Import) -> Callable[..., dict[str, Any]]:
    """Send a file, which is accepted, and return the report."""

    def post(content: bytes | str, query: str = "") -> dict[str, Any]:
        answer = send(content, query)
        assert answer.status_code == 200, answer.text
        assert answer.json.keys() == REPORT
        report: dict[str, Any] = answer.json
        return report

    return post
