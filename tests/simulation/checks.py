"""What must hold after a history; each fault begins with the word that CONTROLS name it by."""

import itertools
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clientes_service import db
from clientes_service.clientes import rows
from clientes_service.clientes.service import ANONIMO
from clientes_service.historial.service import Linea
from tests.simulation.phones import Act, Answer, Phone

SHOWN = ("nombre", "direccion", "telefono", "vigente")
# What a write may be refused for, that other phones and the restore bring about.
JUST = {
    "crear": {"CODIGO_DUPLICADO", "IDEMPOTENCIA_DISTINTA"},
    "actualizar": {"CLIENTE_ANONIMIZADO", "CLIENTE_NO_ENCONTRADO", "VERSION_OBSOLETA"},
    "eliminar": {"CLIENTE_NO_ENCONTRADO", "VERSION_OBSOLETA"},
    "restaurar": {"CLIENTE_ANONIMIZADO", "CLIENTE_NO_ENCONTRADO", "VERSION_OBSOLETA"},
}
# What is not sent, though it is nothing that its user must correct, nor behind such a thing.
WAITING = """
    SELECT * FROM abierta
    WHERE op = 'crear' OR local NOT IN (SELECT local FROM abierta WHERE problema IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Saved:
    """The epoch of the backup, the last change that is in it, and the names that are."""

    epoca: str
    valor: int
    nombres: set[str]

    @classmethod
    def read(cls, file: str) -> "Saved":
        with closing(sqlite3.connect(file)) as backup:
            nombres = {nombre for (nombre,) in backup.execute("SELECT nombre FROM cliente")}
            return cls(*backup.execute("SELECT epoca, valor FROM contador").fetchone(), nombres)

    def is_undone(self, version: str | None) -> bool:
        """Whether the restore undid the change that made this version."""
        epoca, _, number = (version or "").partition("-")
        return epoca == self.epoca and int(number) > self.valor


@dataclass(frozen=True, slots=True)
class Erased:
    """A client that the office anonymised."""

    id: int
    nombre: str
    before_restore: bool


@dataclass
class Past:
    """What the history of one client tells: its versions, what they showed, and whose they are."""

    versions: list[str] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    authors: list[int | None] = field(default_factory=list)
    is_erased: bool = False

    def add(self, line: Linea) -> None:
        new = {name: change["despues"] for name, change in line.diferencias.items()}
        if line.accion == "CREADO":
            new["vigente"] = True
        self.versions.append(line.version_publica)
        self.states.append((self.states[-1] if self.states else {}) | new)
        self.authors.append(line.usuario_id)
        self.is_erased |= line.accion == "ANONIMIZADO"

    def between(self, after: str, up_to: str | None) -> range:
        """The places of the changes behind one version, up to another one; none where one is not there."""
        if after in self.versions and up_to in self.versions:
            return range(self.versions.index(after) + 1, self.versions.index(up_to) + 1)
        return range(0)


class Truth:
    """What the service has in the end, and what is known of how it came to be."""

    def __init__(self, database_url: str, backup: str, erased: list[Erased]) -> None:
        self.saved, self.erased = Saved.read(backup), erased
        db.connect(database_url)
        with closing(db.database):
            self.clients = {row[0]: rows.as_member(row) for row in db.execute(f"SELECT {rows.COLUMNS} FROM cliente")}
            self.pasts: dict[int, Past] = {}
            for line in Linea.select().order_by(Linea.version):
                self.pasts.setdefault(line.cliente_id, Past()).add(line)

    def named(self, nombre: str) -> list[int]:
        return [client["id"] for client in self.clients.values() if client["nombre"] == nombre]

    def faults(self, phones: list[Phone], log: Path) -> Iterator[str]:
        """What is wrong."""
        let_go = {act.nombre for phone in phones for act in phone.acts().values() if act.op == "eliminar"}
        for phone in phones:
            yield from self._unlike(phone)
            yield from self._not_once(phone, let_go)
            acts = phone.acts()
            for answer in phone.answers():
                yield from self._unjust(answer, phone.number + 1)
                yield from self._broken(answer, acts.get(answer.mark or ""))
        yield from self._came_back()
        if "unexpected error" in (text := log.read_text()):
            yield f"failed: {text[-1000:]}"

    def _unlike(self, phone: Phone) -> Iterator[str]:
        """The copy is that of the service, and nothing waits that could be sent."""
        copy = {row["id"]: json.loads(row["datos"]) for row in phone.db.execute("SELECT id, datos FROM cliente")}
        for id in copy.keys() | self.clients.keys():
            if copy.get(id) != self.clients.get(id):
                yield f"copy: phone {phone.number} has {copy.get(id)} for {self.clients.get(id)}"
        for write in phone.db.execute(WAITING):
            yield f"waits: phone {phone.number} still wants {dict(write)}"

    def _not_once(self, phone: Phone, let_go: set[str | None]) -> Iterator[str]:
        """Each client that the user meant to create exists exactly once.

        Those that were to be deactivated need not come back when a restore undoes their creation.
        """
        erased = {client.nombre for client in self.erased}
        for act in phone.acts().values():
            found = self.named(act.mark)
            if act.op != "crear" or len(found) == 1 or act.mark in erased:
                continue
            if found or act.mark in self.saved.nombres or act.mark not in let_go:
                yield f"{'twice' if found else 'lost'}: phone {phone.number} created {act.mark}, it exists as {found}"

    def _came_back(self) -> Iterator[str]:
        """Who was anonymised stays so; a phone that had not heard of it may create again what a restore undid."""
        for erased in self.erased:
            client = self.clients.get(erased.id)
            may_return = erased.before_restore and not client
            if client and client["nombre"] != ANONIMO["nombre"]:
                yield f"back: {erased} is {client}"
            elif not may_return and (not client or self.named(erased.nombre)):
                yield f"back: {erased}, and there is {client} and {self.named(erased.nombre)}"

    def _unjust(self, answer: Answer, author: int) -> Iterator[str]:
        """A write is refused only for what others did, and its user asked only about what others did."""
        if answer.status >= 400 and answer.code not in JUST[answer.op]:
            yield f"refused: {answer}"
        past = self.pasts.get(answer.id or 0, Past())
        between = past.between(answer.base, answer.version)
        if answer.status == 412 and between and {past.authors[place] for place in between} == {author}:
            yield f"asked: about its own changes, {answer}"

    def _broken(self, answer: Answer, act: Act | None) -> Iterator[str]:
        """A change that was acknowledged is there, on top of what its user saw, unless the restore undid it."""
        if answer.status not in (200, 201) or self.saved.is_undone(answer.version):
            return
        past = self.pasts.get(answer.id or 0, Past())
        if answer.version not in past.versions:
            yield f"lost: {answer}"
        elif past.is_erased:  # its lines tell no more
            return
        elif answer.op in ("eliminar", "restaurar") and answer.base in past.versions:
            first, last = past.versions.index(answer.base), past.versions.index(answer.version)
            if (answer.op == "restaurar") not in [state["vigente"] for state in past.states[first : last + 1]]:
                yield f"lost: {answer}"
        elif answer.op == "actualizar" and act:
            yield from _overwritten(answer, act, past)


def _overwritten(answer: Answer, act: Act, past: Past) -> Iterator[str]:
    """The address that only this write sets came once, and on top of what its user saw."""
    addresses = [None, *(state.get("direccion") for state in past.states)]
    places = [at for at, (before, now) in enumerate(itertools.pairwise(addresses)) if now == act.mark != before]
    if len(places) != 1 or places[0] == 0:
        yield f"{'twice' if places else 'lost'}: {answer}"
        return
    before = past.states[places[0] - 1]
    if any(before.get(name) != act.seen.get(name) for name in SHOWN):
        yield f"overwritten: {answer} over {before}, where its user saw {act.seen}"
