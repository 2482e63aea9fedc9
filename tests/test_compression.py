"""Answers in fewer bytes for callers who accept it, and the tags that go out with them."""

import gzip
import json
import random
import sys
from collections.abc import Callable
from typing import Any

import brotli
import pytest
from werkzeug.test import TestResponse

from clientes_service.compression import MIN_BYTES
from tests.conftest import Caller, assert_problem
from tests.files.conftest import as_form

pytestmark = pytest.mark.sqlite  # no database has a part in this

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Make = Callable[..., dict[str, Any]]

DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
}
LONG = "Av. Los Álamos " * 13  # so that one client takes more than MIN_BYTES


def accepting(encodings: str, **headers: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Accept-Encoding": encodings, **headers}}


def plain(answer: TestResponse) -> bytes:
    """The body, decoded as the answer says."""
    encoding = answer.headers.get("Content-Encoding")
    return DECODERS[encoding](answer.data) if encoding else answer.data


def varies(answer: TestResponse) -> list[str]:
    return sorted(name.strip() for line in answer.headers.getlist("Vary") for name in line.split(","))


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        (None, None),
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("GZIP", "gzip"),
        ("*", "zstd"),
        ("identity", None),
        ("none", None),
        ("deflate", None),
        ("gzip;q=0", None),
        ("gzip; q=0", None),
        ("gzip;q=0, br;q=0.000, zstd ; q=0.0", None),
        ("*;q=0", None),
        ("zstd;q=0, *", "br"),
        ("gzip;q=0.5", "gzip"),
        ("br;q=0.1, gzip;q=0.9", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip", "gzip"),
        ("gzip;q=x", None),
        ("ñ", None),
        (",", None),
    ],
)
def test_the_caller_gets_the_encoding_it_likes_best(
    tecnico: Caller, make_cliente: Make, accepted: str | None, expected: str | None
) -> None:
    for _ in range(3):
        make_cliente()
    want = tecnico.get("/api/clientes")
    answer = tecnico.get("/api/clientes", **({} if accepted is None else accepting(accepted)))
    assert answer.status_code == 200
    assert answer.headers.get("Content-Encoding") == expected
    assert plain(answer) == want.data
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert (len(answer.data) < len(want.data)) == (expected is not None)
    assert varies(answer) == ["Accept-Encoding"]


@pytest.mark.parametrize("accepted", ["", "gzip", "identity"])
@pytest.mark.parametrize("path", ["/api/clientes", "/api/clientes/1", "/healthz", "/nada", "/docs", "/api/clientes/x"])
def test_every_answer_says_what_it_depends_on(tecnico: Caller, path: str, accepted: str) -> None:
    assert varies(tecnico.get(path, **accepting(accepted))) == ["Accept-Encoding"]


class TestCors:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "CLIENTES_CORS_ORIGINS": "https://uno.example.pe,https://dos.example.pe"}

    @pytest.mark.parametrize("accepted", ["", "gzip", "identity"])
    @pytest.mark.parametrize("path", ["/api/clientes", "/nada"])
    def test_it_says_both_that_it_depends_on(self, tecnico: Caller, path: str, accepted: str) -> None:
        answer = tecnico.get(path, **accepting(accepted, Origin="https://uno.example.pe"))
        assert answer.headers["Access-Control-Allow-Origin"] == "https://uno.example.pe"
        assert varies(answer) == ["Accept-Encoding", "Origin"]

    def test_browsers_may_read_whether_an_answer_is_a_repeated_one(self, tecnico: Caller) -> None:
        answer = tecnico.get("/api/clientes", headers={"Origin": "https://uno.example.pe"})
        assert "Idempotency-Replayed" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("path", ["/api/clientes", "/healthz", "/nada"])
def test_a_small_answer_stays_as_it_is(tecnico: Caller, path: str) -> None:
    answer = tecnico.get(path, **accepting("gzip"))
    assert len(answer.data) < MIN_BYTES
    assert "Content-Encoding" not in answer.headers
    assert answer.data == tecnico.get(path).data or answer.status_code == 404


def test_the_limit_is_exact(tecnico: Caller, make_cliente: Make) -> None:
    path = f"/api/clientes/{make_cliente()['id']}"
    missing = MIN_BYTES - len(tecnico.get(path).data)
    name = "x" * (missing + len(tecnico.get(path).json["nombre"].encode()))
    for nombre, encoding in ((name[1:], None), (name, "gzip")):
        tecnico.put(path, json={"nombre": nombre})
        answer = tecnico.get(path, **accepting("gzip"))
        assert (len(plain(answer)) >= MIN_BYTES, answer.headers.get("Content-Encoding")) == (
            encoding is not None,
            encoding,
        )


