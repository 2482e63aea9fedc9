"""Which tokens of our own are accepted, and how a refused one is answered."""

from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask

from clientes_service.auth.roles import Rol
from tests.auth.conftest import hs256
from tests.conftest import SECRET, Caller, assert_problem

Claims = dict[str, Any]


def claims_of(caller: Caller) -> Claims:
    claims: Claims = jwt.decode(caller.token or "", SECRET, algorithms=["HS256"])
    return claims


def assert_refused(app: Flask, header: str | None) -> str:
    """Send this Authorization header; return what the answer's WWW-Authenticate says."""
    answer = Caller(app).get("/api/clientes", headers={} if header is None else {"Authorization": header})
    assert_problem(answer, 401, "NO_AUTENTICADO")
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="clientes"')
    return challenge


def test_the_tokens_say_this_and_no_more(tecnico: Caller) -> None:
    claims = claims_of(tecnico)
    assert claims["exp"] - claims["iat"] == 15 * 60
    refresh = jwt.decode(tecnico.refresh_token or "", SECRET, algorithms=["HS256"])
    assert refresh["exp"] - refresh["iat"] == 30 * 24 * 3600
    assert (claims["type"], refresh["type"]) == ("access", "refresh")
    assert claims["jti"] != refresh["jti"]
    assert not {"rol", "nombre", "email", "dni"} & (claims.keys() | refresh.keys())


def test_a_token_that_was_signed_again_is_accepted(tecnico: Caller) -> None:
    assert Caller(tecnico.app, hs256(claims_of(tecnico), SECRET)).get("/api/clientes").status_code == 200


@pytest.mark.parametrize("form", ["bearer {}", "BEARER {}", "Bearer   {}", "Bearer {} "])
def test_the_case_of_the_scheme_and_spaces_do_not_matter(tecnico: Caller, form: str) -> None:
    header = {"Authorization": form.format(tecnico.token)}
    assert Caller(tecnico.app).get("/api/clientes", headers=header).status_code == 200


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer    ", "Basic MTIzOjQ1Ng==", "{token}", "Token {token}"]
)
def test_where_no_token_is_sent_the_challenge_names_no_error(tecnico: Caller, header: str | None) -> None:
    sent = header and header.format(token=tecnico.token)
    assert assert_refused(tecnico.app, sent) == 'Bearer realm="clientes"'


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b.c",
        "..",
        "null",
        "ñandú",
        "{token}ñ",
        "ñ.ñ.ñ",
        "\x7f",
        "{token}x",
        "{token}.{token}",
        "{token} {token}",
        "{token}, Bearer {token}",
        '"{token}"',
        "x" * 10_000,
        "{token}" + "A" * 10_000,
        "." * 10_000,
        "e30.e30.e30",
        "bnVsbA.bnVsbA.bnVsbA",
    ],
)
def test_what_is_no_token_of_ours_is_refused(tecnico: Caller, token: str) -> None:
    challenge = assert_refused(tecnico.app, "Bearer " + token.replace("{token}", tecnico.token or ""))
    assert 'error="invalid_token"' in challenge


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_of_which_a_part_was_changed_is_refused(tecnico: Caller, consulta: Caller, part: int) -> None:
    mine, other = (caller.token or "" for caller in (tecnico, consulta))
    parts = mine.split(".")
    parts[part] = other.split(".")[part] if part else parts[part] + "e30"
    assert_refused(tecnico.app, "Bearer " + ".".join(parts))


