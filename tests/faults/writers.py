"""Those who write all the while, remember what was acknowledged, and ask again where no answer came."""

import contextlib
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.conftest import EMPRESA
from tests.faults.lab import Outcome, Service
from tests.server.wire import Answer, Wire, connected

CHANGES = 2  # of a client, behind its creation
# Each change draws a number, writes a line of history, and is one transaction with its client and search text.
MIXED = """
    SELECT (SELECT valor FROM contador) - (SELECT count(*) FROM historial),
           (SELECT valor FROM contador) - (SELECT coalesce(max(version), 0) FROM cliente),
           (SELECT count(*) FROM cliente) - (SELECT count(*) FROM busqueda)
"""


@dataclass(frozen=True)
class Write:
    """A request that may be sent again: a creation under its key, a change of the version that it names."""

    method: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]


class Writer:
    """One of them. `known` is what was acknowledged last of each client, by its id."""

    def __init__(self, name: str) -> None:
        self.name, self.number = name, 0
        self.known: dict[int, dict[str, Any]] = {}
        self.last: dict[str, Any] | None = None
        self.open: Write | None = None  # nobody knows what became of it
        self.acknowledged = 0
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []

    def step(self, wire: Wire) -> Answer:
        """Send what is open, or else the next write. Raises OSError where no answer comes."""
        write = self.open = self.open or self._next()
        answer = wire.call(write.method, write.path, write.body, **write.headers)
        self.statuses[answer.status] += 1
        if answer.status < 500:
            self.open = None
            self._take(write, answer)
        return answer

    def _next(self) -> Write:
        self.number += 1
        if self.number % (CHANGES + 1) == 1 or self.last is None:
            self.last = None
            body = {**EMPRESA, "codigoCliente": f"{self.name}-{self.number}"}
            return Write("POST", "/api/clientes", body, {"Idempotency_Key": str(uuid.uuid4())})
        version = {"If_Match": f'"{self.last["version"]}"'}
        return Write("PUT", f"/api/clientes/{self.last['id']}", {"direccion": f"Jr. Puno {self.number}"}, version)

    def _take(self, write: Write, answer: Answer) -> None:
        cliente = answer.json
        if answer.status == 412:  # it was stored, but its answer was lost
            cliente = cliente["actual"]
        if answer.status not in (200, 201, 412) or not write.body.items() <= cliente.items():
            self.wrong.append(f"{write.method} {write.path}: {answer.status} {answer.body[:300]!r}")
            return
        self.known[cliente["id"]] = self.last = cliente
        self.acknowledged += 1


@contextmanager
def working(service: Service, writers: list[Writer]) -> Iterator[None]:
    """Let writers work, each on a connection of its own, until the block ends or the service does."""
    done, token = threading.Event(), service.token()

    def work(writer: Writer) -> None:
        with contextlib.suppress(OSError), connected(service.url, token) as wire:
            while not done.is_set():
                writer.step(wire)

    threads = [threading.Thread(target=work, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def settle(service: Service, writers: list[Writer]) -> None:
    """Ask again about what is open."""
    with connected(service.url, service.token()) as wire:
        for writer in writers:
            if writer.open:
                writer.step(wire)


def compare(service: Service, writers: list[Writer], outcome: Outcome) -> None:
    """Note what was acknowledged and is not there, what is there twice, and what is damaged. Nothing may be open."""
    found = dict(service.rows("SELECT id, direccion FROM cliente"))
    for writer in writers:
        outcome.wrong += writer.wrong
        writer.wrong = []
        for id, cliente in writer.known.items():
            outcome.check(found.get(id) == cliente["direccion"], f"{cliente['codigoCliente']}: {found.get(id)}")
    acknowledged = sum(writer.acknowledged for writer in writers)
    [(written,)] = service.rows("SELECT count(*) FROM historial")
    outcome.check(written == acknowledged, f"{acknowledged} writes were acknowledged, {written} made")
    outcome.check(len(found) == sum(len(writer.known) for writer in writers), f"{len(found)} clients")
    check_whole(service, outcome)


def check_whole(service: Service, outcome: Outcome) -> None:
    """Note what is damaged, or not of one moment."""
    mixed, damage = service.rows(MIXED), service.damage()
    outcome.check(mixed == [(0, 0, 0)], f"not of one moment: {mixed}")
    outcome.check(not damage, damage)
