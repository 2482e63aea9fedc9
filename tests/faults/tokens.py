"""Tokens that are forged, stale or stolen, at every route that asks for one: 401, and nothing is changed."""

import base64
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tests.conftest import EMPRESA, PASSWORD
from tests.faults.lab import Lab, Outcome, Service, Trial
from tests.gate import EITHER, FORGERIES, GUARDED, REFRESH, claims_of, signed
from tests.server.wire import Answer, Wire, connected, sign_in

TABLES = ("cliente", "contador", "usuario", "historial", "idempotencia")
MEMBERS = {"type", "title", "status", "detail", "code", "errors", "requestId"}
STALE = ("signed out", "deactivated", "active again", "new password", "stolen", "of the owner", "ended meanwhile")
BRIEF_SECONDS = 2  # that a token lives which is good at first
USUARIO = {"nombre": "Rosa Quispe", "email": "rosa@example.pe", "rol": "ADMIN", "password": PASSWORD}
BODIES: dict[str, Any] = {  # what would be done if the token passed
    "POST /api/clientes": {**EMPRESA, "codigoCliente": "ROBADO"},
    "PUT /api/clientes/<id:id>": {"nombre": "Robado"},
    "POST /api/clientes/lote": {"operaciones": [{"clave": "1", "op": "eliminar", "id": 1}]},
    "POST /api/usuarios": {**USUARIO, "dni": "30000001"},
    "PUT /api/usuarios/<id:id>": {"nombre": "Robado"},
}
# Where else a good token may not be. A header of the wire's own comes first.
PLACES: dict[str, Callable[[str], tuple[str, dict[str, str]]]] = {
    "nowhere": lambda token: ("", {}),
    "in the query": lambda token: (f"?access_token={token}&jwt={token}", {}),
    "in a cookie": lambda token: ("", {"Cookie": f"access_token_cookie={token}; token={token}"}),
    "Basic": lambda token: ("", {"Authorization": "Basic " + base64.b64encode(f":{token}".encode()).decode()}),
    "without its scheme": lambda token: ("", {"Authorization": token}),
    "of another scheme": lambda token: ("", {"Authorization": f"Token {token}"}),
    "in another header": lambda token: ("", {"Proxy_Authorization": f"Bearer {token}", "X_Access_Token": token}),
    "twice": lambda token: ("", {"Authorization": f"Bearer {token}", "AUTHORIZATION": f"Bearer {token}"}),
    "behind another": lambda token: ("", {"Authorization": "Bearer x", "AUTHORIZATION": f"Bearer {token}"}),
    "in a list": lambda token: ("", {"Authorization": f"Bearer {token}, Bearer {token}"}),
}


@dataclass(frozen=True)
class Pair:
    """The tokens of a session: for POST /auth/refresh, and for all else."""

    access: str
    refresh: str

    def of(self, route: str) -> str:
        return self.refresh if route in REFRESH else self.access


def call(wire: Wire, route: str, query: str = "", **headers: str) -> Answer:
    method, path = route.split(" ")
    return wire.call(method, re.sub("<.*?>", "1", path) + query, BODIES.get(route), **headers)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Thief:
    """Somebody with an administrator's friends, whose tokens go bad."""

    def __init__(self, service: Service, outcome: Outcome, wire: Wire) -> None:
        self.service, self.outcome, self.wire = service, outcome, wire
        self.admin, self.count = bearer(service.token()), 0

    def expect(self, status: int, answer: Answer, what: str) -> Any:
        """Note what goes otherwise than it should; an answer's JSON, if it has some."""
        self.outcome.check(answer.status == status, f"{what}: {answer.status} {answer.body[:200]!r}")
        return answer.json if answer.body else {}

    def sign_in(self) -> tuple[str, Pair]:
        """The path of a new administrator, and a session of his."""
        self.count += 1
        dni = f"2000000{self.count}"
        made = self.wire.call("POST", "/api/usuarios", {**USUARIO, "dni": dni}, **self.admin)
        path = f"/api/usuarios/{self.expect(201, made, 'a new user')['id']}"
        answer = sign_in(self.service.url, dni, PASSWORD)
        return path, Pair(answer["token"], answer["refreshToken"])

    def change(self, *bodies: dict[str, Any]) -> Pair:
        """The session of a user who was changed since."""
        path, pair = self.sign_in()
        for body in bodies:
            self.expect(200, self.wire.call("PUT", path, body, **self.admin), "a change")
        return pair

    def stale(self) -> dict[str, Pair]:
        """Tokens that were good, by what became of them."""
        _, out = self.sign_in()
        self.expect(204, self.wire.call("POST", "/auth/logout", **bearer(out.access)), "sign-out")
        _, first = self.sign_in()
        answer = self.expect(200, self.wire.call("POST", "/auth/refresh", **bearer(first.refresh)), "refresh")
        second = Pair(answer["token"], answer["refreshToken"])
        self.expect(200, self.wire.call("GET", "/auth/validar-token", **bearer(second.access)), "the new token")
        self.expect(401, self.wire.call("POST", "/auth/refresh", **bearer(first.refresh)), "the spent token")
        inactive, active, password = {"vigente": False}, {"vigente": True}, {"password": f"{PASSWORD}-2"}
        pairs = (out, self.change(inactive), self.change(inactive, active), self.change(password), first, second)
        return dict(zip(STALE, pairs, strict=False))

    def brief(self) -> Pair:
        """Tokens that are good, and end soon."""
        _, pair = self.sign_in()
        ends = int(time.time()) + BRIEF_SECONDS
        pair = Pair(*(signed({**claims_of(token), "exp": ends}) for token in (pair.access, pair.refresh)))
        self.expect(200, self.wire.call("GET", "/auth/validar-token", **bearer(pair.access)), "a token before its end")
        return pair


