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

from peewee import DatabaseError, PeeweeException

from clientes_service.db import grams

# The greatest key, whatever its sign, and that of the last text in the index.
EXTENT = """
    SELECT max((SELECT coalesce(max(clave), 0) FROM busqueda), (SELECT -coalesce(min(clave), 0) FROM busqueda)),
        (SELECT hasta FROM busqueda_fts_limite)
"""
ADD = """
    INSERT INTO busqueda_fts (rowid, gramas)
    SELECT clave, gramas(texto) FROM busqueda WHERE clave > ? AND clave <= ?
    UNION ALL SELECT clave, gramas(texto) FROM busqueda WHERE clave >= ? AND clave < ?
"""
COMPARE = "INSERT INTO busqueda_fts (busqueda_fts, rank) VALUES ('integrity-check', 1)"
LITERAL = re.compile("[%_!]")  # what LIKE would not take as itself
# The tokens that begin so, each sought behind the one before, past the list of texts that have it.
TOKENS = """
    WITH RECURSIVE found (term) AS (
        SELECT (SELECT term FROM busqueda_fts_gramas WHERE term >= ?1 LIMIT 1)
        UNION ALL
        SELECT (SELECT term FROM busqueda_fts_gramas WHERE term >= found.term || char(1) LIMIT 1)
        FROM found WHERE substr(found.term, 1, length(?1)) = ?1
    )
    SELECT term FROM found WHERE substr(term, 1, length(?1)) = ?1 LIMIT ?2
"""
INDEXED_WORDS = 16  # that FTS5 is asked for, the longest ones; its expressions have a limit
INDEXED_TOKENS = 16  # of a word
FEW = 10  # tokens that are quicker asked for one by one than as a beginning, which FTS5 merges into one list first
COMMON = 8  # what more than one text of so many contains is common
BEHIND = 1000  # texts without an index that are worth one
CHUNK = 500  # texts that are added to the index in one transaction, which takes less than 0.1 s
PAUSE = 0.005  # seconds between two of them, for other writers

logger = logging.getLogger(__name__)

Part = tuple[str, str, Sequence[Any]]  # of a query: its column, what follows FROM, and parameters


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


def _union(parts: Sequence[Part]) -> Matches:
    """All of these parts, which have no key in common."""
    return Matches(
        " UNION ALL ".join(f"SELECT {column} FROM {rest}" for column, rest, _ in parts),
        "SELECT " + " + ".join(f"(SELECT count(*) FROM {rest})" for _, rest, _ in parts),
        tuple(chain.from_iterable(params for *_, params in parts)),
    )


def _scanned(words: Sequence[str], are_positive: bool | None) -> list[Part]:
    """Every text is read."""
    contains, patterns = contain(words, "texto")
    return [("clave", f"busqueda WHERE {keys.all} AND {contains}", patterns) for keys in RANGES[are_positive]]


def _indexed(expression: str, others: Sequence[str], are_positive: bool | None) -> Part:
    """FTS5 is asked, and for other words the texts that it finds are read."""
    tables, params, conditions = "busqueda_fts", [expression], ["busqueda_fts MATCH ?"]
    if are_positive is not None:
        conditions.append(f"busqueda_fts.rowid {'>' if are_positive else '<'} 0")
    if others:
        contains, patterns = contain(others, "busqueda.texto")
        tables += " CROSS JOIN busqueda ON busqueda.clave = busqueda_fts.rowid"
        conditions.append(contains)
        params += patterns
    return "busqueda_fts.rowid AS clave", f"{tables} WHERE {' AND '.join(conditions)}", params


def _quoted(text: str) -> str:
    """A text as FTS5 takes it for itself."""
    return '"' + text.replace('"', '""') + '"'


