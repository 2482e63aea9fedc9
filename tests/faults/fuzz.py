"""Hostile requests, made from the OpenAPI document: no 5xx, one shape for every error, nothing half-written."""

import json
import threading
from collections import Counter
from random import Random

from clientes_service.auth.roles import Rol
from tests.conftest import DNI, PASSWORD
from tests.faults.drafts import NOBODY, Author, Draft
from tests.faults.lab import Lab, Outcome, Service, Trial
from tests.faults.writers import check_whole
from tests.server.wire import Answer, Wire, connected, sign_in
from tests.test_compression import DECODERS

THREADS = 2
ENOUGH = 1_000  # to see all kinds of answers
ROUND = 10_000  # on one database, which grows
MEMBERS = {"type", "title", "status", "detail", "code", "errors", "requestId"}
BEFORE = {400, 414, 417, 431}  # by which gunicorn refuses what never becomes a request
SIGN_IN = ("/auth", "/auth/refresh", "/auth/logout")  # which succeed once or twice, or not at all


class Fuzzer:
    """One who asks on a connection of his own, and judges each answer."""

    def __init__(self, service: Service, author: Author) -> None:
        self.service, self.author = service, author
        self.codes: Counter[str] = Counter()
        self.good: set[tuple[str, str]] = set()
        self.wrong: list[str] = []

    def work(self, count: int) -> None:
        """Ask so many times."""
        wire = Wire(self.service.url)
        for _ in range(count):
            draft = self.author.draft()
            try:
                answer = wire.send(draft.raw(), has_body=draft.method != "HEAD")
            except (OSError, ValueError) as error:
                self._note(draft, f"no answer: {error!r}")
                answer = None
            if answer and (problem := self._judge(draft, answer)):
                self._note(draft, f"{answer.status} {problem}: {answer.body[:300]!r}")
            if answer is None or answer.headers.get("connection") == "close":
                wire.close()
                wire = Wire(self.service.url)
        wire.close()

    def _note(self, draft: Draft, what: str) -> None:
        self.wrong.append(f"{what} for {draft.raw()[:600]!r}")

    def _judge(self, draft: Draft, answer: Answer) -> str:
        """What is wrong with an answer; empty where it is as it should be."""
        if answer.status >= 500:
            self.codes["busy"] += (is_busy := draft.path.endswith("/anonimizar") and "retry-after" in answer.headers)
            return "" if is_busy else "is a defect"
        if answer.status < 400:
            self.codes[f"{answer.status // 100}xx"] += 1
            if draft.method == draft.operation.method and answer.status < 300:
                self.good.add((draft.method, draft.operation.path))
                self._learn(answer)
            return ""
        if answer.headers.get("content-type") == "text/html" and "x-request-id" not in answer.headers:
            self.codes["before"] += 1
            return "" if draft.refusable and answer.status in BEFORE else "is gunicorn's own"
        return self._judge_problem(answer, has_body=draft.method != "HEAD")

    def _judge_problem(self, answer: Answer, *, has_body: bool) -> str:
        if answer.headers.get("content-type") != "application/problem+json":
            return "is no problem document"
        if not has_body:
            return ""
        encoding = answer.headers.get("content-encoding")
        problem = json.loads(DECODERS[encoding](answer.body) if encoding else answer.body)
        self.codes[problem.get("code")] += 1
        if not problem.keys() >= MEMBERS or problem["status"] != answer.status:
            return "is not the shape of errors"
        return "" if problem["requestId"] == answer.headers["x-request-id"] else "has another requestId"

    def _learn(self, answer: Answer) -> None:
        """Keep what may be sent back."""
        if "etag" in answer.headers:
            self.author.seen["etag"] = answer.headers["etag"]
        if answer.headers.get("content-type") == "application/json" and "content-encoding" not in answer.headers:
            body = json.loads(answer.body or b"null")
            for member, parameter in (("nextCursor", "cursor"), ("siguiente", "desde")):
                if isinstance(body, dict) and body.get(member):
                    self.author.seen[parameter] = body[member]


def fuzz(lab: Lab, trials: int) -> Outcome:
    """Ask, and see that what was asked well was done, what was not was refused, and all is whole."""
    outcome, codes, operations, good = Outcome(), Counter[str](), set[tuple[str, str]](), set[tuple[str, str]]()
    while outcome.trials < trials and not outcome.wrong:
        count = min(ROUND, trials - outcome.trials)
        with lab.service() as service:
            fuzzers = _ask(lab.random, service, count)
            for fuzzer in fuzzers:
                outcome.wrong += fuzzer.wrong
                codes += fuzzer.codes
                good |= fuzzer.good
                operations |= {(each.method, each.path) for each in fuzzer.author.operations}
            outcome.trials += count
            check_whole(service, outcome)
            with connected(service.url) as wire:
                outcome.check(wire.call("GET", "/readyz").status == 200, "not ready")
            outcome.check('"exception"' not in service.log.read_text(encoding="utf-8"), f"a defect is in {service.log}")
    if trials >= ENOUGH:
        never = {each for each in operations - good if each[1] not in SIGN_IN}
        outcome.check(not never, f"never answered with success: {never}")
        outcome.check(codes["2xx"] > 0.2 * outcome.trials, f"hardly any success: {codes}")
        outcome.check(len(codes) >= 15, f"few kinds of answers: {codes}")
    outcome.check(codes["busy"] <= 1 + trials / 1000, "anonimizar cannot erase its traces")  # while others read
    outcome.figures = f"{codes['2xx'] / outcome.trials:.0%} done, {len(codes)} kinds of answers"
    return outcome


def _fuzzer(service: Service, number: int, random: Random) -> Fuzzer:
    """One who asks mostly as ADMIN, and has tokens to lose."""
    with connected(service.url) as wire:
        document = wire.call("GET", "/openapi.json").json
    tokens = [service.token()] * 9 + [service.token(rol) for rol in Rol]
    gone, refreshed = (sign_in(service.url, DNI[Rol.CONSULTA], PASSWORD) for _ in range(2))
    spare = {"/auth/logout": gone["token"], "/auth/refresh": refreshed["refreshToken"]}
    return Fuzzer(service, Author(f"F{number}", random, document, tokens, spare))


def _ask(random: Random, service: Service, count: int) -> list[Fuzzer]:
    """Let all ask at once."""
    with connected(service.url, service.token()) as wire:
        nobody = {"dni": "20000001", "nombre": "Nadie", "email": "nadie@example.pe", "rol": "CONSULTA"}
        nobody["password"] = PASSWORD
        assert wire.call("POST", "/api/usuarios", nobody).json["id"] == int(NOBODY)
    fuzzers = [_fuzzer(service, number, Random(random.random())) for number in range(THREADS)]
    threads = [threading.Thread(target=fuzzer.work, args=(count // THREADS,)) for fuzzer in fuzzers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return fuzzers


CONTROLS = "tests.faults.controls"
TRIALS = (
    Trial("fuzz", "hostile JSON, numbers, Unicode, headers, files", "no 5xx; problem documents; nothing half-written",
          fuzz, 100_000, 1_500, f"{CONTROLS}:take_anything_for_text", 300),
)  # fmt: skip
