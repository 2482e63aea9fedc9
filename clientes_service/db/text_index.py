"""Finds the keys of the table `busqueda` whose texts contain words, by the index that each engine has for it.

A key is positive or negative. A word is found anywhere in a text, and every character of it is literal.
"""

import logging
import re
import threading
import time
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from peewee import PeeweeException

# The greatest key, whatever its sign.
LAST_KEY = """
    SELECT max((SELECT coalesce(max(clave), 0) FROM busqueda), (SELECT -coalesce(min(clave), 0) FROM busqueda))
"""
ADD = """
    INSERT INTO busqueda_fts (rowid, texto)
    SELECT clave, texto FROM busqueda WHERE clave > ? AND clave <= ?
    UNION ALL SELECT clave, texto FROM busqueda WHERE clave >= ? AND clave < ?
"""
LITERAL = re.compile("[%_!]")  # what LIKE would not take as itself
GRAM = 3  # the characters of a word that an index needs at least
INDEXED_WORDS = 16  # that FTS5 is asked for, the longest ones; its expressions have a limit
CHUNK = 1000  # texts that are added to the index in one transaction
PAUSE = 0.005  # seconds between two of them, for other writers

logger = logging.getLogger(__name__)


class Matches(NamedTuple):
    """Two queries with the same parameters: the keys of some texts, and how many there are."""

    keys: str
    total: str
    params: tuple[Any, ...]


class Range(NamedTuple):
    """Keys of one sign."""

    all: str
    unindexed: str


POSITIVE, NEGATIVE = Range("clave > 0", "clave > ?"), Range("clave < 0", "clave < -?")
RANGES = {True: (POSITIVE,), False: (NEGATIVE,), None: (POSITIVE, NEGATIVE)}


def contain(words: Sequence[str], column: str) -> tuple[str, tuple[str, ...]]:
    """A condition that a text contains all words, and its parameters."""
    patterns = tuple("%" + LITERAL.sub(r"!\g<0>", word) + "%" for word in words)
    return _all_of([f"{column} LIKE ? ESCAPE '!'"] * len(words)), patterns


def _all_of(terms: list[str]) -> str:
    """All of these conditions, nested by halves: SQLite limits the depth of an expression."""
    middle = len(terms) // 2
    return f"({_all_of(terms[:middle])} AND {_all_of(terms[middle:])})" if middle else terms[0]


def _union(parts: Sequence[tuple[str, str, Sequence[Any]]]) -> Matches:
    """Parts that have no key in common, each as its column, what follows FROM, and parameters."""
    return Matches(
        " UNION ALL ".join(f"SELECT {column} FROM {rest}" for column, rest, _ in parts),
        "SELECT " + " + ".join(f"(SELECT count(*) FROM {rest})" for _, rest, _ in parts),
        tuple(chain.from_iterable(params for *_, params in parts)),
    )


class ScannedTexts:
    """PostgreSQL keeps an index of trigrams by itself, where the extension can be had; elsewhere it reads all texts."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def match(self, words: Sequence[str], are_positive: bool | None) -> Matches:
        """The keys of this sign, or of both, whose texts contain all words."""
        contains, patterns = contain(words, "texto")
        return _union(
            [("clave", f"busqueda WHERE {keys.all} AND {contains}", patterns) for keys in RANGES[are_positive]]
        )

    def extend(self) -> None:
        """Nothing to do: every text is indexed when it is written."""

    extend_in_background = extend


class Fts5Texts:
    """SQLite's FTS5 index of trigrams holds the texts up to a key, without its sign; those behind it are read.

    So a writer of many texts need not wait for the index, which `extend` brings up to date some at a time. Triggers of
    the database keep it so when an indexed text changes.
    """

    def __init__(self, engine: Any) -> None:
        self._engine, self._extending = engine, threading.Lock()

    def match(self, words: Sequence[str], are_positive: bool | None) -> Matches:
        """The keys of this sign, or of both, whose texts contain all words."""
        contains, patterns = contain(words, "texto")
        indexed = sorted((word for word in words if len(word) >= GRAM), key=len, reverse=True)[:INDEXED_WORDS]
        if not indexed:
            return _union(
                [("clave", f"busqueda WHERE {keys.all} AND {contains}", patterns) for keys in RANGES[are_positive]]
            )
        if self._unindexed() >= CHUNK:
            self.extend_in_background()
        limit = self._limit()
        unindexed = [
            ("clave", f"busqueda WHERE {keys.unindexed} AND {contains}", (limit, *patterns))
            for keys in RANGES[are_positive]
        ]
        return _union([self._find_indexed(words, indexed, are_positive), *unindexed])

    def _find_indexed(
        self, words: Sequence[str], indexed: Sequence[str], are_positive: bool | None
    ) -> tuple[str, str, Sequence[Any]]:
        matched = " AND ".join('"' + word.replace('"', '""') + '"' for word in indexed)
        tables, params, conditions = "busqueda_fts", [matched], ["busqueda_fts MATCH ?"]
        if are_positive is not None:
            conditions.append(f"busqueda_fts.rowid {'>' if are_positive else '<'} 0")
        if others := [word for word in words if word not in indexed]:
            contains, patterns = contain(others, "busqueda.texto")
            tables += " CROSS JOIN busqueda ON busqueda.clave = busqueda_fts.rowid"
            conditions.append(contains)
            params += patterns
        return "busqueda_fts.rowid AS clave", f"{tables} WHERE {' AND '.join(conditions)}", params

    def extend(self) -> None:
        """Add the texts that the index has not yet, if they are many; a transaction for each CHUNK of them."""
        while self._unindexed() >= CHUNK:
            with self._engine.writing():
                start = self._limit()
                end = start + min(CHUNK, self._unindexed())
                self._engine.execute_sql(ADD, (start, end, -end, -start))
                self._engine.execute_sql("UPDATE busqueda_fts_limite SET hasta = ?", (end,))
            time.sleep(PAUSE)

    def extend_in_background(self) -> None:
        """Do so in a thread of its own, unless one is at it."""
        if self._extending.acquire(blocking=False):
            threading.Thread(target=self._extend_apart, name="text index", daemon=True).start()

    def _extend_apart(self) -> None:
        try:
            self.extend()
        except PeeweeException as error:  # busy, full or away: the next search tries again
            logger.warning("the text index was not extended: %s", error)
        finally:
            self._engine.close()
            self._extending.release()

    def _unindexed(self) -> int:
        [last] = self._engine.execute_sql(LAST_KEY).fetchone()
        return int(last) - self._limit()

    def _limit(self) -> int:
        [limit] = self._engine.execute_sql("SELECT hasta FROM busqueda_fts_limite").fetchone()
        return int(limit)
