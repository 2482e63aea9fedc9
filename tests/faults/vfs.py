"""Ways to stand between SQLite and the file: what passes everything on to SQLite's own file system, and is its default.

A trial makes a subclass of each, which sees or spoils what it needs. The shared memory of a log goes past them.
"""

import os
from pathlib import Path
from typing import ClassVar

import apsw

from clientes_service.config import sqlite_file

BASE = "unix"
KEPT = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL
JOURNALS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


def database_file() -> Path:
    """The database of this process, as SQLite is told its name."""
    return Path(os.path.realpath(sqlite_file(os.environ["DATABASE_URL"])))


class File(apsw.VFSFile):
    """A file of SQLite: the database, its log, or a temporary one, which has no name."""

    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self.name = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        self.is_kept = bool(flags[0] & KEPT)
        self.is_new_journal = bool(flags[0] & JOURNALS and flags[0] & apsw.SQLITE_OPEN_CREATE)
        super().__init__(BASE, name, flags)  # type: ignore[arg-type]


class FileSystem(apsw.VFS):
    """A file system that opens such files."""

    file: ClassVar[type[File]] = File

    def __init__(self, name: str) -> None:
        super().__init__(name, BASE, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> File:  # noqa: N802
        return self.file(name, flags)
