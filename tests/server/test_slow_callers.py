"""Callers who are slow, and requests in pieces. That slow callers hold nobody up is tried in tests/faults/slow.py."""

import gzip
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clientes_service import connection
from clientes_service.connection import Connection
from tests.conftest import EMPRESA
from tests.faults.slow import CLOSES, HEAD, HEADS, READS, UNREAD, slow_callers
from tests.server.conftest import BIN, SLACK, Server, memory, unused_port
from tests.server.wire import Wire, connected

pytestmark = pytest.mark.sqlite  # no database has a part in this


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=2)


@pytest.fixture(scope="module")
def small_server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=2, GUNICORN_CMD_ARGS="--worker-connections 20")


def open_sockets(server: Server) -> int:
    """How many sockets the workers have."""
    files = [file for pid in server.workers() for file in Path(f"/proc/{pid}/fd").iterdir()]
    return sum("socket:" in os.path.realpath(file) for file in files)


def test_who_is_late_is_left(server: Server) -> None:
    """After REQUEST_SECONDS, which are 30: whoever asks, and whoever takes his answer."""
    time.sleep(3)  # until earlier callers are gone
    before = open_sockets(server)
    with slow_callers(server, *HEADS, count=3) as sockets, slow_callers(server, READS[0] * 6, b"", count=6):
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
        while open_sockets(server) > before and time.monotonic() < deadline:
            time.sleep(0.2)
        assert open_sockets(server) <= before


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


class Small:
    """A gunicorn with one worker of two threads, and an application that fails at /falla."""

    def __init__(self, folder: Path, *options: str, files: int = 1000) -> None:
        port = unused_port()
        self.url, self.log = f"http://127.0.0.1:{port}", folder / "log"
        (folder / "failing.py").write_text(FAILING)
        words = f"-k clientes_service.worker.Worker --threads 2 -b 127.0.0.1:{port}".split()
        self.command = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", str(BIN / "gunicorn"), *words, *options]
        with self.log.open("wb") as stream:
            self.process = subprocess.Popen([*self.command, "failing:app"], cwd=folder, stderr=stream)

    def booted(self) -> int:
        """How many workers there have been."""
        return self.log.read_text().count("Booting worker")

    def __enter__(self) -> "Small":
        deadline = time.monotonic() + 20
        while not self.booted():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=40)

    def answer(self, path: str) -> bytes:
        with connected(self.url) as wire:
            wire.socket.settimeout(5)
            wire.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return wire.reader.read()


def test_an_answer_that_fails_in_its_middle_ends_no_worker_and_holds_no_thread(tmp_path: Path) -> None:
    """gunicorn closes such a connection in its thread, and waits there for the caller to hang up."""
    with Small(tmp_path) as small:
        for path in ("/falla", "/", "/falla", "/"):
            assert b"vivo" in small.answer(path)
        with slow_callers(small, b"GET /falla HTTP/1.1\r\nHost: x\r\n\r\n", b"", count=2):
            time.sleep(0.5)
            assert b"vivo" in small.answer("/")
    assert small.booted() == 1


def test_a_process_that_may_open_few_files_takes_fewer_callers(tmp_path: Path) -> None:
    """A worker that may not open one more would end."""
    with Small(tmp_path, files=200) as small, slow_callers(small, *HEADS, count=220):
        time.sleep(5)
        assert b"vivo" in small.answer("/")
    assert small.booted() == 1


def test_what_is_half_sent_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """It would be waited for until graceful_timeout: here 30 seconds."""
    with Small(tmp_path) as small, slow_callers(small, *HEADS, count=20):
        time.sleep(0.5)
        small.process.terminate()
        small.process.wait(timeout=5 * SLACK)


def test_an_upload_that_goes_on_is_answered_before_the_end(tmp_path: Path) -> None:
    with Small(tmp_path) as small, connected(small.url) as wire:
        wire.socket.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n")
        for piece in range(8):
            wire.socket.sendall(b" " * 50_000)
            time.sleep(0.5 if piece < 7 else 0)
            if piece == 4:
                small.process.terminate()
        assert b"200" in wire.reader.readline()


