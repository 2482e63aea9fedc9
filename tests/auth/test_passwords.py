"""Hashing passwords: how, and how many at once."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import argon2
import pytest

from clientes_service import errors
from clientes_service.auth import passwords
from clientes_service.auth.passwords import hash_password, verify_password
from tests.conftest import PASSWORD


def test_a_hash_is_argon2id_at_the_cost_that_owasp_asks_for() -> None:
    cost = argon2.extract_parameters(hash_password(PASSWORD))
    assert cost.type is argon2.Type.ID
    assert (cost.memory_cost, cost.time_cost, cost.parallelism) >= (19_456, 2, 1)
    assert cost.salt_len >= 16


def test_a_hash_is_salted_and_verifies_its_own_password_alone() -> None:
    one, two = hash_password(PASSWORD), hash_password(PASSWORD)
    assert one != two
    assert verify_password(one, PASSWORD)
    assert verify_password(two, PASSWORD)
    assert not verify_password(one, f"{PASSWORD} ")


@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$"])
def test_no_password_verifies_where_no_hash_is_stored(stored: str | None) -> None:
    for password in (PASSWORD, "", "nobody has this password"):
        assert verify_password(stored, password) is False


@dataclass
class SlowHash:
    """Hashing that begins, and ends when it is told to."""

    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    end: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def waits(self) -> bool:
        """Whether one more hash begins."""
        return not self.begun.acquire(timeout=0.2)


@pytest.fixture
def slow_hash(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowHash]:
    slow, hash = SlowHash(), argon2.PasswordHasher.hash

    def hash_slowly(self: argon2.PasswordHasher, password: str) -> str:
        slow.begun.release()
        assert slow.end.acquire(timeout=10)
        return hash(self, password)

    monkeypatch.setattr(argon2.PasswordHasher, "hash", hash_slowly)
    yield slow
    slow.end.release(100)


def started(pool: ThreadPoolExecutor, slow: SlowHash, hashes: int) -> list[Future[str]]:
    futures = [pool.submit(hash_password, PASSWORD) for _ in range(hashes)]
    for _ in range(2):
        assert slow.begun.acquire(timeout=10)
    return futures


def test_two_hash_at_once_and_the_third_waits(slow_hash: SlowHash) -> None:
    with ThreadPoolExecutor(3) as pool:
        futures = started(pool, slow_hash, 3)
        assert slow_hash.waits()
        slow_hash.end.release()
        assert slow_hash.begun.acquire(timeout=10)
        slow_hash.end.release(2)
        assert all(future.result(timeout=10).startswith("$argon2id$") for future in futures)


def test_who_waits_too_long_is_told_so_and_takes_no_slot(slow_hash: SlowHash, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = "$argon2id$"
    monkeypatch.setattr(passwords, "SLOT_WAIT_SECONDS", 0.05)
    with ThreadPoolExecutor(2) as pool:
        futures = started(pool, slow_hash, 2)
        began = time.monotonic()
        with pytest.raises(errors.NoDisponible):
            hash_password(PASSWORD)
        assert time.monotonic() - began >= 0.05
        with pytest.raises(errors.NoDisponible):
            verify_password(stored, PASSWORD)
        slow_hash.end.release(2)
        assert all(future.result(timeout=10) for future in futures)
        slow_hash.end.release(2)
        assert all(future.result(timeout=10) for future in started(pool, slow_hash, 2))


def test_a_wrong_password_gives_its_slot_back() -> None:
    stored = hash_password(PASSWORD)
    assert [verify_password(stored, "wrong") for _ in range(3)] == [False] * 3
    assert hash_password(PASSWORD)


def test_a_hash_that_fails_gives_its_slot_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(self: argon2.PasswordHasher, password: str) -> str:
        raise MemoryError

    with monkeypatch.context() as failing:
        failing.setattr(argon2.PasswordHasher, "hash", out_of_memory)
        for _ in range(3):
            with pytest.raises(MemoryError):
                hash_password(PASSWORD)
    monkeypatch.setattr(passwords, "SLOT_WAIT_SECONDS", 0.01)
    assert hash_password(PASSWORD)
