"""Identity documents of Peru as pure rules: formats, check digit, which numbers mean the same person."""

import unicodedata
from enum import StrEnum
from operator import mul

RUC_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
OTRO_MAX = 30
CE_MAX = 12


class TipoDocumento(StrEnum):
    """Kinds of identity document (a subset of SUNAT's catalogue 06)."""

    RUC = "RUC"
    DNI = "DNI"
    CE = "CE"
    OTRO = "OTRO"


RUC, DNI = TipoDocumento.RUC, TipoDocumento.DNI
Documento = tuple[TipoDocumento, str]  # kind and comparison key


class DocumentoInvalido(ValueError):
    """The number does not have the format of its kind; the message says in Spanish what it takes."""


def compact(text: str) -> str:
    """Drop spaces, hyphens and dashes of any kind, and what comes unseen with a pasted number.

    These are the Unicode categories Zs, Pd and Cf (soft hyphen, zero-width space), minus sign and hyphen bullet.
    """
    if text.isascii() and text.isalnum():
        return text
    return "".join(c for c in text if unicodedata.category(c) not in ("Zs", "Pd", "Cf") and c not in "\u2212\u2043")


def normalize(tipo: TipoDocumento, numero: str) -> str:
    """Return the number as it is stored: compact for RUC, DNI and CE, and CE in upper case.

    Raises DocumentoInvalido. A wrong RUC check digit is not a wrong format: see `has_valid_check_digit`.
    """
    bare = compact(numero)
    is_ascii_digits = bare.isascii() and bare.isdigit()
    match tipo:
        case TipoDocumento.RUC if not (is_ascii_digits and len(bare) == 11):
            raise DocumentoInvalido("El RUC debe tener 11 dígitos.")
        case TipoDocumento.DNI if not (is_ascii_digits and len(bare) == 8):
            raise DocumentoInvalido("El DNI debe tener 8 dígitos: con ceros a la izquierda, sin el de verificación.")
        case TipoDocumento.CE if not (bare.isascii() and bare.isalnum() and len(bare) <= CE_MAX):
            raise DocumentoInvalido("El carné de extranjería debe tener de 1 a 12 letras o dígitos.")
        case TipoDocumento.OTRO:
            if not 1 <= len(numero) <= OTRO_MAX:
                raise DocumentoInvalido(f"El documento debe tener de 1 a {OTRO_MAX} caracteres.")
            return numero
    return bare.upper()


def comparison_key(numero: str) -> str:
    """What two numbers have in common when they are the same: no spaces, no dashes, no case."""
    return (compact(numero) or numero).upper()


def has_valid_check_digit(ruc: str) -> bool:
    """Whether an 11-digit RUC ends in its check digit (SUNAT, modulus 11; the result 10 → 0, 11 → 1)."""
    weighted = sum(map(mul, map(int, ruc), RUC_WEIGHTS))
    return bool((11 - weighted % 11) % 10 == int(ruc[10]))


def person_key(tipo: TipoDocumento, numero: str) -> str:
    """A text that all documents of one person or company have in common; others may have it, too: see `same_person`.

    A RUC that begins with 10 belongs to a person and holds the DNI in its digits 3 to 10.
    """
    return numero[2:10] if tipo == RUC and numero.startswith("10") else comparison_key(numero)


def same_person(one: Documento, other: Documento) -> bool:
    """Whether two documents are the same, or the DNI and the RUC of one person."""
    return one == other or ({one[0], other[0]} == {RUC, DNI} and person_key(*one) == person_key(*other))
