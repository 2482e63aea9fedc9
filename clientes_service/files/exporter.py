"""Clients as CSV, XLSX or NDJSON: a stream of bytes that begins at once and holds no more than some rows in memory."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain
from typing import Any

from clientes_service.clientes.rows import MEMBERS, as_json, as_member
from clientes_service.clientes.search import Filters, iterate_rows
from clientes_service.files.columns import guard_cell


class Formato(StrEnum):
    """What a file of clients can be; the value is also its usual extension."""

    CSV = "csv"
    XLSX = "xlsx"
    NDJSON = "ndjson"


MEDIA_TYPES = {
    Formato.CSV: "text/csv; charset=utf-8",
    Formato.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Formato.NDJSON: "application/x-ndjson",
}


def export_clientes(filters: Filters, formato: Formato) -> Iterator[bytes]:
    """Yield a file of these clients, with the API's field names."""
    found = iterate_rows(filters)
    first = next(found, [])  # read before the stream begins, so that an error can still be answered as one
    pages = chain([first], found)
    if formato is Formato.NDJSON:
        return (b"".join(map(as_json, rows)) for rows in pages)
    is_csv = formato is Formato.CSV
    cells = ([[_cell(value, is_csv) for value in as_member(row).values()] for row in rows] for rows in pages)
    if is_csv:
        return _write_csv(cells)
    from clientes_service.files.xlsx_stream import write_xlsx  # 1.6 MB of a worker, which most never need

    return write_xlsx(MEMBERS, cells)


def _cell(value: Any, runs_formulas: bool) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            return guard_cell(value, runs_formulas)
    return str(value)


def _write_csv(pages: Iterable[list[list[str]]]) -> Iterator[bytes]:
    """CSV (RFC 4180) in UTF-8 with a byte order mark, by which Excel knows the encoding."""
    yield b"\xef\xbb\xbf" + _csv_lines([MEMBERS])
    for rows in pages:
        yield _csv_lines(rows)


def _csv_lines(rows: Iterable[Sequence[str]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()
