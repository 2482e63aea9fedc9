"""The office page: static files, which talk to the public API alone. Nothing here reads or writes a client."""

from pathlib import Path

from flask import Blueprint, Response, request

from clientes_service import errors
from clientes_service.auth.guards import public
from clientes_service.http import any_query

blp = Blueprint("office", __name__)

KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".md": "text/markdown",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
STATIC = Path(__file__).parent / "static"
FILES = {path.relative_to(STATIC).as_posix(): path.read_bytes() for path in STATIC.rglob("*") if path.is_file()}
# No script, style or image but those served from here, none inside the page, and no form that is sent elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blp.get("/")
@public
@any_query
def page() -> Response:
    """Serve the page."""
    return _file("index.html")


@blp.get("/oficina/<path:name>")
@public
def asset(name: str) -> Response:
    """Serve a file of the page."""
    if name not in FILES:
        raise errors.NoEncontrado
    return _file(name)


def _file(name: str) -> Response:
    """A file that the browser keeps, and asks about each time: after an upgrade it has the new one at once."""
    response = Response(FILES[name], mimetype=KINDS.get(Path(name).suffix, "text/plain"))
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = POLICY
    response.add_etag()
    response.make_conditional(request)
    return response
