"""Finds what `text_scan` does by an index of its own, and reads no more texts than it must."""

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from peewee import PeeweeException
from peewee import __exception_wrapper__ as driver_errors  # type: ignore[attr-defined]
from pyroaring import BitMap64

from clientes_service.db import grams
from clientes_service.db.text_scan import RANGES, contain, key_is

# The greatest id, and the last one whose text is in the index.
EXTENT = """
    SELECT max((SELECT coalesce(max(clave), 0) FROM busqueda), (SELECT -coalesce(min(clave), 0) FROM busqueda)),
        (SELECT hasta FROM busqueda_limite)
"""
WITH_TOKENS = """
    WITH RECURSIVE bloques (bloque) AS (SELECT 0 UNION ALL SELECT bloque + 1 FROM bloques WHERE bloque < ?)
    SELECT ids FROM bloques CROSS JOIN busqueda_gramas USING (bloque) WHERE grama BETWEEN ? AND ?
"""
UNINDEXED = """
    SELECT clave, texto FROM busqueda WHERE clave > ?1
    UNION ALL SELECT clave, texto FROM busqueda WHERE clave < -?1
    UNION ALL SELECT clave, texto FROM busqueda WHERE clave IN (SELECT id FROM busqueda_cambios)
    UNION ALL SELECT clave, texto FROM busqueda WHERE clave IN (SELECT -id FROM busqueda_cambios)
"""
# The key and the text that the index has of a client, and those that it should have.
CHANGED = """
    SELECT id, cambio.clave, cambio.texto, busqueda.clave, busqueda.texto
    FROM busqueda_cambios AS cambio CROSS JOIN busqueda ON busqueda.clave IN (id, -id)
"""
# The ids of the clients that are so many behind another, among the active ones and the others.
ENDS = """
    SELECT (SELECT clave FROM busqueda WHERE clave > ?1 ORDER BY clave LIMIT 1 OFFSET ?2),
        (SELECT -clave FROM busqueda WHERE clave < -?1 ORDER BY clave DESC LIMIT 1 OFFSET ?2)
"""
NEW = """
    SELECT abs(clave), 0, '', clave, texto FROM busqueda WHERE clave > ?1 AND clave <= ?2
    UNION ALL SELECT abs(clave), 0, '', clave, texto FROM busqueda WHERE clave < -?1 AND clave >= -?2
"""
# Of the clients from one id to another, what the index should have.
AS_INDEXED = """
    SELECT abs(clave), clave, texto FROM busqueda
    WHERE clave BETWEEN ?1 AND ?2 AND clave NOT IN (SELECT id FROM busqueda_cambios)
    UNION ALL SELECT abs(clave), clave, texto FROM busqueda
    WHERE clave BETWEEN -?2 AND -?1 AND -clave NOT IN (SELECT id FROM busqueda_cambios)
    UNION ALL SELECT id, clave, texto FROM busqueda_cambios WHERE id BETWEEN ?1 AND ?2
"""
STORED = "SELECT grama, ids FROM busqueda_gramas WHERE bloque = ?"
STORE = "INSERT OR REPLACE INTO busqueda_gramas (bloque, grama, ids) VALUES (?, ?, ?)"
REMOVE = "DELETE FROM busqueda_gramas WHERE bloque = ? AND grama = ?"

BLOCK_BITS = 16  # of an id, which tell it from the others of its block; a bitmap keeps so many in one container
ACTIVE, INACTIVE = " +", " -"  # what no text has: tokens for the sign of a key
MANY = 3  # if one text in so many is to be read, all are, which takes less time than to look them up
BEHIND = 1000  # texts that a search has to read, and that had better be indexed
CHUNK = 1000  # texts that are indexed in one transaction, which takes 0.2 s
PAUSE = 0.005  # seconds between two of them, for other writers

logger = logging.getLogger(__name__)

Ids = dict[str, list[int]]  # of clients, by token


