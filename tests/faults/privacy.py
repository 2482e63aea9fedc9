"""What is written down while people, passwords and tokens pass through: nothing of them, in logs and metrics alike."""

import base64
import json
import re
import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from clientes_service.auth.roles import Rol
from clientes_service.cursors import encode_cursor
from tests.conftest import DNI, EMPRESA, PASSWORD
from tests.faults.lab import Lab, Outcome, Service, Trial
from tests.files.conftest import as_csv, row
from tests.server.wire import sign_in, upload

PERSON = "Rosa Choque Ñahui"
Q = quote(PERSON)
HOSTILE = f"{PERSON} <ventas@example.pe>"
EXPECTED = {200, 201, 204, 304, 400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 422, 429, 500}
MISTAKEN = ("--nombre", PERSON, "--email", "x", "--rol", "ADMIN", "--password-stdin", "--dni", "952123456")
FORGED = quote('{"status": 777}')  # as a line of its own
ENDS = [("backup", "0"), ("import", "1"), ("users", "1"), ("restore", "0")]
BASIC = base64.b64encode(f"{DNI[Rol.ADMIN]}:{PASSWORD}".encode()).decode()
PUT = ("PUT", "/api/clientes/1")


def requests(token: str, refresh: str) -> list[tuple[str, str, Any, dict[str, str]]]:
    """What is asked for, well and badly: method, path with query, body, headers."""
    admin = {"Authorization": f"Bearer {token}"}
    key = {**admin, "Idempotency_Key": "clave-privada-1"}
    other = {**EMPRESA, "codigoCliente": "CLI0002"}
    hostile = {"User_Agent": HOSTILE, "Referer": f"http://x/?q={Q}", "X_Request_Id": HOSTILE,
               "Cookie": f"a={token}", "Forwarded": f'for="{Q}"', "X_Forwarded_For": Q,
               "Origin": f"http://{Q}", "If_Match": f'"{Q}"'}  # fmt: skip
    lists = [f"q={Q}", f"q={PERSON.replace(' ', '+').replace('Ñ', '%D1')}", "numeroDocumento=20100070970",
             f"codigoCliente={Q}", f"sort={Q}", f"cursor={Q}", f"{Q}=1", "telefono=952123456", f"access_token={token}",
             "q=Rosa%20Choque&q=952%20123%20456"]  # fmt: skip
    lote = [{"clave": "clave-privada-2", "op": "crear", "datos": other}, {"clave": PERSON, "op": PERSON}, PERSON]
    user = {"dni": DNI[Rol.CONSULTA], "nombre": PERSON, "email": "ventas@example.pe", "rol": "TECNICO"}
    users = [{**user, "password": PASSWORD}, {**user, "email": PERSON, "rol": PERSON, "password": DNI[Rol.CONSULTA]}]
    wrong = (f"Basic {BASIC}", f"Bearer {token[:-3]}", f"Bearer {token} {refresh}", f"Bearer {refresh}", token)
    public = ("/", "/healthz", "/readyz", "/docs", "/errores/x", f"/x%0A{FORGED}%0D%C2%85%E2%80%A8{FORGED}")
    return [
        ("POST", "/api/clientes", EMPRESA, key),
        ("POST", "/api/clientes", EMPRESA, key),
        ("POST", "/api/clientes", other, key),
        ("POST", "/api/clientes", EMPRESA, admin),
        ("POST", "/api/clientes", dict.fromkeys([*EMPRESA, PERSON], f"{PERSON}\0{token}"), admin),
        ("POST", "/api/clientes", EMPRESA, {**admin, "Idempotency_Key": f"clave-privada {DNI[Rol.ADMIN]}"}),
        ("POST", "/api/clientes", {"nombre": "\ud800 " + PERSON, "padding": " " * 1_100_000}, admin),
        ("POST", "/api/clientes", EMPRESA, {**admin, "Content_Type": f"text/plain; charset={Q}"}),
        ("POST", f"/api/clientes?nombre={Q}", EMPRESA, admin),
        ("POST", "/api/clientes/lote", {"operaciones": lote}, admin),
        (*PUT, {"direccion": "Jr. Puno 1"}, admin),
        (*PUT, {"direccion": "Jr. Puno 2"}, {**admin, "If_Match": '"0-1"'}),
        *(("GET", f"/api/clientes?{query}", None, admin) for query in lists),
        *(("GET", f"{path}?q={Q}", None, hostile) for path in public),
        ("GET", "/api/clientes/1", None, {**admin, **hostile}),
        ("GET", "/api/clientes/1", None, {**admin, "Host": Q}),
        ("PATCH", f"/api/clientes/1?q={Q}", EMPRESA, {**admin, **hostile}),
        ("OPTIONS", f"/api/clientes?q={Q}", None, hostile),
        ("HEAD", f"/api/clientes?q={Q}", None, admin),
        ("GET", "/api/clientes/1/historial", None, admin),
        ("GET", "/api/clientes/1/datos-personales", None, admin),
        ("GET", f"/api/clientes/cambios?desde={Q}", None, admin),
        ("GET", f"/api/clientes/cambios?desde={encode_cursor(['00000000', 1])}", None, admin),
        *(("GET", f"/api/clientes/exportar?q={Q}&formato={kind}", None, admin) for kind in ("csv", "xlsx", Q)),
        *(("POST", "/api/usuarios", user, admin) for user in users),
        ("POST", "/auth", {"dni": DNI[Rol.OFICINA], "password": f"{PASSWORD}!"}, hostile),
        ("POST", "/auth", {"dni": PERSON, "password": token, PERSON: refresh}, {}),
        *(("POST", "/auth", {"dni": DNI[Rol.TECNICO], "password": "no-" + PASSWORD}, {}) for _ in range(11)),
        *(("GET", "/auth/validar-token", None, {"Authorization": bearer}) for bearer in wrong),
        ("POST", f"/auth/refresh?refresh_token={refresh}", None, admin),
        ("POST", "/auth/refresh", None, {"Authorization": f"Bearer {refresh}"}),
        ("DELETE", "/api/clientes/1", None, admin),
        ("POST", "/api/clientes/2/anonimizar", None, admin),
        (*PUT[:1], "/api/clientes/2", {"nombre": PERSON}, admin),
        ("GET", "/metrics", None, {**hostile, "Authorization": f"Bearer {PASSWORD}"}),
    ]


