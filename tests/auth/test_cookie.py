"""The refresh token in a cookie, for pages."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.auth.conftest import attempt, is_open
from tests.conftest import DNI, Caller, assert_problem

ASKED = {"Refresh-Token-In": "cookie"}
ATTRIBUTES = {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"}


def kept(answer: TestResponse) -> str:
    """The token in the cookie that an answer sets, which only this host gets, and no script."""
    [cookie] = answer.headers.getlist("Set-Cookie")
    named, *attributes = cookie.split("; ")
    name, _, token = named.partition("=")
    assert name == "__Host-refresh"
    assert {*attributes} >= ATTRIBUTES
    assert not [each for each in attributes if each.startswith("Domain")]
    return token


def call(caller: Caller, path: str, token: str, **headers: str) -> TestResponse:
    """A call of a page that has been loaded anew: it has its cookie, and no token."""
    return Caller(caller.app).post(path, headers={"Cookie": f"__Host-refresh={token}", **headers})


@pytest.fixture
def token(anonimo: Caller) -> str:
    answer = attempt(anonimo, DNI[next(iter(DNI))], headers=ASKED)
    assert answer.json["refreshToken"] is None
    return kept(answer)


def test_a_page_goes_on_with_its_cookie_and_ends_its_session(anonimo: Caller, token: str) -> None:
    answer = call(anonimo, "/auth/refresh", token, **ASKED)
    assert (answer.status_code, answer.json["refreshToken"]) == (200, None)
    page, second = Caller(anonimo.app, answer.json["token"]), kept(answer)
    assert second != token
    assert is_open(page)
    ended = page.post("/auth/logout", headers=ASKED)
    assert (ended.status_code, kept(ended)) == (204, "")
    assert not is_open(page)
    assert_problem(call(anonimo, "/auth/refresh", second, **ASKED), 401, "NO_AUTENTICADO")


def test_a_spent_cookie_ends_the_session(anonimo: Caller, token: str) -> None:
    answer = call(anonimo, "/auth/refresh", token, **ASKED)
    page = Caller(anonimo.app, answer.json["token"])
    assert is_open(page)
    assert_problem(call(anonimo, "/auth/refresh", token, **ASKED), 401, "NO_AUTENTICADO")
    assert not is_open(page)


@pytest.mark.parametrize("headers", [{}, {"Refresh-Token-In": "body"}])
@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
def test_without_the_header_a_cookie_is_nothing(
    anonimo: Caller, token: str, stored: Any, path: str, headers: dict[str, str]
) -> None:
    before = stored()
    assert_problem(call(anonimo, path, token, **headers), 401, "NO_AUTENTICADO")
    assert stored() == before


@pytest.mark.parametrize("path", ["/api/clientes", "/auth/validar-token"])
def test_a_cookie_opens_nothing_else(anonimo: Caller, token: str, path: str) -> None:
    answer = Caller(anonimo.app).get(path, headers={"Cookie": f"__Host-refresh={token}", **ASKED})
    assert_problem(answer, 401, "NO_AUTENTICADO")


def test_a_bearer_goes_before_the_cookie(anonimo: Caller, tecnico: Caller, token: str) -> None:
    answer = call(anonimo, "/auth/logout", token, Authorization=f"Bearer {tecnico.token}", **ASKED)
    assert answer.status_code == 204
    assert not is_open(tecnico)
    assert call(anonimo, "/auth/refresh", token, **ASKED).status_code == 200


def test_who_does_not_ask_gets_no_cookie(anonimo: Caller) -> None:
    answer = attempt(anonimo, DNI[next(iter(DNI))])
    assert answer.json["refreshToken"]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
def test_a_cookie_that_opens_nothing_any_more_is_forgotten(anonimo: Caller, token: str, path: str) -> None:
    assert call(anonimo, "/auth/logout", token, **ASKED).status_code == 204
    answer = call(anonimo, path, token, **ASKED)
    assert_problem(answer, 401, "NO_AUTENTICADO")
    assert kept(answer) == ""
