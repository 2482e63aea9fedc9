"""What the database takes on the disk, what is left there, and the last backup: in a few system calls."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from clientes_service import backup
from clientes_service.config import Config, sqlite_file


@dataclass(frozen=True, slots=True)
class Copy:
    """A backup: when it was made, in Unix seconds, and its size in bytes."""

    made: float
    bytes: int


def database_file(config: Config) -> Path | None:
    """The database's file; None where the database is a server's."""
    return sqlite_file(config.database_url) if config.database_url.startswith("sqlite:") else None


def database_bytes(file: Path) -> int:
    """The size of a database with its log."""
    return sum(part.stat().st_size for part in (file, file.with_name(f"{file.name}-wal")) if part.exists())


def newest_backup(config: Config, file: Path) -> Copy | None:
    """The newest backup of a database, in the folder where backups go that name no other; None where there is none."""
    found = backup.copies(config.backups_path, file.stem)[:1] if config.backups_path.is_dir() else []
    return next((Copy(state.st_mtime, state.st_size) for state in (path.stat() for path in found)), None)


def free_bytes(config: Config) -> int:
    """Room where the database's file is, or else the service's own files."""
    file = database_file(config)
    return shutil.disk_usage(file.parent if file else config.instance_path).free
