"""Texts as people sort and search them, as pure rules: without case and accents."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

# After every letter: what turns n into ñ in a sort key. A private-use character, which no name contains.
AFTER_Z = "\U0010fffd"

SEARCHED = (
    "nombre", "numero_documento", "codigo_cliente", "telefono", "email", "contacto_representante", "direccion",
)  # fmt: skip
# The kinds as words that nobody can type and no text contains, of three characters: PostgreSQL's index takes no fewer.
CLIENTE_WORDS = {"PERSONA": "\x01\x03\x01", "EMPRESA": "\x01\x04\x01", "OTRO": "\x01\x05\x01"}
DOCUMENTO_WORDS = {"RUC": "\x02\x03\x02", "DNI": "\x02\x04\x02", "CE": "\x02\x05\x02", "OTRO": "\x02\x06\x02"}
SEPARATORS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
DIGITS = re.compile("[0-9]+")
GAPS = re.compile(r"[\s-]+")


def _without_marks(text: str) -> str:
    """Compatibility-decomposed (NFKD), without combining marks."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _sort_key(nombre: str) -> str:
    marked = unicodedata.normalize("NFC", nombre).casefold().replace("ñ", f"n{AFTER_Z}")
    return _without_marks(marked)


def _folded(text: str) -> str:
    return _without_marks(text).casefold()


class _ByTable:
    """A rule that turns each Latin-1 character into something, as a table made from the rule itself.

    Nearly all texts are Latin-1, and of its characters nearly all become one of Latin-1, too; the rule does the rest.
    """

    def __init__(self, rule: Callable[[str], str]) -> None:
        becomes = [rule(chr(code)) for code in range(256)]
        odd = [code for code, text in enumerate(becomes) if len(text) != 1 or text > "\xff"]
        self._rule, self._odd = rule, bytes(odd)
        self._table = bytes(0 if code in odd else ord(becomes[code]) for code in range(256))

    def __call__(self, text: str) -> str:
        try:
            raw = text.encode("latin-1")
        except UnicodeEncodeError:
            return self._rule(text)
        if len(raw.translate(None, self._odd)) < len(raw):
            return self._rule(text)
        return raw.translate(self._table).decode("latin-1")


_short_sort_key, _short_fold = _ByTable(_sort_key), _ByTable(_folded)


def spanish_sort_key(nombre: str) -> str:
    """A text whose code points sort as a Spanish reader expects: no case, no accents, ñ after n."""
    return _short_sort_key(nombre)


def fold(text: str) -> str:
    """A text without case and accents, as searches compare it: `Ñandú` is `nandu`."""
    return _short_fold(text)


def search_text(datos: Mapping[str, Any]) -> str:
    """All of a client that a search looks in, folded, a line for each field.

    Numbers are there a second time without the spaces and hyphens between their digits. At the end stand the kinds, so
    that a search among clients of one kind is a search for one word more.
    """
    lines = [fold("\n".join([value for name in SEARCHED if (value := datos.get(name))]))]
    for name in ("telefono", "numero_documento"):
        if (number := datos.get(name)) and not number.isalnum():
            lines += DIGITS.findall(GAPS.sub("", fold(number)))
    lines += CLIENTE_WORDS[datos["tipo_cliente"]], DOCUMENTO_WORDS[datos["tipo_documento"]]
    return "\n".join(lines)


def kind_words(tipo_cliente: str | None, tipo_documento: str | None) -> list[str]:
    """By which a search among clients of these kinds asks for them."""
    words = CLIENTE_WORDS.get(tipo_cliente or ""), DOCUMENTO_WORDS.get(tipo_documento or "")
    return [word for word in words if word]


def search_words(typed: str) -> tuple[str, ...]:
    """The words of what is typed, each once; white space and control characters separate, all else is literal.

    A word inside another one is left out: where that one occurs, it does, too.
    """
    words = sorted(set(SEPARATORS.split(fold(typed))) - {""}, key=len, reverse=True)
    return tuple(word for place, word in enumerate(words) if not any(word in longer for longer in words[:place]))
