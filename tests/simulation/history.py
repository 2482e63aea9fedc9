"""One random history of phones, network and service from beginning to end, and what was wrong with its outcome."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.server.conftest import unused_port
from tests.server.wire import connected, sign_in
from tests.simulation.checks import Erased, Truth
from tests.simulation.network import LATEST, RENDEZVOUS, Proxy
from tests.simulation.phones import Phone
from tests.simulation.processes import Server, adopt_orphans, fork, has_ended, kill

PHONES = 4
# One for each phone, whose ids follow from 1, and the office's.
ACCOUNTS = [{"dni": f"4000000{number}", "password": "quinua-tarwi-kiwicha"} for number in range(PHONES + 1)]
WEEK = 8 * 86_400  # seconds, after which no key is known
SECONDS = 0.9  # in which what happens to the service is spread
LONGEST = 60  # seconds
WRITE_SECONDS = 0.2  # that a kill waits for a write
COMMIT_SECONDS = 0.004


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
        self.erased: list[Erased] = []
        self.is_restored = False
        self.answers = 0

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
        return Outcome(self.seed, [*self._faults()], self.answers)

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
            elif happens == "anonymise":
                self._anonymise()
            elif happens == "a week passes":
                self._let_a_week_pass()
            else:
                self.is_restored = True
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

    def _anonymise(self) -> None:
        """Let the office erase one of the latest clients."""
        session = sign_in(self.server.url, *ACCOUNTS[-1].values())
        with connected(self.server.url, str(session["token"])) as wire:
            latest = wire.call("GET", "/api/clientes?vigente=todos&sort=id,desc&size=10").json["content"]
            client = self.random.choice(latest)
            erased = wire.call("POST", f"/api/clientes/{client['id']}/anonimizar")
        assert erased.status == 200, erased
        self.erased.append(Erased(client["id"], client["nombre"], not self.is_restored))

    def _let_a_week_pass(self) -> None:
        """Let all keys be forgotten, and the phones grow unsure of theirs: none is in the middle of a call."""
        ages = [(f"phone-{number}.db", "UPDATE salida SET enviada = enviada - ?") for number in range(PHONES)]
        with contextlib.ExitStack() as stack:
            for number in range(PHONES):
                turn = sqlite3.connect(self.folder / f"phone-{number}.db-turno", timeout=LONGEST)
                stack.enter_context(contextlib.closing(turn)).execute("BEGIN EXCLUSIVE")
            time.sleep(LATEST + RENDEZVOUS)  # for what the network still holds
            for name, age in [*ages, ("clientes.db", "UPDATE idempotencia SET creado = creado - ?")]:
                database = sqlite3.connect(self.folder / name, timeout=LONGEST)
                with stack.enter_context(contextlib.closing(database)):
                    database.execute(age, (WEEK,))

    def _events(self) -> list[tuple[float, str]]:
        chance = self.random
        events = [(chance.uniform(0, SECONDS), "kill a phone") for _ in range(2)]
        events += [(chance.uniform(0.05, SECONDS), "kill the service") for _ in range(chance.randint(1, 3))]
        for rare in ("anonymise", "a week passes"):
            events += [(chance.uniform(0.3, SECONDS), rare)] * chance.randint(0, 1)  # when all phones are there
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

    def _faults(self) -> Iterator[str]:
        phones = [
            Phone(self.folder, number, "http://nowhere", ACCOUNTS[number], self.random) for number in range(PHONES)
        ]
        truth = Truth(self.server.environ["DATABASE_URL"], self.backup_file, self.erased)
        self.answers = sum(1 for phone in phones for _ in phone.answers())
        yield from truth.faults(phones, self.server.log)
