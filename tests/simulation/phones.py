"""Phones that run the loop of examples/telefono.py, whose users do things at random; and what they were told.

What is recorded beside a phone, and is no part of it: what its user meant to create, and each answer to a write.
"""

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from examples import telefono
from examples.telefono import SinRed, Telefono

ACTS = 10
CODES = 30  # so few that phones often choose the same
PAUSE = 0.005  # seconds before the second try
BEHIND = 0.5  # of all acts are followed by an attempt to reach the service
REST = 0.02  # seconds at most between two acts
SETTLE_TRIES = 40


@dataclass(frozen=True, slots=True)
class Answer:
    """What a phone was told about one write."""

    op: str
    id: int | None
    base: str | None
    version: str | None
    status: int
    mark: str | None


class Phone(Telefono):
    """A phone whose answers are written down before it acts on them."""

    def __init__(self, folder: Path, number: int, url: str, account: dict[str, str], chance: random.Random) -> None:
        self.number, self.chance = number, chance
        self.answers_file = folder / f"answers-{number}"
        super().__init__(
            str(folder / f"phone-{number}.db"),
            url,
            account["dni"],
            account["password"],
            keep_mine=lambda write, actual: chance.random() < 0.5,
            pause=PAUSE,
        )
        self.db.execute("PRAGMA busy_timeout = 10000")
        self.db.execute("CREATE TABLE IF NOT EXISTS act (mark TEXT PRIMARY KEY, creates INTEGER NOT NULL)")
        telefono.PAGE = chance.choice((1, 2, 3, 7, 20))
        telefono.BATCH = chance.choice((1, 3, 100))

    def _settle(self, write: sqlite3.Row, status: int, body: Any) -> None:
        datos = json.loads(write["datos"] or "{}")
        body = body or {}
        answer = Answer(
            write["op"], body.get("id", write["id"]), write["version"], body.get("version"), status,
            datos.get("nombre") or datos.get("direccion"),
        )  # fmt: skip
        with self.answers_file.open("a") as file:
            file.write(json.dumps(asdict(answer)) + "\n")
        super()._settle(write, status, body)

    def answers(self) -> Iterator[Answer]:
        """What this phone was told, in order."""
        if self.answers_file.exists():
            for line in self.answers_file.read_text().splitlines():
                yield Answer(**json.loads(line))

    def meant(self) -> set[str]:
        """The names of the clients that the user of this phone created."""
        return {mark for (mark,) in self.db.execute("SELECT mark FROM act WHERE creates")}

    def live(self) -> None:
        """Do what is left of ACTS, and try the network in between."""
        while (done := self.db.execute("SELECT count(*) FROM act").fetchone()[0]) < ACTS:
            self._act(f"{self.number}.{done}.{self.chance.randrange(10**6)}")
            if self.chance.random() < BEHIND:
                self._try_to_sync()
            time.sleep(self.chance.uniform(0, REST))

    def _act(self, mark: str) -> None:
        """One thing that a user does, together with the note that it was done."""
        clients = self.clients()
        active = [local for local, seen in clients.items() if seen["vigente"]]
        others = [local for local, seen in clients.items() if not seen["vigente"]]
        op = self.chance.choices(("crear", "actualizar", "eliminar", "restaurar"), (4, 8, 1, 1))[0]
        if op == "restaurar" and others:
            self._noted(mark, self.chance.choice(others), op)
        elif op in ("crear", "restaurar") or not active:
            self._noted(mark, None, "crear", self._invented(mark))
        elif op == "actualizar":
            self._noted(mark, self._one_of(active), op, {"direccion": mark})
        else:
            self._noted(mark, self._one_of(active), op)

    def _one_of(self, locals: list[int]) -> int:
        """One of them, and most often among the first: over these all phones meet."""
        return locals[int(self.chance.random() ** 5 * len(locals))]

    def _noted(self, mark: str, local: int | None, op: str, datos: dict[str, Any] | None = None) -> None:
        self.db.execute("INSERT INTO act (mark, creates) VALUES (?, ?)", (mark, local is None))
        if local is None:  # both commit what was begun here
            self.create(datos or {})
        else:
            self.change(local, op, datos)

    def _invented(self, mark: str) -> dict[str, Any]:
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
            if self._try_to_sync():
                return
        raise AssertionError("the service is never reached")
