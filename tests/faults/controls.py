"""What the service would be without a promise: called in its processes before they start."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gunicorn.arbiter import Arbiter
from peewee import OperationalError
from playhouse.apsw_ext import APSWDatabase

from clientes_service.config import sqlite_file
from clientes_service.db import Sqlite

FORGOTTEN = 0.05  # of all writes


def start_without_the_log() -> None:
    """What is not in the database itself, but in its log, is dropped at each start."""
    file = sqlite_file(os.environ["DATABASE_URL"])
    for suffix in ("-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)


def forget_some_writes() -> None:
    """Some are answered as all others, and rolled back."""

    @contextmanager
    def writing(self: Sqlite) -> Iterator[None]:
        with self._alone_in_process(), self.transaction("IMMEDIATE") as transaction:
            yield
            if random.random() < FORGOTTEN:
                transaction.rollback()

    Sqlite.writing = writing  # type: ignore[method-assign]


def keep_no_workers() -> None:
    """Nobody comes in the place of a worker that died."""

    def spawn_workers(self: Arbiter) -> None:
        if not self.WORKERS and not self.worker_age:
            spawn(self)

    spawn = Arbiter.spawn_workers
    Arbiter.spawn_workers = spawn_workers


def sync_nothing() -> None:
    """The disk is never told to keep what was written."""
    Sqlite.pragmas = tuple((name, "off" if name == "synchronous" else value) for name, value in Sqlite.pragmas)


def swallow_failed_commits() -> None:
    """Who writes is told that it is done, whatever became of it."""

    def commit(self: Sqlite) -> bool:
        try:
            return bool(APSWDatabase.commit(self))
        except OperationalError:
            return False

    Sqlite.commit = commit
