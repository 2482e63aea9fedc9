"""Many who write at once, by single requests and by batches: nothing fails, and all is kept."""

import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.conftest import EMPRESA
from tests.faults.lab import Lab, Outcome, Service, Trial, measured
from tests.faults.writers import check_whole
from tests.server.wire import Answer, Wire, connected

CONNECTIONS, WORKERS = 64, 4
IN_BATCHES = 4  # of so many connections one writes in batches
BATCH = 10  # clients
STAYS_INACTIVE = 3  # of so many clients one is not restored
WRITTEN = "SELECT (SELECT count(*) FROM historial), (SELECT valor FROM contador)"


class Refused(Exception):
    """An answer that no write should have got."""


class Caller:
    """One connection's work: what was acknowledged, and how long each request took.

    `known` is the address of each client by its id, and whether it is active.
    """

    def __init__(self, number: int) -> None:
        self.number, self.made, self.writes = number, 0, 0
        self.known: dict[int, tuple[str, bool]] = {}
        self.seconds: list[float] = []
        self.wrong = ""
        self.is_batching = number % IN_BATCHES == 0

    def work(self, wire: Wire) -> None:
        """Take one new client, or ten, through everything that is written about him: five writes, or four."""
        if self.is_batching:
            self.write_in_batches(wire)
        else:
            self.write_alone(wire)

    def write_alone(self, wire: Wire) -> None:
        datos, is_restored = self._new()
        key = f"clave-{datos['codigoCliente']}"
        cliente = self._keep(self._call(wire, 201, "POST", "/api/clientes", datos, Idempotency_Key=key).json)
        path, addresses = f"/api/clientes/{cliente['id']}", (f"Jr. Puno {self.made}", f"Jr. Ica {self.made}")
        for direccion in addresses:
            given = {"If_Match": f'"{cliente["version"]}"'}
            cliente = self._keep(self._call(wire, 200, "PUT", path, {"direccion": direccion}, **given).json)
        self._call(wire, 204, "DELETE", path, If_Match=f'"{cliente["version"]}"')
        self._keep({**cliente, "vigente": False})
        if is_restored:
            self._keep(self._call(wire, 200, "POST", f"{path}/restaurar").json)

    def write_in_batches(self, wire: Wire) -> None:
        new = [self._new() for _ in range(BATCH)]
        made = self._batch(wire, 201, "crear", [{"datos": datos} for datos, _ in new])
        changes = [{**_named(one), "datos": {"direccion": f"Jr. Puno {one['id']}"}} for one in made]
        changed = self._batch(wire, 200, "actualizar", changes)
        self._batch(wire, 204, "eliminar", [_named(one) for one in changed])
        for one in changed:
            self._keep({**one, "vigente": False})
        back = [{"id": one["id"]} for one, (_, is_restored) in zip(made, new, strict=True) if is_restored]
        self._batch(wire, 200, "restaurar", back)

    def _new(self) -> tuple[dict[str, Any], bool]:
        """A client that nobody has made, and whether he is to be active in the end."""
        self.made += 1
        number = self.number * 1_000_000 + self.made
        datos = {**EMPRESA, "codigoCliente": f"C{number}", "numeroDocumento": f"20{number:09d}"}
        return datos, self.made % STAYS_INACTIVE > 0

    def _keep(self, cliente: dict[str, Any]) -> dict[str, Any]:
        self.known[cliente["id"]] = cliente["direccion"], cliente["vigente"]
        self.writes += 1
        return cliente

    def _batch(self, wire: Wire, status: int, op: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        keys = [f"{self.number}-{self.made}-{op}-{number}" for number in range(len(items))]
        operaciones = [{"clave": key, "op": op, **item} for key, item in zip(keys, items, strict=True)]
        answer = self._call(wire, 200, "POST", "/api/clientes/lote", {"operaciones": operaciones})
        resultados = answer.json["resultados"]
        if [(each["clave"], each["status"]) for each in resultados] != [(key, status) for key in keys]:
            raise Refused(f"{op}: {answer.body[:300]!r}")
        return [self._keep(each["cuerpo"]) for each in resultados if each["cuerpo"]]

    def _call(self, wire: Wire, status: int, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        began = time.perf_counter()
        answer = wire.call(method, path, body, **headers)
        self.seconds.append(time.perf_counter() - began)
        if answer.status != status:
            raise Refused(f"{method} {path}: {answer.status} {answer.body[:300]!r}")
        return answer


def _named(cliente: dict[str, Any]) -> dict[str, Any]:
    return {"id": cliente["id"], "version": cliente["version"]}


def write_much(lab: Lab, trials: int) -> Outcome:
    """Write on all connections until so many writes are acknowledged, and compare. A trial is one write."""
    outcome, callers = Outcome(), [Caller(number) for number in range(CONNECTIONS)]
    with lab.service(WORKERS) as service:
        token, began = service.token(), time.monotonic()

        def work(caller: Caller) -> None:
            try:
                with connected(service.url, token) as wire:
                    while sum(each.writes for each in callers) < trials and not any(each.wrong for each in callers):
                        caller.work(wire)
            except (OSError, Refused) as error:
                caller.wrong = f"connection {caller.number}: {error!r}"

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(work, callers))
        took = time.monotonic() - began
        outcome.trials = sum(caller.writes for caller in callers)
        outcome.wrong += [caller.wrong for caller in callers if caller.wrong]
        _compare(service, callers, outcome)
        _look_at_log(service, sum(len(caller.seconds) for caller in callers), outcome)
    alone, batches = (
        _milliseconds([second for caller in callers if caller.is_batching is kind for second in caller.seconds])
        for kind in (False, True)
    )
    outcome.figures = f"{outcome.trials / took:,.0f} writes/s; single {alone}; batches of {BATCH} {batches}"
    return outcome


def _compare(service: Service, callers: list[Caller], outcome: Outcome) -> None:
    """Note where the file differs from what was acknowledged."""
    known = {id: state for caller in callers for id, state in caller.known.items()}
    rows = service.rows("SELECT id, direccion, vigente FROM cliente")
    found = {id: (direccion, bool(vigente)) for id, direccion, vigente in rows}
    outcome.check(found == known, f"{len(found.items() ^ known.items())} states of clients differ")
    counts = len(found), sum(active for _, active in found.values()), *service.rows(WRITTEN)[0]
    expected = len(known), sum(active for _, active in known.values()), outcome.trials, outcome.trials
    outcome.check(counts == expected, f"clients, active ones, lines of history, changes: {counts}, not {expected}")
    outcome.check(all(caller.writes for caller in callers), "not all connections wrote")
    check_whole(service, outcome)


def _look_at_log(service: Service, requests: int, outcome: Outcome) -> None:
    log = service.log.read_text(encoding="utf-8")
    statuses = Counter(re.findall(r'"status":(\d+)', log))
    outcome.check(sum(statuses.values()) > requests, f"{requests} requests were made, the log tells of {statuses}")
    outcome.check(max(statuses, default="") < "500", f"failures: {statuses}")
    outcome.check("locked" not in log, "the log tells of a lock")


def _milliseconds(seconds: list[float]) -> str:
    """The median, the 99th percentile and the longest."""
    if not seconds:
        return "-"
    p50, p99 = (measured(seconds, share) * 1000 for share in (0.5, 0.99))
    return f"p50 {p50:.0f}, p99 {p99:.0f}, longest {max(seconds) * 1000:.0f} ms"


CONTROLS = "tests.faults.controls"
TRIALS = (
    Trial("load", f"{CONNECTIONS} connections write without a pause, to {WORKERS} workers",
          "no 5xx, no lock in the log, all that was acknowledged is there, once",
          write_much, 200_000, 2_000, f"{CONTROLS}:forget_some_writes", 500),
)  # fmt: skip
