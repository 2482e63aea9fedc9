"""The parts of a history as processes of their own, so that each can be killed with SIGKILL: forked, which is quick."""

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from gunicorn.app.wsgiapp import WSGIApplication

import clientes_service.app  # noqa: F401 - so that a server that is forked need not import it
from clientes_service.cli import main as command_line

READY_SECONDS = 20
HANGING_SECONDS = 25  # after which a process says where it is
PR_SET_CHILD_SUBREAPER = 36


def fork(work: Callable[[], object], log: Path) -> int:
    """Do work in a process group of its own, whose output goes to a log; return its id."""
    sys.stdout.flush()
    if pid := os.fork():
        with contextlib.suppress(OSError):  # it has done so, and perhaps ended, already
            os.setpgid(pid, pid)
        return pid
    os.setpgid(0, 0)
    code = 1
    try:
        with log.open("ab") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        faulthandler.dump_traceback_later(HANGING_SECONDS)
        work()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def adopt_orphans() -> None:
    """Let this process inherit the workers of a server that was killed, and so wait for their end (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill(pid: int) -> None:
    """Kill a process and those that it forked, and wait until they are gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-pid, 0)


def has_ended(pid: int) -> bool:
    """Whether a process of ours has ended, which must have been well."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    assert not ended or status == 0, f"a phone failed: {status}"
    return bool(ended)


class Server:
    """The service on a file: gunicorn with two workers, as `clientes-service run` starts it."""

    def __init__(self, folder: Path, port: int, sabotage: Callable[[], object]) -> None:
        self.folder, self.port, self.sabotage, self.pid = folder, port, sabotage, 0
        self.url, self.log = f"http://127.0.0.1:{port}", folder / "server.log"
        self.environ = {
            "DATABASE_URL": f"sqlite:///{folder}/clientes.db",
            "CLIENTES_INSTANCE_PATH": str(folder / "instance"),
            "WEB_CONCURRENCY": "2",
            "PORT": str(port),
        }

    def start(self) -> None:
        self.pid = fork(self._serve, self.log)
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.005)
        raise AssertionError(f"the server is not ready: {self.log.read_text()[-2000:]}")

    def _serve(self) -> NoReturn:
        os.environ.update(self.environ)
        self.sabotage()
        sys.argv = ["gunicorn", "-c", "python:clientes_service.server", "clientes_service.app:create_app()"]
        WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]").run()
        sys.exit(0)

    def kill(self) -> None:
        kill(self.pid)

    def cli(self, *words: str) -> str:
        """Run a command of the service, which must end well; return what it printed."""
        out = self.folder / "cli.out"
        out.unlink(missing_ok=True)
        pid = fork(lambda: self._command(words), out)
        _, status = os.waitpid(pid, 0)
        assert status == 0, f"{words}: {out.read_text()}"
        return out.read_text()

    def _command(self, words: tuple[str, ...]) -> None:
        os.environ.update(self.environ)
        self.sabotage()
        command_line(list(words))
