"""Those who use the service all the while, each in another way: what they do yields its kind and status."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

from clientes_service.auth.roles import Rol
from tests.conftest import DNI, EMPRESA, PASSWORD
from tests.faults.lab import Service
from tests.files.conftest import as_csv, row
from tests.server.wire import Wire, connected, sign_in, upload

ROWS = 2_000  # of the file that is imported again and again; one of twenty changes each time
OWN = 20  # clients that are written all the while, and as many by batches
ON_ONE_CONNECTION = 100  # times
READS = {"list": "/api/clientes?size=50&sort=nombre", "search": "/api/clientes?q=cliente+19", "one": "/api/clientes/1",
         "feed": "/api/clientes/cambios?size=100", "history": "/api/clientes/1/historial",
         "code": "/api/clientes/siguiente-codigo"}  # fmt: skip
FORMATS = ("csv", "xlsx", "ndjson")
KINDS = {*READS, "write", "batch", "session", "monitor", "import", "export", "backup"}
PAUSE_SECONDS, BACKUP_SECONDS = 0.5, 60.0

Told = Iterator[tuple[str, int]]


class Users:
    """All of them. `answers` counts what they were told."""

    def __init__(self, service: Service) -> None:
        self.service, self.done, self.signing_in = service, threading.Event(), threading.Lock()
        self.answers: Counter[tuple[str, int]] = Counter()
        self.numbers = count(1)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Let them all work, with the rows in place, until the block ends. Raises what a user could not do."""
        self.answers.update(self.exchange_files(None, 0))
        acts = [
            read,
            read,
            write,
            write,
            self.write_batch,
            self.use_session,
            self.look,
            self.exchange_files,
            self.back_up,
        ]
        with ThreadPoolExecutor(len(acts)) as pool:
            running = [pool.submit(self._work, act) for act in acts]
            try:
                yield
            finally:
                self.done.set()
        for one in running:
            one.result()

    def _work(self, act: Callable[[Wire, int], Told]) -> None:
        while not self.done.is_set():
            with connected(self.service.url, self._token()) as wire:
                for _ in range(ON_ONE_CONNECTION):
                    self.answers.update(act(wire, next(self.numbers)))
                    if self.done.is_set():
                        return

    def _token(self) -> str:
        with self.signing_in:
            return self.service.token()

    def write_batch(self, wire: Wire, number: int) -> Told:
        """Create clients, which are there after the first time, and change them."""
        datos = [{**EMPRESA, "codigoCliente": f"LOTE{own}"} for own in range(OWN)]
        new = [{"clave": each["codigoCliente"], "op": "crear", "datos": each} for each in datos]
        created = wire.call("POST", "/api/clientes/lote", {"operaciones": new}).json["resultados"]
        changes = [
            {
                "clave": f"{number}-{own}",
                "op": "actualizar",
                "id": each["cuerpo"]["id"],
                "datos": {"telefono": f"9{number:08}"},
            }
            for own, each in enumerate(created)
        ]
        changed = wire.call("POST", "/api/clientes/lote", {"operaciones": changes}).json["resultados"]
        for each in (*created, *changed):
            yield "batch", each["status"]
        self.done.wait(PAUSE_SECONDS)

    def use_session(self, wire: Wire, number: int) -> Told:
        """Sign in, refresh, look, and sign out."""
        tokens = sign_in(self.service.url, DNI[Rol.TECNICO], PASSWORD)
        with connected(self.service.url, tokens["refreshToken"]) as own:
            refreshed = own.call("POST", "/auth/refresh")
        with connected(self.service.url, refreshed.json["token"]) as own:
            yield "session", refreshed.status
            yield "session", own.call("GET", "/auth/validar-token").status
            yield "session", own.call("POST", "/auth/logout").status
        self.done.wait(PAUSE_SECONDS)

    def look(self, wire: Wire, number: int) -> Told:
        """Look at the service as a monitor does."""
        for path in ("/metrics", "/readyz", "/healthz"):
            yield "monitor", wire.call("GET", path).status
        self.done.wait(PAUSE_SECONDS)

    def exchange_files(self, wire: Wire | None, number: int) -> Told:
        """Import the same rows again, of which some have changed, and export all."""
        rows = [row(n, telefono=f"9{number if n % 20 == number % 20 else 0:08d}") for n in range(ROWS)]
        yield "import", upload(self.service.url, self._token(), as_csv(rows), "modo=upsert")[0]
        path = f"/api/clientes/exportar?formato={FORMATS[number % len(FORMATS)]}"
        with connected(self.service.url, self._token()) as own:
            own.socket.sendall(f"GET {path} HTTP/1.1\r\n{own.head}Connection: close\r\n\r\n".encode())
            answer = own.reader.read()
        yield "export", int(answer.split()[1]) if answer.endswith(b"\r\n0\r\n\r\n") else 0

    def back_up(self, wire: Wire, number: int) -> Told:
        """Make a backup, as an operator does."""
        yield "backup", 0 if self.service.cli("backup", "--keep", "2").returncode else 200
        self.done.wait(BACKUP_SECONDS)


def read(wire: Wire, number: int) -> Told:
    """Read what apps read."""
    for kind, path in READS.items():
        yield kind, wire.call("GET", path).status


def write(wire: Wire, number: int) -> Told:
    """Create a client, which is there after the first time, change it, deactivate it, and restore it."""
    code = f"PROPIO{number % OWN}"
    made = wire.call("POST", "/api/clientes", {**EMPRESA, "codigoCliente": code}, Idempotency_Key=code)
    yield "write", made.status
    path = f"/api/clientes/{made.json['id']}"
    yield "write", wire.call("PUT", path, {"direccion": f"Jr. Puno {number}"}).status
    yield "write", wire.call("DELETE", path).status
    yield "write", wire.call("POST", f"{path}/restaurar").status
