"""Real gunicorn under load: 4 workers of 4 threads, 64 connections, and the races that one process cannot show."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from clientes_service import config as settings
from clientes_service import db
from clientes_service.clientes.models import Cliente, Contador
from tests.conftest import EMPRESA, PASSWORD
from tests.server.conftest import ADMIN_DNI, Server

CONNECTIONS = 64
WRITES = 20_000
ROUNDS = WRITES // 5  # create, change, change again, deactivate, restore

InParallel = Callable[..., list[Any]]

pytestmark = pytest.mark.load


class Wire:
    """A connection that is kept open, for one thread."""

    def __init__(self, url: str, token: str = "") -> None:
        self.http = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self.headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def __call__(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        data = json.dumps(body) if body is not None else None
        self.http.request(method, path, data, {**self.headers, **(headers or {})})
        answer = self.http.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=4)


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    with closing(http.client.HTTPConnection(urlsplit(server.url).netloc)) as connection:
        body = json.dumps({"dni": ADMIN_DNI, "password": PASSWORD})
        connection.request("POST", "/auth", body, {"Content-Type": "application/json"})
        return str(json.load(connection.getresponse())["token"])


@pytest.fixture
def wire(server: Server, token: str) -> Iterator[Wire]:
    wire = Wire(server.url, token)
    with closing(wire.http):
        yield wire


@pytest.fixture
def in_parallel(server: Server, token: str) -> Callable[..., list[Any]]:
    """Do something `count` times at once, each on a connection of its own, all starting together."""

    def run(count: int, act: Callable[[Wire, int], Any]) -> list[Any]:
        barrier = threading.Barrier(count)

        def started(number: int) -> Any:
            wire = Wire(server.url, token)
            with closing(wire.http):
                barrier.wait()
                return act(wire, number)

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(started, range(count)))

    return run


def count_changes(server: Server) -> tuple[int, int, int]:
    """How many clients there are, how many are active, and how many changes were numbered."""
    db.connect(settings.load(server.environ).database_path)
    active = Cliente.select().where(Cliente.vigente).count()
    counted = Cliente.select().count(), active, Contador.get_by_id(1).valor
    db.database.close()
    return counted


def test_twenty_thousand_mixed_writes_are_all_kept_and_none_fails(
    server: Server, wire: Wire, in_parallel: InParallel
) -> None:
    clients, active, changes = count_changes(server)

    def work(wire: Wire, first: int) -> Counter[int]:
        statuses: Counter[int] = Counter()
        for number in range(first, ROUNDS, CONNECTIONS):
            body = {**EMPRESA, "numeroDocumento": f"20{number:09d}", "codigoCliente": f"CARGA{number}"}
            status, created = wire("POST", "/api/clientes", body)
            path, version = f"/api/clientes/{created['id']}", created["version"]
            found = [status]
            for method, suffix, change in (
                ("PUT", "", {"telefono": f"9{number:08d}"}),
                ("PUT", "", {"direccion": f"Jr. Puno {number}"}),
                ("DELETE", "", None),
                ("POST", "/restaurar", None),
            ):
                match = {} if suffix else {"If-Match": f'"{version}"'}
                status, answer = wire(method, path + suffix, change, match)
                version = answer["version"] if answer else version
                found.append(status)
            statuses.update(found)
        return statuses

    total: Counter[int] = sum(in_parallel(CONNECTIONS, work), Counter())
    assert total == {201: ROUNDS, 200: 3 * ROUNDS, 204: ROUNDS}
    assert count_changes(server) == (clients + ROUNDS, active + ROUNDS, changes + WRITES)
    log = server.log.read_text(encoding="utf-8")
    assert "locked" not in log
    statuses = Counter(entry["status"] for entry in map(json.loads, log.splitlines()) if "status" in entry)
    assert not [status for status in statuses if status >= 500]
    assert sum(statuses.values()) >= WRITES


def test_of_fifty_creates_at_once_with_one_code_one_is_stored(
    server: Server, wire: Wire, in_parallel: InParallel
) -> None:
    before = count_changes(server)
    answers = in_parallel(50, lambda wire, n: wire("POST", "/api/clientes", {**EMPRESA, "codigoCliente": "Carrera"}))
    assert Counter(status for status, _ in answers) == {201: 1, 409: 49}
    [created] = [body for status, body in answers if status == 201]
    assert {body["existenteId"] for status, body in answers if status == 409} == {created["id"]}
    assert count_changes(server) == tuple(number + 1 for number in before)


def test_of_fifty_changes_at_once_of_one_version_one_is_made(
    server: Server, wire: Wire, in_parallel: InParallel
) -> None:
    created = wire("POST", "/api/clientes", {**EMPRESA, "codigoCliente": "Disputa"})[1]
    path, match = f"/api/clientes/{created['id']}", {"If-Match": f'"{created["version"]}"'}
    before = count_changes(server)
    answers = in_parallel(50, lambda wire, n: wire("PUT", path, {"telefono": f"952 {n:06d}"}, match))
    assert Counter(status for status, _ in answers) == {200: 1, 412: 49}
    [changed] = [body for status, body in answers if status == 200]
    for status, body in answers:
        if status == 412:
            assert body["actual"]["telefono"] == changed["telefono"]
    assert count_changes(server) == (before[0], before[1], before[2] + 1)


def test_of_fifty_deactivations_at_once_one_is_a_change_and_all_succeed(
    server: Server, wire: Wire, in_parallel: InParallel
) -> None:
    created = wire("POST", "/api/clientes", {**EMPRESA, "codigoCliente": "Baja"})[1]
    path, match = f"/api/clientes/{created['id']}", {"If-Match": f'"{created["version"]}"'}
    before = count_changes(server)
    answers = in_parallel(50, lambda wire, n: wire("DELETE", path, None, match))
    assert Counter(status for status, _ in answers) == {204: 50}
    assert count_changes(server) == (before[0], before[1] - 1, before[2] + 1)


def test_readers_go_on_while_others_write(in_parallel: InParallel) -> None:
    def act(wire: Wire, number: int) -> int:
        if number % 2:
            body = {**EMPRESA, "codigoCliente": f"MIXTA{number}"}
            return wire("POST", "/api/clientes", body)[0]
        return wire("GET", "/api/clientes?size=100&sort=nombre")[0]

    assert Counter(in_parallel(CONNECTIONS, act)) == {200: CONNECTIONS // 2, 201: CONNECTIONS // 2}
