"""The loop that a phone app needs: a copy of the directory, an outbox, and a service that is often out of reach.

All that it knows is in one SQLite file, so it may be killed at any moment and goes on where it was. Every write gets a
key before it is sent, so that it may be sent again; every change names the version that its user saw, so that what
others did meanwhile is asked about. The README's chapter "Write a phone app" draws it.
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
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

Cliente = dict[str, Any]

TRIES, LONGEST_PAUSE = 8, 60.0  # for one request, in seconds
BATCH, PAGE = 100, 500
KEY_LIFE = 6 * 86_400  # seconds; the service forgets a key after CLIENTES_IDEMPOTENCY_DAYS, 7 by default
CREATIONS = 1000  # that are made again if a restore undid them
GONE = "Este cliente ya no existe en el servidor."
DOUBTFUL = "No se sabe si se guardó. Búsquelo en la lista: si está, descarte esto; si no, envíelo otra vez."
RESTORED = "El servidor volvió a una copia anterior: lo último que usted cambió puede faltar. Revíselo."
# What tells two states of a client apart for no user.
BOOKKEEPING = {"id", "version", "fechaCreacion", "fechaModificacion", "advertencias", "problema"}
SCHEMA = """
    CREATE TABLE IF NOT EXISTS estado (nombre TEXT PRIMARY KEY, valor TEXT NOT NULL);
    -- The copy. `id` is null until the service has given one; `vuelta` is the load from the beginning that brought it.
    CREATE TABLE IF NOT EXISTS cliente (
        local INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER UNIQUE, datos TEXT NOT NULL, vuelta INTEGER NOT NULL
    );
    -- The outbox. `base` is the client that the user saw, null while the write before it waits; `enviada` is when it
    -- was first sent; one with a `problema` waits for the user. Creations stay when they are `hecha`, for a restore may
    -- undo them.
    CREATE TABLE IF NOT EXISTS salida (
        n INTEGER PRIMARY KEY AUTOINCREMENT, clave TEXT NOT NULL, local INTEGER NOT NULL, op TEXT NOT NULL, base TEXT,
        datos TEXT, enviada REAL, hecha INTEGER NOT NULL DEFAULT 0, problema TEXT
    );
    CREATE VIEW IF NOT EXISTS abierta AS SELECT * FROM salida WHERE NOT hecha;
