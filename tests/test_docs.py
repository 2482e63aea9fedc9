"""Pages for developers: Swagger UI, the OpenAPI document, and a page for every error code."""

import html
import re

import pytest
from flask import Flask

from clientes_service.docs import FILES
from clientes_service.errors import CATALOGUE
from tests.conftest import Caller, assert_problem

pytestmark = pytest.mark.sqlite  # no database has a part in this

KINDS = {"css": "text/css", "js": "text/javascript"}


def policy(header: str) -> dict[str, list[str]]:
    """The directives of a Content-Security-Policy."""
    directives = [part.split() for part in header.split(";")]
    return {name: sources for name, *sources in directives}


def sources(page: str) -> list[str]:
    """Whatever an HTML page loads or leads to."""
    return re.findall(r"""(?:src|href|action|data|url)\s*=\s*["']([^"']*)["']""", page)


def test_the_documentation_is_served_from_here_alone(anonimo: Caller) -> None:
    answer = anonimo.get("/docs")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    found = sources(answer.text)
    assert "/docs/swagger-ui-bundle.js" in found
    assert all(source.startswith(("/docs/", "/openapi.json", "data:,")) for source in found)
    assert "//" not in answer.text.replace("<!--", "")
    for source in found:
        if source.startswith("/"):
            assert anonimo.get(source, buffered=True).status_code == 200


def test_the_documentation_runs_no_inline_script(anonimo: Caller) -> None:
    answer = anonimo.get("/docs")
    allowed = policy(answer.headers["Content-Security-Policy"])
    assert allowed["default-src"] == ["'none'"]
    assert allowed["script-src"] == ["'self'"]
    assert allowed["connect-src"] == ["'self'"]
    assert allowed["frame-ancestors"] == ["'none'"]
    assert not any(":" in source for sources in allowed.values() for source in sources if source != "data:")
    assert re.findall(r"<script(?![^>]*\bsrc=)", answer.text) == []
    assert re.findall(r"""\son\w+\s*=""", answer.text) == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_each_asset_is_served_and_may_be_kept(anonimo: Caller, name: str) -> None:
    answer = anonimo.get(f"/docs/{name}", buffered=True)
    assert answer.status_code == 200
    assert answer.data
    assert "max-age" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if kind := KINDS.get(name.rpartition(".")[2]):
        assert answer.mimetype == kind


def test_the_licence_of_swagger_ui_comes_with_it(anonimo: Caller) -> None:
    assert "Apache License" in anonimo.get("/docs/LICENSE", buffered=True).text
    assert "SmartBear" in anonimo.get("/docs/NOTICE", buffered=True).text


@pytest.mark.parametrize("name", ["x.js", "__init__.py", "..%2f__init__.py", "docs.html", "swagger-ui", "license"])
def test_another_asset_is_404(anonimo: Caller, name: str) -> None:
    assert_problem(anonimo.get(f"/docs/{name}"), 404, "NO_ENCONTRADO")


def test_the_document_is_served_to_anyone(app: Flask, anonimo: Caller) -> None:
    answer = anonimo.get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json["openapi"].startswith("3.1")
    assert anonimo.get("/openapi.json").json == answer.json == app.config["OPENAPI"]()
    assert {"/auth", "/api/clientes", "/api/clientes/{id}", "/api/usuarios"} <= answer.json["paths"].keys()


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_error_code_has_a_page(anonimo: Caller, code: str) -> None:
    kind = CATALOGUE[code]
    answer = anonimo.get(kind.type_path())
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    page = html.unescape(answer.text)
    assert '<html lang="es">' in page
    for text in (code, kind.title, kind.detail, str(kind.status)):
        assert text in page
    assert policy(answer.headers["Content-Security-Policy"])["default-src"] == ["'none'"]


@pytest.mark.parametrize("slug", ["nada", "NO_ENCONTRADO", "no_encontrado", "no-encontrado.html"])
def test_an_unknown_code_has_no_page(anonimo: Caller, slug: str) -> None:
    assert_problem(anonimo.get(f"/errores/{slug}"), 404, "NO_ENCONTRADO")


def test_the_type_of_a_problem_leads_to_its_page(anonimo: Caller) -> None:
    problem = anonimo.get("/nada").json
    assert problem["code"] in anonimo.get(problem["type"]).text


@pytest.mark.parametrize("path", ["/docs", "/docs/start.js", "/openapi.json", "/errores/validacion"])
def test_a_page_takes_no_parameters_and_is_read_only(anonimo: Caller, path: str) -> None:
    assert_problem(anonimo.get(f"{path}?x=1"), 422, "VALIDACION", "x")
    answer = anonimo.post(path)
    assert_problem(answer, 405, "METODO_NO_PERMITIDO")
    assert "GET" in answer.headers["Allow"]


class TestWithoutDocs:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "CLIENTES_DOCS": "false"}

    @pytest.mark.parametrize("path", ["/docs", "/docs/start.js", "/docs/LICENSE", "/openapi.json"])
    def test_the_documentation_can_be_switched_off(self, anonimo: Caller, path: str) -> None:
        assert_problem(anonimo.get(path), 404, "NO_ENCONTRADO")

    def test_the_pages_about_errors_stay(self, anonimo: Caller) -> None:
        assert anonimo.get("/errores/no-encontrado").status_code == 200