def malformed(token: str) -> list[bytes]:
    """What gunicorn refuses by itself, or waits for in vain."""
    auth = f"Authorization: Bearer {token}"
    get, post = "GET /api/clientes HTTP/1.1\r\nHost: x\r\n", f"POST /auth HTTP/1.1\r\nHost: x\r\n{auth}\r\n"
    texts = [
        "GET /api/clientes?q=Rosa Choque HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /api/clientes?q={PERSON} HTTP/1.1\r\n\r\n",
        "GET /api/clientes?q=Ñahui HTTP/1.1\r\nHost: x\r\n\r\n",
        "Rosa Choque\r\n\r\n",
        f"{PASSWORD} /?q={Q} HTTP/9.9\r\n\r\n",
        f"GET http://{Q}@x/?q={Q} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /x?q={Q * 1000} HTTP/1.1\r\n\r\n",
        f"{get}Authorization Bearer {token}\r\n\r\n",
        f"{get}Authorization : Bearer {token}\r\n\r\n",
        f"{get}{PERSON}: x\r\n\r\n",
        f"{get}{auth}\r\n {token}\r\n\r\n",
        f"{get}X-A: {token}\0\r\n\r\n",
        f"{get}Host: {PERSON}\r\n\r\n",
        f"{get}X-A: {token * 400}\r\n\r\n",
        f"{get}Expect: {Q}\r\n\r\n",
        f"{post}Content-Length: {Q}\r\n\r\n",
        f"{post}Transfer-Encoding: {Q}\r\n\r\n",
        *(
            f"{post}Transfer-Encoding: chunked\r\n\r\n{chunk}\r\n"
            for chunk in (PERSON, f"5;{PERSON}", f"1\r\n{PERSON}")
        ),
        f'{post}Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{{"{PERSON}": "{PASSWORD}',
        f"{post}X-B: {PERSON}",
    ]
    return [text.encode() for text in texts]


