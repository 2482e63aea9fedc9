"""One random history of phones, network and service from beginning to end, and what was wrong with its outcome."""

import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clientes_service import db
from clientes_service.clientes import rows
from tests.server.conftest import unused_port
from tests.simulation.network import Proxy
from tests.simulation.phones import Answer, Phone
from tests.simulation.processes import Server, adopt_orphans, fork, has_ended, kill

PHONES = 4
ACCOUNTS = [{"dni": f"4000000{number}", "password": "quinua-tarwi-kiwicha"} for number in range(PHONES)]
SECONDS = 0.9  # in which what happens to the service is spread
LONGEST = 60  # seconds
WRITE_SECONDS = 0.2  # that a kill waits for a write
COMMIT_SECONDS = 0.004
LINES = "SELECT cliente_id, epoca || '-' || version, accion, cambios FROM historial ORDER BY version"
# What is not sent, though it is nothing that its user must correct, nor behind such a thing.
WAITING = """
    SELECT * FROM salida WHERE hecha IS NULL
    AND (op = 'crear' OR local NOT IN (SELECT local FROM salida WHERE problema IS NOT NULL))
"""

Clients = dict[int, dict[str, Any]]
Line = tuple[str, str, str]  # version, what was done, and the fields that changed
Lines = dict[int, list[Line]]


@dataclass(frozen=True, slots=True)
class Saved:
    """The epoch of the backup, and the last change that is in it."""

    epoca: str
    valor: int

    def is_undone(self, version: str | None) -> bool:
        """Whether the restore undid the change that made this version."""
        epoca, _, number = (version or "").partition("-")
        return epoca == self.epoca and int(number) > self.valor


@dataclass
class Outcome:
    """What became of a history: its faults, and how much happened."""

    seed: int
    faults: list[str] = field(default_factory=list)
    answers: int = 0


class History:
    """One history. `sabotage` is done to the service before it starts."""

    def __init__(self, seed: int, folder: Path, template: Path, sabotage: Callable[[], object]) -> None:
        self.seed, self.folder, self.random = seed, folder, random.Random(seed)
        shutil.copytree(template, folder, dirs_exist_ok=True)
        self.server = Server(folder, unused_port(), sabotage)
        self.proxy_port = unused_port()
        self.lives = 0
        self.backup_file = ""

    def run(self) -> Outcome:
        adopt_orphans()
        proxy = fork(Proxy(self.proxy_port, self.server.port, self.seed).run, self.folder / "proxy.log")
        try:
            self.server.start()
            self._live()
            os.kill(proxy, signal.SIGUSR1)
            for _ in range(2):  # the second time each learns what the others sent the first time
                self._all(lambda phone: phone.settle())
        finally:
            kill(proxy)
            self.server.kill()
        return Outcome(self.seed, [*self._faults()], sum(1 for phone in self._phones() for _ in phone.answers()))

    # --- What happens

    def _live(self) -> None:
        """Let the phones live, and kill, restart and restore the service meanwhile."""
        began = time.monotonic()
        running = {number: self._spawn(number, lambda phone: phone.live()) for number in range(PHONES)}
        for at, happens in self._events():
            time.sleep(max(0.0, began + at - time.monotonic()))
            if happens == "kill a phone":
                number = self.random.randrange(PHONES)
                if number in running and not has_ended(running[number]):
                    kill(running[number])
                    running[number] = self._spawn(number, lambda phone: phone.live())
                else:
                    running.pop(number, None)
            elif happens == "kill the service":
                self._wait_for_a_write()
                self.server.kill()
                self.server.start()
            elif happens == "backup":
                self.backup_file = self.server.cli("backup").split()[-1]
            else:
                self.server.kill()
                self.server.cli("restore", self.backup_file)
                self.server.start()
        self._wait(running)

    def _wait_for_a_write(self) -> None:
        """Return while the service writes, if it does soon: that is when a kill can do most harm."""
        log, deadline = self.folder / "clientes.db-wal", time.monotonic() + WRITE_SECONDS
        before = log.stat() if log.exists() else None
        while log.exists() and log.stat() == before and time.monotonic() < deadline:
            time.sleep(0.0002)
        time.sleep(self.random.uniform(0, COMMIT_SECONDS))

    def _events(self) -> list[tuple[float, str]]:
        chance = self.random
        events = [(chance.uniform(0, SECONDS), "kill a phone") for _ in range(2)]
        events += [(chance.uniform(0.05, SECONDS), "kill the service") for _ in range(chance.randint(1, 3))]
        backup, restore = sorted(chance.uniform(0.05, SECONDS) for _ in range(2))
        return sorted([*events, (backup, "backup"), (restore, "restore")])

    def _spawn(self, number: int, work: Callable[[Phone], object]) -> int:
        self.lives += 1
        chance = random.Random(f"{self.seed}.{number}.{self.lives}")
        url = f"http://127.0.0.1:{self.proxy_port}"

        def run() -> None:
            work(Phone(self.folder, number, url, ACCOUNTS[number], chance))

        return fork(run, self.folder / f"phone-{number}.log")

    def _all(self, work: Callable[[Phone], object]) -> None:
        self._wait({number: self._spawn(number, work) for number in range(PHONES)})

    def _wait(self, running: dict[int, int]) -> None:
        deadline = time.monotonic() + LONGEST
        while running:
            for number, pid in [*running.items()]:
                if has_ended(pid):
                    del running[number]
            assert time.monotonic() < deadline, "the phones do not come to an end"
            time.sleep(0.002)

    # --- What must hold afterwards

    def _phones(self) -> list[Phone]:
        return [Phone(self.folder, number, "http://nowhere", ACCOUNTS[number], self.random) for number in range(PHONES)]

    def _faults(self) -> Iterator[str]:
        db.connect(self.server.environ["DATABASE_URL"])
        with closing(db.database):
            clients = {row[0]: rows.as_member(row) for row in db.execute(f"SELECT {rows.COLUMNS} FROM cliente")}
            lines: Lines = {}
            for id, version, accion, cambios in db.execute(LINES):
                lines.setdefault(id, []).append((version, accion, cambios))
        with closing(sqlite3.connect(self.backup_file)) as backup:
            saved = Saved(*backup.execute("SELECT epoca, valor FROM contador").fetchone())
        for phone in self._phones():
            yield from _unlike(phone, clients)
            yield from _not_once(phone, clients)
            for answer in phone.answers():
                yield from _broken_promise(answer, lines.get(answer.id or 0, []), saved)
        if "unexpected error" in (log := self.server.log.read_text()):
            yield f"the service failed: {log[-1000:]}"


