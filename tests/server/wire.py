"""Bytes out, answers in: a client that hides nothing of the wire and costs little beside a server under load."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.files.conftest import as_form


class Answer:
    """An answer, taken apart."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A connection that is kept open, for one thread; `token` goes with every call."""

    def __init__(self, url: str, token: str = "") -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port or 80), timeout=60)
        self.reader = self.socket.makefile("rb")
        self.head = "Host: x\r\nContent-Type: application/json\r\n"
        if token:
            self.head += f"Authorization: Bearer {token}\r\n"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request; a header's `_` stands for `-`."""
        data = b"" if body is None else json.dumps(body).encode()
        own = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {path} HTTP/1.1\r\n{self.head}{own}Content-Length: {len(data)}\r\n\r\n"
        return self.send(head.encode() + data, has_body=method != "HEAD")

    def send(self, raw: bytes, *, has_body: bool = True) -> Answer:
        """Send bytes as they are, and read one answer."""
        self.socket.sendall(raw)
        first = self.reader.readline()
        if not first:
            raise ConnectionResetError("the connection was closed without an answer")
        headers: dict[str, str] = {}
        while (line := self.reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if has_body and headers.get("transfer-encoding") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        else:
            body = self._read(int(headers.get("content-length", 0)) if has_body else 0)
        return Answer(int(first.split()[1]), headers, body)

    def _chunk(self) -> bytes:
        line = self.reader.readline()
        return self._read(int(line or b"1", 16) + 2)[:-2]

    def _read(self, length: int) -> bytes:
        body = self.reader.read(length)
        if len(body) < length:
            raise ConnectionResetError("the connection was closed in the middle of an answer")
        return body

    def close(self) -> None:
        self.reader.close()
        self.socket.close()


@contextmanager
def connected(url: str, token: str = "") -> Iterator[Wire]:
    """A wire, closed at the end."""
    wire = Wire(url, token)
    try:
        yield wire
    finally:
        wire.close()


def sign_in(url: str, dni: str, password: str) -> dict[str, Any]:
    """The answer of POST /auth, which must be 200."""
    with connected(url) as wire:
        answer = wire.call("POST", "/auth", {"dni": dni, "password": password})
    assert answer.status == 200, answer.body
    tokens: dict[str, Any] = answer.json
    return tokens


def upload(url: str, token: str, content: bytes, query: str = "") -> tuple[int, bytes]:
    """Send a file to be imported; the status and body of the answer."""
    body, kind = as_form(content)
    request = urllib.request.Request(
        f"{url}/api/clientes/importar?{query}",
        data=body,
        headers={"Authorization": f"Bearer {token}", "Content-Type": kind},
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
