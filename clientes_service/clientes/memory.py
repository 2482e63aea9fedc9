"""What a process has found out and remembers, for as long as no client changes."""

from collections.abc import Hashable
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

from clientes_service import db


class Dated(Protocol):
    """Something that is true of one state of the directory."""

    @property
    def state(self) -> str:
        """That of `search.current_state`."""


Found = TypeVar("Found", bound=Dated)


class _Place(Generic[Found]):
    found: Found | None = None


class Memory(Generic[Found]):
    """What was found for each of the last questions; whoever recalls it compares its state."""

    def __init__(self, most: int) -> None:
        self._place = lru_cache(most)(self._make_place)
        self.clear = self._place.cache_clear

    def recall(self, question: Hashable) -> Found | None:
        """Return what was found last, which may no longer hold."""
        return self._place(db.engine(), question).found

    def keep(self, question: Hashable, found: Found) -> Found:
        """Remember, and return it."""
        self._place(db.engine(), question).found = found
        return found

    def _make_place(self, engine: db.Engine, question: Hashable) -> _Place[Found]:
        return _Place()
