"""Backups while others write, and backups and restores that are killed at any moment."""

import os
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import apsw

from clientes_service.cli import main as command_line
from tests.faults.kills import READY_SECONDS, writers_of
from tests.faults.lab import Lab, Outcome, Service, Trial
from tests.faults.writers import MIXED, working
from tests.files.conftest import as_csv, row
from tests.server.wire import upload
from tests.simulation import processes

CLIENTS = 2_000
STARTS = 10  # restores between two starts of the service
# What a state is known by, and the epoch that each restore gives anew.
STATE = "SELECT (SELECT count(*) FROM cliente), (SELECT count(*) FROM historial), (SELECT valor FROM contador)"
EPOCH = "SELECT epoca, (SELECT count(*) FROM sesion) FROM contador"


def run(lab: Lab, trials: int) -> Outcome:
    """A third of the trials each: backups to their end, backups that are killed, and restores that are killed."""
    outcome = Outcome()
    writers = writers_of(lab)
    with lab.service() as service:
        status, answer = upload(service.url, service.token(), as_csv(map(row, range(CLIENTS))))
        outcome.check(status == 200, f"import: {answer!r}")
        with working(service, writers):
            first, took = _back_up(lab, service, trials // 3, outcome)
            hit = _kill_backups(lab, service, trials // 3, took, outcome)
        outcome.check(set().union(*(writer.statuses for writer in writers)) <= {200, 201}, "a write failed")
        last = _made(service, outcome)
        service.stop()
        hits = _kill_restores(lab, service, (first, last), trials - 2 * (trials // 3), outcome)
    outcome.figures = f"killed at work: {hit} backups, {hits} restores"
    return outcome


def _fork(lab: Lab, service: Service, *words: str) -> int:
    """Run a command in a process of its own, which need not import everything first; return its id."""

    def work() -> None:
        os.environ.update(service.environ)
        if lab.control:
            module, _, function = lab.control.partition(":")
            getattr(import_module(module), function)()
        command_line([*words], standalone_mode=False)

    return processes.fork(work, service.folder / "cli.log")


def _run_killed(lab: Lab, service: Service, seconds: float, *words: str) -> bool:
    """Kill a command at some moment; whether it was at work still."""
    pid = _fork(lab, service, *words)
    time.sleep(lab.random.uniform(0, seconds))
    with suppress(ProcessLookupError):
        os.killpg(pid, processes.signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def _run(lab: Lab, service: Service, outcome: Outcome, *words: str) -> float:
    """Run a command to its end, which must be good; return how long it took."""
    began = time.monotonic()
    _, status = os.waitpid(_fork(lab, service, *words), 0)
    outcome.check(status == 0, f"{words[0]}: {(service.folder / 'cli.log').read_text()[-500:]}")
    return time.monotonic() - began


def _made(service: Service, outcome: Outcome) -> Path:
    """The newest backup, all of which must be sound and of one moment."""
    files = sorted((service.folder / "copies").glob("[!.]*.db"), key=lambda file: file.stat().st_mtime_ns)
    for file in files:
        try:
            found = _ask(file, "PRAGMA integrity_check(1)"), _ask(file, MIXED)
        except apsw.Error as error:
            outcome.wrong.append(f"{file.name}: {error}")
            continue
        outcome.check(found == ([("ok",)], [(0, 0, 0)]), f"{file.name}: {found}")
    return files[-1]


def _ask(file: Path, sql: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def _back_up(lab: Lab, service: Service, count: int, outcome: Outcome) -> tuple[Path, float]:
    """Make backups to their end; return the first one, and the longest time that one took."""
    folder, took = service.folder / "copies", 0.0
    first = service.folder / "first.db"
    for number in range(count):
        [(before, *_)] = service.rows(STATE)
        took = max(took, _run(lab, service, outcome, "backup", str(folder), "--keep", "3"))
        [(after, *_)] = service.rows(STATE)
        newest = _made(service, outcome)
        with suppress(apsw.Error):
            [(copied, *_)] = _ask(newest, STATE)
            outcome.check(before <= copied <= after, f"{copied} clients in a copy; before {before}, after {after}")
        if not number:
            newest.rename(first)
        outcome.trials += 1
    return first, took


def _kill_backups(lab: Lab, service: Service, count: int, took: float, outcome: Outcome) -> int:
    """Kill backups: what has a final name is whole, and the next one is made. Return how many were at work."""
    folder, hit = service.folder / "copies", 0
    for _ in range(count):
        hit += _run_killed(lab, service, took, "backup", str(folder), "--keep", "3")
        _made(service, outcome)
        outcome.trials += 1
    _run(lab, service, outcome, "backup", str(folder), "--keep", "3")
    outcome.check(not [*folder.glob(".*")], "drafts are left")
    return hit


def _kill_restores(lab: Lab, service: Service, files: tuple[Path, Path], count: int, outcome: Outcome) -> int:
    """Kill restores: the file is the old one or the new one, in all its parts. Return how many were at work."""
    states = [_ask(file, STATE) for file in files]
    outcome.check(states[0] != states[1], "nobody wrote between two backups")
    current, hit = 1, 0
    took = _run(lab, service, outcome, "restore", str(files[current]))
    for number in range(count):
        wanted, epoch = 1 - current, service.rows(EPOCH)
        hit += _run_killed(lab, service, took, "restore", str(files[wanted]))
        try:
            found, now, damage = service.rows(STATE), service.rows(EPOCH), service.damage()
        except apsw.Error as error:
            found, now, damage = [], [], str(error)
        if found == states[wanted] and now != epoch:
            current = wanted
        else:
            outcome.check((found, now) == (states[current], epoch), f"neither old nor new: {found} {now}")
        outcome.check(not damage and service.rows(MIXED) == [(0, 0, 0)], f"mixed: {damage}")
        if number % STARTS == STARTS - 1:
            outcome.recovery = max(outcome.recovery, service.start())
            service.stop()
            outcome.check(outcome.recovery < READY_SECONDS * lab.slack, f"ready after {outcome.recovery:.1f} s")
        for kept in service.folder.glob("clientes-replaced-*"):
            kept.unlink()
        outcome.trials += 1
    _run(lab, service, outcome, "restore", str(files[0]))
    outcome.check(not [*service.folder.glob("*.restoring*"), *service.folder.glob("*.replaced")], "parts are left")
    return hit


TRIALS = (
    Trial("copies", "backups under write load; backups and restores killed",
          "every copy is good; the database is the old or the new one, never mixed",
          run, 300, 12, "tests.faults.controls:copy_in_place", 12),
)  # fmt: skip
