"""PostgreSQL: versions in commit order, connections that outlive the server, TLS and passwords."""

import itertools
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from flask import Flask
from peewee import OperationalError, PeeweeException

from clientes_service import db
from clientes_service.clientes.models import (
    Cliente,
    Contador,
    current_epoch,
    draw_clientes,
    draw_versions,
    last_settled,
)
from clientes_service.db import postgres
from tests.conftest import EMPRESA, PASSWORD, Caller
from tests.db.test_engine import add_in_threads
from tests.postgres import Cluster, cluster
from tests.server.conftest import ADMIN_DNI, Server
from tests.server.wire import connected, sign_in

pytestmark = pytest.mark.postgresql

TRIALS = 500
FAULTS = 100
RESTARTS = 20  # of the FAULTS; the others end every backend


def test_searches_work_for_a_user_who_may_not_create_extensions(
    app: Flask, reader: db.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    db.execute("DROP INDEX busqueda_texto")
    db.execute("DROP EXTENSION pg_trgm")
    db.execute("DROP TABLE busqueda")
    db.execute("DELETE FROM schema_migration WHERE name = '0005_busqueda'")
    [database] = db.execute("SELECT current_database()").fetchone()
    db.execute("CREATE ROLE modest")
    try:
        db.execute("GRANT ALL ON SCHEMA public TO modest")
        db.execute("ALTER TABLE schema_migration OWNER TO modest")
        reader.execute_sql("SET ROLE modest")
        assert db.upgrade(reader) == ["0005_busqueda"]
        reader.execute_sql("INSERT INTO busqueda (clave, texto) VALUES (1, 'maria')")
        matches = reader.texts.match(["ari"], True)
        assert db.execute(matches.ids, matches.params, reader).fetchall() == [(1,)]
    finally:
        reader.close()
        db.execute(f'REVOKE ALL ON DATABASE "{database}" FROM modest')
        db.execute("REASSIGN OWNED BY modest TO CURRENT_USER")
        db.execute("DROP OWNED BY modest")
        db.execute("DROP ROLE modest")
    assert "pg_trgm" in caplog.text


# --- Versions


def plain_transaction() -> AbstractContextManager[Any]:
    """A transaction without the write lock."""
    return db.engine().atomic()  # type: ignore[no-any-return]


def missed_versions(
    engine: db.Engine, trials: int, begin: Callable[[], Any], draw: Callable[[Cliente], Any]
) -> Iterator[set[int]]:
    """Three slow writers at once, and a reader that asks for what is newer than the newest it saw: what it missed."""
    codes = itertools.count()

    def write(start: threading.Barrier) -> None:
        start.wait()
        with begin():
            cliente = Cliente(vigente=True).assign(
                {"nombre": "Lento", "tipo_cliente": "OTRO", "tipo_documento": "OTRO", "numero_documento": "1",
                 "codigo_cliente": f"L{next(codes)}"}
            )  # fmt: skip
            draw(cliente)
            cliente.fecha_creacion = cliente.fecha_modificacion
            time.sleep(random.uniform(0, 0.004))
            cliente.save(force_insert=True)
        db.database.close()

    def look(highest: int) -> tuple[set[int], int]:
        seen = versions_behind(engine, highest)
        return seen, max(seen, default=highest)

    return missed_in_trials(engine, trials, [write] * 3, look)


def versions_behind(engine: db.Engine, number: int, until: int = 2**62) -> set[int]:
    query = "SELECT version FROM cliente WHERE version > %s AND version <= %s"
    return {version for (version,) in engine.execute_sql(query, (number, until)).fetchall()}


def missed_in_trials(
    engine: db.Engine,
    trials: int,
    acts: list[Callable[[threading.Barrier], None]],
    look: Callable[[int], tuple[set[int], int]],
) -> Iterator[set[int]]:
    """Let some act at once, and one look on from the number that it has reached; what that one missed in each trial."""
    reached = 0
    for _ in range(trials):
        start = threading.Barrier(len(acts) + 1)
        writers = [threading.Thread(target=act, args=(start,)) for act in acts]
        for writer in writers:
            writer.start()
        first, seen = reached, set[int]()
        start.wait()
        running = True
        while running:
            running = any(writer.is_alive() for writer in writers)
            found, reached = look(reached)
            seen |= found
        yield versions_behind(engine, first) - seen


@pytest.fixture
def reader(app: Flask, environ: dict[str, str]) -> Iterator[db.Engine]:
    engine = db.open_engine(environ["DATABASE_URL"])
    yield engine
    engine.close()


def test_a_reader_of_versions_misses_none_while_commits_are_slow(reader: db.Engine) -> None:
    missed = list(missed_versions(reader, TRIALS, db.transaction, Cliente.stamp))
    assert len(missed) == TRIALS
    assert not [each for each in missed if each]
    assert Cliente.select().count() == 3 * TRIALS


def test_a_reader_of_numbers_from_a_sequence_misses_some(reader: db.Engine) -> None:
    """The negative control: the same trial fails where numbers are not drawn in the order of commits."""
    db.database.execute_sql("CREATE SEQUENCE naive")

    def stamp_naively(cliente: Cliente) -> None:
        [cliente.version] = db.engine().execute_sql("SELECT nextval('naive')").fetchone()
        cliente.epoca, cliente.fecha_modificacion = "x", "2026-11-24T00:00:00.000Z"

    assert any(missed_versions(reader, TRIALS, plain_transaction, stamp_naively))


def missed_beside_bulk(engine: db.Engine, trials: int, limit: Callable[[int], int]) -> Iterator[set[int]]:
    """A slow import and a plain writer at once, and a reader that goes up to a `limit`: what it never saw."""
    codes = itertools.count()

    def insert(version: int, epoca: str) -> None:
        cliente = Cliente(vigente=True, epoca=epoca, version=version, fecha_creacion="x", fecha_modificacion="x")
        datos = {"nombre": "Masivo", "tipo_cliente": "OTRO", "tipo_documento": "OTRO", "numero_documento": "1"}
        cliente.assign({**datos, "codigo_cliente": f"M{next(codes)}"}).store()

    def write_many(start: threading.Barrier) -> None:
        start.wait()
        with db.bulk_transaction(lambda: draw_clientes(2)) as ((base, _), lock):
            for version in (base + 1, base + 2):
                insert(version, current_epoch())
                time.sleep(random.uniform(0, 0.004))
            lock()
            draw_versions(0)
        db.database.close()

    def write(start: threading.Barrier) -> None:
        start.wait()
        with db.transaction():
            epoca, version = draw_versions(1)
            insert(version, epoca)
        db.database.close()

    def look(reached: int) -> tuple[set[int], int]:
        [valor] = engine.execute_sql("SELECT valor FROM contador").fetchone()
        until = limit(valor)
        return versions_behind(engine, reached, until), max(reached, until)

    return missed_in_trials(engine, trials, [write_many, write], look)


def test_a_reader_of_settled_versions_misses_none_beside_an_import(reader: db.Engine) -> None:
    assert not [each for each in missed_beside_bulk(reader, TRIALS, reader.settled) if each]
    assert Cliente.select().count() == 3 * TRIALS


def test_a_reader_of_all_versions_misses_some_beside_an_import(reader: db.Engine) -> None:
    """The negative control: numbers that an import drew are visible only with its commit."""
    assert any(missed_beside_bulk(reader, TRIALS, lambda valor: valor))


def test_an_import_that_dies_holds_nothing_back(reader: db.Engine) -> None:
    def die() -> None:
        with db.bulk_transaction(lambda: draw_clientes(5)) as ((base, _), _):
            assert (base, last_settled(), reader.settled(5)) == (0, 0, 0)
            [process] = db.engine().execute_sql("SELECT pg_backend_pid()").fetchone()
            reader.execute_sql("SELECT pg_terminate_backend(%s)", (process,))
            db.execute("SELECT 1")

    with pytest.raises(PeeweeException):
        die()
    deadline = time.monotonic() + 5
    while reader.settled(5) == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert reader.settled(5) == 5


def test_others_write_while_an_import_inserts(app: Flask) -> None:
    with db.bulk_transaction(lambda: draw_clientes(5)) as (_, lock):
        add_in_threads(1, 1)
        assert Contador.get().valor == 6
        lock()


# --- Faults


@pytest.fixture
def durable() -> Iterator[Cluster]:
    """A server of its own, which loses nothing that it acknowledged."""
    with cluster("fsync=on", "max_connections=100") as server:
        yield server


@pytest.fixture
def service(durable: Cluster, tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, durable.url, 2, {})
    server.make_admin()
    server.start()
    yield server
    server.stop()


def test_nothing_acknowledged_is_lost_when_backends_end_and_the_server_restarts(
    durable: Cluster, service: Server
) -> None:
    token = sign_in(service.url, ADMIN_DNI, PASSWORD)["token"]
    numbers, stop = itertools.count(), threading.Event()
    acknowledged: list[str] = []
    statuses: Counter[int] = Counter()
    problems: list[str] = []

    def write() -> None:
        with connected(service.url, token) as wire:
            while not stop.is_set():
                code = f"F{next(numbers)}"
                answer = wire.call("POST", "/api/clientes", {**EMPRESA, "codigoCliente": code})
                statuses[answer.status] += 1
                if answer.status == 201:
                    acknowledged.append(code)
                elif answer.status != 503 or "retry-after" not in answer.headers:
                    problems.append(f"{answer.status} {answer.body!r}")
                else:
                    time.sleep(0.01)

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    slowest = 0.0
    for fault in range(FAULTS):
        time.sleep(0.05)
        if fault % (FAULTS // RESTARTS) == 0:
            durable.stop("immediate" if fault % 2 else "fast")
            durable.start()
        else:
            with psycopg.connect(durable.url, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'clientes_service' AND pid <> pg_backend_pid()"
                )
        slowest = max(slowest, seconds_to_recover(acknowledged))
    stop.set()
    for writer in writers:
        writer.join()

    assert problems == []
    assert statuses[201] > FAULTS
    assert statuses[503] > 0
    assert slowest < 5
    with psycopg.connect(durable.url) as admin:
        stored = {code for (code,) in admin.execute("SELECT codigo_cliente FROM cliente")}
        [(backends,)] = admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'clientes_service'"
        )
    assert set(acknowledged) <= stored
    assert len(acknowledged) == len(set(acknowledged))
    assert backends <= 2 * 4
    assert "Traceback" not in service.log.read_text(encoding="utf-8")
    print(f"\n{FAULTS} faults, {dict(statuses)}, slowest recovery {slowest:.2f} s")


def seconds_to_recover(acknowledged: list[str]) -> float:
    """How long until another write is acknowledged."""
    before, began = len(acknowledged), time.monotonic()
    while len(acknowledged) == before and time.monotonic() - began < 10:
        time.sleep(0.002)
    return time.monotonic() - began


def end_my_backend() -> int:
    """End this thread's connection from outside, wait until the server has, and return its process."""
    mine: int = db.database.connection().info.backend_pid
    with psycopg.connect(db.engine().database, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", (mine,))
        while list(admin.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (mine,))):
            time.sleep(0.01)
    return mine


def test_a_connection_that_the_server_closed_while_it_was_idle_costs_no_request(app: Flask, tecnico: Caller) -> None:
    assert tecnico.get("/api/clientes").status_code == 200
    mine = end_my_backend()
    assert tecnico.get("/api/clientes").status_code == 200
    assert db.database.connection().info.backend_pid != mine
    end_my_backend()
    with db.transaction():
        assert Cliente.select().count() == 0


def test_a_commit_on_a_lost_connection_is_no_success(app: Flask, tecnico: Caller, stored: Any) -> None:
    before = stored()

    def lose_the_connection() -> None:
        with db.transaction():
            Cliente.update(nombre="perdido").execute()
            end_my_backend()

    with pytest.raises(PeeweeException) as caught:
        lose_the_connection()
    assert db.is_unavailable(caught.value)
    assert stored() == before
    assert tecnico.post("/api/clientes", json=EMPRESA).status_code == 201


def test_a_server_that_is_not_there_is_503_and_the_command_line_says_so(tecnico: Caller, tmp_path: Path) -> None:
    db.connect("postgresql://nadie@127.0.0.1:1/nada")
    for path in ("/readyz", "/api/clientes"):
        answer = tecnico.get(path)
        assert (answer.status_code, answer.json["code"]) == (503, "NO_DISPONIBLE")
        assert int(answer.headers["Retry-After"]) > 0
    ended = Server(tmp_path, "postgresql://nadie:secreta@127.0.0.1:1/nada", 1, {}).cli("db", "upgrade")
    assert ended.returncode == 1
    assert "127.0.0.1" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "secreta" not in ended.stderr


def test_a_machine_that_dies_in_a_transaction_does_not_keep_the_write_lock(
    app: Flask, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "IDLE_SECONDS", 1)
    dead = db.open_engine(environ["DATABASE_URL"])
    held = dead.writing()
    held.__enter__()  # and not a word more
    began = time.monotonic()
    with db.transaction():
        waited = time.monotonic() - began
    assert 0.5 < waited < 5
    with pytest.raises(PeeweeException) as caught:
        held.__exit__(None, None, None)
    assert db.is_unavailable(caught.value)
    dead.close()


def test_threads_do_not_wait_for_each_others_connection_attempts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        engine = db.open_engine(f"postgresql://x@127.0.0.1:{deaf.getsockname()[1]}/x?connect_timeout=2")

        def fail() -> None:
            with pytest.raises(OperationalError):
                engine.connect()

        threads = [threading.Thread(target=fail) for _ in range(4)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert time.monotonic() - began < 4


def assert_not_writable() -> None:
    with pytest.raises(PeeweeException) as caught, db.transaction():
        Cliente.update(nombre="x").execute()
    assert db.is_unavailable(caught.value)


def test_a_read_only_server_is_unavailable_and_left_as_soon_as_another_can_be_written(
    app: Flask, environ: dict[str, str]
) -> None:
    read_only = f"ALTER DATABASE {environ['DATABASE_URL'].rpartition('/')[2]} SET default_transaction_read_only"
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(f"{read_only} = on")
        assert_not_writable()
        assert_not_writable()
        admin.execute(f"{read_only} = off")
    with db.transaction():
        Cliente.update(nombre="x").execute()


def test_a_right_to_write_that_was_taken_away_is_unavailable(app: Flask, environ: dict[str, str]) -> None:
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute("CREATE ROLE lector LOGIN")
        admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO lector")
        db.connect(environ["DATABASE_URL"].replace("postgres@", "lector@"))
        assert_not_writable()
        admin.execute("GRANT UPDATE ON ALL TABLES IN SCHEMA public TO lector")
        with db.transaction():
            Cliente.update(nombre="x").execute()
        db.database.close()
        admin.execute("DROP OWNED BY lector")
        admin.execute("DROP ROLE lector")


def test_a_server_that_is_gone_is_noticed_unless_the_url_says_otherwise(environ: dict[str, str]) -> None:
    engine = db.open_engine(f"{environ['DATABASE_URL']}?keepalives_idle=77&application_name=otra")
    used = engine.connection().info.get_parameters()
    engine.close()
    own = {"keepalives_idle": "77", "application_name": "otra"}
    assert {name: used.get(name) for name in postgres.CONNECTION} == postgres.CONNECTION | own


def test_whoever_migrates_waits_for_as_long_as_another_does(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.1)
    begun, other = threading.Event(), db.open_engine(empty)

    def migrate_slowly() -> None:
        with other.migrating():
            begun.set()
            time.sleep(0.5)
        other.close()

    thread = threading.Thread(target=migrate_slowly)
    thread.start()
    begun.wait()
    assert db.upgrade()
    thread.join()


def test_writers_see_what_came_before_whatever_the_default_isolation(app: Flask, environ: dict[str, str]) -> None:
    name = environ["DATABASE_URL"].rpartition("/")[2]
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    add_in_threads(3, 5)
    assert Contador.get().valor == 15


def test_migrating_without_its_lock_is_not_possible(empty: str) -> None:
    def lose_the_connection() -> None:
        with db.engine().migrating():
            end_my_backend()
            db.engine().execute_sql("CREATE TABLE half (id INTEGER)")

    with pytest.raises(PeeweeException):
        lose_the_connection()
    assert not db.database.table_exists("half")


# --- What a URL may say


def test_a_percent_encoded_password_opens(durable: Cluster, tmp_path: Path) -> None:
    password = "p@ss/w:rd %?#ñ"
    durable.require_password("ana", password)
    host = f"127.0.0.1:{durable.port}/postgres"
    opened = Server(tmp_path, f"postgres://ana:{quote(password, safe='')}@{host}", 1, {}).cli("db", "upgrade")
    assert opened.returncode == 0, opened.stderr
    refused = Server(tmp_path, f"postgres://ana:{quote(password[:-1], safe='')}@{host}", 1, {}).cli("db", "status")
    assert refused.returncode == 1
    assert "password authentication failed" in refused.stderr


def test_tls_is_used_where_it_is_asked_for(durable: Cluster, tmp_path: Path) -> None:
    asked = f"{durable.url}?sslmode=require"
    refused = Server(tmp_path, asked, 1, {}).cli("db", "upgrade")
    assert refused.returncode == 1
    assert "SSL" in refused.stderr
    on_dyno = Server(tmp_path, durable.url, 1, {"DYNO": "web.1", "CLIENTES_JWT_SECRET_KEY": "x" * 32})
    assert "SSL" in on_dyno.cli("db", "upgrade").stderr
    durable.offer_tls()
    assert Server(tmp_path, asked, 1, {}).cli("db", "upgrade").returncode == 0
    engine = db.open_engine(asked)
    assert engine.execute_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (True,)
    engine.close()


def test_a_dyno_serves_from_a_database_with_tls_and_stops_in_time(durable: Cluster, tmp_path: Path) -> None:
    durable.offer_tls()
    server = Server(tmp_path, durable.url, 2, {"DYNO": "web.1", "CLIENTES_JWT_SECRET_KEY": "x" * 32})
    assert server.cli("db", "upgrade").returncode == 0  # the release phase
    server.make_admin()
    server.start()
    assert sign_in(server.url, ADMIN_DNI, PASSWORD)["rol"] == "ADMIN"
    with psycopg.connect(durable.url) as admin:
        query = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = %s"
        assert list(admin.execute(query, ("clientes_service",))) == [(True,)]
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 30


def test_a_database_of_another_encoding_is_refused(durable: Cluster, tmp_path: Path) -> None:
    with psycopg.connect(durable.url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE vieja ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    refused = Server(tmp_path, durable.url_of("vieja"), 1, {}).cli("db", "upgrade")
    assert refused.returncode == 1
    assert "LATIN1" in refused.stderr
    assert "ENCODING 'UTF8'" in refused.stderr


def test_names_sort_as_in_spanish_whatever_the_locale_of_the_database(
    app: Flask, tecnico: Caller, make_cliente: Any
) -> None:
    for name in ("zeta", "ñandú", "Nuez", "Árbol", "nz", "_guion", "arco"):
        make_cliente(nombre=name)
    collations = db.database.execute_sql(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'cliente' AND collation_name = 'C'"
    ).fetchall()
    assert {name for (name,) in collations} == {
        "nombre_orden", "documento_clave", "persona_clave", "codigo_clave", "fecha_creacion",
        "fecha_modificacion",
    }  # fmt: skip
    listed = tecnico.get("/api/clientes?sort=nombre").json["content"]
    assert [row["nombre"] for row in listed] == ["_guion", "Árbol", "arco", "Nuez", "nz", "ñandú", "zeta"]
