"""A request that is sent many times at once, on several workers, before and after the service was killed."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from clientes_service import config as settings
from clientes_service import db
from tests.conftest import EMPRESA
from tests.server.conftest import Server, counts
from tests.server.wire import Answer, Wire, connected

TIMES = 20
WORKERS = 3

InParallel = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=WORKERS)


def create(wire: Wire, key: str) -> Answer:
    return wire.call("POST", "/api/clientes", {**EMPRESA, "codigoCliente": key.upper()}, Idempotency_Key=key)


def shown(answer: Answer) -> tuple[Any, ...]:
    """What must be the same each time."""
    return answer.status, answer.body, answer.headers["location"], answer.headers["etag"]


def is_replayed(answer: Answer) -> bool:
    return answer.headers.get("idempotency-replayed") == "true"


def stored_keys(server: Server) -> int:
    db.connect(settings.load(server.environ).database_url)
    [count] = db.execute("SELECT count(*) FROM idempotencia").fetchone()
    db.database.close()
    return int(count)


@contextmanager
def only(server: Server, worker: int) -> Iterator[None]:
    """Let one worker answer all requests."""
    others = [pid for pid in server.workers() if pid != worker]
    assert len(others) == WORKERS - 1
    try:
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def test_of_twenty_identical_creates_at_once_one_is_done_and_all_are_answered_alike(
    server: Server, token: str, in_parallel: InParallel
) -> None:
    clients, lines, changes = counts(server.environ)
    answers = in_parallel(TIMES, lambda wire, _: create(wire, "muchas"))
    [same] = {shown(answer) for answer in answers}
    assert same[0] == 201
    assert Counter(map(is_replayed, answers)) == {False: 1, True: TIMES - 1}
    after = counts(server.environ)
    assert after == (clients + 1, lines + 1, changes + 1)

    server.kill()
    server.start()
    again = in_parallel(TIMES, lambda wire, _: create(wire, "muchas"))
    assert {shown(answer) for answer in again} == {same}
    assert all(map(is_replayed, again))
    for worker in server.workers():
        with only(server, worker), connected(server.url, token) as wire:
            answer = create(wire, "muchas")
            assert (shown(answer), is_replayed(answer)) == (same, True)
    assert counts(server.environ) == after


def test_of_twenty_identical_batches_at_once_one_is_done_and_all_are_answered_alike(
    server: Server, token: str, in_parallel: InParallel
) -> None:
    with connected(server.url, token) as wire:
        id = create(wire, "del-lote").json["id"]
    clients, lines, changes = counts(server.environ)
    keys = stored_keys(server)
    operaciones: list[dict[str, Any]] = [
        {"clave": f"l{n}", "op": "crear", "datos": {**EMPRESA, "codigoCliente": f"LOTE{n}"}} for n in range(3)
    ]
    operaciones += [
        {"clave": "l3", "op": "actualizar", "id": id, "datos": {"nombre": "Del lote"}},
        {"clave": "l4", "op": "eliminar", "id": id},
        {"clave": "l5", "op": "restaurar", "id": id},
    ]

    def send(wire: Wire, _: int = 0) -> Answer:
        return wire.call("POST", "/api/clientes/lote", {"operaciones": operaciones})

    answers = in_parallel(TIMES, send)
    [(status, body)] = {(answer.status, answer.body) for answer in answers}
    assert status == 200
    assert [result["status"] for result in answers[0].json["resultados"]] == [201, 201, 201, 200, 204, 200]
    after = counts(server.environ)
    assert after == (clients + 3, lines + 6, changes + 6)
    assert stored_keys(server) == keys + 6

    server.kill()
    server.start()
    for worker in server.workers():
        with only(server, worker), connected(server.url, token) as wire:
            assert send(wire).body == body
    assert counts(server.environ) == after


def test_a_request_whose_server_died_may_be_sent_again(server: Server, token: str, in_parallel: InParallel) -> None:
    clients, lines, changes = counts(server.environ)
    keys = [f"muerta{n}" for n in range(TIMES)]

    def create_or_die(wire: Wire, number: int) -> Answer | None:
        if number == TIMES // 2:
            server.kill()
        with suppress(OSError):  # no answer
            return create(wire, keys[number])
        return None

    first = in_parallel(TIMES, create_or_die)
    server.start()
    with connected(server.url, token) as wire:
        second = [create(wire, key) for key in keys]
    assert {answer.status for answer in second} == {201}
    for one, other in zip(first, second, strict=True):
        assert one is None or (shown(one), is_replayed(other)) == (shown(other), True)
    assert counts(server.environ) == (clients + TIMES, lines + TIMES, changes + TIMES)
