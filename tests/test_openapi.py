"""The OpenAPI document says of every operation who may call it, what goes in, what comes out, and shows each."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask

from clientes_service import errors
from tests.test_routes import GUARDED, PUBLIC

pytestmark = pytest.mark.sqlite  # no database has a part in this

UNDOCUMENTED = {
    "GET /", "GET /oficina/<path:name>", "GET /docs", "GET /docs/<name>", "GET /errores/<slug>", "GET /openapi.json",
}  # fmt: skip
METHODS = ("get", "post", "put", "delete")


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    made: dict[str, Any] = app.config["OPENAPI"]()
    return made


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                yield f"{method.upper()} {path.replace('{id}', '<id:id>')}", operations[method]


def bodies(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        yield from part.get("content", {}).values()


def test_every_route_is_documented(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert {name for name, _ in operations(document)} == (GUARDED | PUBLIC) - UNDOCUMENTED


def test_the_document_is_the_same_each_time(app: Flask, document: dict[str, Any]) -> None:
    assert app.config["OPENAPI"]() == document


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for _, operation in operations(document):
        assert operation["summary"]
        assert operation["tags"]


def test_security_is_that_of_the_route(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    for name, operation in operations(document):
        assert operation["security"] == ([{"bearer": []}] if name in GUARDED else []), name
        assert ("401" in operation["responses"]) == (name in GUARDED or name in ("POST /auth", "GET /metrics")), name
        assert ("403" in operation["responses"]) == (name in GUARDED), name


def test_each_operation_says_what_goes_in_and_what_comes_out(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if name.startswith("PUT") or name in ("POST /auth", "POST /api/clientes", "POST /api/usuarios"):
            assert operation["requestBody"]["required"] is True, name
            assert {"400", "413", "415", "422"} <= operation["responses"].keys(), name
        [success] = [status for status in operation["responses"] if status.startswith("2")]
        answer = operation["responses"][success]
        assert ("content" in answer) == (success != "204"), name
        assert "X-Request-Id" in answer["headers"]
        assert {"500", "503"} <= operation["responses"].keys(), name


def test_every_error_of_an_operation_is_a_problem_with_a_known_code(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) < 400:
                continue
            [(kind, media)] = answer["content"].items()
            assert kind == "application/problem+json"
            assert media["schema"] == {"$ref": "#/components/schemas/Problem"}
            for code in media["examples"]:
                assert errors.CATALOGUE[code].status == int(status), name


def test_every_body_has_an_example_that_its_schema_allows(document: dict[str, Any]) -> None:
    checked = 0
    for name, operation in operations(document):
        for media in bodies(operation):
            schema = {**media["schema"], "components": document["components"]}
            validator = jsonschema_rs.Draft202012Validator(schema)
            examples = [example["value"] for example in media.get("examples", {}).values()]
            for example in examples or [media["example"]]:
                problems = [error.message for error in validator.iter_errors(example)]
                assert problems == [], name
                checked += 1
    assert checked > 100


def test_an_example_that_breaks_its_schema_would_be_seen(document: dict[str, Any]) -> None:
    media = document["paths"]["/api/clientes"]["post"]["requestBody"]["content"]["application/json"]
    schema = {**media["schema"], "components": document["components"]}
    assert not jsonschema_rs.Draft202012Validator(schema).is_valid({**media["example"], "codigoCliente": "Ñ"})


def test_every_reference_leads_somewhere_and_every_schema_is_used(document: dict[str, Any]) -> None:
    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if "$ref" in part:
                yield part["$ref"]
            part = list(part.values())
        if isinstance(part, list):
            for each in part:
                yield from references(each)

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) == known


def test_preconditions_and_their_answers_are_told(document: dict[str, Any]) -> None:
    by_name = dict(operations(document))
    for name in ("PUT /api/clientes/<id:id>", "DELETE /api/clientes/<id:id>", "POST /api/clientes/<id:id>/restaurar"):
        assert "If-Match" in [parameter["name"] for parameter in by_name[name]["parameters"]]
        assert "412" in by_name[name]["responses"]
    read = by_name["GET /api/clientes/<id:id>"]
    assert "If-None-Match" in [parameter["name"] for parameter in read["parameters"]]
    assert "ETag" in read["responses"]["304"]["headers"]
