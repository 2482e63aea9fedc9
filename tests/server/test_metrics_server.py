"""What all workers counted, asked from whichever answers."""

import os
import re
import shutil
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EMPRESA
from tests.metrics.test_metrics import samples
from tests.server.conftest import SLACK, Server
from tests.server.wire import Wire, connected

DURATION = "clientes_http_request_duration_seconds"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=3)


def metrics(server: Server) -> dict[str, float]:
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:
        return samples(answer.read().decode())


def requests(server: Server, route: str, method: str, status: int, least: int = 0) -> float:
    """How many were counted, as soon as they are so many: each is counted after its answer has left."""
    name = f"{DURATION}_count{[('method', method), ('route', route), ('status', str(status))]}"
    deadline = time.monotonic() + SLACK
    while (counted := metrics(server).get(name, 0)) < least and time.monotonic() < deadline:
        time.sleep(0.01)
    return counted


def test_requests_of_all_workers_are_counted_by_their_route(
    server: Server, token: str, in_parallel: Callable[..., list[Any]]
) -> None:
    def act(wire: Wire, number: int) -> None:
        for step in range(10):
            made = wire.call("POST", "/api/clientes", {**EMPRESA, "codigoCliente": f"M{number}-{step}"})
            assert wire.call("GET", f"/api/clientes/{made.json['id']}").status == 200
            assert wire.call("GET", f"/nada/{number}/{step}").status == 404

    in_parallel(12, act)
    assert requests(server, "/api/clientes", "POST", 201, 120) == 120
    assert requests(server, "/api/clientes/<id:id>", "GET", 200, 120) == 120
    assert requests(server, "", "GET", 404, 120) == 120


def test_what_workers_counted_outlives_them(server: Server, token: str) -> None:
    with connected(server.url, token) as wire:
        for _ in range(5):
            wire.call("GET", "/auth/validar-token")
    assert requests(server, "/auth/validar-token", "GET", 200, 5) >= 5
    server.kill()
    server.start()
    assert requests(server, "/auth/validar-token", "GET", 200) == 0  # of another life


def counts_of(pid: int) -> str:
    """The folder in which a worker counts; empty before it does."""
    found = re.search(r"/\S+/clientes-metrics-\w+", Path(f"/proc/{pid}/maps").read_text())
    return found[0] if found else ""


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no such file system here")
def test_a_start_removes_what_the_dead_counted_and_nothing_of_the_living(
    server: Server, start_server: Callable[..., Server]
) -> None:
    other = start_server(workers=1)
    dead, alive = counts_of(server.worker()), counts_of(other.worker())
    server.kill()
    assert Path(dead).exists()
    server.start()
    assert (Path(dead).exists(), Path(alive).exists()) == (False, True)


def test_a_full_disk_cannot_end_who_counts(server: Server) -> None:
    assert all(counts_of(pid).startswith("/dev/shm/") for pid in server.workers())


def test_workers_outlive_a_folder_that_was_tidied_away(server: Server) -> None:
    killed = server.worker()
    shutil.rmtree(counts_of(killed))
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 5 * SLACK
    while killed in (now := server.workers()) or len(now) < 3 or not all(map(counts_of, now)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert metrics(server)


def test_nobody_can_make_series_without_end(server: Server) -> None:
    with connected(server.url) as wire:
        for number in range(50):
            wire.send(f"XYZ{number} /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
            wire.call("GET", f"/api/clientes/{number}?q={number}")
            wire.call("GET", f"/errores/{number}")
    names = {name for name in metrics(server) if name.startswith(f"{DURATION}_count")}
    assert len(names) < 40


def test_they_hold_nothing_of_anybody(server: Server, token: str) -> None:
    with connected(server.url, token) as wire:
        wire.call("POST", "/api/clientes", {**EMPRESA, "codigoCliente": "PRIVADO", "telefono": "952 999 888"})
        wire.call("GET", "/api/clientes?q=PRIVADO")
        wire.call("POST", "/auth", {"dni": "45454545", "password": "quinua-quinua-quinua"})
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    for secret in (
        EMPRESA["nombre"],
        EMPRESA["numeroDocumento"],
        "PRIVADO",
        "52 999",
        "45454545",
        "quinua",
        token[:20],
    ):
        assert secret not in text
    assert not re.search(r"\b\d{8}\b.*=", text)
