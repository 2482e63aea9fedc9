"""What a disk may hold after a loss of power: all that was synced, and of the rest anything, in any order.

The service writes to a real file; beside it grows a list of what it did, from which the images are made.
"""

import os
import random
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import apsw

from tests.faults.vfs import File, FileSystem, database_file

SECTOR = 512
LIST = "writes"  # the list's name, beside the database
DATABASE, LOG, JOURNAL = b"d", b"w", b"j"
SUFFIXES = {"": DATABASE, "-wal": LOG, "-journal": JOURNAL}
WRITE, TRUNCATE, SYNC, CREATE, DELETE, SYNC_NAMES = b"W", b"T", b"S", b"C", b"D", b"N"
HEAD = struct.Struct("<dccQI")  # monotonic time, what, which file, where, how many bytes follow
SHARES = (0.0, 0.5, 0.9, 1.0)  # of a file's writes since its last sync that are kept
TORN = 0.3  # of those
KEPT = 0.5  # of the sectors of those, and of changes of the folder since it was synced


class Record(NamedTuple):
    """Something done to a file. `where` is a write's offset, a new size, or how long the list was as a sync began."""

    number: int
    end: int  # how long the list is with it
    at: float
    what: bytes
    file: bytes
    where: int
    data: bytes


class Listed(File):
    """A file whose writes are listed when they are done, so that no sync is believed to cover more than it did."""

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        note(self, WRITE, offset, bytes(data))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        note(self, TRUNCATE, size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        began = os.fstat(_list).st_size
        super().xSync(flags)
        note(self, SYNC, began)
        if self.is_new_journal:  # SQLite syncs the folder once for each such file that it opened
            self.is_new_journal = False
            note(self, SYNC_NAMES, began)


class ListedFiles(FileSystem):
    """All that is done to the database, its log and its journal, in order."""

    file = Listed

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> File:  # noqa: N802
        is_there = os.path.exists(str(name))
        opened = super().xOpen(name, flags)
        if not is_there:
            note(opened, CREATE)
        return opened

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: N802
        began = os.fstat(_list).st_size
        super().xDelete(name, syncdir)
        _write(name, DELETE)
        if syncdir:
            _write(name, SYNC_NAMES, began)


def record() -> None:
    """List what this process, and those that it forks, do to the database."""
    global _list, _files
    _list = os.open(database_file().with_name(LIST), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    _files = ListedFiles("listed")


def note(file: File, what: bytes, where: int = 0, data: bytes = b"") -> None:
    """List what was done to a file that outlives the process."""
    if file.is_kept:
        _write(file.name, what, where, data)


def _write(name: str, what: bytes, where: int = 0, data: bytes = b"") -> None:
    which = SUFFIXES[name.removeprefix(str(database_file()))]
    with _one_at_a_time:
        os.write(_list, HEAD.pack(time.monotonic(), what, which, where, len(data)) + data)


_list: int
_files: ListedFiles
_one_at_a_time = threading.Lock()


def read_list(file: Path) -> list[Record]:
    """Return what was listed, in order."""
    content, end, records = file.read_bytes(), 0, []
    while end < len(content):
        at, what, which, where, length = HEAD.unpack_from(content, end)
        start = end + HEAD.size
        end = start + length
        records.append(Record(len(records), end, at, what, which, where, content[start:end]))
    return records


@dataclass
class Inode:
    """A file: what is surely on the disk, and what was done since, which may be."""

    synced: bytearray = field(default_factory=bytearray)
    since: list[Record] = field(default_factory=list)

    def sync(self, began: int) -> None:
        """Count on what was done before a sync began."""
        for record in self.since:
            if record.end <= began:
                _apply(self.synced, record, b"\0")
        self.since = [record for record in self.since if record.end > began]

    def image(self, chance: random.Random) -> bytearray:
        """Return what may be on the disk: sectors may be new or old, and hold anything where they never were before."""
        content, share = bytearray(self.synced), chance.choice(SHARES)
        kept = [record for record in self.since if chance.random() < share]
        chance.shuffle(kept)
        blank = chance.choice((b"\0", b"\xa5"))
        for record in kept:
            for part in _torn(record, chance) if record.data and chance.random() < TORN else (record,):
                _apply(content, part, blank)
        return content


def _apply(content: bytearray, record: Record, blank: bytes) -> None:
    content += blank * (record.where - len(content))
    if record.what == TRUNCATE:
        del content[record.where :]
    else:
        content[record.where : record.where + len(record.data)] = record.data


def _torn(record: Record, chance: random.Random) -> Iterator[Record]:
    """Yield some sectors of a write."""
    end = record.where + len(record.data)
    for sector in range(record.where // SECTOR * SECTOR, end, SECTOR):
        if chance.random() < KEPT:
            start, stop = max(sector, record.where), min(sector + SECTOR, end)
            yield record._replace(where=start, data=record.data[start - record.where : stop - record.where])


class Disk:
    """A folder with the database in it, as it is after the first records of a list."""

    def __init__(self, database: bytes) -> None:
        inode = Inode(bytearray(database))
        self.synced, self.names = {DATABASE: inode}, {DATABASE: inode}
        self.since: list[tuple[int, bytes, Inode | None]] = []  # names that came and went since the folder was synced

    def apply(self, record: Record) -> None:
        """Do what was done then."""
        inode = self.names.get(record.file) or Inode()
        if record.what in (WRITE, TRUNCATE):
            inode.since.append(record)
        elif record.what == SYNC:
            inode.sync(record.where)
        elif record.what == CREATE and record.file not in self.names:
            self.names[record.file] = inode
            self.since.append((record.end, record.file, inode))
        elif record.what == DELETE and self.names.pop(record.file, None):
            self.since.append((record.end, record.file, None))
        elif record.what == SYNC_NAMES:
            for change in self.since:
                if change[0] <= record.where:
                    _rename(self.synced, *change[1:])
            self.since = [change for change in self.since if change[0] > record.where]

    def is_exposed(self) -> bool:
        """Whether anything was written that may be lost."""
        return any(inode.since for inode in self.names.values())

    def write_image(self, file: Path, chance: random.Random) -> None:
        """Write what may be left now."""
        names = dict(self.synced)
        for _, name, inode in self.since:
            if chance.random() < KEPT:
                _rename(names, name, inode)
        file.with_name(f"{file.name}-shm").unlink(missing_ok=True)  # memory
        for suffix, name in SUFFIXES.items():
            part = file.with_name(file.name + suffix)
            if name in names:
                part.write_bytes(names[name].image(chance))
            else:
                part.unlink(missing_ok=True)


def _rename(names: dict[bytes, Inode], name: bytes, inode: Inode | None) -> None:
    if inode is None:
        names.pop(name, None)
    else:
        names[name] = inode
