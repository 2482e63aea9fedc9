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
REMEMBERED = 30 * 86_400  # seconds for which a creation that a restore undid is made again
OF_NO_CLIENT = "Este cliente ya no existe en el servidor."
# What tells two states of a client apart for no user.
BOOKKEEPING = {"id", "version", "fechaCreacion", "fechaModificacion", "advertencias", "problema"}
OWN_CODE = "codigoCliente"
SCHEMA = """
    CREATE TABLE IF NOT EXISTS estado (nombre TEXT PRIMARY KEY, valor TEXT NOT NULL);
    -- The copy. `id` is null until the service has given one; `vuelta` is the load from the beginning that brought it.
    CREATE TABLE IF NOT EXISTS cliente (
        local INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER UNIQUE, datos TEXT NOT NULL, vuelta INTEGER NOT NULL
    );
    -- The outbox. `base` is the client that the user saw, null while the write before it waits; one with a `problema`
    -- waits for the user. Creations stay, with the time when they were `hecha`, for a restore may undo them.
    CREATE TABLE IF NOT EXISTS salida (
        n INTEGER PRIMARY KEY, clave TEXT NOT NULL, local INTEGER NOT NULL, op TEXT NOT NULL, base TEXT, datos TEXT,
        hecha REAL, problema TEXT
    );
"""
# The first open write of each client: those behind it need its answer.
NEXT = """
    SELECT salida.*, cliente.id FROM salida LEFT JOIN cliente USING (local)
    WHERE n IN (SELECT min(n) FROM salida WHERE hecha IS NULL GROUP BY local) AND problema IS NULL ORDER BY n LIMIT ?
"""
STORE = """
    INSERT INTO cliente (id, datos, vuelta) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET datos = excluded.datos, vuelta = excluded.vuelta
"""
# The write that waits for the answer to another one, if any.
FOLLOWER = """
    SELECT n, base FROM salida WHERE n > ? AND local = (SELECT local FROM salida WHERE n = ?) ORDER BY n LIMIT 1
"""
DISCARD = """
    DELETE FROM salida WHERE local = ?
    AND n >= (SELECT min(n) FROM salida WHERE local = ? AND problema IS NOT NULL)
"""
# A write that its user confirms, as one of its own, made to what he has seen now; a new client keeps the code it has.
RENEW = """
    UPDATE salida SET clave = ?, base = ?, op = replace(op, 'crear', 'actualizar'),
    datos = CASE op WHEN 'crear' THEN json_remove(datos, '$.codigoCliente') ELSE datos END WHERE n = ?
"""
# Creations that are not to be made again: old ones, and of clients that were deactivated or anonymised since.
PURGE = """
    DELETE FROM salida WHERE hecha < ? OR hecha IS NOT NULL AND EXISTS (
        SELECT 1 FROM cliente WHERE cliente.local = salida.local AND NOT json_extract(cliente.datos, '$.vigente')
    )
"""
# Changes to a client that is gone, and that will not be created again.
ORPHANED = """
    UPDATE salida SET problema = ? WHERE op <> 'crear' AND local NOT IN (SELECT local FROM cliente)
    AND local NOT IN (SELECT local FROM salida WHERE op = 'crear' AND hecha IS NULL)
"""


class SinRed(Exception):
    """The service cannot be reached, or will not have us; what waits in the outbox stays there."""


