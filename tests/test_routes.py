"""Every route of the URL map: who may pass, which tokens do, and that nothing is left out."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from clientes_service.app import create_app
from clientes_service.auth.models import Sesion, Usuario
from clientes_service.auth.roles import Rol
from tests.conftest import Caller, assert_problem
from tests.gate import ALLOWED, EITHER, FORGERIES, GUARDED, PUBLIC, REFRESH, claims_of, signed


def routes(app: Flask) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield f"{method} {rule.rule}"


def call(caller: Caller, route: str, **kwargs: Any) -> Any:
    method, path = route.split(" ")
    return caller(method, re.sub(r"<.*?>", "1", path), **kwargs)


def test_every_route_stands_in_the_role_table(app: Flask) -> None:
    assert sorted(routes(app)) == sorted(PUBLIC | GUARDED)


def test_a_route_without_a_guard_stops_the_application_from_being_made(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clientes_service import health

    monkeypatch.delattr(health.alive, "permiso")
    with pytest.raises(RuntimeError, match=r"health\.alive"):
        create_app(app.config["SERVICE"])


@pytest.mark.parametrize("route", sorted(GUARDED))
def test_nobody_passes_without_a_token(anonimo: Caller, stored: Any, route: str) -> None:
    before = stored()
    answer = call(anonimo, route, json={})
    assert_problem(answer, 401, "NO_AUTENTICADO")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="clientes"'
    assert stored() == before


@pytest.mark.parametrize("route", sorted(PUBLIC))
def test_a_public_route_asks_for_no_token(anonimo: Caller, route: str) -> None:
    assert call(anonimo, route, json={}).status_code not in (401, 403, 500)


@pytest.mark.parametrize("route", sorted(GUARDED - REFRESH))
@pytest.mark.parametrize("rol", Rol)
def test_a_role_may_do_what_the_table_says_and_nothing_else(sign_in: Any, stored: Any, rol: Rol, route: str) -> None:
    caller, before = sign_in(rol), stored()
    answer = call(caller, route, json={})
    if route in ALLOWED[rol]:
        assert answer.status_code in (200, 204, 404, 415, 422), answer.text
    else:
        assert_problem(answer, 403, "SIN_PERMISO")
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert stored() == before


def forged(admin: Caller, how: str) -> str:
    """A token that must not pass, made from an ADMIN's own, or its own, which no longer does."""
    token = admin.token or ""
    match how:
        case "session gone":
            Sesion.delete().execute()
        case "session expired":
            Sesion.update(expira=1).execute()
        case "user inactive":
            Usuario.update(vigente=False).execute()
        case _:
            return FORGERIES[how](token)
    return token


# The lab tries all forgeries over HTTP.
HOWS = (
    "another key", "expired", "without exp", "session gone", "session expired", "user inactive",
    "user of another session", "unsigned: none", "cut",
)  # fmt: skip


@pytest.mark.sqlite
@pytest.mark.parametrize("route", sorted(GUARDED))
@pytest.mark.parametrize("how", HOWS)
def test_a_token_that_does_not_hold_opens_no_route(
    app: Flask, admin: Caller, stored: Any, how: str, route: str
) -> None:
    caller = Caller(app, forged(admin, how))
    before = stored()
    answer = call(caller, route, json={})
    assert_problem(answer, 401, "NO_AUTENTICADO")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert stored() == before


def test_the_forger_makes_a_good_token_when_it_changes_nothing(app: Flask, admin: Caller) -> None:
    assert call(Caller(app, signed(claims_of(admin.token or ""))), "GET /api/usuarios").status_code == 200


@pytest.mark.sqlite
@pytest.mark.parametrize("route", sorted(GUARDED - EITHER))
def test_a_token_of_the_other_kind_opens_no_route(app: Flask, admin: Caller, stored: Any, route: str) -> None:
    wrong = admin.token if route in REFRESH else admin.refresh_token
    before = stored()
    assert_problem(call(Caller(app, wrong), route, json={}), 401, "NO_AUTENTICADO")
    assert stored() == before
