"""What the service does otherwise than Flask and Werkzeug, for speed, gives what they would give."""

from typing import Any

import pytest
from flask import Flask, Response
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import HTTPException

from clientes_service.http import Answer
from tests.conftest import Caller, assert_problem

pytestmark = pytest.mark.sqlite  # no database has a part in this

ASKED: list[dict[str, Any]] = [
    {"path": "/api/clientes/5"},
    {"path": "/api/clientes/5", "method": "PUT"},
    {"path": "/api/clientes/5", "method": "PATCH"},
    {"path": "/api/clientes", "query_string": "page=1", "base_url": "https://ejemplo.pe:8443"},
    {"path": "/api/clientes/", "method": "HEAD"},
    {"path": "//healthz"},
    {"path": "/", "environ_overrides": {"PATH_INFO": ""}},
    {"path": "/", "environ_overrides": {"PATH_INFO": "//healthz"}},
    {"path": "/errores/ñandú"},
    {"path": "/nada"},
    {"path": "/healthz", "base_url": "http://x/detras"},
    *({"path": "/healthz", "headers": {"Host": host}} for host in ("a_b", "a..b", "", "EJEMPLO.pe:80", "x" * 70)),
    {"path": "/healthz", "headers": {"Connection": "Upgrade", "Upgrade": "websocket"}},
]


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_route_is_found_as_flask_finds_it(app: Flask, asked: dict[str, Any]) -> None:
    def found(adapt: Any) -> Any:
        with app.test_request_context(**asked) as context:
            try:
                adapter = adapt(app, context.request)
                assert adapter
                known = {
                    name: value for name, value in vars(adapter).items() if name not in ("path_info", "query_args")
                }
                return adapter.match(return_rule=True), known
            except HTTPException as error:
                return type(error), error.code, sorted(getattr(error, "valid_methods", None) or ())

    assert found(type(app).create_url_adapter) == found(Flask.create_url_adapter)


@pytest.mark.parametrize("host", ["a b", "a/b", "x@a.pe", "a,b", "a:b", "ñ", None])
def test_what_names_no_host_is_refused(anonimo: Caller, host: str | None) -> None:
    answer = anonimo.get("/healthz", environ_overrides={"HTTP_HOST": host})
    assert_problem(answer, 400, "SOLICITUD_INVALIDA")


@pytest.mark.parametrize("status", [200, 201, 204, 304, 404])
@pytest.mark.parametrize(
    "body", [b"", b"{}", None, ["a", "b"], iter([b"a"])], ids=["empty", "json", "none", "list", "stream"]
)
def test_an_answer_has_the_headers_of_any_response_and_those_that_all_have(app: Flask, status: int, body: Any) -> None:
    given = {"ETag": '"1"', "Location": "/ñ"} if status != 200 else {"ETag": '"1"'}
    environ = app.test_request_context("/", headers={"X-Request-Id": "r1"}).request.environ
    _, plain_status, plain = Response(body, status, given).get_wsgi_response(environ)
    _, answer_status, answer = Answer(body, status, given).get_wsgi_response(environ)
    assert answer_status == plain_status
    assert answer[: len(plain)] == plain
    assert answer[len(plain) :] == [
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ("X-Request-Id", "r1"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    ]


def test_what_a_view_says_about_its_answer_holds(app: Flask) -> None:
    environ = app.test_request_context("/").request.environ
    given = {"Cache-Control": "private, no-cache", "Content-Security-Policy": "default-src 'self'"}
    _, _, headers = Answer(b"{}", 200, given).get_wsgi_response(environ)
    names = [name for name, _ in headers]
    assert len(names) == len(set(names))
    assert given.items() <= dict(headers).items()


def test_no_answer_sets_a_cookie_and_no_request_has_a_session(app: Flask, admin: Caller) -> None:
    assert "Set-Cookie" not in admin.get("/api/clientes", headers={"Cookie": "session=x"}).headers
    with app.test_request_context("/") as context:
        assert app.session_interface.is_null_session(context.session)
        assert type(context.session) is type(SecureCookieSessionInterface().make_null_session(app))
