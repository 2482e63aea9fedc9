"""Opens a spreadsheet and gives its rows, whatever it is inside: CSV in three encodings and delimiters, or XLSX.

Rows stream: no file is held in memory here. What cannot be read is refused with one sentence.
"""

import codecs
import csv
import io
import json
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

from clientes_service import errors
from clientes_service.files import xlsx_process

BLOCK = 1 << 20
MAX_LINE = 100_000  # characters of a line of CSV, and so the most that is held of a file without line breaks
MAX_LINES = 2**20  # as many as a spreadsheet has rows; where rows are limited at all
HEADINGS_WITHIN = 10  # rows: a title may stand above the headings
DELIMITERS = ",;\t"
XLSX, XLS, UTF16 = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
FOREIGN = (b"%pdf", b"<!doctype", b"<html", b"<table", b"<?xml", b"{\\rtf")  # what is text, but no table
BINARY = bytes(set(range(32)) - set(b"\t\n\v\f\r"))

TOO_BIG = "La hoja es demasiado grande para importarla de una vez. Divídala en varios archivos."
QUOTES = "Revise las comillas: cada una que abre debe cerrar."
TOO_LONG = f"Tiene más de {MAX_LINE} caracteres. Acórtela, o revise si le falta una comilla."
DAMAGED = "El archivo está dañado: guárdelo otra vez, como CSV en UTF-8."
NOT_XLSX = "El libro está dañado o no es XLSX. Ábralo en su hoja de cálculo y guárdelo otra vez como .xlsx."

# A row as the file has it, by its number in a spreadsheet. XLSX gives numbers, booleans and {"date": …}, too.
Cells = list[Any]
Rows = Generator[tuple[int, Cells]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may ask for; 0 is no limit. `unpacked` and `memory` are in bytes and about XLSX."""

    rows: int = 0
    unpacked: int = 0
    memory: int = 0


NO_LIMITS = Limits()


class Sheet:
    """A spreadsheet whose rows can be read any number of times; `progress` says how far they are, from 0 to 1."""

    def __init__(self, path: Path, limits: Limits, is_heading: Callable[[str], bool]) -> None:
        """Look at what the file is. `is_heading` tells a heading, by which the delimiter is found.

        Raises ImportacionRechazada and CuerpoDemasiadoGrande, as `rows` does.
        """
        self.path, self.limits, self.progress = path, limits, 0.0
        with path.open("rb") as file:
            head = file.read(4096)
        if head.startswith(XLS):
            raise errors.ImportacionRechazada(
                "El libro es de Excel 97-2003 (.xls) o tiene contraseña. Guárdelo como .xlsx sin contraseña."
            )
        self._is_xlsx = head.startswith(XLSX)
        if self._is_xlsx:
            return
        is_binary = not head.startswith(UTF16) and head.translate(None, BINARY) != head
        if is_binary or head.lstrip(codecs.BOM_UTF8 + b" \t\r\n").lower().startswith(FOREIGN):
            raise errors.ImportacionRechazada(
                "El archivo no es CSV ni XLSX, aunque se llame así. Ábralo en su hoja de cálculo y guárdelo como .xlsx."
            )
        self._encoding, lines = _inspect_text(path, head)
        if limits.rows and lines > MAX_LINES:
            raise errors.CuerpoDemasiadoGrande(TOO_BIG)
        self._delimiter = max(DELIMITERS, key=lambda delimiter: self._count_headings(delimiter, is_heading))
        if limits.rows:
            with closing(self._csv_rows(self._delimiter)) as rows:
                filled = (cells for _, cells in rows if any(cells))
                if next(islice(filled, limits.rows + HEADINGS_WITHIN, None), None):
                    raise errors.CuerpoDemasiadoGrande(TOO_BIG)

    def rows(self) -> Rows:
        """The rows from the first; wholly blank ones may be left out."""
        return self._xlsx_rows() if self._is_xlsx else self._csv_rows(self._delimiter)

    def _count_headings(self, delimiter: str, is_heading: Callable[[str], bool]) -> int:
        """How many headings the best of the first rows has with this delimiter."""
        best = -1
        with closing(self._csv_rows(delimiter)) as rows, suppress(errors.ImportacionRechazada):
            for _, cells in islice(rows, HEADINGS_WITHIN):
                best = max(best, sum(map(is_heading, cells)))
        return best

    def _csv_rows(self, delimiter: str) -> Rows:
        size = self.path.stat().st_size or 1
        number = 0
        with self.path.open("rb") as raw:
            text = io.TextIOWrapper(raw, self._encoding, errors="surrogateescape", newline="")
            try:
                for number, cells in enumerate(csv.reader(_lines(text), delimiter=delimiter, strict=True), 1):
                    if number % 1000 == 0:
                        self.progress = raw.tell() / size
                    if cells:
                        yield number, cells
            except (csv.Error, UnicodeError) as error:
                what = DAMAGED if isinstance(error, UnicodeError) else TOO_LONG if "large" in str(error) else QUOTES
                raise errors.ImportacionRechazada(f"La fila {number + 1} no se puede leer. {what}") from error
        self.progress = 1.0

    def _xlsx_rows(self) -> Rows:
        limits = (self.limits.memory, self.limits.unpacked, self.limits.rows)
        command = [sys.executable, "-I", xlsx_process.__file__, str(self.path.absolute()), *map(str, limits)]
        with Popen(command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL) as process:  # noqa: S603 - our own
            try:
                assert process.stdout
                header = json.loads(process.stdout.readline() or "{}")
                for line in process.stdout:
                    if not line.endswith(b"\n"):  # it died while it wrote
                        break
                    number, cells = json.loads(line)
                    self.progress = number / header["rows"]
                    yield number, cells
                ended = process.wait()
            finally:
                process.kill()
        if header.get("problem") == "huge" or ended < 0:  # killed by a limit
            raise errors.CuerpoDemasiadoGrande(TOO_BIG)
        if "rows" not in header or ended > 0:
            raise errors.ImportacionRechazada(NOT_XLSX)
        self.progress = 1.0


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    for line in iter(partial(text.readline, MAX_LINE), ""):
        if len(line) == MAX_LINE:
            raise csv.Error("line too large")
        yield line


def _inspect_text(path: Path, head: bytes) -> tuple[str, int]:
    """The encoding, and how many lines there are.

    UTF-16 by its mark, UTF-8 if all of it is, else the Latin-1 that Windows writes (cp1252).
    """
    encoding, lines = "utf-16" if head.startswith(UTF16) else "utf-8-sig", 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        for block in iter(partial(file.read, BLOCK), b""):
            lines += max(block.count(b"\n"), block.count(b"\r"))
            if encoding == "utf-8-sig":
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    encoding = "cp1252"
    if encoding == "utf-8-sig" and decoder.getstate()[0]:  # cut within a character
        encoding = "cp1252"
    return encoding, lines