@pytest.mark.parametrize("encoding", DECODERS)
def test_a_long_problem_is_compressed_too(tecnico: Caller, make_cliente: Make, encoding: str) -> None:
    path = f"/api/clientes/{make_cliente(direccion=LONG)['id']}"
    headers = {"If-Match": '"otra"', "Accept-Encoding": encoding}
    answer = tecnico.put(path, json={"nombre": "Otro"}, headers=headers)
    assert (answer.status_code, answer.status) == (412, "412 PRECONDITION FAILED")
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["Content-Encoding"] == encoding
    problem = json.loads(plain(answer))
    assert (problem["code"], problem["actual"]) == ("VERSION_OBSOLETA", tecnico.get(path).json)
    headers = {"If-Match": answer.headers["ETag"], "Accept-Encoding": encoding}
    assert tecnico.put(path, json={"nombre": "Otro"}, headers=headers).status_code == 200


def test_the_report_on_a_bad_file_is_compressed(oficina: Caller) -> None:
    sheet = "nombre,tipoCliente,DNI,codigoCliente\n" + "Ana,PERSONA,1234567890,\n" * 300
    body, kind = as_form(sheet.encode())
    answer = oficina.post("/api/clientes/importar", data=body, content_type=kind, **accepting("br"))
    assert (answer.status_code, answer.headers["Content-Encoding"]) == (422, "br")
    assert json.loads(plain(answer))["erroresTotal"] >= 300
    assert len(answer.data) * 10 < len(plain(answer))


# --- Tags


@pytest.mark.parametrize("encoding", DECODERS)
@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', 'W/"x",W/{}'])
def test_the_tag_of_a_compressed_answer_is_known_again(
    tecnico: Caller, make_cliente: Make, stored: Any, encoding: str, form: str
) -> None:
    path = f"/api/clientes/{make_cliente(direccion=LONG)['id']}"
    answer = tecnico.get(path, **accepting(encoding))
    tag = answer.headers["ETag"]
    assert answer.headers["Content-Encoding"] == encoding
    version = json.loads(plain(answer))["version"]
    assert tag == f'"{version}:{encoding}"'
    assert tecnico.get(path).headers["ETag"] == f'"{version}"'

    before = stored()
    for accepted in (encoding, "identity"):
        known = tecnico.get(path, **accepting(accepted, **{"If-None-Match": form.format(tag)}))
        assert (known.status_code, known.data, known.headers["ETag"]) == (304, b"", tag)
        assert varies(known) == ["Accept-Encoding"]
        assert "Content-Encoding" not in known.headers
    assert stored() == before

    headers = {"If-Match": form.format(tag)}
    assert tecnico.put(path, json={"nombre": "Otro"}, headers=headers).status_code == 200
    before = stored()
    assert_problem(tecnico.put(path, json={"nombre": "Tercero"}, headers=headers), 412, "VERSION_OBSOLETA")
    assert_problem(tecnico.delete(path, headers=headers), 412, "VERSION_OBSOLETA")
    assert stored() == before
    again = tecnico.get(path, **accepting(encoding, **{"If-None-Match": form.format(tag)}))
    assert (again.status_code, again.headers["ETag"] != tag) == (200, True)
    assert tecnico.delete(path, headers={"If-Match": form.format(again.headers["ETag"])}).status_code == 204


def test_the_tag_of_a_compressed_list_is_known_again(tecnico: Caller, make_cliente: Make) -> None:
    for _ in range(3):
        make_cliente()
    tag = tecnico.get("/api/clientes", **accepting("br")).headers["ETag"]
    assert tag.endswith(':br"')
    known = tecnico.get("/api/clientes", **accepting("br", **{"If-None-Match": tag}))
    assert (known.status_code, known.headers["ETag"]) == (304, tag)
    make_cliente()
    assert tecnico.get("/api/clientes", **accepting("br", **{"If-None-Match": tag})).status_code == 200


@pytest.mark.parametrize("suffix", [":deflate", ":", ":GZIP", "gzip", ":gzip:gzip", "-gzip"])
def test_a_tag_that_no_answer_had_is_not_known(tecnico: Caller, make_cliente: Make, stored: Any, suffix: str) -> None:
    made = make_cliente()
    path, before = f"/api/clientes/{made['id']}", stored()
    headers = {"If-Match": f'"{made["version"]}{suffix}"', "If-None-Match": f'"{made["version"]}{suffix}"'}
    assert_problem(tecnico.put(path, json={"nombre": "Otro"}, headers=headers), 412, "VERSION_OBSOLETA")
    assert tecnico.get(path, headers=headers).status_code == 200
    assert stored() == before


