"""What every trial has: services of its own, and a place for what it finds."""

import random
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import apsw

from clientes_service.auth.roles import Rol
from tests.conftest import DNI, PASSWORD, SECRET, fill
from tests.engines import SqliteFiles
from tests.faults.leaks import is_leak
from tests.server.conftest import PYTHON, Server
from tests.server.wire import connected, sign_in

TOKEN_SECONDS = 600  # after which a new one is asked for; it lives 15 minutes


@dataclass
class Outcome:
    """What a trial found: what went wrong, in words, and the longest time that the service was away, in seconds."""

    trials: int = 0
    wrong: list[str] = field(default_factory=list)
    recovery: float = 0.0
    figures: str = ""

    def check(self, holds: object, otherwise: str) -> None:
        """Note what went wrong, unless it holds."""
        if not holds:
            self.wrong.append(otherwise)


@dataclass(frozen=True)
class Trial:
    """A fault, what must hold, how many trials are many and a few, and what its control breaks."""

    name: str
    fault: str
    holds: str
    run: Callable[["Lab", int], Outcome]
    many: int
    few: int
    control: str  # module:function, called in the server before it starts
    control_trials: int


class Service(Server):
    """A service on a file of its own, with one user of each role; `prepare` names functions that it calls first."""

    def __init__(self, folder: Path, workers: int, prepare: list[str], environ: dict[str, str]) -> None:
        folder.mkdir(parents=True)
        (folder / "tmp").mkdir()
        self.file = folder / "clientes.db"
        own = {"CLIENTES_JWT_SECRET_KEY": SECRET, "TMPDIR": str(folder / "tmp"), **environ}
        super().__init__(folder, f"sqlite:///{self.file}", workers, own)
        prepared = [PYTHON, "-m", "tests.faults.prepared", *prepare]
        self.command = [*prepared, "gunicorn", "wsgi:app"]
        self.cli_command = [*prepared, "clientes-service"]
        self.tokens: dict[Rol, tuple[float, str]] = {}

    def start(self) -> float:
        """Start; return how long it took until the first answer, in seconds."""
        began = time.monotonic()
        super().start()
        return time.monotonic() - began

    def token(self, rol: Rol = Rol.ADMIN) -> str:
        """An access token of the user of a role."""
        since, token = self.tokens.get(rol, (0.0, ""))
        if not token or time.monotonic() > since + TOKEN_SECONDS:
            token = str(sign_in(self.url, DNI[rol], PASSWORD)["token"])
            self.tokens[rol] = time.monotonic(), token
        return token

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What a query finds in the file, asked from outside."""
        connection = apsw.Connection(str(self.file), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(10_000)
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def damage(self) -> str:
        """What is wrong inside the file; empty where it is sound."""
        [[found]] = self.rows("PRAGMA integrity_check(1)")
        return "" if found == "ok" else str(found)

    def keep_metrics(self) -> None:
        """Write what /metrics says beside the log."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            (self.folder / "metrics.log").write_bytes(answer.read())


class Lab:
    """A folder for one trial, and the services that it starts there, all with the same control.

    Limits of time are to be multiplied by `slack`, which is 1 where the lab has the machine for itself.
    """

    def __init__(self, folder: Path, control: str = "", slack: float = 1.0) -> None:
        self.folder, self.control, self.slack = folder, control, slack
        self.random = random.Random(1)
        self.services: list[Service] = []

    @cached_property
    def template(self) -> SqliteFiles:
        """A migrated database with one user of each role."""
        folder = self.folder / "template"
        folder.mkdir(parents=True)
        return SqliteFiles(folder, fill)

    @contextmanager
    def service(self, workers: int = 2, *prepare: str, **environ: str) -> Iterator[Service]:
        """A service that is ready, and killed at the end if it is still there."""
        folder = self.folder / f"service-{len(self.services)}"
        service = Service(folder, workers, [*prepare, *([self.control] if self.control else [])], environ)
        self.template.copy(folder)
        self.services.append(service)
        service.start()
        try:
            yield service
            if service.process.poll() is None:
                service.keep_metrics()
        finally:
            if service.process.poll() is None:
                service.kill()

    def leaks(self) -> list[str]:
        """Lines of logs and metrics that tell about people, or hold what opens doors."""
        return [
            f"{log.parent.name}/{log.name}: {line.strip()[:200]}"
            for log in self.folder.rglob("*.log")
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
            if is_leak(line)
        ]


def measured(times: list[float], share: float) -> float:
    """The time that the given share of them does not exceed."""
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def is_alive(service: Service) -> bool:
    """Whether /healthz is answered within two seconds."""
    try:
        with connected(service.url) as wire:
            wire.socket.settimeout(2)
            return wire.call("GET", "/healthz").status == 200
    except OSError:
        return False
