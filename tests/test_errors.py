"""One error shape, whoever raises it, for whatever a caller may send."""

import json
from typing import Any

import pytest
from flask import abort

from clientes_service import config as settings
from clientes_service import errors
from clientes_service.app import create_app
from clientes_service.auth.guards import public
from tests.conftest import EMPRESA, Caller, assert_problem

pytestmark = pytest.mark.sqlite  # no database has a part in this

JSON = "application/json"


def test_every_code_is_unlike_the_others_and_says_what_to_do() -> None:
    kinds = list(errors.CATALOGUE.values())
    assert len({kind.title for kind in kinds}) == len(kinds) == len({kind.type_path() for kind in kinds})
    for kind in kinds:
        assert 400 <= kind.status < 600
        assert len(kind.detail) > 20
        assert kind.detail.endswith(".")


@pytest.mark.parametrize(
    "path",
    [
        "/nada", "/api", "/api/", "/api/clientes/", "/api//clientes", "/api/clientes/abc", "/api/clientes/1/",
        "/api/clientes/1/nada", "/api/clientes/-1", "/api/clientes/1.0", "/api/clientes/%D9%A1",
        "/api/clientes/%00", "/%ff", "/a%0d%0ab",
        "/../etc/passwd", "/docs/../../config.py", "/docs/%2e%2e/config.py",
    ],
)  # fmt: skip
def test_an_address_that_does_not_exist_is_404(admin: Caller, path: str) -> None:
    assert_problem(admin.get(path), 404, "NO_ENCONTRADO")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/api/clientes/1", {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}),
        ("DELETE", "/api/clientes", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("GET", "/auth", {"OPTIONS", "POST"}),
        ("TRACE", "/healthz", {"GET", "HEAD", "OPTIONS"}),
        ("BREW", "/healthz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_405_and_names_the_right_ones(
    admin: Caller, method: str, path: str, allowed: set[str]
) -> None:
    answer = admin(method, path)
    assert_problem(answer, 405, "METODO_NO_PERMITIDO")
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_options_needs_no_token_and_names_the_methods(anonimo: Caller) -> None:
    answer = anonimo("OPTIONS", "/api/clientes/1")
    assert answer.status_code == 200
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}


NOT_JSON = {
    "empty": b"",
    "white space": b" \n",
    "cut": b'{"nombre": "a"',
    "trailing": b"{} {}",
    "a form": b"nombre=a",
    "Latin-1": '{"nombre": "Ñ"}'.encode("latin-1"),
    "UTF-16": '{"nombre": "a"}'.encode("utf-16"),
    "a NUL byte": b'{"nombre": "a\x00"}',
    "NaN": b'{"nombre": NaN}',
    "Infinity": b'{"nombre": -Infinity}',
    "beyond a double": b'{"nombre": 1e999}',
    "beyond 64 bits": b'{"nombre": 9223372036854775808}',
    "5,000 digits": b'{"nombre": ' + b"9" * 5000 + b"}",
    "a key twice": b'{"nombre": "a", "nombre": "b"}',
    "a key twice inside": b'{"nombre": {"a": 1, "a": 2}}',
    "51 levels": b"[" * 51 + b"]" * 51,
    "51 levels of objects": b'{"a":' * 51 + b"1" + b"}" * 51,
    "100,000 levels": b"[" * 100_000,
    "400,000 levels": b"[" * 400_000 + b"]" * 400_000,
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
@pytest.mark.parametrize(("method", "path"), [("POST", "/api/clientes"), ("PUT", "/api/clientes/1"), ("POST", "/auth")])
def test_what_is_not_json_as_the_contract_has_it_is_400(
    tecnico: Caller, stored: Any, method: str, path: str, body: bytes
) -> None:
    before = stored()
    assert_problem(tecnico(method, path, data=body, content_type=JSON), 400, "JSON_INVALIDO")
    assert stored() == before


@pytest.mark.parametrize(
    ("kind", "word"),
    [("empty", "vacío"), ("beyond 64 bits", "64 bits"), ("NaN", "NaN"), ("a key twice", "repetida"),
     ("100,000 levels", "50 niveles"), ("51 levels", "50 niveles"), ("Latin-1", "UTF-8")],
)  # fmt: skip
def test_what_is_wrong_with_the_json_is_named(tecnico: Caller, kind: str, word: str) -> None:
    answer = tecnico.post("/api/clientes", data=NOT_JSON[kind], content_type=JSON)
    assert word in assert_problem(answer, 400, "JSON_INVALIDO")["detail"]


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 1e308, 1.5])
def test_numbers_of_64_bits_are_json(tecnico: Caller, value: float) -> None:
    answer = tecnico.post("/api/clientes", json={**EMPRESA, "nombre": value})
    assert_problem(answer, 422, "VALIDACION", "nombre")


def test_fifty_levels_are_json(tecnico: Caller) -> None:
    body = b'{"nombre":' + b"[" * 49 + b"]" * 49 + b"}"
    answer = tecnico.post("/api/clientes", data=body, content_type=JSON)
    assert answer.json["code"] == "VALIDACION"


def test_brackets_inside_a_text_are_no_levels(tecnico: Caller) -> None:
    answer = tecnico.post("/api/clientes", json={**EMPRESA, "nombre": "[{" * 60})
    assert (answer.status_code, answer.json["nombre"]) == (201, "[{" * 60)


