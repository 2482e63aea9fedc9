"""Phones that run the loop of examples/telefono.py, whose users do things at random; and what they were told.

What is recorded beside a phone, and is no part of it: what its user meant and saw, and each answer to a write.
"""

import contextlib
import json
import random
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from examples import telefono
from examples.telefono import Cliente, SinRed, Telefono

ACTS = 10
CODES = 30  # so few that phones often choose the same
TELEFONOS = ("952 111 111", "952 222 222")  # so few that two often want the same
PAUSE = 0.005  # seconds before the second try
BEHIND = 0.5  # of all acts are followed by an attempt to reach the service
OPEN = 0.3  # of all forms are open while one is made
REST = 0.02  # seconds at most between two acts
SETTLE_TRIES = 40
ACT = "CREATE TABLE IF NOT EXISTS act (mark TEXT PRIMARY KEY, op TEXT NOT NULL, nombre TEXT, seen TEXT NOT NULL)"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a phone was told about one write: `mark` is what it wrote, where nobody else writes the same."""

    op: str
    id: int | None
    base: str
    version: str | None
    status: int
    code: str | None
    mark: str | None


@dataclass(frozen=True, slots=True)
class Act:
    """What a user did, to whom, and the client that he saw."""

    mark: str
    op: str
    nombre: str | None
    seen: Cliente


class Phone(Telefono):
    """A phone whose answers are written down before it acts on them."""

    def __init__(self, folder: Path, number: int, url: str, account: dict[str, str], chance: random.Random) -> None:
        self.number, self.chance = number, chance
        self.answers_file = folder / f"answers-{number}"
        self.doing = Act("", "", None, {})
        super().__init__(
            str(folder / f"phone-{number}.db"),
            url,
            account["dni"],
            account["password"],
            keep_mine=self._decide,
            tell=lambda text: None,
            pause=PAUSE,
        )
        self.db.execute("PRAGMA busy_timeout = 10000")
        self.db.execute(ACT)
        telefono.PAGE = chance.choice((1, 2, 3, 7, 20))
        telefono.BATCH = chance.choice((1, 3, 100))

    # --- What is written down

    def _note(self, local: int, op: str, base: Cliente | None, datos: Cliente | None) -> None:
        act = self.doing
        self.db.execute("INSERT INTO act VALUES (?, ?, ?, ?)", (act.mark, act.op, act.nombre, json.dumps(act.seen)))
        super()._note(local, op, base, datos)

    def _settle(self, write: sqlite3.Row, status: int, body: Any, codes: dict[str, str]) -> None:
        told = body or {}
        now = told.get("actual", told)
        id = now.get("id", told.get("existenteId", write["id"]))
        self._record(write, id, now.get("version"), status, told.get("code"))
        super()._settle(write, status, body, codes)

    def _take_over(self, write: sqlite3.Row, cliente: Cliente) -> None:
        if write["op"] == "eliminar" and not cliente["vigente"]:  # whose answer tells no version
            self._record(write, cliente["id"], cliente["version"], 200, None)
        super()._take_over(write, cliente)

    def _record(self, write: sqlite3.Row, id: int | None, version: str | None, status: int, code: str | None) -> None:
        answer = Answer(write["op"], id, telefono._version(write), version, status, code, _mark(write))
        with self.answers_file.open("a") as file:
            file.write(json.dumps(asdict(answer)) + "\n")

    def _decide(self, write: sqlite3.Row, actual: Cliente) -> bool:
        """Let the user see what there is now, and decide."""
        with self.db:
            self.db.execute("UPDATE act SET seen = ? WHERE mark = ?", (json.dumps(actual), _mark(write)))
        return self.chance.random() < 0.5

    def answers(self) -> Iterator[Answer]:
        """What this phone was told, in order."""
        if self.answers_file.exists():
            for line in self.answers_file.read_text().splitlines():
                yield Answer(**json.loads(line))

    def acts(self) -> dict[str, Act]:
        """What the user of this phone did, by its mark."""
        found = self.db.execute("SELECT * FROM act")
        return {act["mark"]: Act(act["mark"], act["op"], act["nombre"], json.loads(act["seen"])) for act in found}

    # --- What happens

    def live(self) -> None:
        """Do what is left of ACTS, and try the network in between."""
        while (done := len(self.acts())) < ACTS:
            self._act(f"{self.number}.{done}.{self.chance.randrange(10**6)}")
            if self.chance.random() < BEHIND:
                self._try_to_sync()
            time.sleep(self.chance.uniform(0, REST))

    def _act(self, mark: str) -> None:
        """One thing that a user does."""
        if self._tidy_up():
            return
        clients = self.clients()
        active = [local for local, shown in clients.items() if shown["vigente"]]
        others = [local for local, shown in clients.items() if not shown["vigente"]]
        op = self.chance.choices(("crear", "actualizar", "eliminar", "restaurar"), (4, 8, 1, 1))[0]
        among = others if op == "restaurar" else active
        if op == "crear" or not among:
            datos = self._invented(mark)
            self.doing = Act(mark, "crear", mark, {})
            self.create(datos)
        else:
            self._change(mark, self._one_of(among), op)

    def _tidy_up(self) -> bool:
        """Deal with what was refused; tell whether anything was."""
        clients = self.clients()
        problems = [local for local, shown in clients.items() if "problema" in shown]
        names = [shown.get("nombre") for shown in clients.values()]
        for local in problems:
            is_new = self.db.execute("SELECT 1 FROM abierta WHERE local = ? AND op = 'crear'", (local,)).fetchone()
            # The user looks whether a doubtful creation is in the list beside itself.
            is_there = names.count(clients[local].get("nombre")) > 1 if is_new else self.chance.random() < 0.5
            (self.discard if is_there else self.correct)(local)
        return bool(problems)

    def _change(self, mark: str, local: int, op: str) -> None:
        """Open a client, perhaps for longer, and change it."""
        seen = self.clients()[local]
        if self.chance.random() < OPEN:
            self._try_to_sync()
        self.doing = Act(mark, op, seen.get("nombre"), seen)
        ours = {"direccion": mark} if self.chance.random() < 0.6 else {"telefono": self.chance.choice(TELEFONOS)}
        with contextlib.suppress(KeyError):  # a restore may have undone it meanwhile
            self.change(local, op, ours if op == "actualizar" else None, seen)

    def _one_of(self, locals: list[int]) -> int:
        """One of them, and most often among the first: over these all phones meet."""
        return locals[int(self.chance.random() ** 5 * len(locals))]

    def _invented(self, mark: str) -> Cliente:
        return {
            "nombre": mark, "tipoCliente": "OTRO", "tipoDocumento": "OTRO", "numeroDocumento": mark,
            "codigoCliente": f"CLI{self.chance.randrange(1, CODES):04d}",
        }  # fmt: skip

    def _try_to_sync(self) -> bool:
        try:
            self.sync()
        except SinRed:
            return False
        return True

    def settle(self) -> None:
        """Be in reach of the service until all is sent that can be."""
        for _ in range(SETTLE_TRIES):
            if self._try_to_sync() and not self._tidy_up():
                return
        raise AssertionError("the service is never reached")


def _mark(write: sqlite3.Row) -> str | None:
    datos = json.loads(write["datos"] or "{}")
    mark: str | None = datos.get("nombre") or datos.get("direccion")
    return mark
