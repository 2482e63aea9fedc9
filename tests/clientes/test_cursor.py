"""GET /api/clientes with `cursor`: on from where a page ended, whatever others write."""

import itertools
import random
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from clientes_service import db
from clientes_service.clientes import lists, search
from clientes_service.clientes.models import Cliente
from clientes_service.clientes.search import Filters
from clientes_service.cursors import encode_cursor
from tests.conftest import Caller, assert_problem

Make = Callable[..., dict[str, Any]]
SORTS = [
    f"{name}{direction}"
    for name in ("id", "nombre", "codigoCliente", "fechaCreacion", "fechaModificacion")
    for direction in ("", ",asc", ",desc")
]


def test_a_page_leads_to_the_next_and_the_last_to_none(consulta: Caller, make_cliente: Make) -> None:
    made = [make_cliente()["id"] for _ in range(7)]
    first = consulta.get("/api/clientes?size=3")
    second = consulta.get(f"/api/clientes?size=3&cursor={first.json['nextCursor']}")
    third = consulta.get(f"/api/clientes?size=3&cursor={second.json['nextCursor']}")
    pages = [answer.json for answer in (first, second, third)]
    assert [[row["id"] for row in page["content"]] for page in pages] == [made[:3], made[3:6], made[6:]]
    assert [page["number"] for page in pages] == [0, None, None]
    assert {(page["totalElements"], page["totalPages"], page["size"]) for page in pages} == {(7, 3, 3)}
    assert pages[2]["nextCursor"] is None
    assert "Link" not in third.headers


def test_the_link_says_the_same(consulta: Caller, make_cliente: Make) -> None:
    for _ in range(5):
        make_cliente(tipoCliente="OTRO", numeroDocumento="20100070970")
    path = "/api/clientes?size=2&tipoCliente=OTRO&numeroDocumento=20-100070970&sort=nombre,desc&page=0"
    seen: list[int] = []
    while True:
        answer = consulta.get(path)
        seen += [row["id"] for row in answer.json["content"]]
        if "Link" not in answer.headers:
            break
        target, _, relation = answer.headers["Link"].partition(">; ")
        assert relation == 'rel="next"'
        path = target.removeprefix("<")
        query = parse_qs(urlsplit(path).query)
        assert query["cursor"] == [answer.json["nextCursor"]]
        assert "page" not in query
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize("sort", SORTS)
def test_pages_and_cursors_give_the_same_order(consulta: Caller, make_cliente: Make, sort: str) -> None:
    rng = random.Random(7)
    for number in range(23):
        make_cliente(nombre=rng.choice(["Ana", "ana", "Ñandú", "Nube", "Óscar"]), codigoCliente=f"x{number * 7 % 23}")
    whole = [row["id"] for row in consulta.get(f"/api/clientes?size=100&sort={sort}").json["content"]]
    assert len(whole) == 23
    by_page = [
        row["id"]
        for page in range(12)
        for row in consulta.get(f"/api/clientes?size=2&page={page}&sort={sort}").json["content"]
    ]
    assert by_page == whole
    by_cursor, cursor = [], ""
    for size in itertools.cycle([1, 5, 2]):
        answer = consulta.get(f"/api/clientes?size={size}&sort={sort}{cursor}").json
        by_cursor += [row["id"] for row in answer["content"]]
        if answer["nextCursor"] is None:
            break
        cursor = f"&cursor={answer['nextCursor']}"
    assert by_cursor == whole


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("seed", range(2))
def test_who_was_there_throughout_comes_once_while_others_write(
    tecnico: Caller, make_cliente: Make, sort: str, seed: int
) -> None:
    """A client whose sort key changes may come twice or not at all; the others once, whatever happens around them."""
    rng = random.Random(seed)

    def make() -> int:
        return int(make_cliente(nombre=rng.choice("aábñ") * 2, codigoCliente=f"{rng.random():.9f}")["id"])

    stable, unstable = {make() for _ in range(25)}, [make() for _ in range(25)]
    rng.shuffle(unstable)
    seen: list[int] = []
    cursor = ""
    while True:
        answer = tecnico.get(f"/api/clientes?size={rng.randrange(1, 6)}&sort={sort}{cursor}").json
        seen += [row["id"] for row in answer["content"]]
        if answer["nextCursor"] is None:
            break
        cursor = f"&cursor={answer['nextCursor']}"
        match rng.randrange(3):
            case 0:
                make()
            case 1 if unstable:
                tecnico.delete(f"/api/clientes/{unstable.pop()}")
            case _ if unstable:
                tecnico.put(f"/api/clientes/{unstable.pop()}", json={"nombre": rng.choice("aábñz") * 2})
    assert sorted(id for id in seen if id in stable) == sorted(stable)