def test_a_lone_surrogate_in_a_key_is_422_and_can_be_answered(tecnico: Caller) -> None:
    answer = tecnico.post("/api/clientes", data=json.dumps({**EMPRESA, "a\ud800": 1}), content_type=JSON)
    assert_problem(answer, 422, "VALIDACION", "a?")


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_body_that_does_not_say_it_is_json_is_415(tecnico: Caller, stored: Any, kind: str | None) -> None:
    before = stored()
    answer = tecnico.post("/api/clientes", data=json.dumps(EMPRESA), content_type=kind)
    assert_problem(answer, 415, "TIPO_NO_SOPORTADO")
    assert stored() == before


@pytest.mark.parametrize(
    "kind", [JSON, "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.x+json"]
)
def test_json_is_known_by_its_kind(tecnico: Caller, kind: str) -> None:
    assert tecnico.post("/api/clientes", data=json.dumps(EMPRESA), content_type=kind).status_code == 201


@pytest.mark.parametrize("size", [1_000_001, 5_000_000])
def test_a_body_over_a_megabyte_is_413(tecnico: Caller, stored: Any, size: int) -> None:
    before = stored()
    body = json.dumps({**EMPRESA, "nombre": "x"}).encode().ljust(size)
    assert_problem(tecnico.post("/api/clientes", data=body, content_type=JSON), 413, "CUERPO_DEMASIADO_GRANDE")
    assert stored() == before


def test_a_body_of_a_megabyte_is_read(tecnico: Caller) -> None:
    body = json.dumps(EMPRESA).encode().ljust(1_000_000)
    assert tecnico.post("/api/clientes", data=body, content_type=JSON).status_code == 201


@pytest.mark.parametrize("given", ["a", "A1._-", "x" * 64])
def test_a_sane_request_id_comes_back(anonimo: Caller, given: str) -> None:
    for path in ("/healthz", "/nada"):
        assert anonimo.get(path, headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "ñ", "<script>", '"'])
def test_any_other_request_id_is_replaced(anonimo: Caller, given: str) -> None:
    answers = [anonimo.get("/nada", headers={"X-Request-Id": given}) for _ in range(2)]
    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 2
    assert given not in ids
    assert ids == {answer.json["requestId"] for answer in answers}


@pytest.mark.parametrize(
    "path", ["/healthz", "/nada", "/api/clientes", "/docs", "/openapi.json", "/errores/validacion"]
)
def test_every_answer_forbids_what_browsers_must_not_do(anonimo: Caller, path: str) -> None:
    headers = anonimo.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"]


@pytest.fixture
def broken(environ: dict[str, str]) -> Caller:
    """An application with views that fail as no view should."""
    app = create_app(settings.load(environ))

    def fail(how: str) -> str:
        match how:
            case "zero":
                return str(1 // 0)
            case "abort":
                abort(418)
            case "stop":
                abort(502)
        raise errors.NoDisponible

    app.add_url_rule("/broken/<how>", view_func=public(fail))
    return Caller(app)


def test_a_defect_is_500_without_a_word_about_it(broken: Caller, caplog: pytest.LogCaptureFixture) -> None:
    answer = broken.get("/broken/zero", headers={"X-Request-Id": "find-me"})
    problem = assert_problem(answer, 500, "ERROR_INTERNO")
    assert "division" not in answer.text
    assert problem["requestId"] == "find-me"
    [record] = caplog.records
    assert "find-me" in record.getMessage()
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError


def test_errors_of_the_framework_have_the_same_shape(broken: Caller) -> None:
    assert_problem(broken.get("/broken/abort"), 400, "SOLICITUD_INVALIDA")
    assert_problem(broken.get("/broken/stop"), 500, "ERROR_INTERNO")
    answer = broken.get("/broken/other")
    assert_problem(answer, 503, "NO_DISPONIBLE")
    assert int(answer.headers["Retry-After"]) > 0


class TestCors:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "CLIENTES_CORS_ORIGINS": "https://app.example.pe"}

    def test_a_listed_origin_may_read_answers_errors_too(self, anonimo: Caller) -> None:
        for path in ("/healthz", "/api/clientes", "/nada"):
            headers = anonimo.get(path, headers={"Origin": "https://app.example.pe"}).headers
            assert headers["Access-Control-Allow-Origin"] == "https://app.example.pe"
            assert "ETag" in headers["Access-Control-Expose-Headers"]

    def test_a_preflight_needs_no_token(self, anonimo: Caller) -> None:
        asked = {"Origin": "https://app.example.pe", "Access-Control-Request-Method": "PUT",
                 "Access-Control-Request-Headers": "authorization,content-type,if-match"}  # fmt: skip
        answer = anonimo("OPTIONS", "/api/clientes/1", headers=asked)
        assert answer.status_code == 200
        assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
        assert "if-match" in answer.headers["Access-Control-Allow-Headers"]

    @pytest.mark.parametrize("origin", ["https://other.example.pe", "https://app.example.pe.evil.example", "null"])
    def test_any_other_origin_may_not(self, anonimo: Caller, origin: str) -> None:
        assert "Access-Control-Allow-Origin" not in anonimo.get("/healthz", headers={"Origin": origin}).headers


def test_without_the_setting_no_origin_may_read(anonimo: Caller) -> None:
    answer = anonimo.get("/healthz", headers={"Origin": "https://app.example.pe"})
    assert "Access-Control-Allow-Origin" not in answer.headers