def _unlike(phone: Phone, clients: Clients) -> Iterator[str]:
    """The copy is that of the service, and nothing waits that could be sent."""
    copy = {row["id"]: json.loads(row["datos"]) for row in phone.db.execute("SELECT id, datos FROM cliente")}
    for id in copy.keys() | clients.keys():
        if copy.get(id) != clients.get(id):
            yield f"phone {phone.number} has {copy.get(id)} for {clients.get(id)}"
    for write in phone.db.execute(WAITING):
        yield f"phone {phone.number} still wants {dict(write)}"


def _not_once(phone: Phone, clients: Clients) -> Iterator[str]:
    """Each client that the user meant to create exists exactly once."""
    for mark in phone.meant():
        found = [client["id"] for client in clients.values() if client["nombre"] == mark]
        if len(found) != 1:
            yield f"phone {phone.number} created {mark} once, and it exists as {found}"


def _broken_promise(answer: Answer, lines: list[Line], saved: Saved) -> Iterator[str]:
    """A change that was acknowledged is there, on top of the version it was made for, unless the restore undid it."""
    is_later = not (answer.base or "").startswith(saved.epoca)  # than the restore
    if answer.status == 204 and is_later and "ELIMINADO" not in [accion for _, accion, _ in lines]:
        yield f"lost: {answer}"
    if answer.status not in (200, 201) or saved.is_undone(answer.version):
        return
    if answer.version not in [version for version, _, _ in lines]:
        yield f"lost: {answer}"
    if answer.op == "actualizar":
        places = [place for place, (_, _, cambios) in enumerate(lines) if f'"despues":"{answer.mark}"' in cambios]
        if len(places) != 1 or places[0] == 0:
            yield f"not there once: {answer}"
        elif lines[places[0] - 1][0] != answer.base:
            yield f"overwrote what its user had not seen: {answer} in {lines}"
