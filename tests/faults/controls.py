"""What the service would be without a promise: called in its processes before they start."""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.http.message import Message
from marshmallow.fields import String
from peewee import OperationalError
from playhouse.apsw_ext import APSWDatabase

from clientes_service import backup, errors, restore
from clientes_service.auth import service as auth
from clientes_service.auth import throttle
from clientes_service.auth.models import Usuario
from clientes_service.config import sqlite_file
from clientes_service.db import Sqlite
from clientes_service.logs import GunicornLogger

FORGOTTEN = 0.05  # of all writes
BLOCK = 65_536  # of a copy on a slow disk


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


def copy_in_place() -> None:
    """Backups and restores copy the file as it is, block by block, to where it belongs."""

    def copy(source: Path, target: Path) -> None:
        with source.open("rb") as read, target.open("r+b" if target.exists() else "wb") as write:
            while block := read.read(BLOCK):
                write.write(block)
                write.flush()
                time.sleep(0.002)

    def make_backup(source: Sqlite, folder: Path, keep: int | None) -> backup.Backup:
        folder.mkdir(exist_ok=True)
        file = folder / f"clientes-{time.time_ns()}.db"
        copy(source.file, file)
        return backup.Backup(file, 0, [])

    def restore_in_place(current: Sqlite, file: Path) -> restore.Restored:
        copy(file, current.file)
        return restore.Restored(0, [], 0, [], None, None)

    backup.make_backup = make_backup
    restore.restore = restore_in_place


def remember_users() -> None:
    """Each worker takes a user for what he was up to a second ago."""

    def identify(claims: auth.TokenClaims) -> auth.Activo:
        since, usuario = known.get(claims, (0.0, None))
        if usuario is None or time.monotonic() > since + 1:
            usuario = correct(claims)
            known[claims] = time.monotonic(), usuario
        return usuario

    known: dict[auth.TokenClaims, tuple[float, auth.Activo]] = {}
    correct, auth.identify = auth.identify, identify


def believe_anybody() -> None:
    """Callers say where they come from."""
    os.environ["CLIENTES_TRUSTED_PROXIES"] = "1"


def count_failures_afterwards() -> None:
    """A guess counts when its password was found to be wrong, and not while it is looked at."""

    def begin_attempt(dni: str, address: str | None) -> list[int]:
        throttle.take_back(begin(dni, address))
        now.guess = dni, address
        return []

    def verify_password(stored: str | None, password: str) -> bool:
        is_right = verify(stored, password)
        if not is_right:
            with suppress(errors.DemasiadosIntentos):
                begin(*now.guess)
        return is_right

    now = threading.local()
    begin, throttle.begin_attempt = throttle.begin_attempt, begin_attempt
    verify, auth.verify_password = auth.verify_password, verify_password


def hash_for_the_known_alone() -> None:
    """Where there is nobody, no password is looked at."""
    verify = auth.verify_password
    auth.verify_password = lambda stored, password: bool(stored) and verify(stored, password)


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


def work_as_usual() -> None:
    """gunicorn's own threaded worker, whose threads wait for callers."""
    os.environ["GUNICORN_CMD_ARGS"] = "--worker-class gthread"


def log_queries() -> None:
    """The access log says what was asked for, as many do."""

    def access(self: GunicornLogger, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        log(self, resp, req, {**environ, "PATH_INFO": environ.get("RAW_URI", "")}, request_time)

    log = GunicornLogger.access
    GunicornLogger.access = access  # type: ignore[method-assign]


def keep_everything() -> None:
    """Each request leaves something in memory, and an open file."""

    def access(self: GunicornLogger, *args: Any) -> None:
        kept.append((bytearray(b"x" * 200_000), open(os.devnull)))  # noqa: SIM115
        log(self, *args)

    kept: list[object] = []
    log = GunicornLogger.access
    GunicornLogger.access = access  # type: ignore[method-assign]


def believe_the_length() -> None:
    """Content-Length counts beside Transfer-Encoding, as old parsers have it."""

    def set_body_reader(self: Message) -> None:
        if any(name == "CONTENT-LENGTH" for name, _ in self.headers):
            self.headers = [(name, value) for name, value in self.headers if name != "TRANSFER-ENCODING"]
        set_strictly(self)

    set_strictly = Message.set_body_reader
    Message.set_body_reader = set_body_reader


def believe_every_token() -> None:
    """What a token says is true as long as it lives, whatever became of its session."""

    def identify(claims: auth.TokenClaims) -> auth.Activo:
        usuario = Usuario.get_by_id(claims.usuario_id)
        return auth.Activo(usuario.id, usuario.dni, usuario.nombre, usuario.email, usuario.rol)

    auth.identify = identify


def take_anything_for_text() -> None:
    """A list or a number is taken where a text should be."""
    String._deserialize = lambda self, value, attr, data, **kwargs: value  # type: ignore[method-assign,assignment]
