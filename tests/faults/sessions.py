"""Rights that are taken from a user while he is at work."""

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, cycle, islice
from typing import Any, NamedTuple

from tests.conftest import EMPRESA, PASSWORD
from tests.faults.lab import Lab, Outcome, Service, Trial
from tests.server.wire import Answer, Wire, connected, sign_in

WORKERS = 4
CONNECTIONS = 6  # on which the user works; on one more he refreshes, and on another he signs in
LATEST = 0.1  # seconds from the beginning of a sign-in to the change: about as long as it takes
READY_SECONDS = 60
# What PUT /api/usuarios/{id} is sent; signing out is left to the user himself.
CHANGES: dict[str, dict[str, Any]] = {
    "deactivation": {"vigente": False},
    "password": {"password": f"{PASSWORD}-2"},
    "role": {"rol": "CONSULTA"},
    "sign-out": {},
}
WORK = ("read", "write", "ask")  # by turns
TELLS_ROLE = ("ask", "refresh", "sign in")


class Asked(NamedTuple):
    """What was asked, when it began and ended, and the answer."""

    what: str
    began: float
    ended: float
    answer: Answer


@dataclass
class User:
    """Somebody at work on several connections at once, until he has done all of his work after the change."""

    service: Service
    dni: str
    cliente: str  # the path of the client that he reads and changes
    tokens: dict[str, Any]
    changed: float = math.inf  # when the answer to the change was there
    asked: list[Asked] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=count)
    at_work: threading.Barrier = field(default_factory=lambda: threading.Barrier(CONNECTIONS + 2))

    def work(self, number: int) -> None:
        """Read, write and ask who one is, or refresh; once before the change, on through it, and once after it."""
        turns = cycle(WORK[number % len(WORK) :] + WORK[: number % len(WORK)]) if number else cycle(["refresh"])
        with connected(self.service.url, self.tokens["token"] if number else "") as wire:
            for _ in WORK:
                self.ask(next(turns), wire)
            self.at_work.wait(READY_SECONDS)
            left = len(WORK)
            while left:
                left -= self.ask(next(turns), wire).began >= self.changed

    def sign_in(self, address: str) -> Asked:
        """Sign in once more, with the password from before the change."""
        with connected(self.service.url) as wire:
            return self.ask("sign in", wire, address)

    def ask(self, what: str, wire: Wire, address: str = "") -> Asked:
        """Do one thing, and note how it went."""
        began = time.monotonic()
        if what == "read":
            answer = wire.call("GET", self.cliente)
        elif what == "write":
            answer = wire.call("PUT", self.cliente, {"direccion": f"Jr. Puno {next(self.numbers)}"})
        elif what == "ask":
            answer = wire.call("GET", "/auth/validar-token")
        elif what == "refresh":
            answer = wire.call("POST", "/auth/refresh", Authorization=f"Bearer {self.tokens['refreshToken']}")
            self.tokens = answer.json if answer.status == 200 else self.tokens
        else:
            answer = wire.call("POST", "/auth", {"dni": self.dni, "password": PASSWORD}, X_Forwarded_For=address)
        asked = Asked(what, began, time.monotonic(), answer)
        self.asked.append(asked)
        return asked


def revoke(lab: Lab, trials: int) -> Outcome:
    """Change a user who reads, writes, refreshes and signs in meanwhile: what begins after the answer is refused."""
    outcome, judged, raced = Outcome(), 0, 0
    with lab.service(WORKERS, CLIENTES_TRUSTED_PROXIES="1") as service:
        with connected(service.url, service.token()) as admin:
            cliente = admin.call("POST", "/api/clientes", EMPRESA).headers["location"]
        for change in islice(cycle(CHANGES), trials):
            dni = f"{30_000_000 + outcome.trials}"
            datos = {"dni": dni, "nombre": "Usuario", "email": "u@example.pe", "rol": "OFICINA", "password": PASSWORD}
            with connected(service.url, service.token()) as admin:
                path = admin.call("POST", "/api/usuarios", datos).headers["location"]
                user = User(service, dni, cliente, sign_in(service.url, dni, PASSWORD))
                sent, late = _change(lab, user, change, admin, path, outcome)
            judged += _judge(user, change, sent, outcome)
            raced += sent < late.ended and late.began < user.changed
            if late.answer.status == 200:
                _try_session(user, change, late.answer.json["token"], outcome)
            outcome.trials += 1
    outcome.figures = f"{judged:,} requests judged, {raced} sign-ins raced"
    return outcome


def _change(lab: Lab, user: User, change: str, admin: Wire, path: str, outcome: Outcome) -> tuple[float, Asked]:
    """Make a change at a random moment of his work; return when it was sent, and the sign-in beside it."""
    with ThreadPoolExecutor(CONNECTIONS + 2) as pool, connected(user.service.url, user.tokens["token"]) as own:
        working = [pool.submit(user.work, number) for number in range(CONNECTIONS + 1)]
        try:
            user.at_work.wait(READY_SECONDS)
            late = pool.submit(user.sign_in, f"198.18.{outcome.trials // 256}.{outcome.trials % 256}")
            time.sleep(lab.random.uniform(0, LATEST))
            sent = time.monotonic()
            datos = CHANGES[change]
            made = admin.call("PUT", path, datos) if datos else own.call("POST", "/auth/logout")
        finally:
            user.changed = time.monotonic()
        for one in working:
            one.result()
        outcome.check(made.status in (200, 204), f"{change}: {made.status} {made.body!r}")
        return sent, late.result()


def _judge(user: User, change: str, sent: float, outcome: Outcome) -> int:
    """Note what was refused before the change or granted after it; return how many requests began after it."""
    judged = 0
    for asked in user.asked:
        is_old, is_new = asked.answer.status == 200, _is_new(change, asked)
        is_after = asked.began >= user.changed
        judged += is_after
        is_just = is_new if is_after else is_old if asked.ended <= sent else is_old or is_new
        when = "after" if is_after else "before or during"
        outcome.check(is_just, f"{asked.what} {when} {change}: {asked.answer.status}")
    return judged


def _is_new(change: str, asked: Asked) -> bool:
    """Whether this is the answer of somebody to whom the change was made."""
    if change == "role":
        status = 403 if asked.what == "write" else 200
        is_told = asked.what not in TELLS_ROLE or b"CONSULTA" in asked.answer.body
        return asked.answer.status == status and is_told
    return asked.answer.status == (200 if (change, asked.what) == ("sign-out", "sign in") else 401)


def _try_session(user: User, change: str, token: str, outcome: Outcome) -> None:
    """Use the session that was opened beside the change: it is no better, unless only the other one was ended."""
    with connected(user.service.url, token) as wire:
        for what in WORK:
            asked = user.ask(what, wire)
            is_just = asked.answer.status == 200 if change == "sign-out" else _is_new(change, asked)
            outcome.check(is_just, f"{what} in a session opened beside {change}: {asked.answer.status}")


TRIALS = (
    Trial("revocation", "deactivation, new password, new role, sign-out under load", "no request begun after it passes",
          revoke, 500, 12, "tests.faults.controls:remember_users", 4),
)  # fmt: skip
