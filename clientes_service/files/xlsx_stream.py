"""Writes an XLSX as a stream: the workbook is XlsxWriter's, the rows are added to its sheet on their way out.

XlsxWriter itself gives the first byte after the last row. Refuses formulas: every cell is a text.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

SHEET = "xl/worksheets/sheet1.xml"
END = b"</sheetData>"
WIDTH = 22  # characters of a column
LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")  # to readers, a character (ECMA-376, part 1, 22.9.2.19)
NO_XML = dict.fromkeys((0xFFFE, 0xFFFF), "\ufffd")  # no characters of any script, and not allowed in XML 1.0


class _Sink:
    """What a ZipFile writes to, and what was written since it was last asked."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def take(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken


def write_xlsx(headings: Sequence[str], pages: Iterable[list[list[str]]]) -> Iterator[bytes]:
    """Yield a workbook of one sheet: headings, and under them rows of as many texts, some at a time."""
    sink, number = _Sink(), 2
    letters = [xl_col_to_name(place) for place in range(len(headings))]
    with zipfile.ZipFile(_workbook(headings)) as template, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as out:  # type: ignore[call-overload]
        for name in template.namelist():
            if name != SHEET:
                out.writestr(name, template.read(name))
        yield sink.take()
        before, after = template.read(SHEET).split(END)
        with out.open(SHEET, "w") as sheet:
            sheet.write(before)
            for rows in pages:
                sheet.write("".join(_row(at, letters, cells) for at, cells in enumerate(rows, number)).encode())
                number += len(rows)
                yield sink.take()
            sheet.write(END + after)
    yield sink.take()


def _workbook(headings: Sequence[str]) -> io.BytesIO:
    """A workbook without rows, whose columns are texts: a document edited in it keeps its zeros."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as workbook:
        text = workbook.add_format({"num_format": "@"})
        bold = workbook.add_format({"bold": True})
        sheet = workbook.add_worksheet("clientes")
        sheet.set_column(0, len(headings) - 1, WIDTH, text)
        sheet.write_row(0, 0, headings, bold)
        sheet.freeze_panes(1, 0)
        sheet.ignore_errors({"number_stored_as_text": f"A1:{xl_col_to_name(len(headings) - 1)}1048576"})
    file.seek(0)
    return file


def _row(number: int, letters: Sequence[str], cells: Sequence[str]) -> str:
    written = (
        f'<c r="{letter}{number}" s="1" t="inlineStr"><is><t>{_text(text)}</t></is></c>'
        for letter, text in zip(letters, cells, strict=True)
        if text
    )
    return f'<row r="{number}">{"".join(written)}</row>'


def _text(text: str) -> str:
    return escape(LOOKS_ESCAPED.sub("_x005F_", text)).translate(NO_XML)
