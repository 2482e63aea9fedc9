"""The loop that a phone app needs: a copy of the directory, an outbox, and a service that is often out of reach.

All that it knows is in one SQLite file, so it may be killed at any moment and goes on where it was. Every write gets a
key before it is sent, so that it may be sent again; every change names the version that the copy had, so that what
others did meanwhile is asked about. The README's chapter "Write a phone app" draws it, and says what is missing.
"""

import argparse
import getpass
import gzip
import http.client
import json
import os
import random
import re
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlsplit

Cliente = dict[str, Any]

TRIES, LONGEST_PAUSE = 8, 60.0  # for one request, in seconds
BATCH, PAGE = 100, 500
REMEMBERED = 7 * 86_400  # seconds that the service knows keys (CLIENTES_IDEMPOTENCY_DAYS)
SCHEMA = """
    CREATE TABLE IF NOT EXISTS estado (nombre TEXT PRIMARY KEY, valor TEXT NOT NULL);
    -- The copy. `id` is null until the service has given one; `vuelta` is the load from the beginning that brought it.
    CREATE TABLE IF NOT EXISTS cliente (
        local INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER UNIQUE, version TEXT, datos TEXT NOT NULL,
        vuelta INTEGER NOT NULL
    );
    -- The outbox. `version` is null until the write before it is answered; one with a `problema` waits for the user.
    CREATE TABLE IF NOT EXISTS salida (
        n INTEGER PRIMARY KEY, clave TEXT NOT NULL, local INTEGER NOT NULL, op TEXT NOT NULL, version TEXT, datos TEXT,
        hecha REAL, problema TEXT
    );
"""
# The first open write of each client: those behind it need its answer.
NEXT = """
    SELECT salida.*, cliente.id FROM salida LEFT JOIN cliente USING (local)
    WHERE n IN (SELECT min(n) FROM salida WHERE hecha IS NULL GROUP BY local) AND problema IS NULL ORDER BY n LIMIT ?
"""
STORE = """
    INSERT INTO cliente (id, version, datos, vuelta) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
    SET version = excluded.version, datos = excluded.datos, vuelta = excluded.vuelta
"""
# The write that waits for the answer to another one, if any.
FOLLOW = """
    UPDATE salida SET version = ? WHERE version IS NULL AND op <> 'crear'
    AND n = (SELECT min(n) FROM salida WHERE n > ? AND local = (SELECT local FROM salida WHERE n = ?))
"""


class SinRed(Exception):
    """The service cannot be reached, or will not have us; what waits in the outbox stays there."""