class Telefono:
    """A phone.

    `keep_mine(write, actual)` decides a conflict; by default what the others did stays. `tell(cliente)` shows the
    user what came of a write, with `advertencias`, and with another code where the first was taken.
    """

    def __init__(
        self,
        file: str,
        url: str,
        dni: str,
        password: str,
        keep_mine: Callable[[sqlite3.Row, Cliente], bool] = lambda write, actual: False,
        tell: Callable[[Cliente], object] = lambda cliente: None,
        pause: float = 1.0,
    ) -> None:
        self.file, self.url, self.account = file, urlsplit(url), {"dni": dni, "password": password}
        self.keep_mine, self.tell = keep_mine, tell
        self.pause = pause  # seconds before the second try of a request; doubled before each one after it
        self.db = sqlite3.connect(file)
        self.db.row_factory = sqlite3.Row
        self.db.executescript(SCHEMA)

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
            waits = self.db.execute("SELECT 1 FROM salida WHERE local = ? AND hecha IS NULL", (local,)).fetchone()
            base: Cliente | None = seen or shown
            if _alike(shown, seen or shown):
                base = None if waits else shown
            self._note(local, op, base, datos)

    def correct(self, local: int, datos: Cliente | None = None) -> None:
        """Change what was refused about a client, and send it again. Raises LookupError if nothing was."""
        with self._transaction():
            find = "SELECT n, datos FROM salida WHERE local = ? AND problema IS NOT NULL ORDER BY n LIMIT 1"
            write = self.db.execute(find, (local,)).fetchone()
            if not write:
                raise LookupError(local)
            corrected = json.loads(write["datos"] or "{}") | (datos or {})
            renewed = (json.dumps(corrected) if corrected else None, write["n"])
            self.db.execute("UPDATE salida SET datos = ?, problema = NULL WHERE n = ?", renewed)

    def discard(self, local: int) -> None:
        """Give up what was refused about a client, and what was to follow it."""
        with self._transaction():
            self.db.execute(DISCARD, (local, local))
            self.db.execute("DELETE FROM cliente WHERE id IS NULL AND local NOT IN (SELECT local FROM salida)")

    def clients(self) -> dict[int, Cliente]:
        """The clients by their number on this phone, as they will be when all that waits has been sent."""
        shown = {row["local"]: json.loads(row["datos"]) for row in self.db.execute("SELECT local, datos FROM cliente")}
        for write in self.db.execute("SELECT * FROM salida WHERE hecha IS NULL ORDER BY n"):
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
            while writes := self.db.execute(NEXT, (BATCH,)).fetchall():
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
                if status != 200:  # a backup was restored: what we know may never have happened; load all again
                    self._set("vuelta", self._get("vuelta", 0) + 1)
                    self._set("desde", "")
                    continue
                for cliente in page["content"]:
                    self._store(cliente)
                self.db.execute(PURGE, (time.time() - REMEMBERED,))
                self._set("desde", page["siguiente"])
                has_more = page["hayMas"]
                if not has_more:
                    self._forget("id IS NOT NULL AND vuelta <> ?", self._get("vuelta", 0))
                    self.db.execute(ORPHANED, (OF_NO_CLIENT,))

    def _forget(self, which: str, *values: Any) -> None:
        """Drop clients that the service does not have any more; what was created here is sent again, under its key."""
        found = f"SELECT local FROM cliente WHERE {which}"  # noqa: S608 - fixed words
        again = f"UPDATE salida SET hecha = NULL WHERE hecha IS NOT NULL AND local IN ({found})"  # noqa: S608
        self.db.execute(again, values)
        self.db.execute(f"DELETE FROM cliente WHERE local IN ({found})", values)  # noqa: S608

    def send(self, writes: list[sqlite3.Row]) -> None:
        """Send writes as one batch, and do what the answers ask for. Raises SinRed."""
        batch = {"operaciones": [_as_operacion(write) for write in writes]}
        status, answer = self.ask("POST", "/api/clientes/lote", batch, expected=(200, 413))
        if status == 413 and len(writes) > 1:
            self.send(writes[: len(writes) // 2])
            self.send(writes[len(writes) // 2 :])
            return
        results = [{"status": 413, "cuerpo": answer}] if status == 413 else answer["resultados"]
        later, codes = None, dict[str, str]()
        for write, result in zip(writes, results, strict=True):
            if result["status"] >= 500 or "reintentarEn" in result:
                later = result["cuerpo"]["detail"]
            else:
                self._settle(write, result["status"], result["cuerpo"], codes)
        if later:
            raise SinRed(later)

    def _settle(self, write: sqlite3.Row, status: int, body: Any, codes: dict[str, str]) -> None:
        """Do what the answer to one write asks for, in one transaction."""
        n, is_new = write["n"], write["op"] == "crear"
        twin = self._twin(write, body) if is_new and body.get("existenteId") else None
        is_taken = is_new and not twin and body.get("code") == "CODIGO_DUPLICADO"
        datos = self._with_next_code(write, codes) if is_taken else None
        if status == 204:  # the write behind it needs the version that this one left
            status, body = self.ask("GET", f"/api/clientes/{write['id']}")
        actual = body["actual"] if status == 412 else twin if twin and not _holds(twin, write) else None
        keep_mine = actual is not None and self.keep_mine(write, actual)
        with self._transaction():
            if datos:  # under the same key, which stands for this client whatever its code
                self.db.execute("UPDATE salida SET datos = ? WHERE n = ?", (datos, n))
            elif actual and keep_mine:
                self._pass_on(write, None)
                self._take_over(write, actual)
                self.db.execute(RENEW, (str(uuid.uuid4()), json.dumps(actual), n))
            elif status == 412:
                self._finish(write, None)  # what follows meets a conflict, too, and is asked about
            elif twin or status in (200, 201):
                cliente = twin or {name: value for name, value in body.items() if name != "advertencias"}
                self._take_over(write, cliente)
                self._finish(write, None if actual else cliente)
            else:  # the user corrects or discards it; what was to follow waits
                problem = " ".join((body["detail"], *(error["message"] for error in body["errors"])))
                self.db.execute("UPDATE salida SET problema = ? WHERE n = ?", (problem, n))
        if status in (200, 201):
            self.tell(body)

    def _finish(self, write: sqlite3.Row, after: Cliente | None) -> None:
        self._pass_on(write, after)
        if write["op"] == "crear":
            self.db.execute("UPDATE salida SET hecha = ? WHERE n = ?", (time.time(), write["n"]))
        else:
            self.db.execute("DELETE FROM salida WHERE n = ?", (write["n"],))

    def _pass_on(self, write: sqlite3.Row, after: Cliente | None) -> None:
        """Let the next write of a client be made to what this one left, if its user has seen all of that."""
        follower = self.db.execute(FOLLOWER, (write["n"], write["n"])).fetchone()
        if follower:
            own = {*json.loads(write["datos"] or "{}"), *(() if write["op"] == "actualizar" else ("vigente",))}
            seen, but = (follower["base"], ()) if follower["base"] else (write["base"] or "{}", own)
            base = json.dumps(after) if after and _alike(after, json.loads(seen), but) else seen
            self.db.execute("UPDATE salida SET base = ? WHERE n = ?", (base, follower["n"]))

    def _take_over(self, write: sqlite3.Row, cliente: Cliente) -> None:
        """Keep the client that a write left, unless the feed has brought it, or a later one, before the answer came."""
        known = self.db.execute("SELECT datos FROM cliente WHERE id = ?", (cliente["id"],)).fetchone()
        if write["op"] != "crear":
            if known and json.loads(known["datos"])["version"] == _version(write):
                self._store(cliente)
            return
        place = (cliente["id"], write["local"])
        if known is None:
            self.db.execute("UPDATE cliente SET id = ? WHERE local = ? AND id IS NULL", place)
            self._store(cliente)
        self.db.execute("DELETE FROM cliente WHERE local = ? AND id IS NULL", (write["local"],))
        moved = "UPDATE salida SET local = (SELECT local FROM cliente WHERE id = ?) WHERE local = ?"
        self.db.execute(moved, place)

    def _twin(self, write: sqlite3.Row, problem: Cliente) -> Cliente | None:
        """The client that a creation made before, though its key is forgotten, or came then with another code."""
        twin: Cliente = self.ask("GET", f"/api/clientes/{problem['existenteId']}")[1]
        datos = json.loads(write["datos"])
        who = ("nombre", "tipoDocumento", "numeroDocumento")
        is_same = all(_plain(twin[name]) == _plain(datos.get(name)) for name in who)
        return twin if is_same or problem["code"] == "IDEMPOTENCIA_DISTINTA" else None

    def _with_next_code(self, write: sqlite3.Row, codes: dict[str, str]) -> str | None:
        """The data of a creation with the next code of its series, if it has one. `codes` are those given so far."""
        datos = json.loads(write["datos"])
        prefix = re.sub("[0-9]+$", "", datos[OWN_CODE]) or "CLI"
        if prefix in codes:
            digits = codes[prefix][len(prefix) :]
            codes[prefix] = prefix + str(int(digits) + 1).zfill(len(digits))
        else:
            path = f"/api/clientes/siguiente-codigo?prefijo={quote(prefix)}"
            status, answer = self.ask("GET", path, expected=(200, 422))
            if status == 422 or not answer[OWN_CODE].startswith(prefix):
                return None
            codes[prefix] = answer[OWN_CODE]
        return json.dumps(datos | {OWN_CODE: codes[prefix]})

    def _store(self, cliente: Cliente) -> None:
        another = "id = ? AND json_extract(datos, '$.fechaCreacion') <> ?"  # of another database, under the same number
        self._forget(another, cliente["id"], cliente["fechaCreacion"])
        self.db.execute(STORE, (cliente["id"], json.dumps(cliente), self._get("vuelta", 0)))

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
                connection.request(method, path, None if body is None else json.dumps(body), headers)
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


def _holds(cliente: Cliente, write: sqlite3.Row) -> bool:
    """Whether a client has what a creation asked for, under whatever code."""
    datos = json.loads(write["datos"])
    return all(_plain(cliente.get(name)) == _plain(datos[name]) for name in datos.keys() - {OWN_CODE})


def _plain(value: Any) -> str:
    """Text without what the service may change about it: case, spaces and dashes."""
    return re.sub(r"[\s-]", "", str(value or "")).casefold()


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
    phone = Telefono(given.file, given.url, given.dni, password, ask_user, tell_user)
    datos = dict(word.split("=", 1) for word in given.words if "=" in word)
    try:
        if given.do == "crear":
            phone.create(datos)
        elif given.do == "sincronizar":
            phone.sync()
        elif given.do != "listar":
            local = int(given.words[0])
            if given.do in changes:
                phone.change(local, given.do, datos if given.do == "actualizar" else None)
            elif given.do == "corregir":
                phone.correct(local, datos)
            else:
                phone.discard(local)
    except (LookupError, ValueError):
        parser.error(f"{given.do} wants the number of a client as listar shows it")
    except SinRed as error:
        sys.exit(f"{error} Lo que falta enviar queda guardado en {given.file}.")
    for local, cliente in phone.clients().items():
        print(local, json.dumps(cliente, ensure_ascii=False), sep="\t")


def ask_user(write: sqlite3.Row, actual: Cliente) -> bool:
    """Whether the user's change goes over what somebody else did meanwhile."""
    print(f"Otra persona cambió este cliente: {json.dumps(actual, ensure_ascii=False)}", file=sys.stderr)
    return input(f"Usted pidió {write['op']} {write['datos'] or ''}. ¿Guardar lo suyo? [s/N] ").lower() == "s"


def tell_user(cliente: Cliente) -> None:
    """Say what the service noticed about a client that was stored."""
    for advertencia in cliente.get("advertencias", ()):
        print(f"{cliente[OWN_CODE]}: {advertencia['mensaje']}", file=sys.stderr)


if __name__ == "__main__":
    main()