def test_tls_is_refused(tmp_path: Path) -> None:
    """It would read and write for itself."""
    (tmp_path / "pem").touch()
    small = Small(tmp_path, "--certfile", "pem", "--keyfile", "pem")
    try:
        assert small.process.wait(timeout=20) != 0
    finally:
        small.process.kill()
    assert "TLS belongs to a proxy in front" in small.log.read_text()


# Each of them fills both workers, which take 20 connections, several times.
@pytest.mark.parametrize(
    ("begun", "count"),
    [(HEADS[1] + b"x" * 20_000, 100), (CLOSES[0].replace(b"close", b"keep-alive"), 80), (READS[0] * 6, 80)],
    ids=["asking", "kept", "taking"],
)
def test_where_there_is_no_room_somebody_has_to_leave(small_server: Server, begun: bytes, count: int) -> None:
    with slow_callers(small_server, begun, b"", count), slow_callers(small_server, HEADS[1][:200], b"", 20):
        time.sleep(0.5)
        with connected(small_server.url) as wire:
            wire.socket.settimeout(10)
            began = time.monotonic()
            assert wire.call("GET", "/healthz").status == 200
            print(f"{time.monotonic() - began:.1f} s")


def test_many_requests_that_stop_short_are_not_all_kept(server: Server) -> None:
    """A megabyte each: a worker has memory for a hundred of them."""
    begun = HEAD + b"Content-Length: 1090000\r\n\r\n" + b" " * 1_000_000
    with slow_callers(server, begun, b"", count=400):
        time.sleep(3)
        deadline = time.monotonic() + 20
        while (left := open_sockets(server)) > 220:
            assert time.monotonic() < deadline, left
            time.sleep(0.5)


def test_a_body_that_nobody_reads_is_not_waited_for(server: Server) -> None:
    """What comes of it later would be taken for another request."""
    with connected(server.url) as wire:
        wire.socket.settimeout(5)
        wire.socket.sendall(UNREAD[0])
        assert wire.reader.read().count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("coding", [b"identity", b"gzip"])
def test_a_coding_without_chunks_is_refused_at_once(server: Server, coding: bytes) -> None:
    with connected(server.url) as wire:
        wire.socket.settimeout(5)
        wire.socket.sendall(HEAD + b"Transfer-Encoding: " + coding + b"\r\n\r\n")
        assert wire.reader.readline().split()[1] == b"400"


def test_what_is_malformed_behind_an_answer_gets_no_second_one(server: Server) -> None:
    with connected(server.url) as wire:
        wire.socket.settimeout(5)
        wire.socket.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert wire.reader.read().count(b"HTTP/1.1 ") == 1


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Connection, socket.socket]]:
    """A connection that keeps a megabyte and is patient for a second, and the caller's end."""
    monkeypatch.setattr(connection, "ANSWER_BYTES", 1_000_000)
    monkeypatch.setattr(connection, "SILENT_SECONDS", 1.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        one = Connection(ours)
        yield one, theirs
        one.close()


def test_who_takes_nothing_of_a_long_answer_is_left(ends: tuple[Connection, socket.socket]) -> None:
    def send() -> None:
        for _ in range(100):
            ends[0].sendall(b"x" * 100_000)

    with pytest.raises(ConnectionResetError):
        send()
    assert ends[0].unsent < 1_200_000


def test_who_takes_a_long_answer_slowly_gets_it_all(ends: tuple[Connection, socket.socket]) -> None:
    """And the file that keeps it does not become as long as the answer."""
    pieces = [os.urandom(100_000) for _ in range(60)]
    taken = bytearray()

    def take() -> None:
        while len(taken) < 6_000_000:
            taken.extend(ends[1].recv(50_000))
            time.sleep(0.005)

    thread = threading.Thread(target=take)
    thread.start()
    longest = 0
    for piece in pieces:
        ends[0].sendall(piece)
        if ends[0].outbox:
            longest = max(longest, ends[0].outbox.seek(0, 2))
    while not ends[0].flush():
        time.sleep(0.01)
    thread.join(timeout=20)
    assert bytes(taken) == b"".join(pieces)
    assert longest < 1_200_000


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
