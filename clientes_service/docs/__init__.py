"""Pages for developers: the OpenAPI document, Swagger UI over it, and a page about each error code.

Everything is served from here (swagger-ui/ holds its licence); no page runs an inline script.
"""

from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, render_template, send_from_directory

from clientes_service import errors
from clientes_service.auth.guards import public

blp = Blueprint("docs", __name__, template_folder="templates")
errors_blp = Blueprint("errores", __name__, template_folder="templates")

ASSETS = Path(__file__).parent
FILES = {
    "swagger-ui.css": "swagger-ui",
    "swagger-ui-bundle.js": "swagger-ui",
    "LICENSE": "swagger-ui",
    "NOTICE": "swagger-ui",
    "start.js": "static",
}
# Swagger UI sets style attributes on its own elements and draws its icons from data: URLs.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@blp.get("/openapi.json")
@public
def openapi() -> Response:
    """Serve the OpenAPI document."""
    document: dict[str, Any] = current_app.config["OPENAPI"]()
    return jsonify(document)


@blp.get("/docs")
@public
def swagger_ui() -> Response:
    """Serve Swagger UI."""
    return _page(render_template("docs.html"), DOCS_POLICY)


@blp.get("/docs/<name>")
@public
def asset(name: str) -> Response:
    """Serve a file of Swagger UI."""
    if name not in FILES:
        raise errors.NoEncontrado
    response = send_from_directory(ASSETS / FILES[name], name, max_age=86_400)
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@errors_blp.get("/errores/<slug>")
@public
def error_page(slug: str) -> Response:
    """Serve the page about an error code, to which the `type` of a problem leads."""
    kind = _by_slug().get(slug)
    if kind is None:
        raise errors.NoEncontrado
    return _page(render_template("error.html", kind=kind), PAGE_POLICY)


@cache
def _by_slug() -> dict[str, type[errors.ServiceError]]:
    return {kind.type_path().rpartition("/")[2]: kind for kind in errors.CATALOGUE.values()}


def _page(html: str, policy: str) -> Response:
    response = Response(html)
    response.headers["Content-Security-Policy"] = policy
    return response