"""


class SinRed(Exception):
    """The service cannot be reached, or will not have us; what waits in the outbox stays there."""


class Telefono:
    """A phone, whose file belongs to one account.

    `keep_mine(write, actual)` lets the user decide a conflict: whether his write goes over what others did.
    `tell(text)` shows him what else he must know.
    """

    def __init__(
        self,
        file: str,
        url: str,
        dni: str,
        password: str,
        keep_mine: Callable[[sqlite3.Row, Cliente], bool],
        tell: Callable[[str], object],
        pause: float = 1.0,
    ) -> None:
        self.file, self.url, self.account = file, urlsplit(url), {"dni": dni, "password": password}
        self.keep_mine, self.tell = keep_mine, tell
        self.pause = pause  # seconds before the second try of a request; doubled before each one after it
        self.db = sqlite3.connect(file)
        self.db.row_factory = sqlite3.Row
        self.db.executescript(SCHEMA)
        with self._transaction():
            if self._get("dni", dni) != dni:
                raise ValueError(f"{file} belongs to another account")
            self._set("dni", dni)

    # --- What the user does, with or without a network

    def create(self, datos: Cliente) -> int:
        """Note a new client; its number on this phone is returned."""
        with self._transaction():
            local = self.db.execute("INSERT INTO cliente (datos, vuelta) VALUES ('{}', 0)").lastrowid or 0
            self._note(local, "crear", None, datos)
        return local

    def change(self, local: int, op: str, datos: Cliente | None = None, seen: Cliente | None = None) -> None:
        """Note a change: `actualizar` with the fields that change, `eliminar` or `restaurar`.

        `seen` is the client as it was on the screen when the user began, if that is not now. Raises KeyError for one
        that this phone does not have.
        """
        with self._transaction():
            shown = self.clients()[local]
            waits = self.db.execute("SELECT 1 FROM abierta WHERE local = ?", (local,)).fetchone()
            base: Cliente | None = seen or shown
            if _alike(shown, seen or shown):
                base = None if waits else shown
            self._note(local, op, base, datos)

    def correct(self, local: int, datos: Cliente | None = None) -> None:
        """Send again what was refused about a client, with other data if given. Raises LookupError if nothing was."""
        with self._transaction():
            find = "SELECT n, datos FROM abierta WHERE local = ? AND problema IS NOT NULL ORDER BY n LIMIT 1"
            write = self.db.execute(find, (local,)).fetchone()
            if not write:
                raise LookupError(local)
            self.db.execute(
                "UPDATE salida SET clave = ?, datos = ?, enviada = NULL, problema = NULL WHERE n = ?",
                (str(uuid.uuid4()), json.dumps(datos) if datos else write["datos"], write["n"]),
            )

    def discard(self, local: int) -> None:
        """Give up what was refused about a client, and what was to follow it."""
        first = "SELECT min(n) FROM abierta WHERE local = ? AND problema IS NOT NULL"
        with self._transaction():
            (n,) = self.db.execute(first, (local,)).fetchone()
            self.db.execute("DELETE FROM salida WHERE local = ? AND n >= ?", (local, n))
            self.db.execute("DELETE FROM cliente WHERE id IS NULL AND local NOT IN (SELECT local FROM salida)")

    def clients(self) -> dict[int, Cliente]:
        """The clients by their number on this phone, as they will be when all that waits has been sent."""
        shown = {row["local"]: json.loads(row["datos"]) for row in self.db.execute("SELECT local, datos FROM cliente")}
        writes = self.db.execute("SELECT * FROM abierta ORDER BY n").fetchall()
        arriving = [
            json.loads(write["datos"])
            for write in writes
            if write["op"] == "crear" and write["enviada"] and not write["problema"]
        ]
        names = {(datos.get("nombre"), datos.get("codigoCliente")) for datos in arriving}
        # The feed may bring what a lost answer told: it is shown once.
        shown = {
            local: one for local, one in shown.items() if (one.get("nombre"), one.get("codigoCliente")) not in names
        }
        for write in writes:
            own = json.loads(write["datos"] or "{}") | ({"problema": write["problema"]} if write["problema"] else {})
            own |= {"version": None}  # it is none that the service has
            own |= {} if write["op"] == "actualizar" else {"vigente": write["op"] != "eliminar"}
            shown.setdefault(write["local"], {"vigente": False}).update(own)  # it may be gone, after a restore
        return shown

    def _note(self, local: int, op: str, base: Cliente | None, datos: Cliente | None) -> None:
        self.db.execute(
            "INSERT INTO salida (clave, local, op, base, datos) VALUES (?, ?, ?, ?, ?)",
            (str(uuid.uuid4()), local, op, base and json.dumps(base), None if datos is None else json.dumps(datos)),
        )

    # --- What the app does whenever there may be a network

    def sync(self) -> None:
        """Fetch what changed, send what waits, and fetch what came of it. Raises SinRed: call it again later."""
        with closing(sqlite3.connect(f"{self.file}-turno", timeout=1)) as turn:
            try:
                turn.execute("BEGIN EXCLUSIVE")  # one at a time; it ends with the process
            except sqlite3.OperationalError as error:
                raise SinRed("Otra sincronización está en curso.") from error
            self.receive()
            while writes := self._next_batch():
                self.send(writes)
                self.receive()

    def receive(self) -> None:
        """Follow the feed to its end. Clients and token are stored together, so that none is skipped."""
        has_more = True
        while has_more:
            since = self._get("desde", "")
            path = f"/api/clientes/cambios?size={PAGE}{since and '&desde=' + quote(since)}"
            status, page = self.ask("GET", path, expected=(200, 400, 410) if since else (200,))
            with self._transaction():
                if status == 200:
                    for cliente in page["content"]:
                        self._store(cliente)
                    has_more = page["hayMas"]
                    if not has_more:
                        self._forget("id IS NOT NULL AND vuelta <> ?", self._get("vuelta", 0))
                else:  # a backup was restored: what we know may never have happened; load all again
                    self._set("vuelta", self._get("vuelta", 0) + 1)
                self._set("desde", page["siguiente"] if status == 200 else "")
            if status == 410:
                self.tell(RESTORED)

    def _store(self, cliente: Cliente) -> None:
        another = "id = ? AND json_extract(datos, '$.fechaCreacion') <> ?"  # of another database, under the same number
        values = (cliente["id"], cliente["fechaCreacion"])
        if self.db.execute(f"SELECT 1 FROM cliente WHERE {another}", values).fetchone():  # noqa: S608 - fixed words
            self._forget(another, *values)
        self.db.execute(
            "INSERT INTO cliente (id, datos, vuelta) VALUES (?, ?, ?) ON CONFLICT (id) "
            "DO UPDATE SET datos = excluded.datos, vuelta = excluded.vuelta",
            (cliente["id"], json.dumps(cliente), self._get("vuelta", 0)),
        )
        if cliente["numeroDocumento"] == "-":  # anonymised: what created it is erased here, too
            done = "DELETE FROM salida WHERE hecha AND local = (SELECT local FROM cliente WHERE id = ?)"
            self.db.execute(done, (cliente["id"],))

    def _forget(self, which: str, *values: Any) -> None:
        """Drop clients that the service does not have any more.

        What was created here is created again, unless it was deactivated or anonymised since.
        """
        again = f"SELECT local FROM cliente WHERE {which} AND json_extract(datos, '$.vigente')"  # noqa: S608 - fixed words
        self.db.execute(f"UPDATE salida SET hecha = 0, enviada = NULL WHERE hecha AND local IN ({again})", values)  # noqa: S608
        kept = "local IN (SELECT local FROM abierta WHERE op = 'crear')"
        self.db.execute(f"UPDATE cliente SET id = NULL, datos = '{{}}' WHERE {which} AND {kept}", values)  # noqa: S608
        self.db.execute(f"DELETE FROM cliente WHERE {which}", values)  # noqa: S608
        orphans = "UPDATE salida SET problema = ? WHERE NOT hecha AND local NOT IN (SELECT local FROM cliente)"
        self.db.execute(orphans, (GONE,))
        self.db.execute("DELETE FROM salida WHERE hecha AND local NOT IN (SELECT local FROM cliente)")

    def _next_batch(self) -> list[sqlite3.Row]:
        """The first open write of each client: those behind it need its answer. None that waits for its user."""
        now = time.time()
        with self._transaction():
            doubtful = "UPDATE salida SET problema = ? WHERE op = 'crear' AND NOT hecha AND enviada < ?"
            self.db.execute(doubtful, (DOUBTFUL, now - KEY_LIFE))
            writes = self.db.execute(
                "SELECT abierta.*, cliente.id FROM abierta JOIN cliente USING (local) WHERE problema IS NULL "
                "AND n IN (SELECT min(n) FROM abierta GROUP BY local) ORDER BY n LIMIT ?",
                (BATCH,),
            ).fetchall()
            sent = "UPDATE salida SET enviada = ? WHERE n = ? AND enviada IS NULL"
            self.db.executemany(sent, [(now, write["n"]) for write in writes])
        return writes

    def send(self, writes: list[sqlite3.Row]) -> None:
        """Send writes as one batch, and do what the answers ask for, questions last. Raises SinRed."""
        batch = {"operaciones": [_as_operacion(write) for write in writes]}
        status, answer = self.ask("POST", "/api/clientes/lote", batch, expected=(200, 400, 413, 422))
        if status == 200:
            results = answer["resultados"]
        elif len(writes) == 1:  # too large, or nothing that JSON knows
            results = [{"status": status, "cuerpo": answer}]
        else:
            self.send(writes[: len(writes) // 2])
            self.send(writes[len(writes) // 2 :])
            return
        later, codes = None, dict[str, str]()
        for write, result in sorted(zip(writes, results, strict=True), key=lambda pair: pair[1]["status"] == 412):
            if result["status"] >= 500 or "reintentarEn" in result:
                later = result["cuerpo"]["detail"]
            else:
                self._settle(write, result["status"], result["cuerpo"], codes)
        if later:
            raise SinRed(later)

    def _settle(self, write: sqlite3.Row, status: int, body: Any, codes: dict[str, str]) -> None:
        """Do what the answer to one write asks for."""
        match status, (body or {}).get("code"):
            case 200 | 201, _:
                self._done(write, body)
            case 204, _:  # the write behind it needs the version that this one left
                self._done(write, self.ask("GET", f"/api/clientes/{write['id']}")[1])
            case 412, _:
                self._conflict(write, body["actual"])
            case 409, "CODIGO_DUPLICADO" if write["op"] == "crear":
                self._take_next_code(write, body, codes)
            case 422, "IDEMPOTENCIA_DISTINTA" if write["op"] == "crear":  # it was stored late, with another code
                self._done(write, self.ask("GET", f"/api/clientes/{body['existenteId']}")[1])
            case _:
                self._refused(write, body)

    def _done(self, write: sqlite3.Row, cliente: Cliente) -> None:
        """Keep what a write left."""
        after = {name: value for name, value in cliente.items() if name != "advertencias"}
        with self._transaction():
            self._take_over(write, after)
            self._pass_on(write, after)
            self._close(write)
        for advertencia in cliente.get("advertencias", ()):
            self.tell(f"{cliente['nombre']}: {advertencia['mensaje']}")
        if write["op"] == "crear" and cliente["codigoCliente"] != json.loads(write["datos"])["codigoCliente"]:
            self.tell(f"{cliente['nombre']} tiene el código {cliente['codigoCliente']}.")

    def _conflict(self, write: sqlite3.Row, actual: Cliente) -> None:
        """Let the user choose between what he wanted and what others did; what follows is asked about, too."""
        keep_mine = self.keep_mine(write, actual)
        with self._transaction():
            self._pass_on(write, None)
            if keep_mine:  # as a write of its own, made to what he has seen now
                renew = "UPDATE salida SET clave = ?, base = ?, enviada = NULL WHERE n = ?"
                self.db.execute(renew, (str(uuid.uuid4()), json.dumps(actual), write["n"]))
            else:
                self._close(write)

    def _take_next_code(self, write: sqlite3.Row, body: Cliente, codes: dict[str, str]) -> None:
        """Try a creation with the next code of its series, under its key, which stands for it whatever its code.

        `codes` holds what was given so far.
        """
        datos = json.loads(write["datos"])
        prefix = re.sub("[0-9]+$", "", datos["codigoCliente"].strip()) or "CLI"
        if prefix in codes:
            digits = codes[prefix][len(prefix) :]
            codes[prefix] = prefix + str(int(digits) + 1).zfill(len(digits))
        else:
            path = f"/api/clientes/siguiente-codigo?prefijo={quote(prefix)}"
            status, answer = self.ask("GET", path, expected=(200, 422))
            codes[prefix] = answer["codigoCliente"] if status == 200 else ""
        if not codes[prefix].startswith(prefix) or codes[prefix] == datos["codigoCliente"]:
            del codes[prefix]
            self._refused(write, body)  # it belongs to no series
            return
        self.tell(f"{datos['nombre']}: el código {datos['codigoCliente']} ya está en uso; será {codes[prefix]}.")
        with self._transaction():
            datos["codigoCliente"] = codes[prefix]
            again = "UPDATE salida SET datos = ?, enviada = NULL WHERE n = ?"
            self.db.execute(again, (json.dumps(datos), write["n"]))

    def _refused(self, write: sqlite3.Row, body: Cliente) -> None:
        """Let the user correct or discard a write; what was to follow waits."""
        problem = " ".join((body["detail"], *(error["message"] for error in body["errors"])))
        with self._transaction():
            self.db.execute("UPDATE salida SET problema = ? WHERE n = ?", (problem, write["n"]))

    def _close(self, write: sqlite3.Row) -> None:
        if write["op"] == "crear":
            self.db.execute("UPDATE salida SET hecha = 1 WHERE n = ?", (write["n"],))
            self.db.execute("DELETE FROM salida WHERE hecha AND n <= ?", (write["n"] - CREATIONS,))
        else:
            self.db.execute("DELETE FROM salida WHERE n = ?", (write["n"],))

    def _pass_on(self, write: sqlite3.Row, after: Cliente | None) -> None:
        """Let the next write of a client be made to what this one left, if its user has seen all of that."""
        find = "SELECT n, base FROM abierta WHERE n > ? AND local = (SELECT local FROM salida WHERE n = ?) ORDER BY n"
        if follower := self.db.execute(find, (write["n"], write["n"])).fetchone():
            own = {*json.loads(write["datos"] or "{}"), *(() if write["op"] == "actualizar" else ("vigente",))}
            seen, but = (follower["base"], ()) if follower["base"] else (write["base"] or "{}", own)
            base = json.dumps(after) if after and _alike(after, json.loads(seen), but) else seen
            self.db.execute("UPDATE salida SET base = ? WHERE n = ?", (base, follower["n"]))

    def _take_over(self, write: sqlite3.Row, cliente: Cliente) -> None:
        """Keep the client that a write left, unless the feed has brought it, or a later one, before the answer came."""
        known = self.db.execute("SELECT local, datos FROM cliente WHERE id = ?", (cliente["id"],)).fetchone()
        if write["op"] != "crear":
            if known and json.loads(known["datos"])["version"] == _version(write):
                self._store(cliente)
        elif not known or known["local"] != write["local"]:  # it keeps the number that it has here
            if known:
                cliente = json.loads(known["datos"])
                self.db.execute("UPDATE salida SET local = ? WHERE local = ?", (write["local"], known["local"]))
                self.db.execute("DELETE FROM cliente WHERE local = ?", (known["local"],))
            self.db.execute("UPDATE cliente SET id = ? WHERE local = ?", (cliente["id"], write["local"]))
            self._store(cliente)

    def _get(self, nombre: str, default: Any) -> Any:
        row = self.db.execute("SELECT valor FROM estado WHERE nombre = ?", (nombre,)).fetchone()
        return json.loads(row["valor"]) if row else default

    def _set(self, nombre: str, valor: Any) -> None:
        self.db.execute("INSERT OR REPLACE INTO estado (nombre, valor) VALUES (?, ?)", (nombre, json.dumps(valor)))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")  # so that what is read in it still holds when it writes
            yield

    # --- The network

    def ask(self, method: str, path: str, body: Any = None, expected: Collection[int] = (200,)) -> tuple[int, Any]:
        """Return status, an expected one, and JSON of a call, which may be sent several times. Raises SinRed."""
        wait = 0.0
        for attempt in range(TRIES):
            time.sleep(wait)
            status, answer, wait = self._try(method, path, body, self._get("token", ""))
            if status == 401:
                status, answer, wait = self._sign_in()
                if status == 200:
                    status, answer, wait = self._try(method, path, body, self._get("token", ""))
            if status in expected:
                return status, answer
            if wait > LONGEST_PAUSE or (0 < status < 500 and status not in (408, 429)):
                raise SinRed(answer["detail"] if isinstance(answer, dict) and "detail" in answer else f"HTTP {status}")
            spread = random.uniform(0.5, 1)  # noqa: S311 - so that phones do not come all at once
            wait = min(max(wait, self.pause * 2**attempt * spread), LONGEST_PAUSE)
        raise SinRed("El servidor no responde.")

    def _sign_in(self) -> tuple[int, Any, float]:
        """Renew the session, with the password where it has ended. Raises SinRed for a wrong one."""
        status, session, wait = self._try("POST", "/auth/refresh", None, self._get("refreshToken", ""))
        if status == 401:
            status, session, wait = self._try("POST", "/auth", self.account)
        if status == 401:
            raise SinRed(session["detail"])
        if status == 200:
            with self._transaction():
                self._set("token", session["token"])
                self._set("refreshToken", session["refreshToken"])
        return status, session, wait

    def _try(self, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any, float]:
        """Send one request: its status, 0 without an answer; its JSON; and the seconds of its Retry-After."""
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip", "Content-Type": "application/json"}
        kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
        try:
            with closing(kind(self.url.netloc, timeout=30)) as connection:
                connection.request(
                    method, self.url.path.rstrip("/") + path, None if body is None else json.dumps(body), headers
                )
                response = connection.getresponse()
                content = response.read()
            if response.headers.get("Content-Encoding") == "gzip":
                content = gzip.decompress(content)
            return response.status, json.loads(content), float(response.headers.get("Retry-After", 0))
        except (OSError, EOFError, ValueError, http.client.HTTPException):
            return 0, None, 0.0


def _as_operacion(write: sqlite3.Row) -> Cliente:
    given = {"clave": write["clave"], "op": write["op"], "datos": write["datos"] and json.loads(write["datos"])}
    return given if write["op"] == "crear" else {**given, "id": write["id"], "version": _version(write)}


def _version(write: sqlite3.Row) -> str:
    """The version that a change is made to; none of the service's, where its user saw no such thing."""
    version: str = json.loads(write["base"] or "{}").get("version") or ""
    return version


