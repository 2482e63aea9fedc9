"""Those who guess passwords, a hundred at once and from any address that they like, and those who ask who exists."""

import math
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from clientes_service.auth.roles import Rol
from clientes_service.auth.throttle import MOST_BY_ADDRESS, MOST_BY_DNI, WINDOW_SECONDS
from tests.conftest import DNI, PASSWORD
from tests.faults.lab import Lab, Outcome, Service, Trial
from tests.metrics.test_metrics import samples
from tests.server.wire import Answer, Wire, connected

WORKERS = 4
CONNECTIONS = 100
READERS = 4
READ_SECONDS = 5.0
PAUSE = 0.01  # seconds between two reads
BURST = 50  # guesses of one DNI, one behind the other
MOST_DNIS = 40
FEWEST = 600  # guesses that close each DNI, and the network that most of them come from
APART = 1.05  # times as long as another kind of sign-in, at most
WRONG = "not-the-password"
KINDS = {"known": 20_000_000, "unknown": 50_000_000, "inactive": 80_000_000}  # the first DNI of each
ADD_USERS = """
    WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < {count})
    INSERT INTO usuario (dni, nombre, email, rol, password_hash, vigente)
    SELECT {first} + n, 'Usuario', 'u@example.pe', 'TECNICO', password_hash, {is_active} FROM number, usuario
    WHERE dni = '{model}'
"""


def add_users(service: Service, kind: str, count: int) -> None:
    """Make users with PASSWORD, without the time that hashing it takes."""
    values = {"first": KINDS[kind], "count": count, "is_active": kind != "inactive", "model": DNI[Rol.ADMIN]}
    service.rows(ADD_USERS.format_map(values))