WITHOUT = object()
LATER, EARLIER = 4_000_000_000, 1_000_000_000  # fixed, for every core must find the same tests


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        *((claim, WITHOUT) for claim in ("exp", "iat", "sub", "jti", "type", "sid", "gen")),
        ("exp", EARLIER),
        ("exp", "soon"),
        ("exp", None),
        ("iat", LATER),
        ("nbf", LATER),
        ("type", "refresh"),
        ("type", "Access"),
        ("type", "otro"),
        ("type", ""),
        ("type", None),
        ("sub", 3),
        ("sub", ""),
        ("sub", "0"),
        ("sub", "-1"),
        ("sub", "999"),
        ("sub", "3 "),
        ("sub", "٣"),
        ("sub", "x"),
        ("sub", None),
        ("sub", "9" * 5000),
        ("gen", 0),
        ("gen", 2**63),
        ("sid", "\ud800"),
        ("sub", ["3"]),
        ("sid", "0" * 32),
        ("sid", ""),
        ("sid", "%"),
        ("sid", 1),
        ("sid", None),
        ("sid", []),
        ("gen", "1"),
        ("gen", 1.5),
        ("gen", None),
        ("gen", [1]),
        ("jti", None),
        ("jti", 5),
    ],
)  # fmt: skip
def test_a_token_with_another_claim_is_refused(tecnico: Caller, claim: str, value: Any) -> None:
    claims = {**claims_of(tecnico), claim: value}
    if value is WITHOUT:
        del claims[claim]
    assert_refused(tecnico.app, f"Bearer {hs256(claims, SECRET)}")


def test_the_session_must_be_the_users_own(tecnico: Caller, admin: Caller) -> None:
    for caller, other in ((tecnico, admin), (admin, tecnico)):
        stolen = {**claims_of(caller), "sub": claims_of(other)["sub"]}
        assert_refused(tecnico.app, f"Bearer {hs256(stolen, SECRET)}")


LONG_SECRET = SECRET * 2  # PyJWT warns of a short key for HS512, and a warning is a failure


def test_another_key_is_refused(tecnico: Caller) -> None:
    assert_refused(tecnico.app, f"Bearer {hs256(claims_of(tecnico), SECRET[::-1])}")


class TestLongSecret:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "CLIENTES_JWT_SECRET_KEY": LONG_SECRET}

    def test_another_algorithm_is_refused(self, tecnico: Caller) -> None:
        claims = jwt.decode(tecnico.token or "", LONG_SECRET, algorithms=["HS256"])
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        keys: dict[str, Any] = {"HS384": LONG_SECRET, "HS512": LONG_SECRET, "RS256": private, "none": None}
        for algorithm, key in keys.items():
            assert_refused(tecnico.app, f"Bearer {jwt.encode(claims, key, algorithm)}")
        again = jwt.encode(claims, LONG_SECRET, "HS256")
        assert Caller(tecnico.app, again).get("/api/clientes").status_code == 200


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_a_token_that_claims_no_algorithm_is_refused(tecnico: Caller, alg: str) -> None:
    encode = jwt.utils.base64url_encode
    header = encode(f'{{"alg":"{alg}","typ":"JWT"}}'.encode()).decode()
    _, payload, signature = (tecnico.token or "").split(".")
    assert_refused(tecnico.app, f"Bearer {header}.{payload}.")
    assert_refused(tecnico.app, f"Bearer {header}.{payload}.{signature}")


@pytest.mark.parametrize("form", ["?token={}", "?access_token={}", "?jwt={}"])
def test_a_token_in_the_query_is_not_looked_at(tecnico: Caller, form: str) -> None:
    answer = Caller(tecnico.app).get("/api/clientes" + form.format(tecnico.token))
    assert_problem(answer, 401, "NO_AUTENTICADO")


def test_a_token_in_a_cookie_is_not_looked_at(tecnico: Caller) -> None:
    answer = Caller(tecnico.app).get("/api/clientes", headers={"Cookie": f"access_token_cookie={tecnico.token}"})
    assert_problem(answer, 401, "NO_AUTENTICADO")


@pytest.mark.parametrize("path", ["/api/clientes/1", "/api/usuarios", "/auth/validar-token"])
def test_no_token_is_needed_to_ask_what_a_call_takes(anonimo: Caller, path: str) -> None:
    assert anonimo("OPTIONS", path).status_code == 200


def test_a_new_role_acts_at_once(sign_in: Callable[[Rol], Caller], admin: Caller) -> None:
    tecnico = sign_in(Rol.TECNICO)
    assert_problem(tecnico.get("/api/usuarios"), 403, "SIN_PERMISO")
    admin.put(f"/api/usuarios/{claims_of(tecnico)['sub']}", json={"rol": "ADMIN"})
    assert tecnico.get("/api/usuarios").status_code == 200
