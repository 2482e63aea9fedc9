"""Requests from the OpenAPI document, as good as its examples, and spoilt at one place or several."""

import copy
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

from clientes_service.auth.roles import Rol
from tests.conftest import DNI, PASSWORD
from tests.faults.hostile import FILES, HEADER_VALUES, HEADERS, IDS, RAW_QUERY, REFUSED_VALUES, TEXTS, TYPES, VALUES
from tests.files.conftest import as_csv, as_form, row

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "BREW", "CONNECT"]
WEIGHTS = {
    "/auth": 1, "/auth/refresh": 2, "/auth/logout": 2, "/api/clientes/exportar": 3, "/api/clientes/importar": 4,
    "/api/usuarios": 3, "/api/clientes/{id}/anonimizar": 4, "/api/usuarios/{id}": 4,
}  # fmt: skip
NOBODY = "5"  # the user whom the trial may change: not one that it signs in as


@dataclass(frozen=True)
class Operation:
    """One of the document: its query and header parameters, and an example of its body."""

    method: str
    path: str
    parameters: tuple[tuple[str, str, dict[str, Any]], ...]
    kind: str
    example: Any


def operations(document: dict[str, Any]) -> list[Operation]:
    """All that the document names, each as often as it is to be asked in a turn."""
    found = []
    for path, members in document["paths"].items():
        for method in sorted(members.keys() - {"parameters"}):
            asked = members[method]
            parameters = tuple((each["name"], each["in"], each["schema"]) for each in asked.get("parameters", ()))
            [(kind, content)] = asked.get("requestBody", {}).get("content", {"": {}}).items()
            operation = Operation(method.upper(), path, parameters, kind, content.get("example"))
            found += [operation] * WEIGHTS.get(path, 30 if operation.example else 10)
    return found