@dataclass(frozen=True)
class Guess:
    """A DNI, and the address that it is guessed from: of a crowd in one network, or like no other."""

    dni: str
    address: str
    is_crowd: bool

    @classmethod
    def make(cls, number: int, dnis: list[str]) -> "Guess":
        """The guess with a number: two of three come from the crowd."""
        dni, is_crowd = dnis[number // BURST % len(dnis)], bool(number % 3)
        if is_crowd:
            return cls(dni, f"2001:db8:0:1:{random.getrandbits(16):x}:{number:x}::", is_crowd)
        own = f"198.18.{number // 256}.{number % 256}" if number % 2 else f"2001:db8:1:{number:x}::1"
        return cls(dni, own, is_crowd)

    def send(self, wire: Wire, password: str, is_believed: bool) -> Answer:
        """Guess. Where a proxy is trusted the last address is the one that it saw; all others are made up."""
        made_up = f"203.0.113.{random.randrange(256)}"
        headers = {
            "X_Forwarded_For": f"{made_up}, {self.address}" if is_believed else self.address,
            "Forwarded": f"for={made_up}",
            "X_Real_IP": made_up,
        }
        return wire.call("POST", "/auth", {"dni": self.dni, "password": password}, **headers)


def guess_from_one(lab: Lab, trials: int) -> Outcome:
    """Guess from one address that says to be many; no proxy is trusted."""
    return _guess(lab, trials, is_believed=False)


def guess_from_everywhere(lab: Lab, trials: int) -> Outcome:
    """Guess from addresses of which no two are the same, as a trusted proxy sees them."""
    return _guess(lab, trials, is_believed=True)


def _guess(lab: Lab, trials: int, is_believed: bool) -> Outcome:
    outcome, count = Outcome(), max(trials, FEWEST)
    dnis = [f"{KINDS[kind] + n}" for n in range(MOST_DNIS // 2) for kind in ("known", "unknown")]
    dnis = dnis[: count // BURST]
    with lab.service(WORKERS, CLIENTES_TRUSTED_PROXIES=str(int(is_believed))) as service:
        add_users(service, "known", MOST_DNIS // 2)
        with reading(service, outcome) as waits:
            answered = _send_all(service, [Guess.make(number, dnis) for number in range(count)], is_believed)
        _judge(answered, MOST_BY_DNI * len(dnis) if is_believed else MOST_BY_ADDRESS, is_believed, outcome)
        with connected(service.url) as wire:
            late = [Guess(dni, f"192.0.2.{n}", False).send(wire, PASSWORD, is_believed) for n, dni in enumerate(dnis)]
            counted = samples(wire.call("GET", "/metrics").body.decode())
        outcome.check({answer.status for answer in late} == {429}, "a right password was looked at")
        [(sessions,)] = service.rows("SELECT count(*) FROM sesion")
        outcome.check(sessions == 1, f"{sessions} sessions, one of them the reader's")
    statuses = Counter([answer.status for _, answer in answered] + [answer.status for answer in late])
    for reason, status in (("password", 401), ("throttled", 429)):
        failures = counted.get(f"clientes_login_failures_total[('reason', '{reason}')]", 0)
        outcome.check(failures == statuses[status], f"{statuses[status]} answers {status}, {failures} {reason} counted")
    longest = max(waits, default=math.inf)
    outcome.check(longest < READ_SECONDS * lab.slack, f"a reader waited {longest:.1f} s")
    outcome.trials = len(answered)
    outcome.figures = f"{statuses[401]} looked at; {len(waits):,} reads meanwhile, longest {longest:.2f} s"
    return outcome


def _send_all(service: Service, guesses: list[Guess], is_believed: bool) -> list[tuple[Guess, Answer]]:
    start = threading.Barrier(CONNECTIONS)

    def send(number: int) -> list[tuple[Guess, Answer]]:
        with connected(service.url) as wire:
            start.wait()
            return [(guess, guess.send(wire, WRONG, is_believed)) for guess in guesses[number::CONNECTIONS]]

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return [pair for pairs in pool.map(send, range(CONNECTIONS)) for pair in pairs]


def _judge(answered: list[tuple[Guess, Answer]], limit: int, is_believed: bool, outcome: Outcome) -> None:
    """Note more passwords looked at than may be, or less; and answers that are neither wrong nor too many."""
    looked_at = [guess for guess, answer in answered if answer.status == 401]
    outcome.check(len(looked_at) == limit, f"{len(looked_at)} passwords were looked at, not {limit}")
    for dni, count in Counter(guess.dni for guess in looked_at).items():
        outcome.check(count <= MOST_BY_DNI, f"{count} passwords of {dni} were looked at")
    crowd = sum(guess.is_crowd for guess in looked_at)
    outcome.check(not is_believed or crowd == MOST_BY_ADDRESS, f"{crowd} passwords were looked at for one network")
    for _, answer in answered:
        outcome.check(answer.status in (401, 429), f"{answer.status} {answer.body[:300]!r}")
        is_told = answer.status != 429 or 1 <= int(answer.headers.get("retry-after", 0)) <= WINDOW_SECONDS
        outcome.check(is_told, "429 does not say how long to wait")


@contextmanager
def reading(service: Service, outcome: Outcome) -> Iterator[list[float]]:
    """Let some who are signed in read meanwhile; yields how long they wait for each answer, in seconds."""
    waits: list[float] = []
    done, token = threading.Event(), service.token(Rol.CONSULTA)

    def read(_: int) -> None:
        with connected(service.url, token) as wire:
            while not done.wait(PAUSE):
                began = time.monotonic()
                status = wire.call("GET", "/api/clientes").status
                waits.append(time.monotonic() - began)
                outcome.check(status == 200, f"a reader got {status}")

    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(read, number) for number in range(READERS)]
        try:
            yield waits
        finally:
            done.set()
        for reader in readers:
            reader.result()


def who_exists(lab: Lab, trials: int) -> Outcome:
    """Sign in as nobody, as somebody with a wrong password, and as who is inactive: nothing tells one from another."""
    outcome, users = Outcome(trials), math.ceil(trials / (MOST_BY_DNI - 1))
    asked = [(kind, number) for kind in KINDS for number in range(trials)]
    lab.random.shuffle(asked)
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    faces = set()
    with lab.service(1, CLIENTES_TRUSTED_PROXIES="1") as service, connected(service.url) as wire:
        add_users(service, "known", users)
        add_users(service, "inactive", users)
        for at, (kind, number) in enumerate(asked):
            password = PASSWORD if kind == "inactive" and number % 2 else WRONG
            body = {"dni": f"{KINDS[kind] + number % users}", "password": password}
            began = time.perf_counter()
            answer = wire.call("POST", "/auth", body, X_Forwarded_For=f"2001:db8:1:{at:x}::1")
            times[kind].append(time.perf_counter() - began)
            faces.add(_face(answer))
    outcome.check([status for status, *_ in faces] == [401], f"not one answer, and that a 401: {faces}")
    _compare(times, outcome)
    return outcome


def _face(answer: Answer) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """All of an answer but its date and id."""
    id = answer.headers["x-request-id"]
    headers = tuple((name, value.replace(id, "")) for name, value in answer.headers.items() if name != "date")
    return answer.status, headers, answer.body.replace(id.encode(), b"")


def _compare(times: dict[str, list[float]], outcome: Outcome) -> None:
    """Note kinds whose medians are apart by more than APART, and by more than chance brings about."""
    medians = [statistics.median(each) for each in times.values()]
    bounds = {kind: _bounds(each) for kind, each in times.items()}
    for slow, (low, _) in bounds.items():
        for fast, (_, high) in bounds.items():
            otherwise = f"{slow} takes {low * 1000:.1f} ms or more, {fast} {high * 1000:.1f} or less"
            outcome.check(low <= high * APART, otherwise)
    apart = (max(medians) / min(medians) - 1) * 100
    outcome.figures = f"medians {' / '.join(f'{each * 1000:.2f}' for each in medians)} ms, apart by {apart:.1f} %"


def _bounds(times: list[float]) -> tuple[float, float]:
    """Between which the true median lies in 99 of 100 cases, whatever the distribution (the order's binomial law)."""
    ordered, middle, away = sorted(times), len(times) / 2, 2.58 * math.sqrt(len(times)) / 2
    return ordered[max(math.floor(middle - away), 0)], ordered[min(math.ceil(middle + away), len(times) - 1)]


TRIALS = (
    Trial("guessing", "100 guess passwords in parallel, with forged headers", "50 of one address; others work on",
          guess_from_one, 10_000, 600, "tests.faults.controls:believe_anybody", 600),
    Trial("guessing-everywhere", "100 guess passwords in parallel, from everywhere", "10 of a DNI, 50 of a /64",
          guess_from_everywhere, 10_000, 600, "tests.faults.controls:count_failures_afterwards", 600),
    Trial("who-exists", "sign-in of known, unknown and inactive", "the same bytes, medians within 5 %",
          who_exists, 1_000, 20, "tests.faults.controls:hash_for_the_known_alone", 20),
)  # fmt: skip