class ScannedTexts:
    """PostgreSQL keeps an index of trigrams by itself, where the extension can be had; elsewhere it reads all texts."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def match(self, words: Sequence[str], are_positive: bool | None) -> Matches:
        """The keys of this sign, or of both, whose texts contain all words."""
        return _union(_scanned(words, are_positive))

    def extend(self, least: int) -> None:
        """Nothing to do: every text is indexed when it is written."""


class Fts5Texts:
    """SQLite's FTS5 index (see `grams`) holds the texts up to a key, without its sign; those behind it are read.

    So a writer of many texts need not wait for the index, which `extend` brings up to date some at a time. Triggers of
    the database keep it so when an indexed text changes.
    """

    def __init__(self, engine: Any) -> None:
        self._engine, self._extending = engine, threading.Lock()

    def match(self, words: Sequence[str], are_positive: bool | None) -> Matches:
        """The keys of this sign, or of both, whose texts contain all words."""
        last, limit = self._extent()
        if last - limit >= BEHIND:
            self.extend_in_background()
        asked = sorted(words, key=len, reverse=True)[:INDEXED_WORDS]
        sure = {word for word in asked if grams.is_token(word) or grams.is_beginning(word)}
        unsure = [word for word in words if word not in sure]
        expression = " AND ".join(self._expression(word) for word in asked)
        if unsure and self._is_common(expression, last):
            return _union(_scanned(words, are_positive))
        contains, patterns = contain(words, "texto")
        unindexed = [
            ("clave", f"busqueda WHERE {keys.unindexed} AND {contains}", (limit, *patterns))
            for keys in RANGES[are_positive]
        ]
        return _union([_indexed(expression, unsure, are_positive), *unindexed])

    def _expression(self, word: str) -> str:
        """What FTS5 is asked for a word: itself, any token that begins with it, or all of its tokens."""
        if grams.is_token(word):
            return _quoted(word)
        if grams.is_beginning(word):
            found = [token for (token,) in self._engine.execute_sql(TOKENS, (word, FEW + 1))]
            return f"{_quoted(word)} *" if len(found) > FEW else f"({' OR '.join(map(_quoted, found or [word]))})"
        return " AND ".join(map(_quoted, grams.needed(word)[:INDEXED_TOKENS]))

    def _is_common(self, expression: str, last: int) -> bool:
        """Whether to look at each text takes less time than to look up those that are found."""
        found = "SELECT count(*) FROM (SELECT 1 FROM busqueda_fts WHERE busqueda_fts MATCH ? LIMIT ?)"
        [count] = self._engine.execute_sql(found, (expression, last // COMMON)).fetchone()
        return bool(count >= last // COMMON)

    def extend(self, least: int) -> None:
        """Add the texts that the index has not yet, while they are so many; a transaction for each CHUNK of them."""
        while self._is_behind(least):
            with self._engine.writing():
                last, start = self._extent()
                end = min(start + CHUNK, last)
                self._engine.execute_sql(ADD, (start, end, -end, -start))
                self._engine.execute_sql("UPDATE busqueda_fts_limite SET hasta = ?", (end,))
            time.sleep(PAUSE)

    def extend_in_background(self) -> None:
        """Do so in a thread of its own, unless one is at it."""
        if self._extending.acquire(blocking=False):
            threading.Thread(target=self._extend_apart, name="text index", daemon=True).start()

    def _extend_apart(self) -> None:
        try:
            self.extend(BEHIND)
        except PeeweeException as error:  # busy, full or away: the next search tries again
            logger.warning("the text index was not extended: %s", error)
        finally:
            self._engine.close()
            self._extending.release()

    def damage(self) -> str | None:
        """Whether FTS5 finds that its index differs from the texts that it should have."""
        try:
            with self._engine.writing():
                self._engine.execute_sql(COMPARE)
        except DatabaseError as error:
            return f"the search index differs from its texts ({error})"
        return None

    def _is_behind(self, least: int) -> bool:
        last, limit = self._extent()
        return last - limit >= least

    def _extent(self) -> tuple[int, int]:
        last, limit = self._engine.execute_sql(EXTENT).fetchone()
        return last, limit
