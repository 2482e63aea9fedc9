"""Requests that two programs read differently, one hidden in the other, and hosts that are not ours.

Each shape is sent on a connection of its own, and again behind a good request. What is ambiguous or malformed is
refused; nothing gets two answers; what was hidden is not done; and no answer names the host that was sent.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice
from urllib.parse import urlsplit

from tests.conftest import PASSWORD
from tests.faults.lab import Lab, Outcome, Service, Trial

SECONDS = 20
PATIENCE = 0.1  # for the answer to what may be no whole request
GOOD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: evil.example\r\n\r\n"
LAST = b"0\r\n\r\n"
ANSWER = re.compile(rb"HTTP/1\.\d (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n", re.IGNORECASE)
LENGTH = re.compile(rb"^content-length: (\d+)\r$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Shape:
    """A request, and with which statuses it is to be answered."""

    name: str
    raw: bytes
    statuses: tuple[int, ...] = (400,)


def get(target: bytes, *headers: bytes, status: int = 400, host: bytes | None = b"x", version: bytes = b"1.1") -> Shape:
    """A request without a body."""
    lines = [b"GET " + target + b" HTTP/" + version, *([] if host is None else [b"Host: " + host]), *headers]
    return Shape(b" ".join(lines)[:60].decode("latin-1"), b"\r\n".join([*lines, b"", b""]), (status,))


def post(headers: bytes, body: bytes = b"", status: int = 400, path: bytes = b"/auth") -> Shape:
    """A request that seems to have a body, in which another one is hidden."""
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%b\r\n\r\n" % (path, headers)
    return Shape(f"{path.decode()} {headers[:60]!r} {body[:40]!r}", head + body + HIDDEN, (status,))


def lengths() -> Iterator[Shape]:
    """How long the body is, said twice, or not in digits (RFC 9112 §6.3)."""
    chunked, all_of_it = b"\r\nTransfer-Encoding: chunked", b"%d" % (len(LAST) + len(HIDDEN))
    yield post(b"Content-Length: 5" + chunked, LAST)  # CL.TE
    yield post(b"Content-Length: " + all_of_it + chunked, LAST)
    yield post(chunked.strip() + b"\r\nContent-Length: 5", LAST)  # TE.CL
    for second in (b"\r\nContent-Length: ", b", "):
        for length in (b"0", all_of_it):
            yield post(b"Content-Length: 0" + second + length)
    for value in (
        b"-1", b"+0", b"0x0", b"0_0", b"0 0", b"", b"\x0b0", b"\xb2", b"1e0", b"0.0", b"\x00", b'"0"', b"\n0",
    ):  # fmt: skip
        yield post(b"Content-Length: " + value)
    for name in (
        b"Content-Length ", b" Content-Length", b"Content-Length\t", b"Content\x00-Length", b"Content-Length\xa0",
    ):  # fmt: skip
        yield post(name + b": 0")
    yield post(b"Content-Length:\r\n 0")
    yield post(b"Content-Length: " + b"9" * 400, status=413)
    yield post(b"Content-Length: " + b"9" * 5000)
    yield get(b"/healthz", b"Content_Length: 9", status=200)  # is not Content-Length, and is ignored


def codings() -> Iterator[Shape]:
    """Transfer codings that some take for chunked, and others do not (RFC 9112 §6.1, §7)."""
    unknown = (b"xchunked", b"chunked-false", b"x, chunked", b'"chunked"', b"\xa0chunked", b"chunked;q=1", b"")
    known = (
        b"chunked, identity", b"identity", b"gzip", b"chunked, gzip", b"chunked, chunked", b"\x0bchunked",
        b"chunked\x00",
    )  # fmt: skip
    for value in (*unknown, *known):
        yield post(b"Transfer-Encoding: " + value, LAST, 501 if value in unknown else 400)
    for name in (b"Transfer-Encoding ", b" Transfer-Encoding", b"Transfer-Encoding\t", b"\x00Transfer-Encoding"):
        yield post(name + b": chunked", LAST)
    yield post(b"Transfer-Encoding:\r\n chunked", LAST)
    for second in (b"chunked", b"identity"):
        yield post(b"Transfer-Encoding: chunked\r\ntransfer-encoding: " + second, LAST)
    yield Shape("HTTP/1.0", b"POST /auth HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST + HIDDEN)


def chunks() -> Iterator[Shape]:
    """Chunks that are none, where the body is read, and where it is not (RFC 9112 §7.1)."""
    bad = (
        b"-1\r\n", b"+0\r\n\r\n", b"0x0\r\n\r\n", b"0_0\r\n\r\n", b" 0\r\n\r\n", b"0 \r\n\r\n", b"\r\n\r\n",
        b"\xb2\r\n{}\r\n0\r\n\r\n", b"1" + b"0" * 16 + b"\r\n", b"2\r\n{}0\r\n\r\n", b"2\r\n{}\n0\r\n\r\n",
        b"2\n{}\r\n0\r\n\r\n", b"0\n\n", b"2;a\nb\r\n{}\r\n0\r\n\r\n", b"2;a\rb\r\n{}\r\n0\r\n\r\n", b"0\r\nX: y\n\n",
        b"0\r\n: y\r\n\r\n", b'{"dni":"10000001","password":"' + PASSWORD.encode() + b'"}\r\n',
        *(b"0\r\n%b: 9\r\n\r\n" % name for name in (b"Content-Length", b"Transfer-Encoding", b"Host")),
    )  # fmt: skip
    for body in bad:
        yield post(b"Transfer-Encoding: chunked", body)
        yield post(b"Transfer-Encoding: chunked", body, 404, b"/nada")


def heads() -> Iterator[Shape]:
    """Lines that are none, versions, and what is too much of it (RFC 9112 §2.2, §3, §5)."""
    for raw in (
        b"GET /healthz HTTP/1.1\nHost: x\n\n", b"GET /healthz HTTP/1.1\r\nHost: x\n\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: y\nZ: z\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: y\rZ: z\r\n\r\n", b"GET /healthz\r\n\r\n", b"GET\r\n\r\n",
        b"GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET\t/healthz\tHTTP/1.1\r\nHost: x\r\n\r\n", b" GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\n" + GOOD,
        b"GET /healthz HTTP/1.1 \r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"get /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /healthz HTTP/1.1\r\n X: y\r\nHost: x\r\n\r\n",
    ):  # fmt: skip
        yield Shape(repr(raw[:60]), raw)
    yield Shape("CR", b"GET /healthz HTTP/1.1\rHost: x\r\r", ())  # is not all of a line yet
    for version in (b"0.9", b"2.0", b"9.9", b"1.10", b"1,1", b"1.1x", b""):
        yield get(b"/healthz", version=version)
    yield get(b"/healthz", version=b"1.2", status=200)  # a minor version says nothing against it (RFC 9110 §2.5)
    yield get(b"/healthz", version=b"1.0", host=None, status=200)
    for line in (
        b"X Y: z", b"X\x00: y", b"\xff: y", b": y", b"X", b"X: \x00", b"X: y\x7f", b"X: y\r\n folded",
        b"Authorization Bearer eyJhbGciOiJIUzI1NiJ9.e30.x",
    ):  # fmt: skip
        yield get(b"/healthz", line)
    yield get(b"/healthz", b"Content-Type: a/b", b"Content-Type: c/d")
    yield get(b"/healthz", *[b"X: y"] * 101, status=431)
    yield get(b"/healthz", *[b"X: y"] * 20_000, status=431)
    yield get(b"/healthz", b"X: " + b"y" * 9_000, status=431)
    yield get(b"/" + b"y" * 9_000, status=414)
    yield get(b"/" + b"y" * 90_000, status=414)
    yield get(b"/healthz", b"Expect: evil.example", status=417)
    yield get(b"/healthz", b"Expect: 100-continue", version=b"1.0", status=200)  # knows no 100 (RFC 9110 §15.2)
    yield get(b"/healthz", b"Connection: Upgrade", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk", status=200)
    yield get(b"/healthz", b"X-Forwarded-Proto: https", b"X-Forwarded-Ssl: off")
    for name in (b"SCRIPT_NAME", b"SCRIPT-NAME"):  # which is not the caller's to say
        yield get(b"/healthz", name + b": /evil.example", status=200)
        yield get(b"/api/healthz", name + b": /api", status=404)


def targets() -> Iterator[Shape]:
    """Paths that name a host, or break a line; and personal data in what is refused (RFC 9112 §3.2)."""
    for path in (
        b"//evil.example", b"//evil.example/", b"//evil.example/docs/", b"///evil.example", b"/\\evil.example",
        b"/%5cevil.example", b"/%2f%2fevil.example", b"/docs//evil.example", b"/.//evil.example",
        b"/http://evil.example", b"//evil.example/%2e%2e", b"//evil.example%2f..", b"/docs/..//evil.example",
        b"/%0d%0aLocation:%20//evil.example", b"/errores/%0d%0aX:evil.example", b"/%00", b"/%ff", b"/%", b"/%zz",
        b"/@evil.example", b"/docs/%0aevil.example", b"http://evil.example//evil.example/",
    ):  # fmt: skip
        yield get(path, status=404)
    yield get(b"/?%0d%0aSet-Cookie:x=1", status=200)
    yield get(b"/?x=%0d%0aLocation:%20//evil.example", status=200)
    for target in (
        b"*", b"evil.example", b"evil.example:80", b"", b"/\xc3\xb1", b"/\x00", b"/a b", b"/\x7f",
        b"http://[evil.example", b"/api/clientes?q=ventas@example.pe&q=\xc3\xb1",
        b"/api/clientes?q=x ventas@example.pe",
    ):  # fmt: skip
        yield get(target)
    # A server must take the absolute form, and the host in it for that of Host (§3.2.2); here all hosts are one.
    yield get(b"http://evil.example/healthz", status=200)
    yield get(b"http://evil.example/", status=200)
    yield get(b"http://evil.example:99999/", status=200)
    yield Shape("CONNECT", b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n" + HIDDEN, (404,))


def hosts() -> Iterator[Shape]:
    """Hosts that are none are refused (RFC 9112 §3.2); others are all the same to the service, and not repeated."""
    for host in (
        b"user@evil.example", b"evil.example/x", b"x, evil.example", b"x,evil.example", b"evil.example:x", b"a b",
        b"\xc3\xb1", b"evil.example:999999", b"http://evil.example", b"evil.example?", b"evil.example#",
        b"<evil.example>", b"[evil.example", b"evil.example\\x", b"x\x00evil.example", None,
    ):  # fmt: skip
        yield get(b"/", host=host)
    yield get(b"/", b"Host: evil.example")
    yield get(b"/", b"hOST: x")
    for host in (
        b"evil.example", b"EVIL.example:99", b"evil.example:", b"evil_example", b"[::1]:80", b"192.0.2.1", b"",
    ):  # fmt: skip
        yield get(b"/", host=host, status=200)
        yield get(b"/api/clientes/1", host=host, status=401)
    for name in (
        b"X-Forwarded-Host", b"X-Host", b"X-Original-Url", b"X-Rewrite-Url", b"X-Forwarded-Prefix",
        b"X-Http-Host-Override",
    ):  # fmt: skip
        yield get(b"/", name + b": evil.example", status=200)
    yield get(b"/", b"Forwarded: host=evil.example;proto=https", status=200)
    yield get(b"/", b"X-Forwarded-Proto: evil.example", status=200)


def exchange(service: Service, raw: bytes, answers: int) -> bytes:
    """Send all, and return what comes back: first as one who may send more, until so many answers are there."""
    address, back = urlsplit(service.url), b""
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as wire:
        wire.sendall(raw)
        with suppress(TimeoutError):
            while len(statuses(back)) < answers and (block := wire.recv(65_536)):
                back += block
        wire.shutdown(socket.SHUT_WR)
        wire.settimeout(SECONDS)
        return back + b"".join(iter(lambda: wire.recv(65_536), b""))


def statuses(raw: bytes) -> list[int]:
    """What the answers are, those that only announce one, too; 0 for what is none."""
    found = []
    while raw:
        answer = ANSWER.match(raw)
        if answer is None:
            return [*found, 0]
        length = LENGTH.search(answer[2])
        raw = raw[answer.end() + (int(length[1]) if length else 0) :]
        found.append(int(answer[1]))
    return found


SHAPES = [shape for rows in (lengths, codings, chunks, heads, targets, hosts) for shape in rows()]


def smuggling(lab: Lab, trials: int) -> Outcome:
    """Send each shape alone and behind a good request."""
    outcome = Outcome()
    with lab.service(1, CLIENTES_TRUSTED_PROXIES="1") as service:
        for shape in islice(cycle(SHAPES), trials):
            for before, good in ((b"", []), (GOOD, [200])):
                right = [*good, *shape.statuses]
                raw = exchange(service, before + shape.raw, len(right))
                found = statuses(raw)
                outcome.check(found == right, f"{shape.name}: {found}, not {right}")
                outcome.check(b"evil" not in raw.lower(), f"{shape.name}: the answer names the host")
            outcome.trials += 1
        log = service.log.read_text(encoding="utf-8")
    outcome.check("/smuggled" not in log, "a hidden request was done")
    outcome.check('"ERROR"' not in log, "a defect is in the log")
    outcome.check(log.count('"/healthz"') >= trials, "the good requests were not answered")
    return outcome


CONTROLS = "tests.faults.controls"
TRIALS = (
    Trial("smuggling", "request smuggling, malformed heads, foreign Host", "refused; one answer; no host repeated",
          smuggling, len(SHAPES), len(SHAPES), f"{CONTROLS}:believe_the_length", 2),
)  # fmt: skip
