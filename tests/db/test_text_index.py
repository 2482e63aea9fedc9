"""The index over the texts of a SQLite file: whatever happens to the texts, it finds what is in them."""

import random

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
    hits = 0
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
            rng.choice([lambda: index.extend(1), lambda: index.extend(5), index.forget_changed])()
        for _ in range(10 if texts else 0):
            words = [random_word(rng, [*texts.values()]) for _ in range(rng.choice([1, 1, 2, 3]))]
            for are_active in (True, False, None):
                expected = [key for key, text in texts.items() if all(word in text for word in words)]
                expected = [key for key in expected if are_active is None or (key > 0) == are_active]
                assert found(words, are_active) == sorted(map(abs, expected)), words
                hits += len(expected)
        assert index.damage() is None
    assert hits > 300


def test_the_texts_that_changed_are_forgotten(index: text_index.IndexedTexts) -> None:
    db.execute("INSERT INTO busqueda (clave, texto) VALUES (1, 'maria quispe'), (2, 'rosa quispe')")
    index.extend(1)
    db.execute("UPDATE busqueda SET texto = 'anonimizado' WHERE clave = 1")
    db.execute("UPDATE busqueda SET texto = 'nadie' WHERE clave = 1")

    def kept() -> str:
        rows = db.execute("SELECT texto FROM busqueda_cambios UNION ALL SELECT grama FROM busqueda_gramas").fetchall()
        return " ".join(text for (text,) in rows)

    assert "maria" in kept()
    index.forget_changed()
    assert "maria" not in kept()
    assert "quispe" in kept()
    assert found(["maria"], None) == []
    assert found(["quispe"], None) == [2]
    assert found(["nadie"], None) == [1]


def test_old_texts_are_forgotten_while_others_write(
    index: text_index.IndexedTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends, though each step finds a text that changed since the one before."""
    db.execute("INSERT INTO busqueda (clave, texto) VALUES (1, 'a0'), (2, 'b')")
    index.extend(1)
    take, taken = index._take_changed, []

    def change_and_take() -> int:
        db.execute("UPDATE busqueda SET texto = ? WHERE clave = 1", (f"a{len(taken) + 1}",))
        taken.append(take())
        assert len(taken) < 10
        return taken[-1]

    monkeypatch.setattr(index, "_take_changed", change_and_take)
    index.forget_changed()
    assert taken == [1]
    assert index.damage() is None
