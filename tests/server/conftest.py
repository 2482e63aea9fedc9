"""A real gunicorn on a real file, for what an application under test cannot show."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from clientes_service import config as settings
from clientes_service import db
from clientes_service.clientes.models import Cliente, Contador
from clientes_service.historial.service import Linea
from tests.conftest import PASSWORD
from tests.engines import Databases
from tests.server.wire import Wire, connected, sign_in

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PYTHON = sys.executable
ADMIN_DNI = "40000001"
# Tests run beside each other, on machines that may be slow; alone on two cores the slowest takes 1.4 s.
SLACK = 3


def unused_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Server:
    """A running service: `url`, its process, its folder, and what it wrote to its log."""

    command = [str(BIN / "gunicorn"), "wsgi:app"]
    cli_command = [str(BIN / "clientes-service")]

    def __init__(self, folder: Path, database_url: str, workers: int, environ: dict[str, str]) -> None:
        port = unused_port()
        self.folder, self.url, self.log = folder, f"http://127.0.0.1:{port}", folder / "server.log"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("CLIENTES_") and k != "GUNICORN_CMD_ARGS"}
        self.environ = {
            **clean,
            "DATABASE_URL": database_url,
            "CLIENTES_INSTANCE_PATH": str(folder / "instance"),
            "WEB_CONCURRENCY": str(workers),
            "PORT": str(port),
            **environ,
        }

    def cli(self, *words: str, **kwargs: object) -> "subprocess.CompletedProcess[str]":
        """Run a `clientes-service` command with this server's settings."""
        return subprocess.run(
            [*self.cli_command, *words], env=self.environ, cwd=ROOT, text=True, capture_output=True, **kwargs
        )  # type: ignore[call-overload,no-any-return]

    def make_admin(self) -> None:
        """Make the account ADMIN_DNI with PASSWORD."""
        words = "users create --nombre Pruebas --email pruebas@example.pe --rol ADMIN --password-stdin --dni"
        made = self.cli(*words.split(), ADMIN_DNI, input=PASSWORD)
        assert made.returncode == 0, made.stderr

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environ, cwd=ROOT, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(self.url + "/readyz", timeout=2)
                return
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)
        pytest.fail("the server did not become ready:\n" + self.log.read_text())

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def worker(self) -> int:
        """The process id of the first worker."""
        return self.workers()[0]

    def kill(self) -> None:
        """End all of it in the middle of what it does."""
        workers = self.workers()
        self.process.kill()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, which must be soon."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def memory(pid: int, which: str) -> int:
    """What memory a process has (`VmRSS`), or the most that it ever had (`VmHWM`), in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(which)) * 1024


def counts(environ: dict[str, str]) -> tuple[int, int, int]:
    """How many clients, lines of history and numbered changes there are."""
    db.connect(settings.load(environ).database_url)
    counted = Cliente.select().count(), Linea.select().count(), Contador.get().valor
    db.database.close()
    return counted


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[Callable[..., Server]]:
    """Start a server with its own database and one ADMIN (ADMIN_DNI, PASSWORD); stopped after the module."""
    servers = []

    def start(workers: int = 2, **environ: str) -> Server:
        folder = tmp_path_factory.mktemp("server")
        server = Server(folder, databases.empty(folder), workers, environ)
        server.make_admin()
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()
        databases.drop(server.environ["DATABASE_URL"])


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    """An access token of the ADMIN of the module's `server`."""
    return str(sign_in(server.url, ADMIN_DNI, PASSWORD)["token"])


@pytest.fixture
def in_parallel(server: Server, token: str) -> Callable[..., list[Any]]:
    """Do something `count` times at once, each on a connection of its own, all starting together."""

    def run(count: int, act: Callable[[Wire, int], Any]) -> list[Any]:
        barrier = threading.Barrier(count)

        def started(number: int) -> Any:
            with connected(server.url, token) as wire:
                barrier.wait()
                return act(wire, number)

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(started, range(count)))

    return run
