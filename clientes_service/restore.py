"""Puts a copy of the database in the place of the current one, which is kept: one or the other is there at any moment.

The copy is made ready beside the database, then takes its name in one step. Nobody else may use it meanwhile.
"""

import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from peewee import DatabaseError, PeeweeException

from clientes_service import db
from clientes_service.auth.models import Sesion, Usuario
from clientes_service.backup import BackupError, flush, refuse_damaged, refuse_foreign, unused_name
from clientes_service.clientes.models import Cliente, Contador, current_epoch
from clientes_service.clientes.service import anonymize_cliente
from clientes_service.db import Draft, Sqlite
from clientes_service.historial.service import Autor, Origen

LOGS = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a file
UNKNOWN_IDS = 1_000_000  # more than a database that cannot be read may have given since
CONTENT = ("-wal", "-journal")  # of these, what holds a part of the data


@dataclass(frozen=True, slots=True)
class Memory:
    """What the replaced database knows and a copy from before may not."""

    damage: str | None = None
    epoch: str | None = None
    last_id: int | None = None  # of a client
    anonymised: tuple[tuple[int, str, str], ...] = ()
    inactive_users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done.

    `migrations` were applied to the copy, `reactivated` are the DNIs of users that were inactive in the replaced
    database, `damage` is why that one could not be read, and `kept` is where it is now.
    """

    clientes: int
    migrations: list[str]
    anonymised: int
    reactivated: list[str]
    damage: str | None
    kept: Path | None


def restore(current: Sqlite, file: Path) -> Restored:
    """Replace the database by a copy of the given file, of this version or an older one.

    Its changes belong to a new epoch, nobody is signed in, and who was anonymised in the replaced database is so again.
    Raises BackupError and DatabaseInUse, and has changed nothing then.
    """
    with current.alone(), _draft_beside(current.file) as draft:
        _copy_file(file, current.file, draft)
        with closing(db.open_draft(draft)) as copy:
            applied = _migrate(copy, file)
            memory = _recall(current)
            db.use(copy)
            _begin_anew(memory)
            anonymised = _anonymise_again(memory)
            clientes, reactivated = Cliente.select().count(), _reactivated(memory)
        db.use(current)
        kept = _swap(current, draft, memory)
    return Restored(clientes, applied, anonymised, reactivated, memory.damage, kept)


@contextmanager
def _draft_beside(file: Path) -> Iterator[Path]:
    """The place for the copy; whatever is there, or was left there by a restore that was killed, goes."""
    draft = Path(f"{file}.restoring")

    def clear() -> None:
        for left in file.parent.glob(f"{glob.escape(draft.name)}*"):
            left.unlink()

    aside = _aside(file)
    if aside.exists() and file.exists() and aside.samefile(file):  # it was killed before the swap
        aside.unlink()
    _name_kept(file)
    clear()
    try:
        yield draft
    finally:
        clear()


def _copy_file(file: Path, current: Path, draft: Path) -> None:
    """Copy the file, and what of its data lies in a log beside it. Raises BackupError where it is in use."""
    source = Path(os.path.realpath(file))
    if current.exists() and source.samefile(current):
        raise BackupError(f"{file} is the current database itself")
    if db.is_in_use(source):
        raise BackupError(f"{file} is a database in use: make a backup of it, and restore that")
    for suffix in ("", *CONTENT):
        part = Path(f"{source}{suffix}")
        if not suffix or part.exists():
            target = os.open(f"{draft}{suffix}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with part.open("rb") as read, open(target, "wb") as write:
                shutil.copyfileobj(read, write)


def _recall(current: Sqlite) -> Memory:
    """Read from the current database what must not be forgotten. Raises BackupError for another program's."""
    if not current.exists():
        return Memory()
    if not current.file.stat().st_size:  # SQLite would drop a log beside it
        return Memory(damage="the file is empty")
    try:
        if not (tables := current.get_tables()):
            return Memory()
        refuse_foreign(current, current.file)
        [epoch] = current.execute_sql("SELECT epoca FROM contador").fetchone()
        users = current.execute_sql("SELECT dni FROM usuario WHERE NOT vigente") if "usuario" in tables else ()
        return Memory(
            None, epoch, current.last_number("cliente"), tuple(_anonymised(current)), tuple(dni for (dni,) in users)
        )
    except PeeweeException as error:
        if db.is_unavailable(error, current):
            raise
        return Memory(damage=str(error))


def _anonymised(engine: Sqlite) -> Iterator[tuple[int, str, str]]:
    if "anonimizado" in {column.name for column in engine.get_columns("cliente")}:
        yield from engine.execute_sql("SELECT id, codigo_clave, fecha_creacion FROM cliente WHERE anonimizado")


