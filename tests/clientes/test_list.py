"""GET /api/clientes: pages, filters and order."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from clientes_service import db
from tests.conftest import Caller, assert_problem

Make = Callable[..., dict[str, Any]]


def test_an_empty_directory_is_a_page_of_nothing(consulta: Caller) -> None:
    answer = consulta.get("/api/clientes")
    assert answer.status_code == 200
    assert answer.json == {
        "content": [],
        "totalElements": 0,
        "totalPages": 0,
        "number": 0,
        "size": 20,
        "nextCursor": None,
    }


def test_pages_hold_every_client_once_in_the_order_of_ids(consulta: Caller, make_cliente: Make) -> None:
    made = [make_cliente() for _ in range(7)]
    pages = [consulta.get(f"/api/clientes?page={page}&size=3").json for page in range(4)]
    assert [len(page["content"]) for page in pages] == [3, 3, 1, 0]
    assert [row["id"] for page in pages for row in page["content"]] == [row["id"] for row in made]
    assert pages[0]["content"][0] == {k: v for k, v in made[0].items() if k != "advertencias"}
    for number, page in enumerate(pages):
        assert (page["totalElements"], page["totalPages"], page["number"], page["size"]) == (7, 3, number, 3)


@pytest.mark.parametrize(("asked", "given"), [("500", 500), ("501", 500), ("9" * 30, 500), ("1", 1), ("007", 7)])
def test_a_size_over_the_maximum_is_lowered_to_it(consulta: Caller, asked: str, given: int) -> None:
    assert consulta.get(f"/api/clientes?size={asked}").json["size"] == given


def test_a_page_far_beyond_the_last_is_empty(consulta: Caller, make_cliente: Make) -> None:
    make_cliente()
    answer = consulta.get("/api/clientes?page=2147483647&size=500")
    assert (answer.status_code, answer.json["content"], answer.json["totalElements"]) == (200, [], 1)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=-1", "page"),
        ("page=1.0", "page"),
        ("page=%2B1", "page"),
        ("page=1_000", "page"),
        ("page=%D9%A3", "page"),
        ("page=99999999999999999999", "page"),
        ("page=" + "9" * 5000, "page"),
        ("page=", "page"),
        ("page=%20", "page"),
        ("page=1&page=2", "page"),
        ("page=%ff", "page"),
        ("size=0", "size"),
        ("size=a", "size"),
        ("sort=telefono", "sort"),
        ("sort=nombre,abajo", "sort"),
        ("sort=nombre,asc,desc", "sort"),
        ("sort=", "sort"),
        ("tipoCliente=persona", "tipoCliente"),
        ("tipoDocumento=X", "tipoDocumento"),
        ("numeroDocumento=", "numeroDocumento"),
        ("codigoCliente=%00", "codigoCliente"),
        ("vigente=si", "vigente"),
        ("vigente=True", "vigente"),
        ("orden=nombre", "orden"),
        ("tipo_cliente=PERSONA", "tipo_cliente"),
        ("%00=1", "\x00"),
    ],
)
def test_a_query_that_is_not_listed_or_not_valid_is_refused(consulta: Caller, query: str, field: str) -> None:
    assert_problem(consulta.get(f"/api/clientes?{query}"), 422, "VALIDACION", field)


@pytest.mark.parametrize(
    "path", ["/api/clientes/1", "/auth/validar-token", "/api/clientes/1/restaurar", "/api/usuarios", "/healthz"]
)
def test_calls_without_parameters_refuse_any(admin: Caller, path: str) -> None:
    method = "POST" if path.endswith("restaurar") else "GET"
    assert_problem(admin(method, f"{path}?x=1"), 422, "VALIDACION", "x")


def test_filters_compare_as_uniqueness_does(consulta: Caller, make_cliente: Make) -> None:
    ruc = make_cliente(codigoCliente="Abc-1")
    dni = make_cliente(tipoCliente="PERSONA", tipoDocumento="DNI", numeroDocumento="01234567")
    ce = make_cliente(tipoCliente="OTRO", tipoDocumento="CE", numeroDocumento="ab1234")

    def ids(query: str) -> list[int]:
        answer = consulta.get(f"/api/clientes?{query}")
        assert answer.json["totalElements"] == len(answer.json["content"])
        return [row["id"] for row in answer.json["content"]]

    assert ids("codigoCliente=aBC-1") == [ruc["id"]]
    assert ids("codigoCliente=abc") == []
    assert ids("numeroDocumento=0123-4567") == [dni["id"]]
    assert ids("numeroDocumento=aB%2012%2034") == [ce["id"]]
    assert ids("tipoCliente=PERSONA") == [dni["id"]]
    assert ids("tipoDocumento=CE") == [ce["id"]]
    assert ids("tipoDocumento=CE&tipoCliente=PERSONA") == []


def test_vigente_chooses_active_inactive_or_both(consulta: Caller, tecnico: Caller, make_cliente: Make) -> None:
    active, gone = make_cliente()["id"], make_cliente()["id"]
    tecnico.delete(f"/api/clientes/{gone}")
    for query, ids in {"": [active], "?vigente=true": [active], "?vigente=false": [gone],
                       "?vigente=todos": [active, gone]}.items():  # fmt: skip
        page = consulta.get(f"/api/clientes{query}").json
        assert [row["id"] for row in page["content"]] == ids
        assert page["totalElements"] == len(ids)


def test_names_sort_as_a_spanish_reader_expects(consulta: Caller, make_cliente: Make) -> None:
    names = ["Zea", "ñandú", "Nuez", "ÁNGEL", "angela", "nz", "Ñu", "oso", "N\u0303o", "Ana"]
    for name in names:
        make_cliente(nombre=name)
    expected = ["Ana", "ÁNGEL", "angela", "Nuez", "nz", "ñandú", "Ño", "Ñu", "oso", "Zea"]
    for query, order in (("nombre", expected), ("nombre,asc", expected), ("nombre,desc", expected[::-1])):
        page = consulta.get(f"/api/clientes?sort={query}").json
        assert [row["nombre"] for row in page["content"]] == order


def test_codes_sort_without_regard_to_case_and_ties_by_ascending_id(consulta: Caller, make_cliente: Make) -> None:
    for codigo in ("b", "A", "C"):
        make_cliente(codigoCliente=codigo, nombre="Igual")
    page = consulta.get("/api/clientes?sort=codigoCliente,desc").json
    assert [row["codigoCliente"] for row in page["content"]] == ["C", "b", "A"]
    page = consulta.get("/api/clientes?sort=nombre,desc").json
    assert [row["codigoCliente"] for row in page["content"]] == ["b", "A", "C"]


def test_dates_sort(consulta: Caller, tecnico: Caller, make_cliente: Make) -> None:
    first, second = make_cliente()["id"], make_cliente()["id"]
    tecnico.put(f"/api/clientes/{first}", json={"telefono": "999999"})
    for query, order in (("id,desc", [second, first]), ("fechaModificacion,desc", [first, second])):
        page = consulta.get(f"/api/clientes?sort={query}").json
        assert [row["id"] for row in page["content"]] == order


class TestPageSizeMax:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "CLIENTES_PAGE_SIZE_MAX": "5"}

    def test_the_maximum_is_a_setting(self, consulta: Caller) -> None:
        assert consulta.get("/api/clientes?size=6").json["size"] == 5
        assert consulta.get("/api/clientes").json["size"] == 5


def test_a_list_that_did_not_change_is_304(consulta: Caller, tecnico: Caller, make_cliente: Make) -> None:
    id = make_cliente()["id"]
    for query in ("", "?size=1&sort=nombre", "?q=nada"):
        first = consulta.get(f"/api/clientes{query}")
        tag = {"If-None-Match": first.headers["ETag"]}
        again = consulta.get(f"/api/clientes{query}", headers=tag)
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        tecnico.put(f"/api/clientes/{id}", json={"telefono": f"99900000{len(query)}"})
        changed = consulta.get(f"/api/clientes{query}", headers=tag)
        assert changed.status_code == 200
        assert changed.headers["ETag"] != first.headers["ETag"]
    assert_problem(consulta.get("/api/clientes?size=0", headers={"If-None-Match": "*"}), 422, "VALIDACION", "size")


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """Every statement about a client's table from here on."""
    seen: list[str] = []

    def note(event: Any) -> None:
        if " cliente " in event.sql or "contador" in event.sql:
            seen.append(event.sql)

    hooks = db.engine().query_hooks
    hooks.append(note)
    yield seen
    hooks.remove(note)


