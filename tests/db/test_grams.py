"""The tokens of the index over the texts: which texts have a word, said by its tokens alone."""

import random

import pytest

from clientes_service import db
from clientes_service.clientes.texts import search_text
from clientes_service.db import grams

TEXT = search_text(
    {
        "nombre": "Ñahui Condori S.A.C.", "numero_documento": "20100070970", "codigo_cliente": "CLI-000012",
        "telefono": "+51 952-111 222", "email": "constructora.andina7@example.pe", "contacto_representante": "Iñaki",
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
        sought = grams.sought(word)
        is_sure = grams.is_sure(word)
        kinds["other" if not is_sure else "token" if sought == [(word, word)] else "beginning"] += 1
        for text, tokens in has.items():
            has_all = all(any(first <= token <= last for token in tokens) for first, last in sought)
            assert has_all == (word in text) if is_sure else has_all or word not in text, (word, text)
    assert min(kinds.values()) > 50


@pytest.mark.parametrize("last", ["\u00ff", "\ud7ff", "\uffff", "\U0010ffff"])
def test_a_token_that_goes_on_with_the_last_characters_begins_with_a_word(last: str) -> None:
    [token] = [token for token in grams.tokens(f"abcd{last * 40}") if token.startswith("abcd")]
    for word in ("abcd", f"abcd{last}", token):
        [(first, until)] = grams.sought(word)
        assert first.encode() <= token.encode() <= until.encode()


def test_no_token_has_white_space() -> None:
    said = {token for text in [TEXT, *random_texts(100)] for token in grams.tokens(text)}
    assert not [token for token in said if token.split() != [token]]


@pytest.mark.sqlite
@pytest.mark.parametrize("version", ["0006_idempotencia", "0007_gramas"])
def test_an_index_of_fts5_is_replaced(empty: str, version: str) -> None:
    engine = db.engine()
    with engine.migrating():
        db._runner(engine).up(version)
    db.execute("INSERT INTO busqueda (clave, texto) VALUES (1, 'maria quispe'), (-2, 'mario'), (3, 'rosa')")
    db.execute(
        "INSERT INTO busqueda_fts (rowid, {}) SELECT clave, texto FROM busqueda".format(
            version[5:] if "gramas" in version else "texto"
        )
    )
    db.execute("UPDATE busqueda_fts_limite SET hasta = 3")
    assert db.upgrade()[-1] == "0008_mapas"
    for _ in range(2):  # without the index, and with it
        for words, expected in ((["mari"], [1, 2]), (["maria", "q"], [1]), (["rosa"], [3]), (["x"], [])):
            assert [*engine.texts.find(words, None)] == expected
        engine.texts.extend(1)
    assert db.execute("SELECT hasta FROM busqueda_limite").fetchone() == (3,)
    assert engine.damage() is None
