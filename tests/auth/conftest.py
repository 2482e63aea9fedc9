"""What the tests of sign-in share: attempts to sign in, a session's next pair of tokens, calls at one moment."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from werkzeug.test import TestResponse

from clientes_service import db
from clientes_service.auth import passwords
from tests.conftest import PASSWORD, Caller

WRONG = "not-the-password"


def attempt(caller: Caller, dni: str, password: str = PASSWORD, **kwargs: Any) -> TestResponse:
    """Ask for a session."""
    return caller.post("/auth", json={"dni": dni, "password": password}, **kwargs)


def with_refresh_token(caller: Caller) -> Caller:
    """The same session, calling with its refresh token."""
    return Caller(caller.app, caller.refresh_token)


def renewed(caller: Caller) -> Caller:
    """The same session with its next pair of tokens, neither of them used yet."""
    answer = with_refresh_token(caller).post("/auth/refresh")
    assert answer.status_code == 200, answer.text
    return Caller(caller.app, answer.json["token"], answer.json["refreshToken"])


def is_open(caller: Caller) -> bool:
    """Whether the access token is still accepted."""
    status = caller.get("/auth/validar-token").status_code
    assert status in (200, 401)
    return status == 200


def hs256(claims: dict[str, Any], key: str) -> str:
    """Sign any claims with any key: PyJWT refuses some of both."""
    encode = jwt.utils.base64url_encode
    signed = b".".join(encode(part) for part in (b'{"alg":"HS256","typ":"JWT"}', json.dumps(claims).encode()))
    return b".".join((signed, encode(hmac.digest(key.encode(), signed, hashlib.sha256)))).decode()


def at_once(calls: Sequence[Callable[[], TestResponse]]) -> list[TestResponse]:
    """Make the calls at the same moment, each in a thread with a connection of its own."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], TestResponse]) -> TestResponse:
        start.wait()
        try:
            return call()
        finally:
            db.database.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.fixture
def no_free_slot(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both hashing slots are taken, and nobody waits long for one."""
    monkeypatch.setattr(passwords, "SLOT_WAIT_SECONDS", 0.01)
    with passwords._slots, passwords._slots:
        yield
