"""Finds the clients whose texts in the table `busqueda` contain words, by reading the texts.

The key of a text is its client's id, negative while the client is inactive. A word is found anywhere in a text, and
every character of it is literal.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

LITERAL = re.compile("[%_!]")  # what LIKE would not take as itself
RANGES = {True: ("clave > 0",), False: ("clave < 0",), None: ("clave > 0", "clave < 0")}
KEYS = {True: "clave = {0}", False: "clave = -{0}", None: "clave IN ({0}, -{0})"}


class Matches(NamedTuple):
    """Two queries with the same parameters: the ids of some clients, and how many they are."""

    ids: str
    total: str
    params: tuple[Any, ...]


def contain(words: Sequence[str], column: str) -> tuple[str, tuple[str, ...]]:
    """A condition that a text contains all words, and its parameters."""
    patterns = tuple("%" + LITERAL.sub(r"!\g<0>", word) + "%" for word in words)
    return _all_of([f"{column} LIKE ? ESCAPE '!'"] * len(words)), patterns


def _all_of(terms: list[str]) -> str:
    """All of these conditions, nested by halves: SQLite limits the depth of an expression."""
    middle = len(terms) // 2
    return f"({_all_of(terms[:middle])} AND {_all_of(terms[middle:])})" if middle else terms[0]


def key_is(id: str, is_active: bool | None) -> str:
    """A condition that a key is that of the client with this id, who is active, or not, or either."""
    return KEYS[is_active].format(id)


class ScannedTexts:
    """PostgreSQL keeps an index of trigrams by itself, where the extension can be had; elsewhere it reads all texts."""

    def match(self, words: Sequence[str], are_active: bool | None) -> Matches:
        """The clients, active or inactive ones or both, whose texts contain all words."""
        contains, patterns = contain(words, "texto")
        parts = [f"FROM busqueda WHERE {keys} AND {contains}" for keys in RANGES[are_active]]
        return Matches(
            " UNION ALL ".join(f"SELECT abs(clave) {part}" for part in parts),
            "SELECT " + " + ".join(f"(SELECT count(*) {part})" for part in parts),
            patterns * len(parts),
        )

    def extend(self, least: int) -> None:
        """Nothing to do: every text is indexed when it is written."""

    def forget(self, id: int) -> None:
        """Nothing to do: nothing is kept of what a text was."""
