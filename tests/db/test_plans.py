"""Whether the engine goes straight to where a list begins, in every order of it."""

import pytest
from flask import Flask

from clientes_service import db
from clientes_service.clientes import lists, search
from clientes_service.clientes.search import SORTABLE, Filters

SORT = "TEMP B-TREE FOR ORDER BY"  # of all; "FOR LAST TERM" sorts those with one key, against the index's direction
DEEP = [Filters(sort=f"{name},{way}", vigente=vigente) for name in SORTABLE for way in ("asc", "desc")
        for vigente in (True, None)]  # fmt: skip


def plan(sql: str, params: tuple[object, ...]) -> str:
    return " / ".join(str(row[-1]) for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall())


@pytest.mark.sqlite
@pytest.mark.parametrize("filters", DEEP, ids=lambda filters: f"{filters.sort} {filters.vigente}")
def test_a_cursor_sorts_nothing_and_reads_from_its_place(app: Flask, filters: Filters) -> None:
    query = search._query(filters)
    behind = query.after(("x" if query.column != "id" else 5, 5))
    found = plan(behind.forward(), (*behind.params, 20, 0))
    assert SORT not in found, found
    assert "SEARCH cliente" in found, found
    for sql in (query.forward(), query.backward()):
        assert SORT not in plan(sql, (*query.params, 20, 0))


@pytest.mark.sqlite
@pytest.mark.parametrize("sort", [f"{name},{way}" for name in SORTABLE for way in ("asc", "desc")])
def test_the_few_that_a_search_finds_are_gone_to_one_by_one(app: Flask, sort: str) -> None:
    query = search._query(Filters(sort=sort)).of_ids([1, 2])
    for sql in (query.forward(), query.backward()):
        assert "USING INTEGER PRIMARY KEY (rowid=?)" in plan(sql, (*query.params, 20, 0))


@pytest.mark.sqlite
@pytest.mark.parametrize("name", SORTABLE)
def test_the_many_that_a_search_finds_are_met_along_an_index_and_nothing_else(app: Flask, name: str) -> None:
    listed = search._count_list(Filters(words=("botica",), sort=name)).list
    assert isinstance(listed, lists.Found)
    for way in (listed.all, listed.all.after(("x", 0))):
        found = plan(way.ids_sql(), way.params)
        assert SORT not in found, found
        assert "USING COVERING INDEX" in found or name == "id", found


@pytest.mark.sqlite
def test_without_its_index_an_order_would_be_sorted(app: Flask) -> None:
    db.execute("DROP INDEX cliente_nombre_orden")
    query = search._query(Filters(sort="nombre"))
    assert SORT in plan(query.forward(), (*query.params, 20, 0))