def as_bytes(method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
    """A request, whatever is in its headers."""
    data = b"" if body is None else json.dumps(body).encode()
    usual = {"Host": "x", "Content_Type": "application/json", "Content_Length": str(len(data)), "Connection": "close"}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in {**usual, **headers}.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data


def send(service: Service, raw: bytes) -> bytes:
    """Send bytes, send no more, and return what comes."""
    address, taken = urlsplit(service.url), b""
    with socket.create_connection((address.hostname, address.port), timeout=10) as one, suppress(OSError):
        one.sendall(raw)
        one.shutdown(socket.SHUT_WR)
        while block := one.recv(65_536):
            taken += block
    return taken


def command(service: Service, *words: str, **kwargs: Any) -> str:
    """Run a command, and keep what it tells an operator beside the log."""
    done = service.cli(*words, **kwargs)
    with (service.folder / "cli.log").open("a", encoding="utf-8") as log:
        log.write(f"{words[0]} ended with {done.returncode}\n{done.stderr}")
    return str(done.stdout).strip()


def write_nothing_down(lab: Lab, trials: int) -> Outcome:
    """Let through all that might be written down, and look at what was. A trial is a request or a command."""
    outcome = Outcome()
    while outcome.trials < trials:
        with lab.service(2, LOG_LEVEL="DEBUG") as service:
            outcome.trials += _ask(service)
            copy = command(service, "backup")
            command(service, "import", str(_file(service)), "--partial", "--mode", "upsert")
            command(service, "users", "create", *MISTAKEN, input=PASSWORD[:9])
            _break(service)
            token = {"Authorization": f"Bearer {service.token()}"}
            for path in ("/api/clientes", "/api/clientes/exportar"):
                send(service, as_bytes("GET", f"{path}?q={Q}", None, token))
            service.keep_metrics()
            service.stop()
            command(service, "restore", copy)
            outcome.trials += 6
        _look(service, outcome)
    outcome.wrong += lab.leaks()
    return outcome


def _ask(service: Service) -> int:
    """Send every request; return how many there were."""
    given = sign_in(service.url, DNI[Rol.ADMIN], PASSWORD)
    all_of_it = [as_bytes(*one) for one in requests(given["token"], given["refreshToken"])] + malformed(given["token"])
    for one in all_of_it:
        send(service, one)
    reader = {"Authorization": f"Bearer {service.token(Rol.CONSULTA)}"}
    tag = re.search(r"ETag: (\S+)", send(service, as_bytes("GET", "/api/clientes/1", None, reader)).decode())
    send(service, as_bytes("GET", "/api/clientes/1", None, {**reader, "If_None_Match": tag[1] if tag else ""}))
    send(service, as_bytes("POST", "/api/clientes", EMPRESA, reader))
    for query in ("", "parcial=true", f"modo={Q}"):
        upload(service.url, service.token(), _file(service).read_bytes(), query)
    service.keep_metrics()
    (service.folder / "metrics.log").rename(service.folder / "metrics-before.log")
    return len(all_of_it) + 6


def _file(service: Service) -> Path:
    """A file with good rows and bad ones."""
    usual = {"nombre": PERSON, "email": "ventas@example.pe", "telefono": "952 123 456"}
    bad = {"numeroDocumento": PERSON, "email": PERSON, "telefono": f"{PERSON} 952123456", "codigoCliente": PERSON}
    rows = [row(number, **usual) | {name: value} for number, (name, value) in enumerate(bad.items(), 1)]
    file = service.folder / "clientes.csv"
    file.write_bytes(as_csv([row(9, **usual), *rows]))
    return file


def _break(service: Service) -> None:
    """Damage the table of clients on the disk, so that reading it is an unexpected error."""
    [(page,)] = service.rows("SELECT rootpage FROM sqlite_master WHERE name = 'cliente'")
    [(size,)] = service.rows("PRAGMA page_size")
    service.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    service.stop()
    with service.file.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    service.start()


def _look(service: Service, outcome: Outcome) -> None:
    """Note what was not provoked, and lines that are none."""
    log = service.log.read_text(encoding="utf-8")
    entries = [json.loads(line) for line in log.splitlines()]
    statuses = Counter(entry["status"] for entry in entries if "status" in entry)
    outcome.check(777 not in statuses, "a caller wrote a line of the log")
    outcome.check(statuses.keys() >= EXPECTED, f"not provoked: {EXPECTED - statuses.keys()}")
    for words, most in (("Invalid request from", 15), ("No more data after", 1), ("Traceback", 2)):
        outcome.check(log.count(words) >= most, f"{words!r} stands in the log {log.count(words)} times, not {most}")
    done = re.findall(r"(\w+) ended with (\d)", (service.folder / "cli.log").read_text(encoding="utf-8"))
    outcome.check(done == ENDS, f"commands ended in another way: {done}")
    outcome.check(
        'status="429"' in (service.folder / "metrics-before.log").read_text(), "metrics without what was asked"
    )
    told = f"{len(entries)} lines, {len(statuses)} statuses, {log.count('Invalid request')} refused by gunicorn"
    outcome.figures = told


TRIALS = (
    Trial("privacy", "people, passwords and tokens in every place of a request", "none of it in logs, metrics, stderr",
          write_nothing_down, 90, 90, "tests.faults.controls:log_queries", 90),
)  # fmt: skip
