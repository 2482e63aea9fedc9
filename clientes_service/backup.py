"""Makes checked copies of the database's file while others use it, and knows which files are such copies.

Under its final name a copy is whole, and on the disk. PostgreSQL is refused by `db.file_engine`: it has its own tools.
"""

import fcntl
import glob
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from peewee import PeeweeException

from clientes_service import db
from clientes_service.clock import utc_now
from clientes_service.db import Sqlite

OURS = {"schema_migration", "contador", "cliente"}  # tables that the service had from the beginning
# Of tables whose rows are never deleted.
COUNTS = {"cliente": "SELECT count(*) FROM cliente", "historial": "SELECT count(*) FROM historial",
          "contador": "SELECT valor FROM contador"}  # fmt: skip
STAMP = r"(\d{8}T\d{6}Z)(?:-(\d+))?"


class BackupError(Exception):
    """A copy cannot be made or put back; the message says why, and nothing was changed."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that was made and checked, how many clients it has, and the older ones that were removed for it."""

    file: Path
    clientes: int
    removed: list[Path]


def make_backup(source: Sqlite, folder: Path, keep: int | None = None) -> Backup:
    """Copy the database into a new file of the folder, check it, and leave `keep` copies there, all by default.

    Readers and writers go on meanwhile; another backup into the folder is waited for. Raises BackupError.
    """
    if not source.exists():
        raise BackupError(f"there is no database {source.file}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem = source.file.stem
    with _alone_in(folder):
        for left in folder.glob(f".{glob.escape(stem)}-*.db.draft*"):  # by a backup that was killed
            left.unlink()
        final = unused_name(folder, stem)
        draft = folder / f".{final.name}.draft"
        try:
            clientes = _copy(source, draft)
            flush(draft)
            draft.rename(final)
        finally:
            draft.unlink(missing_ok=True)
        flush(folder)
        return Backup(final, clientes, _remove_older(final, stem, keep) if keep else [])


def _copy(source: Sqlite, draft: Path) -> int:
    """Copy the database into a file that only its owner may read, check it, and return the number of clients in it."""
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    refuse_foreign(source, source.file)
    before = _growing(source)
    source.copy_into(draft)
    with closing(db.open_draft(draft)) as copy:
        refuse_damaged(copy, draft)
        found, after = _growing(copy), _growing(source)
        if copy.schema() != source.schema() or db.migrations(copy) != db.migrations(source):
            raise BackupError(f"the schema of {source.file} was changed meanwhile: make the backup again")
    if wrong := [name for name in found if not before[name] <= found[name] <= after[name]]:
        raise BackupError(f"the copy of {source.file} has not the rows that were there: {', '.join(wrong)}")
    return found["cliente"]


def _growing(engine: Sqlite) -> dict[str, int]:
    """Counts that never become less, so that a copy's lie between those before and after it was made."""
    counts = {table: count for table, count in COUNTS.items() if engine.table_exists(table)}
    return {table: int(engine.execute_sql(count).fetchone()[0]) for table, count in counts.items()}


def refuse_damaged(copy: Sqlite, name: Path) -> None:
    """Raise BackupError for a file that is no sound database."""
    try:
        damage = copy.damage()
    except PeeweeException as error:
        if db.is_unavailable(error, copy):
            raise
        damage = str(error)
    if damage:
        raise BackupError(f"{name} is damaged: {damage}")


def refuse_foreign(engine: Sqlite, name: Path) -> None:
    """Raise BackupError for a database that is not one of this service."""
    if not {*engine.get_tables()} >= OURS:
        raise BackupError(f"{name} is not a database of this service")


def copies(folder: Path, stem: str) -> list[Path]:
    """The copies of ours in a folder, by their names; the newest first."""
    ours = re.compile(rf"{re.escape(stem)}-{STAMP}\.db")
    found = [
        ((match[1], int(match[2] or 1)), path)
        for path in folder.iterdir()
        if (match := ours.fullmatch(path.name)) and path.is_file() and not path.is_symlink()
    ]
    return [path for _, path in sorted(found, reverse=True)]


def _remove_older(newest: Path, stem: str, keep: int) -> list[Path]:
    """Remove copies of ours until `keep` are left, the newest among them; other files are not ours to touch."""
    removed = [path for path in copies(newest.parent, stem) if path != newest][keep - 1 :]
    for path in removed:
        path.unlink()
    return removed


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one backup at a time work in a folder, so that whatever drafts are there were left by one that is dead."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def unused_name(folder: Path, stem: str) -> Path:
    """A name that tells the time and that no file has, such as `clientes-20261125T093000Z.db`."""
    stamp = re.sub(r"[-:]|\..*(?=Z)", "", utc_now())
    file, number = folder / f"{stem}-{stamp}.db", 1
    while file.exists():
        number += 1
        file = folder / f"{stem}-{stamp}-{number}.db"
    return file


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
