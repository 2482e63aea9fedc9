"""Measures the service alone, so that a maintainer sees what a change costs: `make bench`.

Requests go into the application without a socket, in rounds that alternate with a view of plain Flask that answers
nothing: the last column, a multiple of that view, is comparable between machines. Every figure is the median of the
rounds. `--clients` or `--database-url` choose another size or engine; a database that has clients is used as it is.
"""

import argparse
import csv
import json
import logging
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Flask
from werkzeug.test import create_environ, run_wsgi_app

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parent.parent
PORT = 8299
DNI, PASSWORD = "12345678", "una-clave-de-prueba"
FIELDS = (
    "nombre",
    "tipoCliente",
    "tipoDocumento",
    "numeroDocumento",
    "codigoCliente",
    "direccion",
    "telefono",
    "email",
)
NAMES = [
    "Rosa", "Ñahui", "Quispe", "Mamani", "Flores", "Condori", "Huamán", "Vargas", "Choque", "Gutiérrez", "Salazar",
    "Espinoza", "Comercial", "Servicios", "Botica", "Transportes", "Constructora", "Ferretería", "Hotel", "Elena",
]  # fmt: skip


def write_csv(path: Path, count: int) -> None:
    """Write invented clients."""
    rng = random.Random(1)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        for number in range(1, count + 1):
            writer.writerow(
                [" ".join(rng.sample(NAMES, 4)), "PERSONA", "DNI", f"{rng.randrange(10**8):08d}", f"B{number:07d}",
                 f"Av. Arias {number}, Tacna", f"9{number:08d}", f"cliente{number}@example.pe"]
            )  # fmt: skip


