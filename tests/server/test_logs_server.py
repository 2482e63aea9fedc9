"""What a real server leaves in its log: JSON alone, and nothing that a caller would not want there."""

import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import EMPRESA, PASSWORD
from tests.server.conftest import ADMIN_DNI, Server


def call(server: Server, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
    """Status, headers and JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    request = urllib.request.Request(server.url + path, data, given, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers, json.loads(answer.read() or "null")


class Told:
    """A server that answered a few requests and stopped; their answers, and its log."""

    def __init__(self, server: Server) -> None:
        _, _, signed_in = call(server, "POST", "/auth", {"dni": ADMIN_DNI, "password": PASSWORD})
        self.secrets = [PASSWORD, signed_in["token"], signed_in["refreshToken"]]
        self.bearer = f"Bearer {signed_in['token']}"
        _, _, valid = call(server, "GET", "/auth/validar-token", Authorization=self.bearer)
        self.user_id = str(valid["usuario"]["id"])
        query = "/api/clientes?numeroDocumento=20100070970"
        self.named = call(server, "GET", query, Authorization=self.bearer, X_Request_Id="telefono-7.1")
        self.created = call(server, "POST", "/api/clientes", EMPRESA, Authorization=self.bearer)
        self.refused = call(server, "POST", "/auth", {"dni": ADMIN_DNI, "password": "no-es-mi-clave"})
        self.forged = call(server, "GET", f"{query}&x=1", Authorization="Bearer no.es.token")
        self.missing = call(server, "GET", "/nada?clave=no-es-mi-clave")
        call(server, "POST", "/auth/refresh", Authorization=f"Bearer {signed_in['refreshToken']}")
        self.exit_code = server.stop()
        self.log = server.log.read_text(encoding="utf-8")
        self.lines = [json.loads(line) for line in self.log.splitlines()]
        self.requests = [line for line in self.lines if line["message"] == "request"]

    def about(self, answer: tuple[int, Any, Any]) -> dict[str, Any]:
        """The one line about the request that got this answer."""
        lines: list[dict[str, Any]] = [line for line in self.requests if line["requestId"] == answer[1]["X-Request-Id"]]
        assert len(lines) == 1
        return lines[0]


@pytest.fixture(scope="module")
def told(start_server: Callable[..., Server]) -> Told:
    return Told(start_server(workers=1, LOG_LEVEL="DEBUG"))


def test_the_requests_were_what_they_should_be(told: Told) -> None:
    statuses = [answer[0] for answer in (told.named, told.created, told.refused, told.forged, told.missing)]
    assert statuses == [200, 201, 401, 401, 404]
    assert told.exit_code == 0


def test_every_line_is_json_of_the_one_form(told: Told) -> None:
    assert told.lines
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in told.lines)
    assert {"gunicorn.error", "gunicorn.access"} <= {line["logger"] for line in told.lines}


def test_every_request_is_one_line(told: Told) -> None:
    paths = Counter(line["path"] for line in told.requests if line["path"] != "/readyz")
    once = {"/auth/validar-token": 1, "/nada": 1, "/auth/refresh": 1}
    assert paths == {**once, "/auth": 2, "/api/clientes": 3}


def test_the_log_holds_no_query_no_body_and_no_token(told: Told) -> None:
    texts = ["20100070970", "numeroDocumento", "no-es-mi-clave", "no.es.token", "clave=", "Authorization", "argon2"]
    of_people = [ADMIN_DNI, EMPRESA["nombre"], EMPRESA["telefono"], EMPRESA["email"]]
    secrets = [*told.secrets, *texts, *of_people]
    assert [secret for secret in secrets if secret in told.log] == []


def test_a_line_names_the_request_and_who_made_it(told: Told) -> None:
    assert told.named[1]["X-Request-Id"] == "telefono-7.1"
    line = told.about(told.named)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/clientes", 200)
    assert (line["userId"], line["address"], line["level"]) == (told.user_id, "127.0.0.1", "INFO")
    assert line["bytes"] > 0
    assert line["durationMs"] >= 0
    assert told.about(told.created)["userId"] == told.user_id


def test_who_is_not_known_is_not_named(told: Told) -> None:
    for answer in (told.refused, told.forged, told.missing):
        line = told.about(answer)
        assert (line["userId"], line["status"]) == (None, answer[0])
        assert answer[2]["requestId"] == line["requestId"]