def attempts(thief: Thief, good: Pair) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """What is tried: its name, the route, the query and the headers."""
    brief = thief.brief()
    began = time.monotonic()
    for name, pair in thief.stale().items():
        yield from ((name, route, "", bearer(pair.of(route))) for route in sorted(GUARDED))
    for name, forge in FORGERIES.items():
        yield from ((name, route, "", bearer(forge(good.of(route)))) for route in sorted(GUARDED))
    for name, put in PLACES.items():
        yield from ((name, route, *put(good.of(route))) for route in sorted(GUARDED))
    swapped = Pair(good.refresh, good.access)
    yield from (("of the other kind", route, "", bearer(swapped.of(route))) for route in sorted(GUARDED - EITHER))
    time.sleep(max(0.0, began + BRIEF_SECONDS + 1 - time.monotonic()))
    yield from ((STALE[-1], route, "", bearer(brief.of(route))) for route in sorted(GUARDED))


def tokens(lab: Lab, trials: int) -> Outcome:
    """Try them all, and see that the good ones do pass."""
    outcome = Outcome()
    with lab.service(1) as service, connected(service.url) as wire:
        thief = Thief(service, outcome, wire)
        thief.expect(201, wire.call("POST", "/api/clientes", EMPRESA, **thief.admin), "a client")
        _, good = thief.sign_in()
        stored = None
        for name, route, query, headers in islice(attempts(thief, good), trials):
            stored = stored or [service.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in TABLES]
            answer = call(wire, route, query, **headers)
            outcome.check(is_refused(answer), f"{name}, {route}: {answer.status} {answer.body[:200]!r}")
            outcome.trials += 1
        now = [service.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in TABLES]
        outcome.check(now == stored, "something was changed")
        for route in sorted(GUARDED, key=lambda route: route in EITHER):  # which end the session
            answer = call(wire, route, **bearer(good.of(route)))
            outcome.check(answer.status not in (401, 403), f"a good token, {route}: {answer.status}")
    return outcome


def is_refused(answer: Answer) -> bool:
    """Whether it is the 401 that all get (RFC 9457, RFC 6750)."""
    challenge, kind = answer.headers.get("www-authenticate", ""), answer.headers.get("content-type")
    return (
        (answer.status, kind) == (401, "application/problem+json")
        and challenge.startswith('Bearer realm="clientes"')
        and answer.json.keys() == MEMBERS
        and (answer.json["status"], answer.json["code"]) == (401, "NO_AUTENTICADO")
    )


COUNT = (len(STALE) + len(FORGERIES) + len(PLACES)) * len(GUARDED) + len(GUARDED - EITHER)
CONTROLS = "tests.faults.controls"
TRIALS = (
    Trial("tokens", "forged, stale and stolen tokens at every route", "401, and nothing is changed",
          tokens, COUNT, COUNT, f"{CONTROLS}:believe_every_token", 2 * len(GUARDED)),
)  # fmt: skip
