"""The clients' endpoints: HTTP words only. A view's docstring is its OpenAPI text."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from flask import Response

from clientes_service import __version__, errors
from clientes_service.auth.guards import current_autor, requires
from clientes_service.auth.roles import Permiso
from clientes_service.clientes import rows, schemas, search, service
from clientes_service.clientes.advertencias import Rules
from clientes_service.clientes.lists import Place
from clientes_service.clientes.memory import Memory
from clientes_service.clientes.search import Filters
from clientes_service.clientes.service import Escrito
from clientes_service.cursors import decode_cursor, encode_cursor
from clientes_service.errors import FieldError
from clientes_service.http import (
    Blueprint,
    current_config,
    current_request,
    if_match,
    is_conditional,
    json_bytes,
    matching_tag,
    no_content,
    not_modified,
    with_etag,
)
from clientes_service.idempotency import Answer, Key, once
from clientes_service.openapi import ETAG, LOCATION, conditional, raises
from clientes_service.parser import REMEMBERED, parse_json, read_body

blp = Blueprint("clientes", __name__, url_prefix="/api/clientes", description="The client directory")

LINK = {"Link": {"description": "The next page, as `rel=next`", "schema": {"type": "string"}}}
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "description": "Names this request among the user's own; kept for `CLIENTES_IDEMPOTENCY_DAYS`",
    "example": "5f2b7c1e-9d0a-4b7e-8f53-0f6b1c2d3e4f",
}
REPLAYED = {
    "Idempotency-Replayed": {"description": "`true` when the request came before", "schema": {"type": "string"}}
}
PAGES = 150  # that are remembered
SHORT = 10_000  # bytes of those at most: 20 clients
OTHER_LIST = "Es de otra lista. Repita los mismos filtros y orden, o empiece sin cursor."


@blp.get("")
@requires(Permiso.LEER)
@raises(errors.CursorInvalido)
@conditional("If-None-Match")
@blp.arguments(schemas.ClienteQuery, location="query")
@blp.response(200, schemas.ClienteList, headers=LINK | ETAG)
def list_clientes(query: dict[str, Any]) -> Response:
    """List clients

    A page of clients, active ones unless `vigente` says otherwise. `nextCursor` leads to the next one, also while
    others write; the `Link` header says the same (RFC 8288). With `If-None-Match`, 304 until any client changes.
    """
    size = min(query.pop("size"), current_config().page_size_max)
    page, cursor = query.pop("page", None), query.pop("cursor", None)
    filters = Filters.from_query(**query)
    state = search.current_state()
    if is_conditional() and (tag := matching_tag(_tag(state))):
        return not_modified(tag)
    question = (filters, page, cursor, size)
    listed = _pages.recall(question)
    if listed is None or listed.state != state:
        listed = _list(*question)
        if len(listed.body) <= SHORT:
            _pages.keep(question, listed)
    response = with_etag(json_bytes(listed.body), _tag(listed.state))
    if listed.following:
        asked = current_request()
        query_of_next = f"{_without_place(asked.query_string)}cursor={listed.following}"
        response.headers["Link"] = f'<{asked.path}?{query_of_next}>; rel="next"'
    return response


@blp.post("")
@requires(Permiso.ESCRIBIR)
@raises(
    errors.CodigoDuplicado, errors.DocumentoDuplicado, errors.IdempotenciaInvalida, errors.IdempotenciaDistinta
)  # fmt: skip
@blp.arguments(schemas.ClienteCreate)
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.response(201, schemas.ClienteEscrito, headers=LOCATION | ETAG | REPLAYED)
def create_cliente(datos: dict[str, Any]) -> Response:
    """Create a client

    The answer's `advertencias` say what is worth a second look. With an `Idempotency-Key` the request may be sent
    again: it gets the same answer, and no second client.
    """
    config, autor = current_config(), current_autor()

    def create() -> Answer:
        return service.create_cliente(datos, Rules.from_config(config), autor).as_answer(201)

    clave = current_request().headers.get("Idempotency-Key")
    if clave is None:
        return _created(create())
    key = Key.of(autor, "crear", clave, parse_json(read_body(current_request())))
    return _created(once(key, config.idempotency_days, create))


@blp.get("/<id:id>")
@requires(Permiso.LEER)
@raises(errors.ClienteNoEncontrado)
@conditional("If-None-Match")
@blp.response(200, schemas.Cliente, headers=ETAG)
def get_cliente(id: int) -> Response:
    """Read a client

    Inactive ones too. With `If-None-Match`, 304 while the caller's version still holds.
    """
    row = rows.find_row(id)
    if row is None:
        raise errors.ClienteNoEncontrado
    version = rows.version_of(row)
    if tag := matching_tag(version):
        return not_modified(tag)
    return with_etag(json_bytes(rows.as_json(row)), version)


@blp.put("/<id:id>")
@requires(Permiso.ESCRIBIR)
@raises(errors.ClienteNoEncontrado, errors.CodigoDuplicado, errors.DocumentoDuplicado, errors.VersionObsoleta)
@conditional("If-Match")
@blp.arguments(schemas.ClienteUpdate)
@blp.response(200, schemas.ClienteEscrito, headers=ETAG)
def update_cliente(datos: dict[str, Any], id: int) -> Response:
    """Change a client

    Only the given fields change; null clears an optional one. With `If-Match`, only while that version still holds.
    """
    return _written(service.update_cliente(id, datos, if_match(), Rules.from_config(current_config()), current_autor()))


@blp.delete("/<id:id>")
@requires(Permiso.ESCRIBIR)
@raises(errors.ClienteNoEncontrado, errors.VersionObsoleta)
@conditional("If-Match")
@blp.response(204)
def delete_cliente(id: int) -> Response:
    """Deactivate a client

    It leaves the list and can still be read by its id. Again: 204 too.
    """
    service.delete_cliente(id, if_match(), current_autor())
    return no_content()


@blp.post("/<id:id>/restaurar")
@requires(Permiso.ESCRIBIR)
@raises(errors.ClienteNoEncontrado, errors.DocumentoDuplicado, errors.VersionObsoleta)
@conditional("If-Match")
@blp.response(200, schemas.ClienteEscrito, headers=ETAG)
def restore_cliente(id: int) -> Response:
    """Activate a client again"""
    return _written(service.restore_cliente(id, if_match(), Rules.from_config(current_config()), current_autor()))


@blp.get("/siguiente-codigo")
@requires(Permiso.ESCRIBIR)
@blp.arguments(schemas.CodigoQuery, location="query")
@blp.response(200, schemas.CodigoSugerido)
def suggest_codigo(query: dict[str, Any]) -> dict[str, str]:
    """Suggest the next code

    The highest number behind the prefix, plus one. Nothing is reserved.
    """
    return {"codigo_cliente": service.suggest_codigo(query["prefijo"])}


@dataclass(frozen=True, slots=True)
class _Listed:
    """A page as it is answered, true of a state of the directory, and the cursor behind it."""

    state: str
    body: bytes
    following: str | None


_pages: Memory[_Listed] = Memory(PAGES)


def _list(filters: Filters, page: int | None, cursor: str | None, size: int) -> _Listed:
    """Read a page. Raises CursorInvalido and Validacion."""
    if cursor is None:
        page = page or 0
        found = search.list_page(filters, page, size)
    elif page is None:
        found = search.list_behind(filters, _read_place(cursor, filters), size)
    else:
        raise errors.Validacion(errors=[FieldError("cursor", "Use page o cursor, no los dos.")])
    following = None if found.following is None else encode_cursor([filters.fingerprint(), *found.following])
    body = rows.page_as_json(
        found.rows,
        totalElements=found.total,
        totalPages=-(-found.total // size),
        number=page,
        size=size,
        nextCursor=following,
    )
    return _Listed(found.state, body, following)


def _tag(state: str) -> str:
    """The version of every list while the directory is in this state, as this version of the service shows it."""
    return f"{state}-{__version__}"


@lru_cache(REMEMBERED)
def _without_place(query: bytes) -> str:
    """The parameters of a list's query that its next page has, too, each with an & behind it."""
    given = parse_qsl(query.decode(), keep_blank_values=True, errors="werkzeug.url_quote")  # as request.args has them
    return "".join(f"{urlencode([pair])}&" for pair in given if pair[0] not in ("page", "cursor"))


def _read_place(cursor: str, filters: Filters) -> Place:
    """Where a list goes on. Raises CursorInvalido, and Validacion for the cursor of another list."""
    match decode_cursor(cursor, list):
        case [int(fingerprint), str() | int() as key, int(id)] if abs(id) < 2**63 and (
            abs(key) < 2**63 if isinstance(key, int) else "\0" not in key
        ):
            if fingerprint != filters.fingerprint():
                raise errors.Validacion(errors=[FieldError("cursor", OTHER_LIST)])
            if isinstance(key, int) == filters.sort.startswith("id"):  # all other orders are of texts
                return key, id
    raise errors.CursorInvalido


def _created(answer: Answer) -> Response:
    """A new client, with its address and ETag; the same again for whoever sent the request again."""
    body = (answer.cuerpo or "").encode()
    response = json_bytes(body, answer.status)
    response.headers["Location"] = f"{blp.url_prefix}/{answer.cliente_id}"
    if answer.is_replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return with_etag(response, orjson.loads(body)["version"])


def _written(escrito: Escrito) -> Response:
    """The client as it is now, with its warnings and ETag."""
    cliente = escrito.cliente
    return with_etag(json_bytes(rows.written_as_json(cliente, escrito.advertencias)), cliente.version_publica)