class Telefono:
    """A phone. `keep_mine(write, actual)` decides a conflict; by default what the others did stays."""

    def __init__(
        self,
        file: str,
        url: str,
        dni: str,
        password: str,
        keep_mine: Callable[[sqlite3.Row, Cliente], bool] = lambda write, actual: False,
        pause: float = 1.0,
    ) -> None:
        self.url, self.account, self.keep_mine = urlsplit(url), {"dni": dni, "password": password}, keep_mine
        self.pause = pause  # seconds before the second try of a request; doubled before each one after it
        self.db = sqlite3.connect(file)
        self.db.row_factory = sqlite3.Row
        self.db.executescript(SCHEMA)

    # --- What the user does, with or without a network

    def create(self, datos: Cliente) -> int:
        """Note a new client; its number on this phone is returned."""
        with self.db:
            local = self.db.execute("INSERT INTO cliente (datos, vuelta) VALUES ('{}', 0)").lastrowid or 0
            self._note(local, "crear", datos)
        return local

    def change(self, local: int, op: str, datos: Cliente | None = None) -> None:
        """Note a change: `actualizar` with the fields that change, `eliminar` or `restaurar`."""
        with self.db:
            self._note(local, op, datos)

    def discard(self, local: int) -> None:
        """Give up what could not be sent about a client, and what was to follow it."""
        with self.db:
            self.db.execute("DELETE FROM salida WHERE local = ? AND hecha IS NULL", (local,))
            self.db.execute("DELETE FROM cliente WHERE local = ? AND id IS NULL", (local,))

    def clients(self) -> dict[int, Cliente]:
        """The clients by their number on this phone, as they will be when all that waits has been sent."""
        shown = {row["local"]: json.loads(row["datos"]) for row in self.db.execute("SELECT local, datos FROM cliente")}
        for write in self.db.execute("SELECT * FROM salida WHERE hecha IS NULL ORDER BY n"):
            own = json.loads(write["datos"] or "{}") | {"problema": write["problema"]}
            own |= {} if write["op"] == "actualizar" else {"vigente": write["op"] != "eliminar"}
            shown.setdefault(write["local"], {"vigente": False}).update(own)  # it may be gone, after a restore
        return shown

    def _note(self, local: int, op: str, datos: Cliente | None) -> None:
        """Put a write into the outbox, on the version that the user sees: the copy's, or that of a write before it."""
        waiting = self.db.execute("SELECT 1 FROM salida WHERE local = ? AND hecha IS NULL", (local,)).fetchone()
        seen = self.db.execute("SELECT version FROM cliente WHERE local = ?", (local,)).fetchone()
        version = seen["version"] if seen and not waiting else None
        self.db.execute(
            "INSERT INTO salida (clave, local, op, version, datos) VALUES (?, ?, ?, ?, ?)",
            (str(uuid.uuid4()), local, op, version, datos and json.dumps(datos)),
        )

    # --- What the app does whenever there may be a network

    def sync(self) -> None:
        """Fetch what changed, send what waits, and fetch what came of it. Raises SinRed: call it again later."""
        self.receive()
        self.send()
        self.receive()

    def receive(self) -> None:
        """Follow the feed to its end. Clients and token are stored together, so that none is skipped."""
        has_more = True
        while has_more:
            since = self._get("desde", "")
            status, page = self.ask("GET", f"/api/clientes/cambios?size={PAGE}{since and '&desde=' + quote(since)}")
            with self.db:
                if status == 410:  # a backup was restored: what we know may never have happened
                    self._start_over()
                    continue
                for cliente in page["content"]:
                    self._store(cliente)
                self._set("desde", page["siguiente"])
                has_more = page["hayMas"]
                if not has_more:  # what a load from the beginning did not bring is gone
                    gone = "DELETE FROM cliente WHERE id IS NOT NULL AND vuelta <> ?"
                    self.db.execute(gone, (self._get("vuelta", 0),))

    def _start_over(self) -> None:
        """Load everything again, and send again what was created: its keys make sure that it is there once."""
        self._set("vuelta", self._get("vuelta", 0) + 1)
        self._set("desde", "")
        self.db.execute("UPDATE salida SET hecha = NULL WHERE op = 'crear'")

    def send(self) -> None:
        """Send what waits, in batches, until nothing is left that can be sent. Raises SinRed."""
        with self.db:
            self.db.execute("DELETE FROM salida WHERE hecha < ?", (time.time() - REMEMBERED,))
        while writes := self.db.execute(NEXT, (BATCH,)).fetchall():
            operaciones = [self._as_operacion(write) for write in writes]
            _, answer = self.ask("POST", "/api/clientes/lote", {"operaciones": operaciones})
            for write, result in zip(writes, answer["resultados"], strict=True):
                if "reintentarEn" in result:
                    raise SinRed(result["cuerpo"]["detail"])
                self._settle(write, result["status"], result["cuerpo"])

    @staticmethod
    def _as_operacion(write: sqlite3.Row) -> Cliente:
        given = {"clave": write["clave"], "op": write["op"], "datos": write["datos"] and json.loads(write["datos"])}
        return given if write["op"] == "crear" else {**given, "id": write["id"], "version": write["version"]}

    def _settle(self, write: sqlite3.Row, status: int, body: Any) -> None:
        """Do what the answer to one write asks for, in one transaction."""
        n, code = write["n"], (body or {}).get("code")
        is_new = write["op"] == "crear"
        datos = self._with_next_code(write) if code == "CODIGO_DUPLICADO" and is_new else None
        keep_mine = status == 412 and self.keep_mine(write, body["actual"])
        with self.db:
            if datos:  # under the same key, which stands for this client whatever its code
                self.db.execute("UPDATE salida SET datos = ? WHERE n = ?", (datos, n))
            elif keep_mine:  # as a write of its own, on the version that the user has seen now
                renewed = (str(uuid.uuid4()), body["actual"]["version"], n)
                self.db.execute("UPDATE salida SET clave = ?, version = ? WHERE n = ?", renewed)
            elif status in (200, 201):
                self._take_over(write, {name: value for name, value in body.items() if name != "advertencias"})
                self._finish(write, body["version"])
            elif status in (204, 412):
                self._finish(write, write["version"])  # what follows meets a conflict, too, and is asked about
            elif code == "IDEMPOTENCIA_DISTINTA" and is_new:  # it came through before, and the feed brings it
                self.db.execute("DELETE FROM cliente WHERE local = ? AND id IS NULL", (write["local"],))
                self._finish(write, None)
            else:  # the user corrects or discards it; what was to follow waits
                problem = " ".join((body["detail"], *(error["message"] for error in body["errors"])))
                self.db.execute("UPDATE salida SET problema = ? WHERE n = ?", (problem, n))

    def _finish(self, write: sqlite3.Row, version: str | None) -> None:
        """Let the next write of this client go. Creations are remembered as long as the service knows their keys."""
        self.db.execute(FOLLOW, (version, write["n"], write["n"]))
        if write["op"] == "crear":
            self.db.execute("UPDATE salida SET hecha = ? WHERE n = ?", (time.time(), write["n"]))
        else:
            self.db.execute("DELETE FROM salida WHERE n = ?", (write["n"],))

    def _take_over(self, write: sqlite3.Row, cliente: Cliente) -> None:
        """Keep the client that a write left, unless the feed has brought it, or a later one, before the answer came."""
        known = self.db.execute("SELECT * FROM cliente WHERE id = ?", (cliente["id"],)).fetchone()
        if write["op"] != "crear":
            if known and known["version"] == write["version"]:
                self._store(cliente)
            return
        place = (cliente["id"], write["local"])
        if known is None:
            self.db.execute("UPDATE cliente SET id = ? WHERE local = ? AND id IS NULL", place)
            self._store(cliente)
        self.db.execute("DELETE FROM cliente WHERE local = ? AND id IS NULL", (write["local"],))
        moved = "UPDATE salida SET local = (SELECT local FROM cliente WHERE id = ?) WHERE local = ?"
        self.db.execute(moved, place)

    def _with_next_code(self, write: sqlite3.Row) -> str:
        datos = json.loads(write["datos"])
        prefix = re.sub("[0-9]+$", "", datos["codigoCliente"]) or "CLI"
        return json.dumps(datos | self.ask("GET", f"/api/clientes/siguiente-codigo?prefijo={quote(prefix)}")[1])

    def _store(self, cliente: Cliente) -> None:
        self.db.execute(STORE, (cliente["id"], cliente["version"], json.dumps(cliente), self._get("vuelta", 0)))

    def _get(self, nombre: str, default: Any) -> Any:
        row = self.db.execute("SELECT valor FROM estado WHERE nombre = ?", (nombre,)).fetchone()
        return json.loads(row["valor"]) if row else default

    def _set(self, nombre: str, valor: Any) -> None:
        self.db.execute("INSERT OR REPLACE INTO estado (nombre, valor) VALUES (?, ?)", (nombre, json.dumps(valor)))

    # --- The network

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status, 200 or 410, and JSON of a call, which may be sent several times. Raises SinRed."""
        for attempt in range(TRIES):
            status, answer, wait = self._try(method, path, body, self._get("token", ""))
            if status == 401:
                status, answer, wait = self._sign_in()
                if status == 200:
                    status, answer, wait = self._try(method, path, body, self._get("token", ""))
            if status in (200, 410):
                return status, answer
            if wait > LONGEST_PAUSE or (0 < status < 500 and status not in (408, 429)):
                raise SinRed(answer["detail"])
            spread = random.uniform(0.5, 1)  # noqa: S311 - so that phones do not come all at once
            time.sleep(min(max(wait, self.pause * 2**attempt * spread), LONGEST_PAUSE))
        raise SinRed("no answer")

    def _sign_in(self) -> tuple[int, Any, float]:
        """Renew the session, with the password where it has ended. Raises SinRed for a wrong one."""
        status, session, wait = self._try("POST", "/auth/refresh", None, self._get("refreshToken", ""))
        if status == 401:
            status, session, wait = self._try("POST", "/auth", self.account)
        if status == 401:
            raise SinRed(session["detail"])
        if status == 200:
            with self.db:
                self._set("token", session["token"])
                self._set("refreshToken", session["refreshToken"])
        return status, session, wait

    def _try(self, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any, float]:
        """Send one request: its status, 0 without an answer; its JSON; and the seconds of its Retry-After."""
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip", "Content-Type": "application/json"}
        kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
        try:
            with closing(kind(self.url.netloc, timeout=30)) as connection:
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                response = connection.getresponse()
                content = response.read()
            if response.headers.get("Content-Encoding") == "gzip":
                content = gzip.decompress(content)
            return response.status, json.loads(content), float(response.headers.get("Retry-After", 0))
        except (OSError, EOFError, ValueError, http.client.HTTPException):
            return 0, None, 0.0


def main() -> None:
    """Do what the words on the command line say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--dni", required=True, help="of an account that may write")
    parser.add_argument("--file", default="telefono.db", help="all that this phone knows")
    parser.add_argument(
        "do", choices=("listar", "crear", "actualizar", "eliminar", "restaurar", "descartar", "sincronizar")
    )
    parser.add_argument("words", nargs="*", help="the client's number on this phone, but for crear; then campo=valor")
    given = parser.parse_args()
    password = os.environ.get("CLIENTES_PASSWORD") or getpass.getpass("password: ")
    phone = Telefono(given.file, given.url, given.dni, password, ask_user)
    datos = dict(word.split("=", 1) for word in given.words if "=" in word)
    numbers = [int(word) for word in given.words if "=" not in word]
    if given.do == "crear":
        phone.create(datos)
    elif given.do == "descartar":
        phone.discard(numbers[0])
    elif given.do == "sincronizar":
        phone.sync()
    elif given.do != "listar":
        phone.change(numbers[0], given.do, datos or None)
    for local, cliente in phone.clients().items():
        print(local, json.dumps(cliente, ensure_ascii=False), sep="\t")


def ask_user(write: sqlite3.Row, actual: Cliente) -> bool:
    """Whether the user's change goes over what somebody else did meanwhile."""
    print(f"Otra persona cambió este cliente: {json.dumps(actual, ensure_ascii=False)}", file=sys.stderr)
    return input(f"Usted pidió {write['op']} {write['datos'] or ''}. ¿Guardar lo suyo? [s/N] ").lower() == "s"


if __name__ == "__main__":
    main()
