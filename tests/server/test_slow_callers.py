"""Callers who are slow, and requests in pieces. That slow callers hold nobody up is tried in tests/faults/slow.py."""

import gzip
import json
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import EMPRESA
from tests.faults.slow import HEAD, HEADS, READS, slow_callers
from tests.server.conftest import BIN, Server, memory, unused_port
from tests.server.wire import Wire, connected

pytestmark = pytest.mark.sqlite  # no database has a part in this


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=2)


def test_who_is_late_is_left(server: Server) -> None:
    """After REQUEST_SECONDS, which are 30."""
    with slow_callers(server, *HEADS, count=3) as sockets:
        deadline = time.monotonic() + 45
        left = [*sockets]
        while left and time.monotonic() < deadline:
            for one in [*left]:
                one.setblocking(False)
                try:
                    if one.recv(1) == b"":
                        left.remove(one)
                except BlockingIOError:
                    pass
                except OSError:
                    left.remove(one)
            time.sleep(0.2)
        assert not left


def test_a_large_answer_arrives_whole_however_it_is_taken(server: Server, token: str) -> None:
    with connected(server.url) as wire:
        expected = wire.call("GET", "/docs/swagger-ui-bundle.js").body
    assert len(expected) > 500_000
    host, _, port = server.url.rpartition("//")[2].partition(":")
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect((host, int(port)))
        one.sendall(READS[0] + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")  # behind it, at once
        time.sleep(1)
        with one.makefile("rb") as reader:
            taken = b""
            while block := reader.read(7000):
                taken += block
                time.sleep(0.0005)
    head, _, rest = taken.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert rest.startswith(expected)
    assert rest[len(expected) :].startswith(b"HTTP/1.1 200")
    assert b"vivo" in rest


def test_requests_in_pieces_and_behind_each_other_are_answered(server: Server, token: str) -> None:
    """Cut at every place; and several sent at once."""
    body = json.dumps({**EMPRESA, "codigoCliente": "CORTADO"}).encode()
    auth = f"Authorization: Bearer {token}\r\n".encode()
    head = b"POST /api/clientes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + auth
    whole = [
        head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(
            b"%x\r\n%s\r\n" % (len(body[at : at + 7]), body[at : at + 7]) for at in range(0, len(body), 7)
        ) + b"0\r\n\r\n",
        head + b"Expect: 100-continue\r\n" + f"Content-Length: {len(body)}\r\n\r\n".encode() + body,
    ]  # fmt: skip
    with connected(server.url) as wire:
        assert wire.send(whole[0]).status == 201
        for request in whole[:2]:
            for cut in range(1, len(request), 13):
                wire.socket.sendall(request[:cut])
                time.sleep(0.001)
                assert wire.send(request[cut:]).json["code"] == "CODIGO_DUPLICADO"
        wire.socket.sendall(whole[0] * 5 + whole[1] * 5)
        for _ in range(10):
            assert wire.send(b"").json["code"] == "CODIGO_DUPLICADO"
        wire.socket.sendall(whole[2])
        answers = [wire.send(b"") for _ in range(2)]
        while answers[-1].status == 100:
            answers.append(wire.send(b""))
        assert [answer.status for answer in answers[:-1]] == [100] * (len(answers) - 1)
        assert answers[-1].json["code"] == "CODIGO_DUPLICADO"


FAILING = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"vivo"
    if environ["PATH_INFO"] == "/falla":
        raise RuntimeError("in the middle")
"""


def test_an_answer_that_fails_in_its_middle_ends_no_worker(tmp_path: Path) -> None:
    """gunicorn closes such a connection in its thread."""
    (tmp_path / "failing.py").write_text(FAILING)
    port = unused_port()
    command = [
        str(BIN / "gunicorn"),
        "-k",
        "clientes_service.worker.Worker",
        "--threads",
        "2",
        "-b",
        f"127.0.0.1:{port}",
    ]
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen([*command, "failing:app"], cwd=tmp_path, stderr=stream)
    try:
        while "Booting worker" not in log.read_text():
            time.sleep(0.05)
        for path in ("/falla", "/", "/falla", "/"):
            with connected(f"http://127.0.0.1:{port}") as wire:
                wire.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                assert b"vivo" in wire.reader.read()
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert log.read_text().count("Booting worker") == 1


@pytest.mark.parametrize(
    "chunks",
    [
        b"-5\r\n",
        b"zz\r\n",
        b"1_0\r\n",
        b"+1\r\n",
        b"\r\n",
        b"ffffffffffffffff\r\n",
        b"5;" + b"x" * 70_000,
        b"2\r\nabc\r\n",
    ],
)
def test_what_is_no_chunk_is_refused_at_once(server: Server, chunks: bytes) -> None:
    with connected(server.url) as wire:
        wire.socket.settimeout(5)
        wire.socket.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        if chunks.startswith(b"fff"):
            wire.socket.shutdown(socket.SHUT_WR)  # a size that nobody will send
        assert wire.reader.readline().split()[1] in (b"400", b"413", b"401", b"422")


def test_many_answers_that_nobody_takes_do_not_fill_the_memory(server: Server) -> None:
    before = [memory(pid, "VmRSS") for pid in server.workers()]
    with slow_callers(server, READS[0] * 3, b"", count=100):
        time.sleep(3)
        after = [memory(pid, "VmRSS") for pid in server.workers()]
    print(before, after)
    assert max(now - then for then, now in zip(before, after, strict=True)) < 150_000_000


def test_compressed_exports_leave_as_before(server: Server, token: str) -> None:
    with connected(server.url, token) as wire:
        wire.socket.sendall(
            f"GET /api/clientes/exportar?formato=ndjson HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n".encode()
        )
        answer = wire.reader.read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"gzip" in head
    plain = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        plain, body = plain + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        if int(size, 16) == 0:
            break
    assert gzip.decompress(plain).count(b"\n") >= 1


def test_a_wire_is_kept(server: Server) -> None:
    with connected(server.url) as wire:
        for _ in range(50):
            assert wire.call("GET", "/healthz").status == 200
        assert isinstance(wire, Wire)
