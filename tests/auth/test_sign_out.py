"""POST /auth/logout."""

from collections.abc import Callable

import pytest

from clientes_service.auth.models import Sesion
from clientes_service.auth.roles import Rol
from tests.auth.conftest import is_open, renewed, with_refresh_token
from tests.conftest import Caller, assert_problem


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_either_token_ends_the_whole_session_and_no_other(sign_in: Callable[[Rol], Caller], kind: str) -> None:
    one, other = sign_in(Rol.TECNICO), sign_in(Rol.TECNICO)
    newer = renewed(one)
    answer = (one if kind == "access" else with_refresh_token(one)).post("/auth/logout")
    assert (answer.status_code, answer.data) == (204, b"")
    for caller in (one, newer):
        assert_problem(caller.get("/api/clientes"), 401, "NO_AUTENTICADO")
        assert_problem(with_refresh_token(caller).post("/auth/refresh"), 401, "NO_AUTENTICADO")
    assert is_open(other)
    assert is_open(renewed(other))
    assert Sesion.select().count() == 1


def test_a_session_ends_once(tecnico: Caller) -> None:
    assert tecnico.post("/auth/logout").status_code == 204
    assert_problem(tecnico.post("/auth/logout"), 401, "NO_AUTENTICADO")
    assert_problem(with_refresh_token(tecnico).post("/auth/logout"), 401, "NO_AUTENTICADO")


def test_nobody_has_nothing_to_end(anonimo: Caller, tecnico: Caller) -> None:
    assert_problem(anonimo.post("/auth/logout"), 401, "NO_AUTENTICADO")
    assert is_open(tecnico)
