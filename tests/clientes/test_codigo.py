"""GET /api/clientes/siguiente-codigo."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Caller, assert_problem

Make = Callable[..., dict[str, Any]]


def suggested(caller: Caller, query: str = "") -> str:
    answer = caller.get(f"/api/clientes/siguiente-codigo{query}")
    assert answer.status_code == 200, answer.text
    assert list(answer.json) == ["codigoCliente"]
    return str(answer.json["codigoCliente"])


def test_the_first_code_has_four_digits(tecnico: Caller) -> None:
    assert suggested(tecnico) == "CLI0001"
    assert suggested(tecnico, "?prefijo=OBRA-") == "OBRA-0001"


@pytest.mark.parametrize(
    ("codes", "query", "expected"),
    [
        (["CLI0123"], "", "CLI0124"),
        (["cli0123"], "", "CLI0124"),
        (["CLI0123", "CLI9"], "", "CLI0124"),
        (["CLI9", "CLI10"], "", "CLI11"),
        (["CLI0099", "CLI00100"], "", "CLI00101"),
        (["CLI9999"], "", "CLI10000"),
        (["CLI0005", "CLI0900-B", "CLIX0007", "CLI", "CLI-0008", "CLI0009 A"], "", "CLI0006"),
        (["CLI0005", "CL0009", "CLIA1"], "?prefijo=CLIA", "CLIA2"),
        (["A 0001"], "?prefijo=A", "A0001"),
        (["CLI" + "9" * 18], "", "CLI1" + "0" * 18),
        (["CLI" + "9" * 40, "CLI0001"], "", "CLI0002"),
        (["20240001"], "?prefijo=2024", "20240002"),
    ],
)
def test_the_highest_number_behind_the_prefix_is_continued(
    tecnico: Caller, make_cliente: Make, codes: list[str], query: str, expected: str
) -> None:
    for codigo in codes:
        make_cliente(codigoCliente=codigo)
    assert suggested(tecnico, query) == expected


def test_inactive_clients_keep_their_numbers(tecnico: Caller, make_cliente: Make) -> None:
    tecnico.delete(f"/api/clientes/{make_cliente(codigoCliente='CLI0007')['id']}")
    assert suggested(tecnico) == "CLI0008"


@pytest.mark.parametrize("query", ["prefijo=", "prefijo=%C3%91", "prefijo=a%25", "prefijo=" + "x" * 31, "otro=1"])
def test_a_prefix_that_no_code_can_have_is_refused(tecnico: Caller, query: str) -> None:
    assert_problem(tecnico.get(f"/api/clientes/siguiente-codigo?{query}"), 422, "VALIDACION", query.partition("=")[0])
