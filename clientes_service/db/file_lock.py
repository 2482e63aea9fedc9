"""Who uses a SQLite file: whoever does shares a lock on a file beside it, which a restore needs alone.

SQLite's own locks cannot tell: they are held during a transaction, while a service that is idle is in use as well.
"""

import errno
import fcntl
import os
from pathlib import Path

from peewee import OperationalError

NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.EROFS)  # no folder, or one where no database can be replaced either


class DatabaseInUse(OperationalError):
    """Somebody else has the database in a way that keeps the caller out."""


def share(database: Path) -> int | None:
    """Lock the database together with all others who use it, and return the descriptor that holds the lock.

    It holds until the descriptor is closed, and those which forks inherited. None where there is no place for a lock:
    what is wrong there, SQLite says better. Raises DatabaseInUse.
    """
    try:
        descriptor = _open(database)
    except OSError as error:
        if error.errno in NOWHERE:
            return None
        raise DatabaseInUse(f"the lock of {database} cannot be opened: {error}") from error
    return _take(descriptor, fcntl.LOCK_SH, f"a restore is replacing {database}: start again when it has finished")


def take_alone(database: Path) -> int:
    """Lock the database against everybody, and return the descriptor that holds the lock. Raises DatabaseInUse."""
    busy = f"{database} is in use: stop the service and the other commands first"
    return _take(_open(database), fcntl.LOCK_EX, busy)


def is_in_use(database: Path) -> bool:
    """Whether somebody has the database open, without leaving a lock beside one that never had any."""
    if not _lock_of(database).exists():
        return False
    try:
        os.close(take_alone(database))
    except DatabaseInUse:
        return True
    return False


def _lock_of(database: Path) -> Path:
    return database.with_name(f"{database.name}.lock")


def _open(database: Path) -> int:
    descriptor = os.open(_lock_of(database), os.O_RDONLY | os.O_CREAT, 0o600)
    if os.geteuid() == 0:  # or a command that root ran once would keep the service out
        owner = (database if database.exists() else database.parent).stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def _take(descriptor: int, how: int, refusal: str) -> int:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DatabaseInUse(refusal) from None
    return descriptor