@dataclass
class Draft:
    """A request that is being made; `refusable` where gunicorn may refuse it before the application."""

    operation: Operation
    method: str
    path: str
    query: list[str] = field(default_factory=list)
    headers: dict[str, bytes] = field(default_factory=dict)
    body: Any = None
    files: bytes = b""
    refusable: bool = False

    def raw(self) -> bytes:
        """Its bytes; the length of the body is always right."""
        target = self.path + ("?" + "&".join(self.query) if self.query else "")
        lines = [f"{self.method} {target} HTTP/1.1".encode(errors="surrogateescape")]
        lines += [name.encode() + b": " + value for name, value in self.headers.items()]
        return b"\r\n".join([*lines, b"Content-Length: %d" % len(self.files), b"", self.files])


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a JSON value something may be put."""
    yield at
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*at, key))


class Author:
    """Makes requests. `seen` holds what answers gave to be sent back: cursors, tokens of the feed, versions.

    `tokens` are those to ask with; `spare` those for the paths that end a session.
    """

    def __init__(
        self, name: str, random: Random, document: dict[str, Any], tokens: list[str], spare: dict[str, str]
    ) -> None:
        self.name, self.random, self.number, self.tokens, self.spare = name, random, 0, tokens, spare
        self.operations, self.turn = operations(document), []  # type: ignore[var-annotated]
        self.seen: dict[str, str] = {}

    def draft(self) -> Draft:
        """A request of the next operation in turn, hostile at none, one or several places."""
        self.number += 1
        if not self.turn:
            self.turn = self.random.sample(self.operations, len(self.operations))
        draft = self._good(self.turn.pop())
        fragments = []
        for _ in range(self.random.choice((0, 1, 1, 1, 2, 3))):
            spoil = self.random.choice(self._spoils(draft.operation.kind))
            fragments += spoil(draft) or []
        draft.files = self._body(draft, fragments)
        return draft

    def _spoils(self, kind: str) -> list[Callable[[Draft], list[str] | None]]:
        """What can be spoilt, what there is most of in a request the most often."""
        spoils = [self._id, self._method, *[self._query, self._header] * 3]
        return spoils + [self._type] * bool(kind) + [self._json] * (7 if kind == "application/json" else 0)

    def _good(self, operation: Operation) -> Draft:
        pick = self.random
        token = self.spare.get(operation.path) or pick.choice(self.tokens)
        id = NOBODY if "usuarios" in operation.path else str(pick.randint(1, 40))
        draft = Draft(operation, operation.method, operation.path.replace("{id}", id))
        draft.body = copy.deepcopy(operation.example)
        draft.headers = {"Host": b"x", "Authorization": b"Bearer " + token.encode()}
        if operation.kind == "application/json":
            draft.headers["Content-Type"] = b"application/json"
            self._make_new(draft.body, operation.path)
        for name, where, schema in operation.parameters:
            value = self.seen.get(name) or schema.get("example", schema.get("default", "1"))
            if pick.random() < 0.2:
                if where == "header":
                    draft.headers[name] = self.seen.get("etag", '"1"').encode()
                elif name != "page" or "cursor=" not in "".join(draft.query):
                    draft.query.append(f"{name}={quote(json.dumps(value) if isinstance(value, bool) else str(value))}")
        return draft

    def _make_new(self, body: Any, path: str) -> None:
        """Give an example what must be its own."""
        for at in places(body):
            parent = body
            for key in at[:-1]:
                parent = parent[key]
            if at and at[-1] in ("codigoCliente", "clave"):
                parent[at[-1]] = f"{self.name}-{self.number}"
            elif at == ("dni",):
                parent["dni"] = DNI[Rol.CONSULTA] if path == "/auth" else str(self.random.randrange(5 * 10**7, 10**8))
            elif at == ("password",):
                parent["password"] = PASSWORD

    # --- What spoils a request: each may return fragments that are to stand in the JSON in place of marks

    def _id(self, draft: Draft) -> None:
        hostile = self.random.choice(IDS)
        before, mark, after = draft.operation.path.partition("{id}")
        end = hostile + after if mark else self.random.choice(("/", "/" + hostile, ";a=b", "//", "/..", "%00"))
        draft.path = before + end
        draft.refusable |= not draft.path.isascii()

    def _query(self, draft: Draft) -> None:
        pick = self.random
        names = [name for name, where, _ in draft.operation.parameters if where == "query"]
        name = pick.choice([*names, "nada", "\u202e"])
        value = pick.choice(TEXTS)
        if name in self.seen and pick.random() < 0.5:  # one that was good, damaged
            value, at = self.seen[name], pick.randrange(len(self.seen[name]))
            value = value[:at] + pick.choice("aZ09-_.") + value[at + 1 :]
        pair = pick.choice((f"{quote(name)}={quote(value)}", f"{quote(name)}={quote(value)}", pick.choice(RAW_QUERY)))
        draft.query += [pair] * pick.choice((1, 1, 1, 2, 50))
        draft.refusable |= sum(map(len, draft.query)) > 7000

    def _header(self, draft: Draft) -> None:
        value = self.random.choice([*HEADER_VALUES, *REFUSED_VALUES] if self.random.random() < 0.2 else HEADER_VALUES)
        draft.headers[self.random.choice(HEADERS)] = value
        draft.refusable |= value in REFUSED_VALUES

    def _json(self, draft: Draft) -> list[str]:
        parent: Any = {"body": draft.body}
        holder, at = parent, self.random.choice(list(places(parent))[1:])
        for key in at[:-1]:
            parent = parent[key]
        is_stranger = isinstance(parent, dict) and len(at) > 1 and self.random.random() < 0.1
        parent[self.random.choice(TEXTS) if is_stranger else at[-1]] = "@mark@"
        draft.body = holder["body"]
        return [self.random.choice(VALUES)]

    def _type(self, draft: Draft) -> None:
        draft.headers["Content-Type"] = self.random.choice(TYPES)
        if self.random.random() < 0.2:
            del draft.headers["Content-Type"]

    def _method(self, draft: Draft) -> None:
        draft.method = self.random.choice(METHODS)

    # --- The body

    def _body(self, draft: Draft, fragments: list[str]) -> bytes:
        if draft.operation.kind.startswith("multipart"):
            return self._form(draft)
        if not draft.operation.kind:
            return b""
        text = json.dumps(draft.body, ensure_ascii=self.random.random() < 0.5)
        for fragment in fragments:
            text = text.replace('"@mark@"', fragment, 1)
        data = text.encode(errors="surrogatepass")
        if self.random.random() < 0.9:
            return data
        return self.random.choice((
            b"", b" ", data[:-1], data + b"x", data + data, b"\xef\xbb\xbf" + data,
            text.encode("utf-16", "surrogatepass"), b"\xff" + data, data.replace(b'"', b'"\xff', 1),
            data.replace(b"{", b'{"nombre":"x","nombre":"y",', 1), gzip.compress(data), b"\0" * 50,
        ))  # fmt: skip

    def _form(self, draft: Draft) -> bytes:
        rows = [row(self.number, codigoCliente=f"{self.name}-{self.number}-{part}") for part in range(3)]
        content, kind = as_form(as_csv(rows) if self.random.random() < 0.5 else self.random.choice(FILES))
        draft.headers.setdefault("Content-Type", kind.encode())
        if self.random.random() < 0.8:
            return content
        return self.random.choice((
            b"", content[:-20], content.replace(b"archivo", b"otro"),
            content.replace(b'; filename="clientes"', b""), content[80:],
            content.replace(b"--limite--", b"") + content, content.replace(b"\r\n", b"\n"),
            content.replace(b"clientes", b"\xff\0\xc3"),
        ))  # fmt: skip
