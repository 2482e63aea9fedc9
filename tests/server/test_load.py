"""Real gunicorn under load: 4 workers of 4 threads, 64 connections, and the races that one process cannot show."""

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clientes_service import config as settings
from clientes_service import db
from clientes_service.clientes.models import Cliente, Contador
from tests.conftest import EMPRESA, PASSWORD
from tests.files.conftest import as_csv, row
from tests.server.conftest import ADMIN_DNI, SLACK, Server, counts
from tests.server.wire import Wire, connected, sign_in, upload

CONNECTIONS = 64
WRITES = 20_000
ROUNDS = WRITES // 5  # create, change, change again, deactivate, restore

InParallel = Callable[..., list[Any]]

pytestmark = pytest.mark.load


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=4)


@pytest.fixture
def wire(server: Server, token: str) -> Iterator[Wire]:
    with connected(server.url, token) as wire:
        yield wire


def count_changes(server: Server) -> tuple[int, int, int]:
    """How many clients there are, how many are active, and how many changes were numbered."""
    db.connect(settings.load(server.environ).database_url)
    active = Cliente.select().where(Cliente.vigente).count()
    counted = Cliente.select().count(), active, Contador.get_by_id(1).valor
    db.database.close()
    return counted


@pytest.mark.postgresql  # on SQLite tests/faults/load.py does this, with batches and up to ten times as many
def test_twenty_thousand_mixed_writes_are_all_kept_and_none_fails(
    server: Server, wire: Wire, in_parallel: InParallel
) -> None:
    clients, active, changes = count_changes(server)

    def work(wire: Wire, first: int) -> Counter[int]:
        statuses: Counter[int] = Counter()
        for number in range(first, ROUNDS, CONNECTIONS):
            body = {**EMPRESA, "numeroDocumento": f"20{number:09d}", "codigoCliente": f"CARGA{number}"}
            created = wire.call("POST", "/api/clientes", body)
            path, etag = created.headers["location"], created.headers["etag"]
            found = [created.status]
            for method, suffix, change in (
                ("PUT", "", {"telefono": f"9{number:08d}"}),
                ("PUT", "", {"direccion": f"Jr. Puno {number}"}),
                ("DELETE", "", None),
                ("POST", "/restaurar", None),
            ):
                answer = wire.call(method, path + suffix, change, **({} if suffix else {"If_Match": etag}))
                etag = answer.headers.get("etag", etag)
                found.append(answer.status)
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
    answers = in_parallel(
        50, lambda wire, n: wire.call("POST", "/api/clientes", {**EMPRESA, "codigoCliente": "Carrera"})
    )
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 49}
    [created] = [answer.json for answer in answers if answer.status == 201]
    assert {answer.json["existenteId"] for answer in answers if answer.status == 409} == {created["id"]}
    assert count_changes(server) == tuple(number + 1 for number in before)


def test_of_fifty_changes_at_once_of_one_version_one_is_made(
    server: Server, wire: Wire, in_parallel: InParallel
) -> None:
    created = wire.call("POST", "/api/clientes", {**EMPRESA, "codigoCliente": "Disputa"})
    path, etag = created.headers["location"], created.headers["etag"]
    before = count_changes(server)
    answers = in_parallel(50, lambda wire, n: wire.call("PUT", path, {"telefono": f"952 {n:06d}"}, If_Match=etag))
    assert Counter(answer.status for answer in answers) == {200: 1, 412: 49}
    [changed] = [answer.json for answer in answers if answer.status == 200]
    seen = {answer.json["actual"]["telefono"] for answer in answers if answer.status == 412}
    assert seen == {changed["telefono"]}
    assert count_changes(server) == (before[0], before[1], before[2] + 1)


def test_of_fifty_deactivations_at_once_one_is_a_change_and_all_succeed(
    server: Server, wire: Wire, in_parallel: InParallel
) -> None:
    created = wire.call("POST", "/api/clientes", {**EMPRESA, "codigoCliente": "Baja"})
    path, etag = created.headers["location"], created.headers["etag"]
    before = count_changes(server)
    answers = in_parallel(50, lambda wire, n: wire.call("DELETE", path, If_Match=etag))
    assert Counter(answer.status for answer in answers) == {204: 50}
    assert count_changes(server) == (before[0], before[1] - 1, before[2] + 1)


def test_readers_go_on_while_others_write(in_parallel: InParallel) -> None:
    def act(wire: Wire, number: int) -> int:
        if number % 2:
            body = {**EMPRESA, "codigoCliente": f"MIXTA{number}"}
            return wire.call("POST", "/api/clientes", body).status
        return wire.call("GET", "/api/clientes?size=100&sort=nombre").status

    assert Counter(in_parallel(CONNECTIONS, act)) == {200: CONNECTIONS // 2, 201: CONNECTIONS // 2}


def test_others_read_and_write_while_a_hundred_thousand_rows_are_imported(start_server: Callable[..., Server]) -> None:
    server = start_server(workers=2)
    token = str(sign_in(server.url, ADMIN_DNI, PASSWORD)["token"])
    content = as_csv(
        [
            row(
                number,
                nombre=f"María Ñahui Gutiérrez {number * 7919 % 100_003}",
                direccion=f"Av. Los Álamos {number}, Tacna",
                telefono=f"9{number:08d}",
                email=f"cliente{number}@example.pe",
                contactoRepresentante="Víctor Huamán",
            )
            for number in range(100_000)
        ]
    )
    done, longest = threading.Event(), {"read": 0.0, "write": 0.0}
    made: list[int] = []

    def act(kind: str, call: Callable[[Any, int], Any]) -> None:
        with connected(server.url, token) as wire:
            for number in itertools.count():
                if done.is_set():
                    return
                started = time.monotonic()
                answer = call(wire, number)
                longest[kind] = max(longest[kind], time.monotonic() - started)
                assert answer.status in (200, 201), answer.text
                if kind == "write":
                    made.append(answer.json["id"])
                time.sleep(0.01)

    def write(wire: Any, number: int) -> Any:
        return wire.call(
            "POST", "/api/clientes", {**EMPRESA, "codigoCliente": f"OTRO{number}", "numeroDocumento": "1" * 11}
        )

    threads = [
        threading.Thread(target=act, args=("write", write)),
        threading.Thread(target=act, args=("read", lambda wire, number: wire.call("GET", "/api/clientes?size=20"))),
    ]
    for thread in threads:
        thread.start()
    status, answer = upload(server.url, token, content)
    done.set()
    for thread in threads:
        thread.join()
    assert status == 200, answer
    assert b'"creados":100000' in answer
    assert len(made) > 20
    assert counts(server.environ) == (100_000 + len(made),) * 3
    print(f"longest wait: {longest}")
    assert longest["write"] < 1 * SLACK
    assert longest["read"] < 1 * SLACK