def _alike(one: Cliente, other: Cliente, but: Collection[str] = ()) -> bool:
    """Whether a user sees the same in both, apart from some fields."""
    return all(one.get(name) == other.get(name) for name in (one.keys() | other.keys()) - BOOKKEEPING - {*but})


def main() -> None:
    """Do what the words on the command line say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--dni", required=True, help="of an account that may write")
    parser.add_argument("--file", default="telefono.db", help="all that this phone knows")
    changes = ("actualizar", "eliminar", "restaurar")
    parser.add_argument("do", choices=("listar", "crear", *changes, "corregir", "descartar", "sincronizar"))
    parser.add_argument("words", nargs="*", help="the client's number on this phone, but for crear; then campo=valor")
    given = parser.parse_args()
    password = os.environ.get("CLIENTES_PASSWORD") or getpass.getpass("password: ")
    try:
        phone = Telefono(given.file, given.url, given.dni, password, ask_user, tell_user)
    except ValueError as error:
        parser.error(str(error))
    datos = dict(word.split("=", 1) for word in given.words if "=" in word)
    if given.do == "crear":
        phone.create(datos)
    elif given.do == "sincronizar":
        try:
            phone.sync()
        except SinRed as error:
            sys.exit(f"{error} Lo que falta enviar queda guardado en {given.file}.")
    elif given.do != "listar":
        try:
            local = int(given.words[0])
            if given.do in changes:
                phone.change(local, given.do, datos if given.do == "actualizar" else None)
            elif given.do == "corregir":
                phone.correct(local, datos)
            else:
                phone.discard(local)
        except (LookupError, ValueError):
            parser.error(f"{given.do} wants the number of a client as listar shows it")
    for local, cliente in phone.clients().items():
        print(local, json.dumps(cliente, ensure_ascii=False), sep="\t")


def ask_user(write: sqlite3.Row, actual: Cliente) -> bool:
    """Whether the user's change goes over what somebody else did meanwhile."""
    tell_user(f"Otra persona cambió este cliente: {json.dumps(actual, ensure_ascii=False)}")
    try:
        return input(f"Usted pidió {write['op']} {write['datos'] or ''}. ¿Guardar lo suyo? [s/N] ").lower() == "s"
    except EOFError:
        raise SinRed("Falta decidir sobre este cambio.") from None


def tell_user(text: str) -> None:
    """Show what the user must know."""
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