def _migrate(copy: Draft, name: Path) -> list[str]:
    """Bring the copy to this version, and return the migrations that it took. Raises BackupError if it is not fit."""
    refuse_damaged(copy, name)
    refuse_foreign(copy, name)
    if newer := db.unknown_migrations(copy):
        raise BackupError(f"{name} is of a newer version ({', '.join(newer)}): install that one, or a later one")
    try:
        applied = db.upgrade(copy)
    except DatabaseError as error:
        if db.is_unavailable(error, copy):
            raise
        raise BackupError(f"{name} is not a database of this service: {error}") from error
    with closing(db.open_draft(Path(f"{copy.file}.reference"))) as reference:
        db.upgrade(reference)
        wanted, found = reference.schema(), copy.schema()
    if other := sorted(item for item in wanted.keys() | found.keys() if wanted.get(item) != found.get(item)):
        raise BackupError(f"{name} is not a database of this service: {', '.join(other)} should be otherwise")
    return applied


def _begin_anew(memory: Memory) -> None:
    """Draw a new epoch, which sets apart what was counted before and will be counted again; and end all sessions.

    A session that somebody ended since the copy was made must not live again. Ids are not given a second time: work
    orders, and phones that were away, may know clients that the copy does not.
    """
    epoch = secrets.token_hex(4)
    while epoch in (memory.epoch, current_epoch()):
        epoch = secrets.token_hex(4)
    with db.transaction():
        Contador.update(epoca=epoch, escrituras=Contador.escrituras + 1).execute()
        Sesion.delete().execute()
        last_id = db.engine().last_number("cliente")
        lost = last_id + UNKNOWN_IDS if memory.last_id is None else memory.last_id
        db.engine().continue_numbering("cliente", max(last_id, lost))


def _anonymise_again(memory: Memory) -> int:
    """Anonymise whom the replaced database knows as anonymous; return how many were not so in the copy.

    A client is the same by its id, and by its code or, since a code can be changed, by the moment it was made.
    """
    done = 0
    for id, codigo, created in memory.anonymised:
        same = (Cliente.codigo_clave == codigo) | (Cliente.fecha_creacion == created)
        if Cliente.select().where(Cliente.id == id, same, ~Cliente.anonimizado).exists():
            anonymize_cliente(id, None, Autor(Origen.CLI))
            done += 1
    if done:
        db.engine().erase_traces()
    return done


def _reactivated(memory: Memory) -> list[str]:
    active = Usuario.select().where(Usuario.dni.in_(memory.inactive_users), Usuario.vigente)
    return [usuario.dni for usuario in active.order_by(Usuario.dni)]


def _swap(current: Sqlite, draft: Path, memory: Memory) -> Path | None:
    """Let the copy, complete and on the disk, take the name of the current file; return where that one is now."""
    file = current.file
    _give_to_owner(draft, file)
    flush(draft)
    if file.exists() and not memory.damage:
        current.leave_log()
    current.close()
    _set_aside(file)
    flush(file.parent)
    for suffix in LOGS:  # which must not meet the new file
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    draft.replace(file)
    flush(file.parent)
    return _name_kept(file)


def _give_to_owner(draft: Path, file: Path) -> None:
    """Let those read and write the new file who could the old one; root may be at work here."""
    owner = (file if file.exists() else file.parent).stat()
    if os.geteuid() == 0:
        os.chown(draft, owner.st_uid, owner.st_gid)
    if file.exists():
        draft.chmod(owner.st_mode & 0o777)


def _aside(file: Path) -> Path:
    return Path(f"{file}.replaced")


def _set_aside(file: Path) -> None:
    """Give the file, and what lies beside one that is damaged, a second name.

    Not yet the one for good: until the swap it is the database in use, which nobody should open by another name.
    """
    for suffix in ("", *LOGS):
        part, second = Path(f"{file}{suffix}"), Path(f"{_aside(file)}{suffix}")
        if part.exists():
            try:
                os.link(part, second)
            except OSError:  # not on every file system
                shutil.copy2(part, second)
                flush(second)


def _name_kept(file: Path) -> Path | None:
    """Give what was set aside its name for good, and return that of the database, if there was one."""
    kept = unused_name(file.parent, f"{file.stem}-replaced")
    for suffix in ("", *LOGS):
        part = Path(f"{_aside(file)}{suffix}")
        if part.exists():
            part.replace(f"{kept}{suffix}")
    flush(file.parent)
    return kept if kept.exists() else None
