"""POST /auth: guessing passwords is limited by DNI and by address."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from werkzeug.test import TestResponse

from clientes_service.auth import throttle
from clientes_service.auth.models import Intento, Sesion
from clientes_service.auth.roles import Rol
from tests.auth.conftest import WRONG, at_once, attempt
from tests.conftest import DNI, Caller, assert_problem

UNKNOWN = "99999999"


def fail(caller: Caller, dni: str, times: int, **kwargs: Any) -> None:
    """Guess wrong, which must be answered as wrong each time."""
    for _ in range(times):
        assert_problem(attempt(caller, dni, WRONG, **kwargs), 401, "CREDENCIALES_INVALIDAS")


def assert_throttled(answer: TestResponse) -> None:
    assert_problem(answer, 429, "DEMASIADOS_INTENTOS")
    assert 1 <= int(answer.headers["Retry-After"]) <= 15 * 60


def rows() -> list[tuple[Any, ...]]:
    return list(Intento.select(Intento.id, Intento.clave, Intento.fecha).order_by(Intento.id).tuples())


@pytest.fixture
def unknown_dnis() -> Iterator[str]:
    """As many DNIs as one likes, none of them a user's."""
    return (f"{number:08}" for number in range(70_000_000, 80_000_000))


def test_ten_failures_of_a_dni_close_it_whatever_the_password(anonimo: Caller) -> None:
    fail(anonimo, DNI[Rol.TECNICO], 10)
    assert_throttled(attempt(anonimo, DNI[Rol.TECNICO], WRONG))
    assert_throttled(attempt(anonimo, DNI[Rol.TECNICO]))
    assert_throttled(attempt(anonimo, "1000-0003"))
    assert Sesion.select().count() == 0


def test_an_unknown_dni_is_closed_just_the_same(anonimo: Caller) -> None:
    fail(anonimo, UNKNOWN, 10)
    assert_throttled(attempt(anonimo, UNKNOWN))


def test_the_tenth_attempt_may_still_be_the_right_one(anonimo: Caller) -> None:
    fail(anonimo, DNI[Rol.TECNICO], 9)
    assert attempt(anonimo, DNI[Rol.TECNICO]).status_code == 200