def run_cli(*words: str, **options: Any) -> None:
    """Run a command of the service, in silence; its exit code says nothing of what there was before."""
    subprocess.run(
        [str(BIN / "clientes-service"), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
    )


def use_database(url: str, folder: str) -> None:
    """Say to this process and its commands which database it is, with its schema and the account DNI."""
    for key in [key for key in os.environ if key.startswith("CLIENTES_")]:
        del os.environ[key]
    os.environ |= {"DATABASE_URL": url, "CLIENTES_INSTANCE_PATH": folder, "CLIENTES_JWT_SECRET_KEY": "s" * 48}
    run_cli("db", "upgrade", check=True)
    words = "users create --nombre Bench --email bench@example.pe --rol ADMIN --password-stdin --dni"
    run_cli(*words.split(), DNI, input=PASSWORD.encode())
    run_cli("users", "set-password", "--dni", DNI, "--password-stdin", input=PASSWORD.encode())


def import_clients(count: int, folder: Path) -> None:
    """Import invented clients, and print how fast."""
    write_csv(folder / "clientes.csv", count)
    started = time.perf_counter()
    run_cli("import", str(folder / "clientes.csv"), check=True)
    print(f"{'import':10} {count / (time.perf_counter() - started):10,.0f} clients/s, by the command line")


def typed(rng: random.Random) -> str:
    """What somebody types: digits, a word or its beginning, or two; seldom the same again."""
    if rng.random() < 0.2:
        return str(rng.randrange(1000, 100_000))
    words = [name[: rng.randrange(2, len(name) + 1)] for name in rng.sample(NAMES, rng.choice([1, 2]))]
    return " ".join(words)


class Caller:
    """Calls a WSGI application, signed in where a token is given."""

    def __init__(self, app: Any, token: str = "") -> None:
        self.app, self.token = app, token

    def environ(self, path: str, body: str = "") -> dict[str, Any]:
        """A request, ready to be sent: making it is not measured."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if not body:
            return create_environ(path, headers=headers)
        return create_environ(path, method="POST", headers=headers, data=body, content_type="application/json")

    def send(self, environ: dict[str, Any]) -> Any:
        """The answer to a request, which must be a success."""
        content, status, _ = run_wsgi_app(self.app, environ)
        data = b"".join(content)
        if status[0] != "2":
            sys.exit(f"{environ['PATH_INFO']}: {status} {data.decode()}")
        return data

    def seconds(self, environs: list[dict[str, Any]]) -> float:
        """How long a request takes, of these on average."""
        started = time.perf_counter()
        for environ in environs:
            self.send(environ)
        return (time.perf_counter() - started) / len(environs)


def works(caller: Caller, count: int) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """What is measured, each as a maker of requests."""
    from clientes_service import db
    from clientes_service.clientes.search import Filters
    from clientes_service.cursors import encode_cursor

    rng = random.Random(2)
    numbers = iter(range(10**9))
    run = os.getpid()
    pages = max(count // 20 - 5, 1)
    body = {"tipoCliente": "PERSONA", "tipoDocumento": "DNI", "numeroDocumento": "12345678", "telefono": "987 654 321"}

    def behind() -> dict[str, Any]:
        """A page that nobody remembers."""
        place = rng.randrange(count)
        return caller.environ(f"/api/clientes?size=20&cursor={encode_cursor([Filters().fingerprint(), place, place])}")

    def create() -> dict[str, Any]:
        number = next(numbers)
        return caller.environ(
            "/api/clientes", json.dumps({**body, "nombre": f"Nuevo {number}", "codigoCliente": f"N{run}-{number}"})
        )

    yield "get", lambda: caller.environ(f"/api/clientes/{rng.randrange(1, count + 1)}")
    yield "list", lambda: caller.environ(f"/api/clientes?page={rng.randrange(min(20, pages))}&size=20")
    yield "deep", lambda: caller.environ(f"/api/clientes?page={rng.randrange(pages // 2, pages)}&size=20")
    epoca = db.execute("SELECT epoca FROM contador").fetchone()[0]
    yield (
        "feed",
        lambda: caller.environ(f"/api/clientes/cambios?size=20&desde={encode_cursor([epoca, rng.randrange(count)])}"),
    )
    yield "cursor", behind
    yield "search", lambda: caller.environ(f"/api/clientes?size=20&q={quote(typed(rng))}")
    yield "create", create


@contextmanager
def serving() -> Iterator[int]:
    """Start the real server with one worker, wait until it answers, and yield its process id."""
    environ = {**os.environ, "PORT": str(PORT), "WEB_CONCURRENCY": "1"}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([BIN / "gunicorn", "wsgi:app"], env=environ, cwd=ROOT, **quiet)
    deadline = time.monotonic() + 20
    try:
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.01)
        yield server.pid
    finally:
        server.terminate()
        server.wait()


def measure_start() -> None:
    """Start the real server, and print how soon it answered and what memory its worker takes."""
    started = time.perf_counter()
    with serving() as pid:
        print(f"{'start':10} {time.perf_counter() - started:10.2f} s to the first answer")
        children = Path(f"/proc/{pid}/task/{pid}/children")
        if children.exists():  # Linux
            status = Path(f"/proc/{children.read_text().split()[0]}/status").read_text()
            memory = int(status.partition("VmRSS:")[2].split()[0]) / 1024
            print(f"{'memory':10} {memory:10.0f} MB of a worker that starts")


def measure_requests(rounds: int, requests: int, count: int, folder: Path) -> None:
    """Print what a request of each kind costs; import clients where there are none."""
    from clientes_service import db
    from clientes_service.app import create_app

    caller = Caller(create_app())
    logging.disable(logging.INFO)
    session = caller.send(caller.environ("/auth", json.dumps({"dni": DNI, "password": PASSWORD})))
    caller.token = json.loads(session)["token"]
    first = caller.environ("/api/clientes?size=1")
    if not json.loads(caller.send(first))["content"]:
        import_clients(count, folder)
    measure_start()
    db.engine().texts.extend(1)
    count = json.loads(caller.send(first))["totalElements"]
    bare = Flask("bare", static_folder=None)
    bare.add_url_rule("/", view_func=lambda: "")
    yardstick = Caller(bare)
    print(f"\n{count:,} clients on {db.engine().name}, one thread, without sockets")
    print(f"{'work':10} {'µs':>10} {'per second':>12} {'of bare Flask':>14}")
    for work, make in works(caller, count):
        pairs = []
        for _ in range(rounds):
            mine, empty = [make() for _ in range(requests)], [yardstick.environ("/") for _ in range(requests)]
            pairs.append((caller.seconds(mine), yardstick.seconds(empty)))
        seconds = statistics.median(pair[0] for pair in pairs)
        ratio = statistics.median(mine / bare for mine, bare in pairs)
        print(f"{work:10} {seconds * 1e6:10.0f} {1 / seconds:12,.0f} {ratio:14.1f}")


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=20_000)
    parser.add_argument("--database-url")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=300, help="of each kind in a round")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clientes-bench-") as name:
        use_database(chosen.database_url or f"sqlite:///{name}/clientes.db", name)
        measure_requests(chosen.rounds, chosen.requests, chosen.clients, Path(name))


if __name__ == "__main__":
    main()
