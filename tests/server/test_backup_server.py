"""Backups while a real service takes writes, and a restore that waits for its end."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clientes_service import db
from tests.backups import edit, rows_of
from tests.conftest import EMPRESA, PASSWORD
from tests.server.conftest import ADMIN_DNI, BIN, ROOT, Server, wait_for
from tests.server.wire import connected, sign_in

pytestmark = pytest.mark.sqlite


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=2)


@contextmanager
def writers(server: Server, token: str, count: int) -> Iterator[list[int]]:
    """Create and change clients all the time, and tell the status of each answer."""
    done, statuses = threading.Event(), []

    def write(name: int) -> None:
        with connected(server.url, token) as wire:
            number = 0
            while not done.is_set():
                number += 1
                body = {**EMPRESA, "codigoCliente": f"W{name}-{number}"}
                made = wire.call("POST", "/api/clientes", body)
                path = f"/api/clientes/{made.json['id']}"
                statuses.extend([made.status, wire.call("PUT", path, {"telefono": "952 111 222"}).status])

    threads = [threading.Thread(target=write, args=(name,)) for name in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        done.set()
        for thread in threads:
            thread.join()


# Each change draws a number, writes a line of history, and is one transaction with its client and search text.
SAME = """
    SELECT (SELECT valor FROM contador) - (SELECT count(*) FROM historial),
           (SELECT valor FROM contador) - (SELECT max(version) FROM cliente),
           (SELECT count(*) FROM cliente) - (SELECT count(*) FROM busqueda)
"""


def test_a_backup_under_writers_is_of_one_moment_and_restores_into_a_new_epoch(server: Server, token: str) -> None:
    files = []
    with writers(server, token, 3) as statuses:
        for _ in range(3):
            before = len(statuses)
            made = server.cli("backup", "--keep", "2")
            assert made.returncode == 0, made.stderr
            files.append(Path(made.stdout.strip()))
            assert len(statuses) > before
    assert set(statuses) == {200, 201}
    assert [file.exists() for file in files] == [False, True, True]
    counts = [rows_of(file, "SELECT count(*) FROM cliente")[0][0] for file in files[1:]]
    assert 0 < counts[0] < counts[1]
    for file in files[1:]:
        assert rows_of(file, SAME) == [(0, 0, 0)]

    refused = server.cli("restore", str(files[1]))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "in use" in refused.stderr
    with connected(server.url, token) as wire:
        live = wire.call("GET", "/api/clientes?vigente=todos")
        assert live.json["totalElements"] > counts[0]
        old = wire.call("GET", "/api/clientes/1").headers["etag"]
    server.stop()
    edit(files[1], "UPDATE cliente SET nombre = 'Restaurada' WHERE id = 1")
    restored = server.cli("restore", str(files[1]))
    assert restored.returncode == 0, restored.stderr
    server.start()
    with connected(server.url, token) as wire:
        assert wire.call("GET", "/api/clientes").status == 401
    with connected(server.url, str(sign_in(server.url, ADMIN_DNI, PASSWORD)["token"])) as wire:
        assert wire.call("GET", "/api/clientes?vigente=todos").json["totalElements"] == counts[0]
        assert wire.call("GET", "/api/clientes/1").json["nombre"] == "Restaurada"
        new = wire.call("PUT", "/api/clientes/1", {"nombre": "Otra"}).headers["etag"]
    assert new.split("-")[0] != old.split("-")[0]


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_service_without_a_connection_and_a_worker_without_its_master_are_in_use(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = start_server(workers=1)
    file = server.cli("backup", str(tmp_path)).stdout.strip()
    server.stop()
    with server.log.open("ab") as log:  # no request comes, so that nobody connects
        idle = subprocess.Popen([BIN / "gunicorn", "wsgi:app"], env=server.environ, cwd=ROOT, stdout=log, stderr=log)
    wait_for(lambda: children_of(idle.pid))
    assert "in use" in server.cli("restore", file).stderr
    [worker] = children_of(idle.pid)
    os.kill(worker, signal.SIGSTOP)
    idle.kill()
    idle.wait()
    assert "in use" in server.cli("restore", file).stderr
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: server.cli("restore", file).returncode == 0)
    server.start()


def test_a_server_that_starts_during_a_restore_says_so(start_server: Callable[..., Server]) -> None:
    server = start_server(workers=1)
    server.stop()
    with db.file_engine(server.environ["DATABASE_URL"]).alone():
        ran = subprocess.run(
            [BIN / "gunicorn", "wsgi:app"], env=server.environ, cwd=ROOT, text=True, capture_output=True, timeout=30
        )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1].startswith("clientes_service does not start: a restore is replacing ")
    assert "Traceback" not in ran.stderr
    server.start()
