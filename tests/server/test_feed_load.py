"""The change feed while many write and an import comes in: no replica that follows it lacks anything in the end."""

import itertools
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from clientes_service import config as settings
from clientes_service import db
from tests.conftest import EMPRESA
from tests.files.conftest import as_csv, row
from tests.server.conftest import Server
from tests.server.wire import Answer, connected, upload

SECONDS = 5.0
WRITERS, POLLERS = 8, 4
IMPORTED = 2000

# PostgreSQL alone: each commit takes a moment of its own length, so that they would overtake each other if nothing held
# them in order, and an import stays under way for a while. Of an import's rows every hundredth counts.
SLOW = """
    CREATE FUNCTION tardar() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(random() * 0.05); RETURN NEW; END';
    CREATE CONSTRAINT TRIGGER al_confirmar AFTER INSERT OR UPDATE ON cliente DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.codigo_cliente NOT LIKE 'F%' OR NEW.codigo_cliente LIKE 'F%00')
        EXECUTE FUNCTION tardar();
    CREATE TRIGGER al_insertar BEFORE INSERT ON cliente
        FOR EACH ROW WHEN (NEW.codigo_cliente LIKE 'F%00') EXECUTE FUNCTION tardar();
"""

Replica = dict[int, Any]

pytestmark = pytest.mark.load


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=3)


class Writer:
    """Creates, changes, deactivates and restores clients, one by one and in batches."""

    numbers = itertools.count()

    def __init__(self, call: Callable[..., Answer], seed: int) -> None:
        self.call, self.rng, self.ids = call, random.Random(seed), list[int]()

    def body(self) -> dict[str, Any]:
        number = next(self.numbers)
        return {**EMPRESA, "codigoCliente": f"W{number}", "numeroDocumento": f"20{number:09d}"}

    def create(self) -> None:
        answer = self.call("POST", "/api/clientes", self.body())
        assert answer.status == 201, answer.body
        self.ids.append(answer.json["id"])

    def change(self) -> None:
        path = f"/api/clientes/{self.rng.choice(self.ids)}"
        method, suffix, body = self.rng.choice(
            [("PUT", "", {"telefono": f"9{self.rng.randrange(10**8):08d}"}), ("DELETE", "", None),
             ("POST", "/restaurar", None)]
        )  # fmt: skip
        answer = self.call(method, path + suffix, body)
        assert answer.status in (200, 204), answer.body

    def send_batch(self) -> None:
        operations: list[dict[str, Any]] = [{"op": "crear", "datos": self.body()} for _ in range(2)]
        operations += [{"op": "eliminar", "id": self.rng.choice(self.ids)}, {"op": "crear", "datos": {}}]
        operations += [{"op": "restaurar", "id": self.rng.choice(self.ids)}]
        keyed = [{"clave": f"{self.ids[0]}-{next(self.numbers)}", **operation} for operation in operations]
        results = self.call("POST", "/api/clientes/lote", {"operaciones": keyed}).json["resultados"]
        assert [result["status"] for result in results] == [201, 201, 204, 422, 200]
        self.ids += [result["cuerpo"]["id"] for result in results[:2]]

    def act(self) -> None:
        act = self.rng.choice([self.create, self.change, self.change, self.change, self.send_batch])
        act() if self.ids else self.create()


def follow(server: Server, token: str, done: threading.Event, seed: int) -> tuple[Replica, int]:
    """Keep a replica by the feed, on whichever worker answers, until nothing is missing; and how often it was asked."""
    rng, replica, place = random.Random(seed), Replica(), ""
    for asked in itertools.count(1):
        is_last = done.is_set()
        with connected(server.url, token) as wire:
            answer = wire.call("GET", f"/api/clientes/cambios?size={rng.randint(1, 50)}{place}")
        assert answer.status == 200, answer.body
        replica |= {client["id"]: client for client in answer.json["content"]}
        place = f"&desde={answer.json['siguiente']}"
        if is_last and not answer.json["hayMas"]:
            return replica, asked
    raise AssertionError


def follow_naively(server: Server, done: threading.Event) -> dict[int, int]:
    """What a feed would give that reads up to the last number that was drawn: each client's version."""
    engine = db.open_engine(settings.load(server.environ).database_url)
    replica, reached = dict[int, int](), 0
    while True:
        is_last = done.is_set()
        [last] = db.execute("SELECT valor FROM contador", (), engine).fetchone()
        changed = "SELECT id, version FROM cliente WHERE version > ? AND version <= ?"
        replica |= dict(db.execute(changed, (reached, last), engine).fetchall())
        reached = last
        if is_last:
            engine.close()
            return replica
        time.sleep(0.01)


def read_all(server: Server, token: str) -> Replica:
    """The table, by the list."""
    found, cursor = Replica(), ""
    with connected(server.url, token) as wire:
        while True:
            answer = wire.call("GET", f"/api/clientes?vigente=todos&size=500{cursor}").json
            found |= {client["id"]: client for client in answer["content"]}
            if answer["nextCursor"] is None:
                return found
            cursor = f"&cursor={answer['nextCursor']}"


def test_every_replica_equals_the_table_in_the_end(server: Server, token: str, pytestconfig: pytest.Config) -> None:
    is_slow = pytestconfig.getoption("--engine") == "postgresql"
    done, end = threading.Event(), time.monotonic() + SECONDS

    def write(seed: int) -> None:
        with connected(server.url, token) as wire:
            writer = Writer(wire.call, seed)
            while time.monotonic() < end:
                writer.act()

    if is_slow:
        with psycopg.connect(server.environ["DATABASE_URL"]) as connection:
            connection.execute(SLOW)
    with ThreadPoolExecutor(WRITERS + POLLERS + 1) as pool:
        pollers = [pool.submit(follow, server, token, done, seed) for seed in range(POLLERS)]
        naive = pool.submit(follow_naively, server, done)
        writers = [pool.submit(write, seed) for seed in range(WRITERS)]
        try:
            time.sleep(SECONDS / 3)
            status, report = upload(server.url, token, as_csv(row(number) for number in range(IMPORTED)))
            for writer in writers:
                writer.result()
        finally:
            done.set()
        replicas = [poller.result() for poller in pollers]
        seen_naively = naive.result()

    assert status == 200, report
    table = read_all(server, token)
    assert len(table) > IMPORTED + WRITERS
    for replica, asked in replicas:
        assert asked > 20
        assert replica.keys() == table.keys()
        assert replica == table
    # The negative control: where an import's numbers are drawn before its commit, such a feed passes them by.
    versions = {id: int(client["version"].rpartition("-")[2]) for id, client in table.items()}
    assert (seen_naively == versions) is not is_slow