def test_a_write_is_compressed_and_its_tag_leads_to_the_next_one(tecnico: Caller, make_cliente: Make) -> None:
    path = f"/api/clientes/{make_cliente(direccion=LONG)['id']}"
    tag = tecnico.get(path).headers["ETag"]
    for nombre in ("Uno", "Dos", "Tres"):
        answer = tecnico.put(path, json={"nombre": nombre}, **accepting("gzip", **{"If-Match": tag}))
        assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, "gzip")
        assert json.loads(plain(answer))["nombre"] == nombre
        tag = answer.headers["ETag"]


def test_a_repeated_key_gets_the_same_bytes(tecnico: Caller, make_cliente: Make) -> None:
    body = {name: value for name, value in make_cliente(direccion=LONG).items() if name in KEPT}
    given = {"json": {**body, "codigoCliente": "OTRO"}, **accepting("gzip", **{"Idempotency-Key": "k"})}
    first, again = (tecnico.post("/api/clientes", **given) for _ in range(2))
    assert (first.status_code, first.headers["Content-Encoding"]) == (201, "gzip")
    assert (again.status_code, plain(again)) == (201, plain(first))
    assert [again.headers[name] for name in ("ETag", "Location")] == [first.headers[n] for n in ("ETag", "Location")]


KEPT = ("nombre", "tipoCliente", "tipoDocumento", "numeroDocumento", "direccion")


def test_head_says_what_get_would(tecnico: Caller, make_cliente: Make) -> None:
    path = f"/api/clientes/{make_cliente(direccion=LONG)['id']}"
    get, head = (tecnico(method, path, **accepting("gzip")) for method in ("GET", "HEAD"))
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Encoding", "ETag", "Content-Type", "Vary"):
        assert head.headers[name] == get.headers[name]
    assert int(head.headers["Content-Length"]) == len(get.data)


def test_no_content_stays_none(tecnico: Caller, make_cliente: Make) -> None:
    answer = tecnico.delete(f"/api/clientes/{make_cliente()['id']}", **accepting("gzip"))
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Encoding" not in answer.headers
    assert "Content-Type" not in answer.headers
    assert varies(answer) == ["Accept-Encoding"]


# --- Files


def fill(oficina: Caller, count: int) -> None:
    """Import so many clients that do not look alike."""
    rng = random.Random(count)
    sheet = "nombre,tipoCliente,DNI,codigoCliente,direccion,contactoRepresentante\n" + "".join(
        f"{rng.random()} {'Ñahui ' * 20},PERSONA,{number:08d},F{number},{rng.random()} {'Puno ' * 30},{'Rosa ' * 25}\n"
        for number in range(count)
    )
    body, kind = as_form(sheet.encode())
    assert oficina.post("/api/clientes/importar", data=body, content_type=kind).status_code == 200


@pytest.mark.parametrize("encoding", DECODERS)
@pytest.mark.parametrize("formato", ["csv", "ndjson"])
def test_an_export_is_compressed_as_it_streams(oficina: Caller, formato: str, encoding: str) -> None:
    fill(oficina, 5000)
    path = f"/api/clientes/exportar?formato={formato}"
    want = oficina.get(path).data
    answer = oficina.get(path, buffered=False, **accepting(encoding))
    assert answer.headers["Content-Encoding"] == encoding
    assert "Content-Length" not in answer.headers
    assert varies(answer) == ["Accept-Encoding"]
    pieces = [piece for piece in answer.iter_encoded() if piece]
    body = b"".join(pieces)
    assert DECODERS[encoding](body) == want
    assert len(body) * 3 < len(want)
    assert len(pieces) > 3
    answer.close()


@pytest.mark.parametrize("formato", ["csv", "ndjson"])
def test_a_small_export_is_whole(oficina: Caller, make_cliente: Make, formato: str) -> None:
    make_cliente()
    path = f"/api/clientes/exportar?formato={formato}"
    answer = oficina.get(path, **accepting("gzip"))
    assert plain(answer) == oficina.get(path).data


def test_a_workbook_is_compressed_already(oficina: Caller, make_cliente: Make) -> None:
    make_cliente()
    answer = oficina.get("/api/clientes/exportar?formato=xlsx", **accepting("gzip, br, zstd"))
    assert answer.data.startswith(b"PK")
    assert "Content-Encoding" not in answer.headers
    assert varies(answer) == ["Accept-Encoding"]
