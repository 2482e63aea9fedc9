"""The index over the texts of a SQLite file: whatever happens to the texts, it finds what is in them."""

import random
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

import pytest
from flask import Flask

from clientes_service import db
from clientes_service.db import text_index

pytestmark = pytest.mark.sqlite

LETTERS = ["ab01 ", "ab0123456789- ", "a'\"!%_*^()\\ ", "abcdefghijklmnop12 "]


def random_text(rng: random.Random, letters: str) -> str:
    return "".join(rng.choices(letters, k=rng.randrange(1, 50)))


def random_word(rng: random.Random, texts: list[str]) -> str:
    """What stands in one of the texts, or does not."""
    chunk = rng.choice(rng.choice(texts).split() or ["x"])
    start = rng.randrange(len(chunk))
    return chunk[start : start + rng.randrange(1, 20)] + rng.choice(["", "", "", "b"])


def found(words: list[str], are_active: bool | None) -> list[int]:
    texts = db.engine().texts
    assert isinstance(texts, text_index.IndexedTexts)
    with db.snapshot():
        return [*texts.find(words, are_active)]


@pytest.fixture(params=[16, 3])
def index(app: Flask, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> text_index.IndexedTexts:
    """That of the database, with blocks of so many bits, and steps of a few texts."""
    monkeypatch.setattr(text_index, "BLOCK_BITS", request.param)
    monkeypatch.setattr(text_index, "CHUNK", 4)
    monkeypatch.setattr(text_index, "PAUSE", 0)
    texts = db.engine().texts
    assert isinstance(texts, text_index.IndexedTexts)
    return texts


@pytest.mark.parametrize("many", [1, 1000])
@pytest.mark.parametrize("letters", LETTERS)
def test_it_finds_what_is_in_the_texts_through_every_change(
    index: text_index.IndexedTexts, monkeypatch: pytest.MonkeyPatch, letters: str, many: int
) -> None:
    monkeypatch.setattr(text_index, "MANY", many)
    rng = random.Random(many)
    texts: dict[int, str] = {}  # by key
    hits, old_key = 0, 1
    for _ in range(60):
        with db.transaction():
            for _ in range(rng.randrange(4)):
                key = rng.choice([1, 1, -1]) * (len(texts) + 1)
                texts[key] = random_text(rng, letters)
                db.execute("INSERT INTO busqueda (clave, texto) VALUES (?, ?)", (key, texts[key]))
            for old_key in rng.sample([*texts], min(len(texts), rng.randrange(4))):
                old_text = texts.pop(old_key)
                key, text = rng.choice(
                    [(old_key, random_text(rng, letters)), (-old_key, old_text), (old_key, old_text)]
                )
                texts[key] = text
                db.execute("UPDATE busqueda SET clave = ?, texto = ? WHERE clave = ?", (key, text, old_key))
        if rng.random() < 0.3:
            rng.choice([lambda: index.extend(1), lambda: index.extend(5), partial(index.forget, abs(old_key))])()
        for _ in range(10 if texts else 0):
            words = [random_word(rng, [*texts.values()]) for _ in range(rng.choice([1, 1, 2, 3]))]
            for are_active in (True, False, None):
                expected = [key for key, text in texts.items() if all(word in text for word in words)]
                expected = [key for key in expected if are_active is None or (key > 0) == are_active]
                assert found(words, are_active) == sorted(map(abs, expected)), words
                hits += len(expected)
        assert index.damage() is None
    assert hits > 300


def kept() -> str:
    rows = db.execute("SELECT texto FROM busqueda_cambios UNION ALL SELECT grama FROM busqueda_gramas").fetchall()
    return " ".join(text for (text,) in rows)


def test_what_a_text_was_can_be_forgotten(index: text_index.IndexedTexts) -> None:
    db.execute("INSERT INTO busqueda (clave, texto) VALUES (1, 'maria quispe'), (2, 'rosa quispe'), (3, 'ana')")
    index.extend(1)
    db.execute("UPDATE busqueda SET texto = 'anonimizado' WHERE clave = 1")
    db.execute("UPDATE busqueda SET texto = 'nadie' WHERE clave = 1")
    db.execute("UPDATE busqueda SET texto = 'anita' WHERE clave = 3")
    assert "maria" in kept()
    index.forget(1)
    assert "maria" not in kept()
    assert "ana" in kept()  # nobody asked for that
    assert [found([word], None) for word in ("maria", "quispe", "nadie", "anita")] == [[], [2], [1], [3]]
    assert index.damage() is None


@pytest.mark.parametrize("damage", ["x''", "x'00'", "x'0102030405060708090a'"])
@pytest.mark.parametrize("act", ["search", "forget", "extend"])
def test_a_damaged_index_is_made_anew(
    index: text_index.IndexedTexts, caplog: pytest.LogCaptureFixture, damage: str, act: str
) -> None:
    db.execute("INSERT INTO busqueda (clave, texto) VALUES (1, 'maria quispe'), (-2, 'rosa quispe')")
    index.extend(1)
    db.execute("UPDATE busqueda SET texto = 'ana quispe' WHERE clave = 1")
    db.execute("UPDATE busqueda_gramas SET ids = " + damage)
    assert index.damage() is not None
    if act == "search":
        assert found(["quispe"], None) == [1, 2]
        assert found(["ana"], True) == [1]
        wait_until(lambda: not index._extending.locked())
    else:
        with db.transaction():
            index.forget(1)
    if act == "extend":
        index.extend(1)
    assert "maria" not in kept()
    assert "is damaged, and is made anew" in caplog.text
    assert [found([word], None) for word in ("maria", "quispe", "ana")] == [[], [1, 2], [1]]
    assert index.damage() is None


def test_new_texts_are_indexed_while_others_change(
    index: text_index.IndexedTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though each step finds a text that changed since the one before."""
    db.execute("INSERT INTO busqueda (clave, texto) VALUES (1, 'a')")
    index.extend(1)
    insert_texts(range(2, 32))
    take, steps = index._take_changed, []

    def change_and_take(sql: str, param: int) -> int:
        steps.append(1)
        assert len(steps) < 20
        db.execute("UPDATE busqueda SET texto = texto || 'a' WHERE clave = 1")
        return take(sql, param)

    monkeypatch.setattr(index, "_take_changed", change_and_take)
    index.extend(1)
    assert len(steps) == 8  # of four texts each
    assert index.damage() is None


def test_ids_that_nobody_has_take_no_steps(index: text_index.IndexedTexts, monkeypatch: pytest.MonkeyPatch) -> None:
    insert_texts([1, -2, 3, -7_000, 7_001, 100_000, -100_001])
    steps: list[int] = []
    monkeypatch.setattr(time, "sleep", steps.append)
    index.extend(1)
    assert len(steps) == 2
    assert found(["texto"], None) == [1, 2, 3, 7_000, 7_001, 100_000, 100_001]
    assert index.damage() is None


def test_what_is_behind_is_brought_up_to_date_each_time(
    index: text_index.IndexedTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_index, "BEHIND", 10)
    for start in (1, 11, 21):  # new texts, and then changed ones
        if start < 21:
            insert_texts(range(start, start + 10))
        else:
            db.execute("UPDATE busqueda SET texto = texto || 'x' WHERE clave <= 12")
        assert index._is_behind(10)
        found(["texto"], None)
        wait_until(lambda: not index._is_behind(10))
    wait_until(lambda: not index._extending.locked())
    assert index.damage() is None


def test_where_no_thread_can_start_searches_read_on(
    index: text_index.IndexedTexts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(text_index, "BEHIND", 1)
    insert_texts([1, 2])
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        assert found(["texto"], None) == [1, 2]
    assert "can't start new thread" in caplog.text
    found(["texto"], None)
    wait_until(lambda: db.execute("SELECT hasta FROM busqueda_limite").fetchone() == (2,))


def insert_texts(keys: Iterable[int]) -> None:
    for key in keys:
        db.execute("INSERT INTO busqueda (clave, texto) VALUES (?, ?)", (key, f"texto {key}"))


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
