"""Reads the first sheet of an XLSX in a process of its own; the service starts it as a program.

A workbook is read whole before its first row is known, and a hostile one asks for any amount of memory. Here that
costs this process its life, and the service nothing. It writes JSON lines: a header, then each filled row.
"""

import datetime
import json
import resource
import sys
import zipfile
from typing import Any

BLOCK = 1 << 20
CPU_SECONDS = 30
MAX_MEMBERS = 10_000
MAX_COLUMNS = 1_000
MAX_CELL = 1_000  # characters: what is longer is cut one behind, so that it is still seen to be too long
MAX_TITLES = 10  # filled rows that may stand above the headings, with these
# A workbook shrinks to a tenth; Apache POI refuses what shrinks to less than a hundredth, too.
MAX_RATIO, RATIO_MATTERS_FROM = 100, 10_000_000


def main(path: str, max_memory: int, max_unpacked: int, max_rows: int) -> None:
    """Write the header, `{"rows": n}` or `{"problem": …}`, and the filled rows as `[number, cells]`.

    Sizes are in bytes; a limit of 0 is none.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if max_memory:
        resource.setrlimit(resource.RLIMIT_AS, (max_memory, max_memory))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    if problem := inspect(path, max_unpacked):
        emit({"problem": problem})
        return
    from python_calamine import CalamineWorkbook  # after the limits and the inspection

    with open(path, "rb") as file:
        sheet = CalamineWorkbook.from_filelike(file).get_sheet_by_index(0)
    filled = sum(map(any, sheet.iter_rows())) if sheet.start else 0
    if sheet.total_width > MAX_COLUMNS or (max_rows and filled > max_rows + MAX_TITLES):
        emit({"problem": "huge"})
        return
    emit({"rows": sheet.total_height + 1})
    for number, row in enumerate(sheet.iter_rows() if filled else (), 1):
        if any(row):
            emit([number, [cell[: MAX_CELL + 1] if isinstance(cell, str) else cell for cell in row]])


def emit(line: Any) -> None:
    """Write a line of JSON."""
    sys.stdout.write(json.dumps(line, default=as_date) + "\n")


def inspect(path: str, max_unpacked: int) -> str | None:
    """What is wrong with the container: "huge", "unreadable" or nothing.

    Every member is unpacked to its end, since the size that it declares may be a lie.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if "xl/workbook.xml" not in archive.namelist() or len(members) > MAX_MEMBERS:
                return "unreadable"
            if max_unpacked and (
                sum(member.file_size for member in members) > max_unpacked or any(map(is_bomb, members))
            ):
                return "huge"
            for member in members:
                with archive.open(member) as content:
                    while content.read(BLOCK):
                        pass
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError):
        return "unreadable"
    return None


def is_bomb(member: zipfile.ZipInfo) -> bool:
    """Whether a member unpacks to far more than any sheet does."""
    return member.file_size > RATIO_MATTERS_FROM and member.file_size > MAX_RATIO * member.compress_size


def as_date(value: Any) -> dict[str, str]:
    """A cell that holds a moment or a duration, in a form that cannot be taken for a text."""
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return {"date": str(value)}
    raise TypeError(type(value))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
