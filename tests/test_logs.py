"""The form of a log line, whoever writes it."""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from gunicorn.config import Config as GunicornConfig

from clientes_service import config as settings
from clientes_service import logs
from clientes_service.app import create_app
from tests.conftest import Caller

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def record(message: str, *args: Any, **kwargs: Any) -> logging.LogRecord:
    return logging.getLogger("clientes_service.x").makeRecord(
        "clientes_service.x", logging.ERROR, "x.py", 1, message, args, kwargs.pop("exc_info", None), **kwargs
    )


def written(entry: logging.LogRecord) -> dict[str, Any]:
    """The one line that a record becomes."""
    text = logs.JsonFormatter().format(entry)
    assert "\n" not in text
    line: dict[str, Any] = json.loads(text)
    return line


Start = Callable[[], logs.GunicornLogger]


@pytest.fixture
def start_logger() -> Iterator[Start]:
    """Make gunicorn's logger as server.py does; what it adds to the process's loggers is taken away again.

    To be called in the test itself, where capsys is at work.
    """
    config = GunicornConfig()
    config.set("accesslog", "-")
    yield lambda: logs.GunicornLogger(config)
    for name in ("gunicorn.error", "gunicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def test_a_line_is_json_with_time_level_logger_and_message() -> None:
    line = written(record('"%s"\nñ', "two lines"))
    assert TIME.fullmatch(line.pop("time"))
    assert line == {"level": "ERROR", "logger": "clientes_service.x", "message": '"two lines"\nñ'}


def test_an_exception_is_part_of_the_line() -> None:
    try:
        raise LookupError("lost")
    except LookupError:
        line = written(record("failed", exc_info=sys.exc_info()))
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("LookupError: lost")


def test_a_line_can_be_written_whatever_is_in_it() -> None:
    text = logs.JsonFormatter().format(record("%s", "\ud800 \u2028 \x85 \x00"))
    assert text.encode()
    assert text.splitlines() == [text]
    assert json.loads(text)["message"] == "\ud800 \u2028 \x85 \x00"


def test_a_request_is_logged_by_its_path_alone(start_logger: Start, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {
        "clientes.request_id": "r1",
        "clientes.user_id": "7",
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/api/clientes",
        "QUERY_STRING": "numeroDocumento=01234567",
        "RAW_URI": "/api/clientes?numeroDocumento=01234567",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_AUTHORIZATION": "Bearer vicuña",
        "HTTP_USER_AGENT": "phone",
    }
    answer = SimpleNamespace(status="200 OK", sent=1234)
    start_logger().access(answer, SimpleNamespace(), environ, timedelta(milliseconds=12.34))
    shown = "".join(capsys.readouterr())
    line = json.loads(shown)
    assert TIME.fullmatch(line.pop("time"))
    assert line == {
        "level": "INFO",
        "logger": "gunicorn.access",
        "message": "request",
        "requestId": "r1",
        "method": "GET",
        "path": "/api/clientes",
        "status": 200,
        "bytes": 1234,
        "durationMs": 12.3,
        "userId": "7",
        "address": "192.0.2.1",
    }


def test_a_path_is_logged_as_it_was_meant(start_logger: Start, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"PATH_INFO": "/errores/ñ".encode().decode("latin-1")}  # as WSGI hands it over (PEP 3333)
    start_logger().access(SimpleNamespace(status="404 Not Found", sent=0), SimpleNamespace(), environ, timedelta())
    assert json.loads("".join(capsys.readouterr()))["path"] == "/errores/ñ"


def test_whatever_a_request_says_is_one_line(start_logger: Start, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"PATH_INFO": "/a\n\x85\x00", "REQUEST_METHOD": "\ud800", "REMOTE_ADDR": object()}
    start_logger().access(SimpleNamespace(status="404 Not Found", sent=0), SimpleNamespace(), environ, timedelta())
    [line] = "".join(capsys.readouterr()).splitlines()
    assert json.loads(line)["method"] == "\ud800"


def test_what_gunicorn_itself_says_has_the_same_form(start_logger: Start, capsys: pytest.CaptureFixture[str]) -> None:
    start_logger().error("worker %s failed", 3)
    line = json.loads("".join(capsys.readouterr()))
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "gunicorn.error", "worker 3 failed")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"Invalid HTTP Version: {'Choque HTTP/1.1'!r}", "Invalid HTTP Version: …"),
        (f"Invalid HTTP Header: {'Authorization vicuña'!r}", "Invalid HTTP Header: …"),
        (f"No more data after: {b'vicu'!r}", "No more data after: …"),
        (f"Invalid HTTP header name: {chr(39) + 'vicuña' + chr(34)!r}", "Invalid HTTP header name: …"),
        ("Error handling request GET /api/clientes?q=vicu%C3%B1a", "Error handling request GET /api/clientes…"),
        ("Worker was sent SIGKILL! Perhaps out of memory?", "Worker was sent SIGKILL! Perhaps out of memory?"),
    ],
)
def test_what_gunicorn_quotes_of_a_request_is_left_out(
    start_logger: Start, capsys: pytest.CaptureFixture[str], said: str, shown: str
) -> None:
    start_logger().warning(said)
    assert json.loads("".join(capsys.readouterr()))["message"] == shown


class TestLevel:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "LOG_LEVEL": "error"}

    def test_the_level_is_a_setting(self, environ: dict[str, str]) -> None:
        create_app(settings.load(environ))
        assert logging.getLogger("clientes_service.http").getEffectiveLevel() == logging.ERROR
        logs.configure("INFO")  # as the other tests have it


def test_an_unexpected_error_is_logged_with_the_request_that_it_broke(
    app: Flask, anonimo: Caller, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.view_functions, "health.alive", broken)
    logs.configure("INFO")  # to the stderr of this test
    answer = anonimo.get("/healthz", headers={"X-Request-Id": "r-42", "Authorization": "Bearer vicunia"})
    assert answer.status_code == 500
    shown = capsys.readouterr().err
    line = json.loads(shown)
    assert (line["level"], line["logger"]) == ("ERROR", "clientes_service.http")
    assert "r-42" in line["message"]
    assert "LookupError: on purpose" in line["exception"]
    assert "vicunia" not in shown
    assert "on purpose" not in answer.text


def broken() -> None:
    raise LookupError("on purpose")


broken.permiso = None  # type: ignore[attr-defined]