@pytest.mark.parametrize(("typed", "few"), [("", 0), ("example", 0), ("example", 100_000)])
def test_who_was_there_throughout_comes_once_while_threads_write(
    tecnico: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch, typed: str, few: int
) -> None:
    monkeypatch.setattr(lists, "SORTING", few)
    monkeypatch.setattr(search, "FEW", few)
    rng = random.Random(3)
    stable = {make_cliente(nombre=rng.choice("aábñ") * 2)["id"] for _ in range(60)}
    done, failures = threading.Event(), list[BaseException]()

    def write(seed: int) -> None:
        own = random.Random(seed)
        ids: list[int] = []
        try:
            while not done.is_set():
                match own.randrange(3) if ids else 0:
                    case 0:
                        ids.append(make_cliente(nombre=own.choice("aábñ") * 2)["id"])
                    case 1:
                        tecnico.delete(f"/api/clientes/{own.choice(ids)}")
                    case _:
                        tecnico.put(f"/api/clientes/{own.choice(ids)}", json={"nombre": own.choice("aábñz") * 2})
        except BaseException as error:
            failures.append(error)
        finally:
            db.database.close()

    def index() -> None:
        try:
            while not done.wait(0.01):
                db.engine().texts.extend(1)
        except BaseException as error:
            failures.append(error)
        finally:
            db.database.close()

    threads = [threading.Thread(target=index), *[threading.Thread(target=write, args=(seed,)) for seed in range(3)]]
    for thread in threads:
        thread.start()
    try:
        for sort in SORTS:
            seen: list[int] = []
            cursor = ""
            while cursor is not None:
                words = f"q={typed}&size={rng.randrange(5, 30)}&sort={sort}"
                path = f"/api/clientes?{words}{cursor and f'&cursor={cursor}'}"
                answer = tecnico.get(path).json
                seen += [row["id"] for row in answer["content"]]
                cursor = answer["nextCursor"]
            assert sorted(id for id in seen if id in stable) == sorted(stable), sort
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert Cliente.select().count() > len(stable)


def test_a_total_is_that_of_now(tecnico: Caller, make_cliente: Make) -> None:
    ids = [make_cliente()["id"] for _ in range(4)]
    for query in ("", "sort=nombre", "vigente=todos", "tipoCliente=EMPRESA"):
        assert tecnico.get(f"/api/clientes?{query}").json["totalElements"] == 4
    tecnico.delete(f"/api/clientes/{ids[0]}")
    make_cliente(tipoCliente="OTRO")
    expected = {"": 4, "sort=nombre": 4, "vigente=todos": 5, "tipoCliente=EMPRESA": 3, "vigente=false": 1}
    assert {query: tecnico.get(f"/api/clientes?{query}").json["totalElements"] for query in expected} == expected


def test_a_cursor_belongs_to_its_filters_and_order(consulta: Caller, make_cliente: Make) -> None:
    for _ in range(3):
        make_cliente()
    cursor = consulta.get("/api/clientes?size=1&sort=nombre").json["nextCursor"]
    assert consulta.get(f"/api/clientes?size=2&sort=nombre&cursor={cursor}").status_code == 200
    for query in ("", "sort=nombre,desc", "sort=nombre&vigente=todos", "sort=nombre&tipoCliente=EMPRESA", "sort=id"):
        answer = consulta.get(f"/api/clientes?{query}&cursor={cursor}")
        assert_problem(answer, 422, "VALIDACION", "cursor")


def test_page_and_cursor_together_are_422(consulta: Caller, make_cliente: Make) -> None:
    for _ in range(2):
        make_cliente()
    cursor = consulta.get("/api/clientes?size=1").json["nextCursor"]
    assert_problem(consulta.get(f"/api/clientes?page=0&cursor={cursor}"), 422, "VALIDACION", "cursor")


@pytest.mark.parametrize(
    "cursor",
    ["x", "-", "ñ", "a" * 900, encode_cursor(1), encode_cursor([1]), encode_cursor([1, None, 2]), encode_cursor({}),
     encode_cursor([1, 2, 2**63]), encode_cursor([1, "\ud800", 1]), encode_cursor(["x", "a", 1]),
     encode_cursor([1, [2], 3])],
)  # fmt: skip
def test_a_damaged_cursor_is_400(consulta: Caller, cursor: str) -> None:
    assert_problem(consulta.get(f"/api/clientes?cursor={cursor}"), 400, "CURSOR_INVALIDO")


@pytest.mark.parametrize("typed", ["", "example"])
def test_a_cursor_may_name_any_place(consulta: Caller, make_cliente: Make, typed: str) -> None:
    made = [make_cliente()["id"] for _ in range(5)]
    for sort in ("id,asc", "id,desc"):
        fingerprint = Filters.from_query("true", typed, sort=sort).fingerprint()
        for id in (-(2**63) + 1, -1, 0, 1, 3, 5, 6, 2**63 - 1):
            cursor = encode_cursor([fingerprint, 1, id])
            answer = consulta.get(f"/api/clientes?q={typed}&sort={sort}&cursor={cursor}")
            behind = [other for other in made if other > id] if sort == "id,asc" else [x for x in made[::-1] if x < id]
            assert [row["id"] for row in answer.json["content"]] == behind, (sort, id)


@pytest.mark.parametrize("typed", ["", "example"])
@pytest.mark.parametrize("sort", [sort for sort in SORTS if "," in sort])
def test_a_place_that_no_row_of_the_order_has_is_400(
    consulta: Caller, make_cliente: Make, sort: str, typed: str
) -> None:
    make_cliente()
    fingerprint = Filters.from_query("true", typed, sort=sort).fingerprint()
    for key in ("x", "a\0", 1, -1, 2**62, True):
        answer = consulta.get(f"/api/clientes?q={typed}&sort={sort}&cursor={encode_cursor([fingerprint, key, 1])}")
        if (sort.startswith("id") and isinstance(key, int)) or (key == "x" and not sort.startswith("id")):
            assert answer.status_code == 200, (key, answer.text)
        else:
            assert_problem(answer, 400, "CURSOR_INVALIDO")
