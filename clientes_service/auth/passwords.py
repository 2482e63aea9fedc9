"""Password hashing: argon2id, a bounded number at once, and equal time for users that do not exist."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from clientes_service import errors

MIN_LENGTH, MAX_LENGTH = 10, 128

# OWASP's minimum for argon2id: 19 MiB, two passes, one lane. Two at once in each worker bound the memory that
# a burst of sign-ins can take.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_slots = threading.BoundedSemaphore(2)
SLOT_WAIT_SECONDS = 10


@contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(timeout=SLOT_WAIT_SECONDS):
        raise errors.NoDisponible
    try:
        yield
    finally:
        _slots.release()


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password. Raises NoDisponible when too many are under way."""
    with _slot():
        return _hasher.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Tell whether the password is the stored one, in the same time where nothing is stored."""
    with _slot():
        try:
            return _hasher.verify(stored or _unmatchable(), password) and bool(stored)
        except (VerificationError, InvalidHashError):
            return False


@cache
def _unmatchable() -> str:
    return _hasher.hash("nobody has this password")


def warm_up() -> None:
    """Make the hash that unknown users are compared with, so that the first of them is not slower."""
    _unmatchable()