def test_an_address_does_not_matter_to_the_count_of_a_dni(anonimo: Caller) -> None:
    for number in range(10):
        fail(anonimo, UNKNOWN, 1, environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"})
    assert_throttled(attempt(anonimo, UNKNOWN, environ_overrides={"REMOTE_ADDR": "192.0.2.99"}))


def test_a_refused_attempt_does_not_prolong_the_wait(anonimo: Caller) -> None:
    fail(anonimo, UNKNOWN, 10)
    before = rows()
    for _ in range(5):
        assert_throttled(attempt(anonimo, UNKNOWN))
    assert rows() == before


def test_success_clears_the_count_of_its_dni_alone(anonimo: Caller) -> None:
    fail(anonimo, DNI[Rol.TECNICO], 9)
    fail(anonimo, UNKNOWN, 9)
    assert attempt(anonimo, DNI[Rol.TECNICO]).status_code == 200
    fail(anonimo, DNI[Rol.TECNICO], 10)
    assert_throttled(attempt(anonimo, DNI[Rol.TECNICO]))
    fail(anonimo, UNKNOWN, 1)
    assert_throttled(attempt(anonimo, UNKNOWN))


def test_fifty_failures_of_an_address_close_it_to_every_dni(anonimo: Caller, unknown_dnis: Iterator[str]) -> None:
    for _ in range(50):
        fail(anonimo, next(unknown_dnis), 1)
    assert_throttled(attempt(anonimo, DNI[Rol.TECNICO]))
    assert attempt(anonimo, DNI[Rol.TECNICO], environ_overrides={"REMOTE_ADDR": "192.0.2.7"}).status_code == 200


def test_success_does_not_clear_the_count_of_its_address(
    anonimo: Caller, unknown_dnis: Iterator[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "MOST_BY_ADDRESS", 3)
    for _ in range(2):
        fail(anonimo, next(unknown_dnis), 1)
    for _ in range(3):
        assert attempt(anonimo, DNI[Rol.TECNICO]).status_code == 200
    fail(anonimo, next(unknown_dnis), 1)
    assert_throttled(attempt(anonimo, DNI[Rol.TECNICO]))


@pytest.mark.parametrize(
    ("address", "neighbour", "stranger"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
    ],
)
def test_an_address_is_what_one_customer_has(
    anonimo: Caller,
    unknown_dnis: Iterator[str],
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    neighbour: str,
    stranger: str,
) -> None:
    monkeypatch.setattr(throttle, "MOST_BY_ADDRESS", 2)
    for one in (address, neighbour):
        fail(anonimo, next(unknown_dnis), 1, environ_overrides={"REMOTE_ADDR": one})
    for one in (address, neighbour):
        assert_throttled(attempt(anonimo, DNI[Rol.TECNICO], environ_overrides={"REMOTE_ADDR": one}))
    fail(anonimo, next(unknown_dnis), 1, environ_overrides={"REMOTE_ADDR": stranger})


def forwarded(*hops: str) -> dict[str, str]:
    return {"X-Forwarded-For": ", ".join(hops)}


def test_a_forwarded_address_is_not_believed(
    anonimo: Caller, unknown_dnis: Iterator[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "MOST_BY_ADDRESS", 2)
    for number in range(2):
        fail(anonimo, next(unknown_dnis), 1, headers=forwarded(f"192.0.2.{number}"))
    assert_throttled(attempt(anonimo, next(unknown_dnis), headers=forwarded("192.0.2.9")))


class TestTrustedProxy:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "CLIENTES_TRUSTED_PROXIES": "1"}

    def test_the_address_is_the_one_that_the_proxy_saw(
        self, anonimo: Caller, unknown_dnis: Iterator[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(throttle, "MOST_BY_ADDRESS", 2)
        for number in range(2):
            fail(anonimo, next(unknown_dnis), 1, headers=forwarded(f"198.51.100.{number}", "192.0.2.1"))
        assert_throttled(attempt(anonimo, DNI[Rol.TECNICO], headers=forwarded("198.51.100.9", "192.0.2.1")))
        fail(anonimo, next(unknown_dnis), 1, headers=forwarded("192.0.2.1", "198.51.100.9"))


def test_the_wait_ends_when_the_window_has_passed(anonimo: Caller) -> None:
    fail(anonimo, DNI[Rol.TECNICO], 10)
    Intento.update(fecha=Intento.fecha - 14 * 60).execute()
    answer = attempt(anonimo, DNI[Rol.TECNICO])
    assert_throttled(answer)
    assert int(answer.headers["Retry-After"]) <= 60
    Intento.update(fecha=Intento.fecha - 60).execute()
    assert attempt(anonimo, DNI[Rol.TECNICO]).status_code == 200
    assert rows() == []


def test_the_wait_is_for_the_oldest_of_ten(anonimo: Caller) -> None:
    fail(anonimo, UNKNOWN, 1)
    Intento.update(fecha=Intento.fecha - 14 * 60).execute()
    fail(anonimo, UNKNOWN, 9)
    answer = attempt(anonimo, UNKNOWN)
    assert_throttled(answer)
    assert int(answer.headers["Retry-After"]) <= 60
    Intento.update(fecha=Intento.fecha - 60).execute()
    fail(anonimo, UNKNOWN, 1)
    assert_throttled(attempt(anonimo, UNKNOWN))


def test_the_window_slides(anonimo: Caller) -> None:
    fail(anonimo, UNKNOWN, 1)
    Intento.update(fecha=Intento.fecha - 15 * 60).execute()
    fail(anonimo, UNKNOWN, 10)
    assert_throttled(attempt(anonimo, UNKNOWN))


@pytest.mark.parametrize("dni", [DNI[Rol.TECNICO], UNKNOWN])
def test_guesses_in_flight_count(anonimo: Caller, dni: str) -> None:
    answers = at_once([partial(attempt, anonimo, dni, WRONG)] * 40)
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(401), statuses.count(429)) == (10, 30)


@pytest.mark.usefixtures("no_free_slot")
def test_an_attempt_whose_password_nobody_looked_at_is_not_counted(anonimo: Caller) -> None:
    for _ in range(11):
        answer = attempt(anonimo, DNI[Rol.TECNICO], WRONG)
        assert_problem(answer, 503, "NO_DISPONIBLE")
        assert int(answer.headers["Retry-After"]) >= 1
    assert rows() == []
