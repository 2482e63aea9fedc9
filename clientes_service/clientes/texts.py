"""Texts as people sort and search them, as pure rules: without case and accents."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

# After every letter: what turns n into ñ in a sort key. A private-use character, which no name contains.
AFTER_Z = "\U0010fffd"

SEARCHED = (
    "nombre", "numero_documento", "codigo_cliente", "telefono", "email", "contacto_representante", "direccion",
)  # fmt: skip
SEPARATORS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
DIGITS = re.compile("[0-9]+")
GAPS = re.compile(r"[\s-]+")


class _NoMarks(dict[int, int | None]):
    """What `str.translate` takes to drop combining marks; learns each character at its first sight."""

    def __missing__(self, code_point: int) -> int | None:
        kept = None if unicodedata.combining(chr(code_point)) else code_point
        self[code_point] = kept
        return kept


NO_MARKS = _NoMarks()


def spanish_sort_key(nombre: str) -> str:
    """A text whose code points sort as a Spanish reader expects: no case, no accents, ñ after n."""
    if nombre.isascii():
        return nombre.casefold()
    marked = unicodedata.normalize("NFC", nombre).casefold().replace("ñ", f"n{AFTER_Z}")
    return unicodedata.normalize("NFKD", marked).translate(NO_MARKS)


def fold(text: str) -> str:
    """A text without case and accents, as searches compare it: `Ñandú` is `nandu`."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKD", text).translate(NO_MARKS).casefold()


def search_text(datos: Mapping[str, Any]) -> str:
    """All of a client that a search looks in, folded, a line for each field.

    Numbers are there a second time without the spaces and hyphens between their digits.
    """
    text = fold("\n".join([value for name in SEARCHED if (value := datos.get(name))]))
    numbers = [fold(value) for name in ("telefono", "numero_documento") if (value := datos.get(name))]
    bare = [digits for number in numbers if GAPS.search(number) for digits in DIGITS.findall(GAPS.sub("", number))]
    return "\n".join([text, *bare]) if bare else text


def search_words(typed: str) -> tuple[str, ...]:
    """The words of what is typed, each once; white space and control characters separate, all else is literal.

    A word inside another one is left out: where that one occurs, it does, too.
    """
    words = sorted(set(SEPARATORS.split(fold(typed))) - {""}, key=len, reverse=True)
    return tuple(word for place, word in enumerate(words) if not any(word in longer for longer in words[:place]))
