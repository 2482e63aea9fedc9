"""What a phone costs the network: a technician's morning, and the first load of everything.

    python bench/phone.py

A real server on a SQLite file, one kept connection, gzip; bytes are those on the wire in both directions, headers and
all, without TLS. The yardstick of the first load is a SELECT of the same columns, one line a client, through gzip -6.
"""

import argparse
import gzip
import io
import json
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from run import DNI, PASSWORD, PORT, import_clients, serving, use_database

from clientes_service.clientes.rows import COLUMNS


class Wire:
    """A connection that is kept, and counts what crosses it."""

    def __init__(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", PORT))
        self.reader = self.socket.makefile("rb")
        self.token, self.requests, self.bytes = "", 0, 0

    def call(self, method: str, path: str, body: Any = None, encoding: str = "gzip") -> Any:
        """Send a request, and return the JSON of its answer, which must be a success."""
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: clientes.example.pe\r\nAuthorization: Bearer {self.token}\r\n"
        if encoding:
            head += f"Accept-Encoding: {encoding}\r\n"
        if data:
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        request = f"{head}\r\n".encode() + data
        self.socket.sendall(request)
        lines = [self.reader.readline()]
        while lines[-1] != b"\r\n":
            lines.append(self.reader.readline())
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
        content = self.reader.read(int(headers[b"content-length"]))
        self.requests += 1
        self.bytes += len(request) + sum(map(len, lines)) + len(content)
        if b" 20" not in lines[0]:
            sys.exit(f"{path}: {lines[0].decode()} {content.decode()}")
        return json.loads(gzip.decompress(content) if b"content-encoding" in headers else content)

    @contextmanager
    def measured(self, what: str) -> Iterator[None]:
        """Print how many requests and bytes something took."""
        self.requests = self.bytes = 0
        started = time.perf_counter()
        yield
        self.seconds = time.perf_counter() - started
        print(f"{what:44} {self.requests:9,} requests {self.bytes:12,} bytes {self.seconds:8.2f} s")


@contextmanager
def served(count: int) -> Iterator[tuple[Wire, Path]]:
    """A wire to a service with so many invented clients, signed in, and the file of its database."""
    with tempfile.TemporaryDirectory(prefix="clientes-bench-") as name:
        file = Path(name) / "clientes.db"
        use_database(f"sqlite:///{file}", name)
        import_clients(count, Path(name))
        with serving():
            wire = Wire()
            wire.token = wire.call("POST", "/auth", {"dni": DNI, "password": PASSWORD})["token"]
            yield wire, file


def follow(wire: Wire, since: str = "") -> str:
    """Read the feed to its end; return the token to go on with."""
    while True:
        page = wire.call("GET", f"/api/clientes/cambios?size=500{since and '&desde=' + since}")
        since = page["siguiente"]
        if not page["hayMas"]:
            return str(since)


def reload(wire: Wire, encoding: str) -> None:
    """Read all pages of the list, as an app without the feed would."""
    cursor = ""
    while cursor is not None:
        page = wire.call("GET", f"/api/clientes?size=500{cursor and '&cursor=' + cursor}", encoding=encoding)
        cursor = page["nextCursor"]


def morning(known: int, changed: int) -> None:
    """A phone that knew everything yesterday."""
    with served(known) as (wire, _):
        since = follow(wire)
        for id in range(1, known, known // changed):
            wire.call("PUT", f"/api/clientes/{id}", {"telefono": f"+51 952 {id:06d}"})
        print(f"\n{known:,} clients known, {changed} changed since")
        with wire.measured("the feed"):
            since = follow(wire, since)
        with wire.measured("the feed, when nothing changed"):
            follow(wire, since)
        with wire.measured("all pages again, 500 clients each, gzip"):
            reload(wire, "gzip")
        with wire.measured("all pages again, 500 clients each, plain"):
            reload(wire, "")


def first_load(count: int) -> None:
    """A new phone, beside the least that the data can take."""
    with served(count) as (wire, file):
        print(f"\nthe first load of {count:,} clients")
        with wire.measured("the feed, 500 clients each, gzip"):
            follow(wire)
        started = time.perf_counter()
        lines = io.BytesIO()
        with gzip.GzipFile(fileobj=lines, mode="wb", compresslevel=6) as stream:
            for row in sqlite3.connect(f"file:{file}?mode=ro", uri=True).execute(f"SELECT {COLUMNS} FROM cliente"):  # noqa: S608
                stream.write("|".join("" if value is None else str(value) for value in row).encode() + b"\n")
        size, seconds = lines.tell(), time.perf_counter() - started
        print(f"{'SELECT through gzip -6':44} {'':18} {size:12,} bytes {seconds:8.2f} s")
        ratios = f"{wire.bytes / size:12.2f}       {wire.seconds / seconds:8.2f}"
        print(f"{'the feed, as multiples of that':44} {'':18} {ratios}")


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--known", type=int, default=5_000)
    parser.add_argument("--changed", type=int, default=40)
    parser.add_argument("--clients", type=int, default=100_000, help="of the first load")
    chosen = parser.parse_args()
    morning(chosen.known, chosen.changed)
    first_load(chosen.clients)


if __name__ == "__main__":
    main()