class IndexedTexts:
    """The index of a SQLite file: for each token (see `grams`) a bitmap of the ids of the clients that have it.

    Bitmaps are joined and met in no time, however common the tokens, but to change them takes a writer too long. So the
    index has the texts up to an id (`busqueda_limite`), and what changes of these is put aside by a trigger, as the
    index has it (`busqueda_cambios`). A search reads what is not indexed, or changed; `extend` brings the index up to
    date, some texts at a time.
    """

    def __init__(self, engine: Any) -> None:
        self._engine, self._extending = engine, threading.Lock()

    def find(self, words: Sequence[str], are_active: bool | None) -> BitMap64:
        """The ids of the clients, active or inactive ones or both, whose texts contain all words."""
        last, limit = self._extent()
        changed = self._ids("SELECT id FROM busqueda_cambios", ())
        if last - limit + len(changed) >= BEHIND:
            self.extend_in_background()
        try:
            found = self._find_indexed(words, are_active, last, limit)
        except ValueError:  # a bitmap is damaged
            self.extend_in_background(is_anew=True)
            found, limit = BitMap64(), 0  # all texts are read
        if last > limit or changed:
            contains, patterns = contain(words, "texto")
            keys = " OR ".join(RANGES[are_active])
            read = f"SELECT abs(clave) FROM ({UNINDEXED}) WHERE ({keys}) AND {contains}"
            found = found - changed | self._ids(read, (limit, *patterns))
        return found

    def _find_indexed(self, words: Sequence[str], are_active: bool | None, last: int, limit: int) -> BitMap64:
        sought = [spread for word in words for spread in grams.sought(word)]
        if are_active is not None:
            sign = ACTIVE if are_active else INACTIVE
            sought.append((sign, sign))
        found: BitMap64 | None = None
        for spread in sought:
            rows = self._engine.execute_sql(WITH_TOKENS, (limit >> BLOCK_BITS, *spread))
            ids = BitMap64.union(BitMap64(), *[_bitmap(stored) for (stored,) in rows])
            found = ids if found is None else found & ids
            if not found:
                break
        unsure = [word for word in words if not grams.is_sure(word)]
        return self._having(unsure, found, last) if found and unsure else found or BitMap64()

    def _having(self, words: Sequence[str], ids: BitMap64, last: int) -> BitMap64:
        """Those of the clients whose texts, which are read, contain all words."""
        contains, patterns = contain(words, "texto")
        if len(ids) * MANY > last:
            return ids & self._ids(f"SELECT abs(clave) FROM busqueda WHERE {contains}", patterns)
        listed = f"json_each(?) CROSS JOIN busqueda ON {key_is('value', None)}"
        return self._ids(f"SELECT value FROM {listed} WHERE {contains}", (json.dumps([*ids]), *patterns))

    def _ids(self, sql: str, params: Sequence[Any]) -> BitMap64:
        return BitMap64(map(itemgetter(0), self._engine.execute_sql(sql, params)))

    def extend(self, least: int) -> None:
        """Bring the index up to date, while it is behind by so many texts; a transaction for each CHUNK of them."""
        while self._is_behind(least):
            with self._engine.writing():
                if self._take_changed(f"{CHANGED} LIMIT ?", CHUNK) < CHUNK:
                    self._take_new()
            time.sleep(PAUSE)

    def forget(self, id: int) -> None:
        """Leave nothing in the index, or beside it, of what a client's text was. For a transaction that is open."""
        self._take_changed(f"{CHANGED} WHERE id = ?", id)

    def _take_changed(self, sql: str, param: int) -> int:
        """Bring changed texts into the index; return how many there were."""
        changed = self._engine.execute_sql(sql, (param,)).fetchall()
        self._change(changed)
        self._run_many("DELETE FROM busqueda_cambios WHERE id = ?", [(id,) for id, *_ in changed])
        return len(changed)

    def _take_new(self) -> None:
        last, limit = self._extent()
        ends = self._engine.execute_sql(ENDS, (limit, CHUNK - 1)).fetchone()
        end = min([end for end in ends if end] or [last])
        if self._change(self._engine.execute_sql(NEW, (limit, end))):
            self._engine.execute_sql("UPDATE busqueda_limite SET hasta = ?", (end,))

    def _begin_anew(self) -> None:
        """Empty the index, which is damaged. For a transaction that is open."""
        logger.error("the text index is damaged, and is made anew")
        self._engine.execute_sql("UPDATE busqueda_limite SET hasta = 0")
        self._engine.execute_sql("DELETE FROM busqueda_cambios")
        self._engine.execute_sql("DELETE FROM busqueda_gramas")

    def _change(self, changes: Iterable[tuple[int, int, str, int, str]]) -> bool:
        """Change the index from what it has of these clients to what it should have.

        Return whether that was done: an index that proves to be damaged is emptied instead.
        """
        blocks: dict[int, tuple[Ids, Ids]] = defaultdict(lambda: (defaultdict(list), defaultdict(list)))
        for id, old_key, old_text, key, text in changes:
            came, left = blocks[id >> BLOCK_BITS]
            had, has = _tokens(old_key, old_text), _tokens(key, text)
            for token in has - had:
                came[token].append(id)
            for token in had - has:
                left[token].append(id)
        for block, (came, left) in blocks.items():
            tokens = sorted(came.keys() | left.keys())
            listed = f"{STORED} AND grama IN (SELECT value FROM json_each(?))"
            bitmaps = {token: BitMap64() for token in tokens}
            try:
                bitmaps.update(self._stored(listed, (block, json.dumps(tokens))))
            except ValueError:
                self._begin_anew()
                return False
            for token, ids in left.items():
                bitmaps[token] -= BitMap64(ids)
            for token, ids in came.items():
                bitmaps[token] |= BitMap64(ids)
            self._run_many(STORE, [(block, token, bitmap.serialize()) for token, bitmap in bitmaps.items() if bitmap])
            self._run_many(REMOVE, [(block, token) for token, bitmap in bitmaps.items() if not bitmap])
        return True

    def _stored(self, sql: str, params: Sequence[Any]) -> Iterator[tuple[str, BitMap64]]:
        """Tokens and their bitmaps. Raises ValueError where one is damaged."""
        for token, ids in self._engine.execute_sql(sql, params):
            yield token, _bitmap(ids)

    def _run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with driver_errors:
            self._engine.cursor().executemany(sql, rows)

    def extend_in_background(self, is_anew: bool = False) -> None:
        """Do so in a thread of its own, unless one is at it."""
        if self._extending.acquire(blocking=False):
            try:
                threading.Thread(target=self._extend_apart, args=[is_anew], name="text index", daemon=True).start()
            except RuntimeError as error:  # there is no room for one: the next search tries again
                self._extending.release()
                logger.warning("the text index was not extended: %s", error)

    def _extend_apart(self, is_anew: bool) -> None:
        try:
            if is_anew:
                with self._engine.writing():
                    self._begin_anew()
            self.extend(BEHIND)
        except PeeweeException as error:  # busy, full or away: the next search tries again
            logger.warning("the text index was not extended: %s", error)
        finally:
            self._engine.close()
            self._extending.release()

    def damage(self) -> str | None:
        """Whether the index differs from the texts that it should have."""
        with self._engine.reading():
            _, limit = self._extent()
            blocks = [block for (block,) in self._engine.execute_sql("SELECT DISTINCT bloque FROM busqueda_gramas")]
            for block in {*blocks, *range((limit >> BLOCK_BITS) + 1)}:
                if not self._is_right(block, limit):
                    return "the search index differs from its texts"
        return None

    def _is_right(self, block: int, limit: int) -> bool:
        first = block << BLOCK_BITS
        right: dict[str, BitMap64] = defaultdict(BitMap64)
        for id, key, text in self._engine.execute_sql(AS_INDEXED, (first, min(first + (1 << BLOCK_BITS) - 1, limit))):
            for token in _tokens(key, text):
                right[token].add(id)
        try:
            return all(right.pop(token, None) == ids for token, ids in self._stored(STORED, (block,))) and not right
        except ValueError:
            return False

    def _is_behind(self, least: int) -> bool:
        last, limit = self._extent()
        [changed] = self._engine.execute_sql("SELECT count(*) FROM busqueda_cambios").fetchone()
        return bool(last - limit + changed >= least)

    def _extent(self) -> tuple[int, int]:
        last, limit = self._engine.execute_sql(EXTENT).fetchone()
        return last, limit


def _tokens(key: int, text: str) -> set[str]:
    """Those of a text and of the sign of its key; none without a key."""
    return {*grams.tokens(text), ACTIVE if key > 0 else INACTIVE} if key else set()


def _bitmap(stored: bytes) -> BitMap64:
    """Raises ValueError where it is damaged."""
    try:
        return BitMap64.deserialize(stored)
    except IndexError as error:  # it is empty
        raise ValueError from error
