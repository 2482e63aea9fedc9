"""Document rules, held against python-stdnum where it knows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.pe import ruc as oracle

from clientes_service.clientes.documento import (
    DocumentoInvalido,
    TipoDocumento,
    comparison_key,
    has_valid_check_digit,
    normalize,
    person_key,
    same_person,
)

pytestmark = pytest.mark.sqlite  # no database has a part in this


@pytest.mark.parametrize("numero", ["20100070970", "20100047218", "20131312955"])
def test_known_rucs_have_a_valid_check_digit(numero: str) -> None:
    assert has_valid_check_digit(numero)


def test_the_ruc_that_everyone_uses_as_an_example_fails_its_check_digit() -> None:
    assert not has_valid_check_digit("20123456789")


@given(st.sampled_from(["10", "15", "17", "20"]), st.integers(0, 10**9 - 1))
def test_the_check_digit_agrees_with_stdnum(prefix: str, rest: int) -> None:
    numero = f"{prefix}{rest:09d}"
    assert has_valid_check_digit(numero) == oracle.is_valid(numero)


@pytest.mark.parametrize(
    ("tipo", "typed", "stored"),
    [
        ("RUC", "20-10007097-0", "20100070970"),
        ("RUC", "20 1000 70970", "20100070970"),
        ("RUC", "20\u201310007097\u20140", "20100070970"),
        ("RUC", "2010\u00a0007\u20090970", "20100070970"),
        ("RUC", "20\u221210007097\u00ad0", "20100070970"),
        ("DNI", "0123-4567", "01234567"),
        ("DNI", "00000000", "00000000"),
        ("CE", "ab-12 34", "AB1234"),
        ("CE", "1", "1"),
        ("CE", "abcdefghijkl", "ABCDEFGHIJKL"),
        ("OTRO", "P - 12/a", "P - 12/a"),
        ("OTRO", "-", "-"),
        ("OTRO", "x" * 30, "x" * 30),
    ],
)
def test_a_number_is_stored_in_the_form_of_its_kind(tipo: str, typed: str, stored: str) -> None:
    assert normalize(TipoDocumento(tipo), typed) == stored


@pytest.mark.parametrize(
    ("tipo", "typed"),
    [
        ("RUC", "2010007097"),
        ("RUC", "201000709700"),
        ("RUC", "2010007097A"),
        ("RUC", "\uff12\uff10100070970"),
        ("RUC", "\u0662\u0660100070970"),
        ("RUC", "-----------"),
        ("DNI", "1234567"),
        ("DNI", "123456789"),
        ("DNI", "1234567X"),
        ("CE", "-"),
        ("CE", "abcdefghijklm"),
        ("CE", "AÑ12"),
        ("CE", "AB.12"),
        ("OTRO", "x" * 31),
    ],
)
def test_a_number_of_another_form_is_refused(tipo: str, typed: str) -> None:
    with pytest.raises(DocumentoInvalido):
        normalize(TipoDocumento(tipo), typed)


@given(st.text(min_size=1, max_size=30))
def test_a_comparison_key_is_never_empty_and_is_its_own_key(numero: str) -> None:
    key = comparison_key(numero)
    assert key
    assert comparison_key(key) == key or not key.isascii()


def test_a_person_ruc_and_its_dni_are_the_same_person_both_ways() -> None:
    dni, ruc = (TipoDocumento.DNI, "40123456"), (TipoDocumento.RUC, "10401234567")
    assert same_person(dni, ruc)
    assert same_person(ruc, dni)
    assert same_person(ruc, ruc)
    assert person_key(*dni) == person_key(*ruc)
    for other in [(TipoDocumento.RUC, "20401234567"), (TipoDocumento.RUC, "10401234560"), (TipoDocumento.OTRO, dni[1])]:
        assert not same_person(ruc, other)
        assert not same_person(other, ruc)
    assert not same_person(dni, (TipoDocumento.OTRO, dni[1]))