@pytest.mark.parametrize("query", ["size=2", "size=2&page=1", "size=2&sort=nombre,desc", "size=2&cursor={cursor}"])
def test_a_page_of_a_list_that_did_not_change_is_one_statement(
    consulta: Caller, make_cliente: Make, statements: list[str], query: str
) -> None:
    for number in range(5):
        make_cliente(codigoCliente=f"C-{number}", numeroDocumento=f"S/N {number}", tipoDocumento="OTRO")
    path = "/api/clientes?" + query.format(cursor=consulta.get("/api/clientes?size=2").json["nextCursor"])
    first = consulta.get(path).json
    statements.clear()
    again = consulta.get(path).json
    assert again == first
    assert again["totalElements"] == 5
    assert len(again["content"]) == 2
    assert len(statements) == 1


@pytest.mark.parametrize("page", [0, 1, 2, 3])
def test_a_total_that_others_changed_is_counted_anew_before_a_page_is_read(
    consulta: Caller, tecnico: Caller, make_cliente: Make, page: int
) -> None:
    ids = [
        make_cliente(codigoCliente=f"C-{n}", numeroDocumento=f"S/N {n}", tipoDocumento="OTRO")["id"] for n in range(6)
    ]
    path = f"/api/clientes?size=2&page={page}"
    consulta.get(path)
    for id in ids[:3]:
        tecnico.delete(f"/api/clientes/{id}")
    shown = consulta.get(path).json
    assert [cliente["id"] for cliente in shown["content"]] == ids[3:][page * 2 : page * 2 + 2]
    assert (shown["totalElements"], shown["totalPages"]) == (3, 2)
    assert (shown["nextCursor"] is None) == (page > 0)


@pytest.mark.parametrize(
    "query", ["size=2", "size=2&q=%C3%B1", "q=b%20c%26+a&size=2&page=0", "q=%FF&size=2", "q=&size=2"]
)
def test_the_next_page_is_asked_for_with_the_same_query(consulta: Caller, make_cliente: Make, query: str) -> None:
    for number in range(3):
        make_cliente(
            codigoCliente=f"C-{number}", numeroDocumento=f"{number}", tipoDocumento="OTRO", direccion="ñ a b c& %FF"
        )
    answer = consulta.get(f"/api/clientes?{query}")
    with consulta.app.test_request_context(f"/api/clientes?{query}") as context:
        others = [pair for pair in context.request.args.items() if pair[0] != "page"]
    expected = urlencode([*others, ("cursor", answer.json["nextCursor"])])
    assert answer.headers["Link"] == f'</api/clientes?{expected}>; rel="next"'
