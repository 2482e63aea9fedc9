"""Power that fails while the service writes: what was acknowledged is there, whatever the disk made of the rest."""

import bisect
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import apsw
from peewee import PeeweeException

from clientes_service import db
from tests.conftest import EMPRESA
from tests.faults.images import DATABASE, LIST, SYNC, WRITE, Disk, Record, read_list
from tests.faults.lab import Lab, Outcome, Trial
from tests.faults.writers import CHANGES, MIXED, Write, Writer, working
from tests.server.wire import Answer

WRITERS = 8
IMAGES = 250  # of one recording
WRITES = 400  # in one recording: some five checkpoints
LOAD_SECONDS = 10.0  # at most
CHECKPOINTS = 3  # that each recording must have
NEAR = 3  # so few records from what a loss of power is aimed at
FOUND = "SELECT codigo_cliente, direccion, (SELECT count(*) FROM historial WHERE cliente_id = cliente.id) FROM cliente"


class Witness(Writer):
    """A writer that remembers when it got each acknowledgement."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.received: list[tuple[float, str, int]] = []  # when, of which client, and how many writes it then had

    def _take(self, write: Write, answer: Answer) -> None:
        at, before = time.monotonic(), self.acknowledged
        super()._take(write, answer)
        if self.last and self.acknowledged > before:
            code = self.last["codigoCliente"]
            self.received.append((at, code, writes_of(code, self.last["direccion"])))


def writes_of(code: str, direccion: str) -> int:
    """How many writes a client had, by its address: 0 where no writer wrote that."""
    number = int(code.rpartition("-")[2])
    addresses = [EMPRESA["direccion"], *(f"Jr. Puno {number + change + 1}" for change in range(CHANGES))]
    return addresses.index(direccion) + 1 if direccion in addresses else 0


def lose_power(lab: Lab, trials: int) -> Outcome:
    """Record what the service does to its files, lose power at many points of that, and look at what is left."""
    outcome, seen = Outcome(), Counter[str]()
    while outcome.trials < trials:
        writers = [Witness(f"W{number}") for number in range(WRITERS)]
        with lab.service(1, "tests.faults.images:record") as service:
            with working(service, writers):
                until = time.monotonic() + LOAD_SECONDS * lab.slack
                while sum(writer.acknowledged for writer in writers) < WRITES and time.monotonic() < until:
                    time.sleep(0.05)
            service.stop()
        records = read_list(service.folder / LIST)
        received = sorted(each for writer in writers for each in writer.received)
        checkpoints = [r.number for r in records if (r.what, r.file) == (SYNC, DATABASE)]
        for writer in writers:
            outcome.wrong += writer.wrong
            outcome.check(writer.received and max(writer.statuses) < 300, f"{writer.name}: {writer.statuses}")
        outcome.check(len(checkpoints) >= CHECKPOINTS or lab.control, f"only {len(checkpoints)} checkpoints")
        seen.update(acknowledged=len(received), checkpoints=len(checkpoints))
        points = sorted(_points(records, received, min(IMAGES, trials - outcome.trials), lab.random))
        _look(lab, service.folder / "image" / "clientes.db", records, received, points, outcome, seen)
    outcome.check(seen["exposed"] > trials / 2, f"only {seen['exposed']} images had anything to lose")
    outcome.figures = (
        f"{seen['acknowledged']:,} acknowledged, {seen['checkpoints']} checkpoints, "
        f"{seen['exposed']} images with unsynced writes, {seen['lost']} lost or damaged"
    )
    return outcome


def _points(
    records: list[Record], received: list[tuple[float, str, int]], count: int, chance: random.Random
) -> Iterator[int]:
    """Yield how many records were done when the power failed."""
    times = [record.at for record in records]
    aims = [
        range(len(records)),
        [r.number for r in records if r.what == SYNC] or range(len(records)),
        [r.number for r in records if (r.what, r.file) == (WRITE, DATABASE)],
        [bisect.bisect(times, at) for at, _, _ in received],
    ]
    for number in range(count):
        at = chance.choice(aims[number % len(aims)]) + chance.randint(-NEAR, NEAR)
        yield min(max(at, 0), len(records))


def _look(
    lab: Lab, file: Path, records: list[Record], received: list[tuple[float, str, int]], points: list[int],
    outcome: Outcome, seen: Counter[str],
) -> None:  # fmt: skip
    """Make an image at each point, and note what is wrong with it."""
    file.parent.mkdir()
    disk, done = Disk(lab.template.template.read_bytes()), 0
    for point in points:
        for record in records[done:point]:
            disk.apply(record)
        done = point
        until = records[point].at if point < len(records) else float("inf")
        disk.write_image(file, lab.random)
        faults = judge(file, [each for each in received if each[0] <= until])
        seen.update(exposed=disk.is_exposed(), lost=bool(faults))
        outcome.check(not faults, f"power lost after {point:,} of {len(records):,} records: {'; '.join(faults)}")
        outcome.trials += 1


def judge(file: Path, received: list[tuple[float, str, int]]) -> list[str]:
    """Open what is left as the service does, and say what is wrong."""
    engine = db.file_engine(f"sqlite:///{file}")
    try:
        if damage := engine.damage():
            return [damage]
        found = {code: (writes_of(code, direccion), lines) for code, direccion, lines in engine.execute_sql(FOUND)}
        mixed = engine.execute_sql(MIXED).fetchone()
    except (PeeweeException, apsw.Error) as error:
        return [f"cannot be read: {error}"]
    finally:
        engine.close()
    faults = [f"{code}: {was}" for code, was in found.items() if was[0] != was[1] or not was[0]]
    if lost := sum(found.get(code, (0, 0))[0] < writes for _, code, writes in received):
        faults.append(f"{lost} acknowledged writes lost")
    return faults if mixed == (0, 0, 0) else [*faults, f"not of one moment: {mixed}"]


TRIALS = (
    Trial("power-loss", "loss of power under write load: unsynced writes dropped, reordered, torn",
          "what is left opens, is sound, and has all that was acknowledged", lose_power, 1_000, 60,
          "tests.faults.controls:sync_nothing", 8),
)  # fmt: skip
