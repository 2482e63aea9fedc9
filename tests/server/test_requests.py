"""What only a real server shows: bodies as they cross the wire, connections that go on, proxies, several workers."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import PASSWORD
from tests.server.conftest import ADMIN_DNI, Server, memory
from tests.server.wire import connected, sign_in

pytestmark = pytest.mark.sqlite  # no database has a part in this

WRONG = json.dumps({"dni": ADMIN_DNI, "password": "equivocada-del-todo"}).encode()


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=2)


def chunked(body: bytes, path: bytes = b"/auth", size: int = 65_536) -> bytes:
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" % path
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_a_chunked_body_is_read(server: Server) -> None:
    with connected(server.url) as connection:
        answer = connection.send(chunked(WRONG, size=7))
    assert (answer.status, answer.json["code"]) == (401, "CREDENCIALES_INVALIDAS")


@pytest.mark.parametrize("size", [1_000_001, 3_000_000])
def test_a_chunked_body_over_a_megabyte_is_413(server: Server, size: int) -> None:
    with connected(server.url) as connection:
        answer = connection.send(chunked(WRONG.ljust(size)))
    assert (answer.status, answer.json["code"]) == (413, "CUERPO_DEMASIADO_GRANDE")


def test_a_chunked_body_of_a_megabyte_is_read(server: Server) -> None:
    with connected(server.url) as connection:
        assert connection.send(chunked(WRONG.ljust(1_000_000))).status == 401


@pytest.mark.parametrize("body", [b"ZZ\r\n", b"-1\r\n", b"2\r\n{}XX", b"2;\x00\r\n{}\r\n0\r\n\r\n"])
def test_a_chunked_body_that_is_malformed_is_no_defect(server: Server, body: bytes) -> None:
    head = b"POST /auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connected(server.url) as connection:
        assert connection.send(head + body).status == 400
    assert "ERROR_INTERNO" not in server.log.read_text(encoding="utf-8")


def test_a_body_that_says_it_is_huge_is_413_before_it_is_sent(server: Server) -> None:
    head = b"POST /auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
    with connected(server.url) as connection:
        answer = connection.send(head)
    assert (answer.status, answer.json["code"]) == (413, "CUERPO_DEMASIADO_GRANDE")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"POST /api/clientes HTTP/1.1", 401),
        (b"POST /nada HTTP/1.1", 404),
        (b"PATCH /auth HTTP/1.1", 405),
        (b"GET /healthz HTTP/1.1", 200),
    ],
)
def test_an_unread_body_is_not_taken_for_the_next_request(server: Server, request_line: bytes, status: int) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(smuggled)
    with connected(server.url) as connection:
        assert connection.send(request_line + head + smuggled).status == status
        again = connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (again.status, again.json) == (200, {"estado": "vivo"})
    assert "smuggled" not in server.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("size", [70_000, 900_000])
def test_a_large_body_that_nobody_read_does_not_end_the_connection(server: Server, size: int) -> None:
    with connected(server.url) as connection:
        assert connection.call("POST", "/api/clientes", "x" * size).status == 401
        assert connection.call("GET", "/healthz").status == 200


@pytest.mark.parametrize(("version", "first"), [(b"1.1", b"100 Continue"), (b"1.0", b"200 OK")])
def test_who_asks_whether_to_go_on_is_told_once(server: Server, version: bytes, first: bytes) -> None:
    """And who speaks HTTP/1.0, and would take it for the answer, never (RFC 9110 §15.2)."""
    with connected(server.url) as connection:
        connection.socket.sendall(b"GET /healthz HTTP/%b\r\nHost: x\r\nexpect:100-Continue\r\n\r\n" % version)
        lines = list(iter(connection.reader.readline, b'{"estado":"vivo"}\n'))
    assert lines[0].endswith(first + b"\r\n")
    assert sum(b"100 Continue" in line for line in lines) == (version == b"1.1")


def test_head_is_get_without_a_body(server: Server) -> None:
    with connected(server.url) as connection:
        answer = connection.send(b"HEAD /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", has_body=False)
        assert (answer.status, int(answer.headers["content-length"]) > 1000) == (200, True)
        assert connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status == 200


@pytest.mark.parametrize("host", [b"evil.example", b"evil.example:99", b"", b"a b"])
def test_no_answer_names_the_host_that_the_caller_sent(server: Server, host: bytes) -> None:
    for path in (b"/", b"/docs/", b"//evil.example", b"/api/clientes/1"):
        with connected(server.url) as connection:
            answer = connection.send(b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (path, host))
        assert b"evil" not in answer.body
        assert "evil" not in str(answer.headers)
        assert answer.headers.get("location", "/docs") == "/docs"
        assert answer.status < 500


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/clientes?%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /?\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xc3\xb1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: \xff\r\n\r\n",
        b"GET /api/clientes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /api/clientes HTTP/1.1\r\nHost: x\r\nAuthorization: " + b"a" * 8000 + b"\r\n\r\n",
        b"POST /auth HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /auth HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n{",
        b"POST /auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_malformed_requests_are_never_5xx(server: Server, raw: bytes) -> None:
    with connected(server.url) as connection:
        assert 200 <= connection.send(raw).status < 500
    with connected(server.url) as connection:
        assert connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status == 200


def test_a_session_holds_on_every_worker_and_over_a_restart(server: Server) -> None:
    token = sign_in(server.url, ADMIN_DNI, PASSWORD)["token"]
    ask = b"GET /auth/validar-token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n" % token.encode()
    for _ in range(20):  # a connection each, so that both workers take some
        with connected(server.url) as connection:
            assert connection.send(ask).status == 200
    server.stop()
    server.start()
    with connected(server.url) as connection:
        assert connection.send(ask).status == 200
        ended = connection.send(ask.replace(b"GET /auth/validar-token", b"POST /auth/logout"))
        assert ended.status == 204
    for _ in range(20):
        with connected(server.url) as connection:
            assert connection.send(ask).status == 401


def test_stopping_is_quick_and_clean(start_server: Callable[..., Server]) -> None:
    server = start_server(workers=2)
    with connected(server.url) as connection:
        assert connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
        assert server.stop() == 0
    assert "Traceback" not in server.log.read_text(encoding="utf-8")
    server.start()


def test_a_very_long_search_is_answered(server: Server) -> None:
    token = sign_in(server.url, ADMIN_DNI, PASSWORD)["token"]
    with connected(server.url, token) as wire:
        answer = wire.call("GET", "/api/clientes?q=" + "%C3%B1" * 1200)
    assert (answer.status, answer.json["totalElements"]) == (200, 0)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_what_hashing_passwords_took_is_given_back(start_server: Callable[..., Server]) -> None:
    """A hash takes 19 MB, in whichever thread of the worker it is made."""
    server = start_server(workers=1)
    sign_in(server.url, ADMIN_DNI, PASSWORD)
    before = memory(server.worker(), "VmRSS")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: sign_in(server.url, ADMIN_DNI, PASSWORD), range(16)))
    assert memory(server.worker(), "VmRSS") - before < 12_000_000
