"""What the page is made of, as it is served."""

import re

import pytest

from clientes_service.office import FILES
from tests.conftest import Caller, assert_problem

pytestmark = pytest.mark.sqlite  # no database has a part in this

KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "md": "text/markdown",
         "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}  # fmt: skip


def test_the_page_runs_nothing_that_is_not_served_from_here(anonimo: Caller) -> None:
    answer = anonimo.get("/")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    named = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert named
    for name in named:
        assert name.removeprefix("/oficina/") in FILES
    assert not re.search(r"<script(?![^>]*src=)|\son[a-z]+=|style=", answer.text)


@pytest.mark.parametrize("name", sorted(FILES))
def test_each_file_is_served_and_asked_about_again(anonimo: Caller, name: str) -> None:
    answer = anonimo.get(f"/oficina/{name}")
    assert answer.status_code == 200
    assert answer.mimetype == KINDS.get(name.rpartition(".")[2], "text/plain")
    assert answer.headers["Cache-Control"] == "no-cache"
    again = anonimo.get(f"/oficina/{name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["nada.js", "../__init__.py", "%2e%2e/__init__.py", "vendor", "vendor/", ""])
def test_nothing_else_is_served(anonimo: Caller, name: str) -> None:
    assert_problem(anonimo.get(f"/oficina/{name}"), 404, "NO_ENCONTRADO")


def test_each_rule_of_the_sheet_ends_where_it_should() -> None:
    """A brace too few, and the rest of the sheet is a part of one rule."""
    depth = 0
    for line in FILES["style.css"].decode().splitlines():
        assert depth == 0 or not line.startswith("/*"), line
        depth += line.count("{") - line.count("}")
    assert depth == 0


def test_a_first_view_takes_few_bytes(anonimo: Caller) -> None:
    """On the wire, with all that the first view loads; the rest comes with the client's data."""
    page = anonimo.get("/").text
    first = set(re.findall(r'"/oficina/([^"]*)"', page)) | {"signin.js"}
    size = sum(len(anonimo.get(f"/oficina/{name}", headers={"Accept-Encoding": "br"}).data) for name in first)
    print(size)
    assert size < 60_000
