"""The tokens of the index over the texts: which texts have a word, said by its tokens alone."""

import itertools
import random

import pytest

from clientes_service import db
from clientes_service.clientes.texts import search_text
from clientes_service.db import grams

TEXT = search_text(
    {
        "nombre": "Ñahui Condori S.A.C.", "numero_documento": "20100070970", "codigo_cliente": "CLI-000012",
        "telefono": "+51 952-111 222", "email": "nahui12@example.pe", "contacto_representante": "Iñaki",
        "direccion": "Mz. B-2 Lt. 10, Urb. 28 de Julio", "tipo_cliente": "EMPRESA", "tipo_documento": "RUC",
    }
)  # fmt: skip


def random_texts(count: int) -> list[str]:
    """Texts of so few characters that they have much in common."""
    rng = random.Random(7)
    return ["".join(rng.choices("ab01-@ \n", k=rng.randrange(1, 40))) for _ in range(count)]


def words_of(texts: list[str]) -> set[str]:
    """What stands without a gap in any of them."""
    chunks = {chunk for text in texts for chunk in text.split()}
    return {chunk[at:end] for chunk in chunks for at in range(len(chunk)) for end in range(at + 1, len(chunk) + 1)}


def test_the_tokens_say_which_texts_have_a_word() -> None:
    texts = [TEXT, *random_texts(100)]
    has = {text: grams.tokens(text) for text in texts}
    kinds = {"token": 0, "beginning": 0, "other": 0}
    for word in words_of([TEXT, *texts[:30]]):
        kind = "token" if grams.is_token(word) else "beginning" if grams.is_beginning(word) else "other"
        kinds[kind] += 1
        needed = grams.needed(word)
        for text, tokens in has.items():
            if kind == "token":
                assert (word in tokens) == (word in text), (word, text)
            elif kind == "beginning":
                assert any(token.startswith(word) for token in tokens) == (word in text), (word, text)
            else:
                assert needed
                assert {*needed} <= tokens or word not in text, (word, text)
    assert min(kinds.values()) > 50


def test_no_token_has_white_space_and_none_is_said_twice() -> None:
    said = grams.listed(TEXT).split(" ")
    assert sorted(said) == sorted(grams.tokens(TEXT))
    assert not [token for token in said if token.split() != [token]]


def test_of_two_texts_only_what_differs_is_said() -> None:
    changed = TEXT.replace("952-111 222", "952-111 223").replace("952111222", "952111223")
    assert 0 < len(grams.listed(changed, TEXT).split()) < 12
    for text, other in [(changed, TEXT), (TEXT, TEXT), *itertools.pairwise(random_texts(1000)), (TEXT, "")]:
        assert {*grams.listed(text, other).split()} == grams.tokens(text) - grams.tokens(other)


@pytest.mark.sqlite
def test_an_index_of_trigrams_is_replaced(empty: str) -> None:
    with db.engine().migrating():
        db._runner(db.engine()).up("0006_idempotencia")
    db.execute("INSERT INTO busqueda (clave, texto) VALUES (1, 'maria quispe'), (-2, 'mario'), (3, 'rosa')")
    db.execute("INSERT INTO busqueda_fts (rowid, texto) SELECT clave, texto FROM busqueda")
    db.execute("UPDATE busqueda_fts_limite SET hasta = 3")
    assert db.upgrade() == ["0007_gramas"]
    texts = db.engine().texts
    for _ in range(2):  # without the index, and with it
        for words, expected in ((["mari"], [-2, 1]), (["maria", "q"], [1]), (["rosa"], [3]), (["x"], [])):
            matches = texts.match(words, None)
            assert sorted(key for (key,) in db.execute(matches.keys, matches.params)) == expected
        texts.extend(1)
    assert db.execute("SELECT hasta FROM busqueda_fts_limite").fetchone() == (3,)
    assert db.engine().damage() is None
