"""Callers who send or take a byte a second, by the hundred: others do not notice. No proxy is in front."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice

from tests.faults.lab import Lab, Outcome, Service, Trial, measured
from tests.server.conftest import Server
from tests.server.wire import connected

COUNT = 200
HEAD = b"POST /auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
# What has been sent when the slowness begins, and what comes then, byte by byte.
HEADS = (b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"x" * 1000)
BODIES = (HEAD + b"Content-Length: 50000\r\n\r\n", b'{"dni": "' + b"1" * 1000)
CHUNKS = (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"1" * 1000)
EXPECTED = (HEAD + b"Expect: 100-continue\r\nContent-Length: 50000\r\n\r\n", b"{" + b" " * 1000)
LARGE = (HEAD + b"Content-Length: 9000000\r\n\r\n" + b" " * 1_200_000, b" " * 1000)
READS = (b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n", b"")
UNREAD = (b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n", b" " * 1000)
ZEROS = (HEAD + b"Content-Length: " + b"50000".zfill(30) + b"\r\n\r\n", b" " * 1000)
CLOSES = (b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"")
Kinds = dict[str, tuple[tuple[bytes, bytes], int]]
KINDS: Kinds = {"head": (HEADS, COUNT), "body": (BODIES, COUNT), "read": (READS, COUNT)}
# Of an upload that a thread reads, fewer callers are promised to do no harm.
OTHERS: Kinds = {
    "chunks": (CHUNKS, COUNT), "expect": (EXPECTED, COUNT), "close": (CLOSES, COUNT), "zeros": (ZEROS, COUNT),
    "upload": (LARGE, 30), "unread": (UNREAD, 30),
}  # fmt: skip
LONG, SHORT = 30.0, 1.0  # seconds of a round
LIMIT = 1.0  # seconds for 99 of 100 answers


@contextmanager
def slow_callers(server: Server, begun: bytes, then: bytes, count: int = COUNT) -> Iterator[list[socket.socket]]:
    """Connections that go on by a byte each second, and take what comes by a byte."""
    host, _, port = server.url.rpartition("//")[2].partition(":")
    sockets = []
    for _ in range(count):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        one.connect((host, int(port)))
        one.settimeout(5)
        sockets.append(one)
    done = threading.Event()

    def go_on() -> None:
        at = 0
        for one in sockets:
            try:
                one.sendall(begun)
            except OSError:
                continue
        while not done.wait(1):
            for one in sockets:
                try:
                    if at < len(then):
                        one.send(then[at : at + 1])
                    one.setblocking(False)
                    one.recv(1)
                except OSError:
                    continue
            at += 1

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield sockets
    finally:
        done.set()
        thread.join()
        for one in sockets:
            one.close()


def handles(service: Service) -> int:
    """How many files and connections the workers have open."""
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in service.workers())


def hold_up(lab: Lab, trials: int) -> Outcome:
    """Be slow in the usual ways."""
    return _hold_up(lab, trials, KINDS)


def hold_up_otherwise(lab: Lab, trials: int) -> Outcome:
    """Be slow in the other ways."""
    return _hold_up(lab, trials, OTHERS)


def _hold_up(lab: Lab, trials: int, kinds: Kinds) -> Outcome:
    """Ask /healthz all the while, on new connections. A trial is one round of one kind of slow callers."""
    outcome, slowest = Outcome(), dict.fromkeys(kinds, 0.0)
    with lab.service() as service:
        alone = handles(service)
        for name in islice(cycle(kinds), trials):
            kind, count = kinds[name]
            with slow_callers(service, *kind, count=count):
                took, most = _ask(service, LONG if trials > len(kinds) else SHORT, LIMIT * lab.slack)
            p99 = measured(took, 0.99)
            outcome.check(p99 < LIMIT * lab.slack, f"{name}: p99 {p99:.2f} s")
            outcome.check(most - alone > 0.9 * count, f"{name}: {count} callers, {most - alone} connections at most")
            slowest[name] = max(slowest[name], p99)
            outcome.trials += 1
            deadline = time.monotonic() + 10
            while handles(service) > alone + count / 10 and time.monotonic() < deadline:  # callers who have gone
                time.sleep(0.01)
    tried = [f"{name} {seconds * 1000:.0f}" for name, seconds in slowest.items() if seconds]
    outcome.figures = f"greatest p99: {', '.join(tried)} ms"
    return outcome


def _ask(service: Service, seconds: float, limit: float) -> tuple[list[float], int]:
    """How long each answer took, or was waited for; and the most handles that the workers had meanwhile.

    The first answer comes behind all that the callers ask for at once. So it has more time, and counts only if it never
    comes.
    """
    time.sleep(0.1)
    first, most = _time_of_answer(service, limit + 2), handles(service)
    took, until = [] if first < limit + 2 else [first], time.monotonic() + seconds
    while time.monotonic() < until and max(took, default=0) < limit + 2:
        took.append(_time_of_answer(service, limit + 2))
        most = max(most, handles(service))
        time.sleep(0.01)
    return took, most


def _time_of_answer(service: Service, limit: float) -> float:
    began = time.monotonic()
    with suppress(TimeoutError), connected(service.url) as wire:
        wire.socket.settimeout(limit)
        assert wire.call("GET", "/healthz").status == 200
    return time.monotonic() - began


TRIALS = (
    Trial("slow-callers", f"{COUNT} connections that send or take a byte a second",
          "others are answered, 99 of 100 within a second",
          hold_up, 10 * len(KINDS), 3, "tests.faults.controls:work_as_usual", 1),
    Trial("slow-otherwise", "the same by chunks, Expect, uploads, and callers who do not hang up",
          "others are answered, 99 of 100 within a second",
          hold_up_otherwise, 10 * len(OTHERS), 3, "tests.faults.controls:work_as_usual", 1),
)  # fmt: skip
