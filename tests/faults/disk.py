"""A disk that is full, or does not write or sync, for a moment: who reads goes on, who writes is told to repeat."""

import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from clientes_service.errors import NoDisponible
from tests.faults.kills import READY_SECONDS
from tests.faults.lab import Lab, Outcome, Service, Trial
from tests.faults.vfs import File, FileSystem, database_file
from tests.faults.writers import Writer, compare, settle, working
from tests.server.wire import Answer, Wire, connected, upload

SWITCH = "fault"  # a file beside the database: the kind of error that is raised while it is there
CHANCE = 0.3  # of each write or sync
FULL, WRITE, SHORT, SYNC = "full", "write", "short", "fsync"
FILLED = "filled"  # not a word of ours to SQLite, but a file system without any space
KINDS = (FULL, WRITE, SHORT, SYNC)
WRITERS = 4
KILL_EVERY = 3  # trials, in the middle of the fault
MEGABYTE = 1 << 20
NOTICE = "the database is not available"
SPACE = 48  # megabytes of the file system that is filled
UPLOADS = (b"x" * 1_000, b"x" * MEGABYTE)  # the second is in a file before the service looks at it


class Spoiled(File):
    """A file that fails at times."""

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        kind = fault()
        if kind in KINDS[:3] and (self.is_kept or kind == FULL) and random.random() < CHANCE:
            if kind == FULL:
                raise apsw.FullError("no space left")
            if kind == SHORT:
                super().xWrite(bytes(data[: len(data) // 2]), offset)
            raise io_error(apsw.SQLITE_IOERR_WRITE)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if fault() == SYNC and self.is_kept and random.random() < CHANCE:
            raise io_error(apsw.SQLITE_IOERR_FSYNC)
        super().xSync(flags)


class SpoiledFiles(FileSystem):
    """Files that fail while the switch is on."""

    file = Spoiled


def io_error(code: int) -> apsw.IOError:
    """What makes SQLite see one of its I/O errors."""
    error = apsw.IOError("the disk failed")
    error.extendedresult = code
    return error


def fault() -> str:
    """The kind of error to raise now, if any."""
    try:
        return _switch.read_text()
    except FileNotFoundError:
        return ""


def spoil() -> None:
    """Let the disk of this process, and of those that it forks, fail while the switch is on."""
    global _switch, _files
    _switch = database_file().with_name(SWITCH)
    _files = SpoiledFiles("spoiled")


_switch: Path
_files: SpoiledFiles


class Patient(Writer):
    """A writer that looks at how it is refused."""

    def step(self, wire: Wire) -> Answer:
        answer = super().step(wire)
        if answer.status >= 500 and not is_polite(answer):
            self.wrong.append(f"refused with {answer.status} {answer.headers} {answer.body[:300]!r}")
        return answer


def is_polite(answer: Answer) -> bool:
    """Whether it is a 503 that says in Spanish what to do, and when."""
    return (
        answer.status == 503
        and answer.headers.get("content-type") == "application/problem+json"
        and (answer.json["code"], answer.json["detail"]) == (NoDisponible.code, NoDisponible.detail)
        and int(answer.headers.get("retry-after", 0)) > 0
    )


@contextmanager
def failing(service: Service, kind: str) -> Iterator[None]:
    """Let the disk fail until the block ends."""
    switch = service.folder / SWITCH
    if kind == FILLED:
        service.rows("PRAGMA wal_checkpoint(TRUNCATE)")  # the next write needs space
        fill(switch)
    else:
        switch.with_suffix(".new").write_text(kind)
        switch.with_suffix(".new").rename(switch)
    try:
        yield
    finally:
        switch.unlink()


def fill(file: Path) -> None:
    """Write until there is no space left."""
    with file.open("wb", buffering=0) as filler:
        for size in (MEGABYTE, 4096, 1):
            try:
                while filler.write(b"\0" * size):
                    pass
            except OSError:
                continue


@contextmanager
def reading(service: Service, paths: list[str]) -> Iterator[Counter[tuple[str, int]]]:
    """Read all the while; count the answers by path and status."""
    done, token, answers = threading.Event(), service.token(), Counter[tuple[str, int]]()

    def read(path: str) -> None:
        with connected(service.url, token) as wire:
            while not done.is_set():
                try:
                    answers[path, wire.call("GET", path).status] += 1
                except OSError:
                    answers[path, 0] += 1
                    return

    threads = [threading.Thread(target=read, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        done.set()
        for thread in threads:
            thread.join()


@contextmanager
def small_file_system(folder: Path) -> Iterator[bool]:
    """Have a file system of its own in a folder; false where this machine lets nobody mount one."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SPACE}m", "tmpfs", str(folder)]
    is_mounted = not os.getuid() and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fail(lab: Lab, trials: int) -> Outcome:
    """Let the disk fail for a moment, in each way in turn, under readers and writers."""
    outcome, seen = Outcome(), Counter[str]()
    with small_file_system(lab.folder / "small") as is_small:
        kinds = (*KINDS, *[FILLED] * is_small)
        turns = [kinds[number % len(kinds)] for number in range(trials)]
        with lab.service(2, "tests.faults.disk:spoil") as service:
            _let_fail(lab, service, [kind for kind in turns if kind != FILLED], outcome, seen)
        log = service.log.read_text()
        outcome.check(NOTICE in log, "no word to who operates the service")
        outcome.check('"exception"' not in log and "Traceback" not in log, f"a defect in {service.log}")
        if FILLED in turns:
            small = Lab(lab.folder / "small" / "lab", lab.control, lab.slack)
            small.template = lab.template
            with small.service() as service:
                _let_fail(lab, service, [kind for kind in turns if kind == FILLED], outcome, seen)
            outcome.wrong += small.leaks()
    refused = {kind: seen[kind] for kind in kinds if kind in turns}
    outcome.check(all(refused.values()), f"a fault that nobody met: {refused}")
    outcome.figures = f"refused: {refused}; read: {seen['read']:,}; ready: {seen['ready']} of {outcome.trials}"
    outcome.figures += "" if is_small else "; no file system could be mounted to be filled"
    return outcome


def _let_fail(lab: Lab, service: Service, kinds: list[str], outcome: Outcome, seen: Counter[str]) -> None:
    writers = [Patient(f"W{number}") for number in range(WRITERS)]
    with connected(service.url, service.token()) as wire:
        writers[0].step(wire)
    for number, kind in enumerate(kinds):
        is_killed = number % KILL_EVERY == KILL_EVERY - 1
        paths = [f"/api/clientes/{min(writers[0].known)}", "/api/clientes?size=20"]
        before = sum(writer.statuses[503] for writer in writers)
        with reading(service, paths) as answers, working(service, writers):
            _wait_for_writes(lab, writers, "before", outcome)
            with failing(service, kind):
                time.sleep(lab.random.uniform(0.1, 0.3))
                seen["ready"] += _is_ready(service, outcome)
                for content in UPLOADS if kind == FILLED else ():
                    status, body = upload(service.url, service.token(), content)
                    outcome.check(status == 503, f"an upload on a full disk: {status} {body[:300]!r}")
                if is_killed:
                    service.kill()
            if not is_killed:
                began = time.monotonic()
                _wait_for_writes(lab, writers, kind, outcome)
                outcome.recovery = max(outcome.recovery, time.monotonic() - began)
        if is_killed:
            service.start()
        expected = {200, 0} if is_killed else {200}
        outcome.check({status for _, status in answers} <= expected and answers, f"{kind}: read {dict(answers)}")
        seen.update({kind: sum(writer.statuses[503] for writer in writers) - before, "read": answers.total()})
        settle(service, writers)
        compare(service, writers, outcome)
        outcome.trials += 1


def _is_ready(service: Service, outcome: Outcome) -> bool:
    with connected(service.url) as wire:
        answer = wire.call("GET", "/readyz")
    outcome.check(answer.status in (200, 503), f"/readyz: {answer.status}")
    return answer.status == 200


def _wait_for_writes(lab: Lab, writers: list[Patient], kind: str, outcome: Outcome) -> None:
    """Wait until each has written again."""
    before, until = [writer.acknowledged for writer in writers], time.monotonic() + READY_SECONDS * lab.slack
    while any(writer.acknowledged <= count for writer, count in zip(writers, before, strict=True)):
        if time.monotonic() > until:
            outcome.wrong.append(f"{kind}: not all could write again within {READY_SECONDS * lab.slack} s")
            return
        time.sleep(0.005)


TRIALS = (
    Trial("disk-faults", "a disk that is full, or refuses writes or syncs, for 100 to 300 ms",
          "reads go on; writes 503, nothing lost, and good again by themselves in 3 s",
          fail, 100, 5, "tests.faults.controls:swallow_failed_commits", 2),
)  # fmt: skip
