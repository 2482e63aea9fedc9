"""CLIENTES_AUTH=external: tokens of another issuer."""

import json
import time
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask

from tests.auth.conftest import hs256
from tests.conftest import EMPRESA, SECRET, Caller, assert_problem

ALGORITHMS = ["HS256", "RS256", "ES256"]


@pytest.fixture(scope="session")
def private_keys() -> dict[str, Any]:
    """What the other issuer signs with."""
    return {
        "HS256": SECRET,
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
    }


def pem(private: Any) -> str:
    return str(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def environ(environ: dict[str, str], algorithm: str, private_keys: dict[str, Any]) -> dict[str, str]:
    external = {**environ, "CLIENTES_AUTH": "external", "CLIENTES_JWT_ALGORITHM": algorithm}
    if algorithm == "HS256":
        return external
    del external["CLIENTES_JWT_SECRET_KEY"]
    return {**external, "CLIENTES_JWT_PUBLIC_KEY": pem(private_keys[algorithm])}


class Issuer:
    """The other issuer: makes callers whose token says what it is told."""

    def __init__(self, app: Flask, key: Any, algorithm: str) -> None:
        self.app, self.key, self.algorithm = app, key, algorithm

    def __call__(self, **claims: Any) -> Caller:
        """A caller; a claim of None is left out."""
        all_claims = {"sub": "ana@example.pe", "exp": int(time.time()) + 60, **claims}
        given = {name: value for name, value in all_claims.items() if value is not None}
        return Caller(self.app, jwt.encode(given, self.key, self.algorithm))


@pytest.fixture
def issuer(app: Flask, private_keys: dict[str, Any], algorithm: str) -> Issuer:
    return Issuer(app, private_keys[algorithm], algorithm)


def assert_refused(caller: Caller) -> None:
    answer = caller.get("/api/clientes")
    assert_problem(answer, 401, "NO_AUTENTICADO")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_of_the_issuer_reads_and_writes(issuer: Issuer) -> None:
    caller = issuer()
    assert caller.get("/api/clientes").json["totalElements"] == 0
    answer = caller.post("/api/clientes", json=EMPRESA)
    assert answer.status_code == 201
    assert caller.get(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize("aud", ["anyone", ["some", "others"]])
def test_what_no_setting_asks_for_does_not_matter(issuer: Issuer, aud: Any) -> None:
    caller = issuer(iss="https://id.example.pe", aud=aud, iat=int(time.time()), jti="x", scope="a b")
    assert caller.get("/api/clientes").status_code == 200


@pytest.mark.parametrize("rol", ["TECNICO", "OFICINA", "ADMIN", "tecnico", "consulta", " CONSULTA", "JEFE", ""])
def test_any_role_but_consulta_writes(issuer: Issuer, rol: str) -> None:
    assert issuer(rol=rol).post("/api/clientes", json=EMPRESA).status_code == 201


@pytest.mark.parametrize("rol", [None, 5, True, ["CONSULTA"], {"CONSULTA": 1}])
def test_what_is_no_role_counts_as_tecnico(issuer: Issuer, rol: Any) -> None:
    assert issuer(rol=rol).post("/api/clientes", json=EMPRESA).status_code == 201


def test_consulta_only_reads(issuer: Issuer, stored: Any) -> None:
    caller, before = issuer(rol="CONSULTA"), stored()
    assert caller.get("/api/clientes").status_code == 200
    answer = caller.post("/api/clientes", json=EMPRESA)
    assert_problem(answer, 403, "SIN_PERMISO")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert stored() == before


@pytest.mark.parametrize("sub", [None, "", 5, 0, True, ["ana"], {"id": 1}])
def test_the_subject_is_a_text_that_is_not_empty(issuer: Issuer, sub: Any) -> None:
    claims = {"exp": int(time.time()) + 60, **({} if sub is None else {"sub": sub})}
    token = jwt.PyJWS().encode(json.dumps(claims).encode(), issuer.key, issuer.algorithm)
    assert_refused(Caller(issuer.app, token))


def test_dates_are_kept(issuer: Issuer) -> None:
    now = int(time.time())
    assert_refused(issuer(exp=now - 1))
    assert_refused(issuer(exp=None))
    assert_refused(issuer(nbf=now + 60))


def test_a_signature_is_remembered_and_the_end_of_its_token_is_kept(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clientes_service.auth import tokens

    now = time.time()
    for exp in (int(now) + 60, str(int(now) + 60)):  # PyJWT takes a text of digits, too
        claims = {"sub": "ana", "exp": exp}
        caller = Caller(issuer.app, jwt.PyJWS().encode(json.dumps(claims).encode(), issuer.key, issuer.algorithm))
        for _ in range(2):
            assert caller.get("/api/clientes").status_code == 200
        with monkeypatch.context() as later:
            later.setattr(tokens, "time", SimpleNamespace(time=lambda: now + 61))
            assert_refused(caller)
        assert caller.get("/api/clientes").status_code == 200


def test_a_token_of_another_key_or_algorithm_is_refused(issuer: Issuer, private_keys: dict[str, Any]) -> None:
    others = {
        "HS256": "another-secret-" * 3,
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
    }
    assert_refused(Issuer(issuer.app, others[issuer.algorithm], issuer.algorithm)())
    for algorithm in set(ALGORITHMS) - {issuer.algorithm}:
        assert_refused(Issuer(issuer.app, private_keys[algorithm], algorithm)())
    assert_refused(Issuer(issuer.app, None, "none")())


def test_nobody_is_refused(app: Flask) -> None:
    assert_refused(Caller(app))
    assert_refused(Caller(app, "garbage"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/auth"),
        ("POST", "/auth/refresh"),
        ("POST", "/auth/logout"),
        ("GET", "/auth/validar-token"),
        ("GET", "/api/usuarios"),
        ("POST", "/api/usuarios"),
        ("GET", "/api/usuarios/1"),
        ("PUT", "/api/usuarios/1"),
    ],
)
def test_users_of_our_own_do_not_exist(issuer: Issuer, method: str, path: str) -> None:
    for caller in (issuer(rol="ADMIN"), Caller(issuer.app)):
        assert_problem(caller(method, path, json={}), 404, "NO_ENCONTRADO")


class TestPublicKey:
    @pytest.fixture(params=["RS256", "ES256"])
    def algorithm(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_the_public_key_is_no_shared_secret(self, issuer: Issuer, environ: dict[str, str]) -> None:
        key = environ["CLIENTES_JWT_PUBLIC_KEY"]
        claims = {"sub": "mallory", "rol": "ADMIN", "exp": int(time.time()) + 60}
        for secret in (key, key.strip()):
            assert_refused(Caller(issuer.app, hs256(claims, secret)))


class TestSharedSecret:
    @pytest.fixture
    def algorithm(self) -> str:
        return "HS256"

    def test_a_token_signed_by_hand_is_accepted(self, issuer: Issuer) -> None:
        token = hs256({"sub": "ana", "exp": int(time.time()) + 60}, SECRET)
        assert Caller(issuer.app, token).get("/api/clientes").status_code == 200


class TestIssuerAndAudience:
    GOOD = {"iss": "https://id.example.pe", "aud": "clientes"}

    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "CLIENTES_JWT_ISSUER": "https://id.example.pe", "CLIENTES_JWT_AUDIENCE": "clientes"}

    @pytest.mark.parametrize("aud", ["clientes", ["others", "clientes"]])
    def test_both_as_set_are_accepted(self, issuer: Issuer, aud: Any) -> None:
        assert issuer(**{**self.GOOD, "aud": aud}).get("/api/clientes").status_code == 200

    @pytest.mark.parametrize(
        ("claim", "value"),
        [
            ("iss", None),
            ("iss", "https://id.example.pe/"),
            ("iss", ""),
            ("aud", None),
            ("aud", "Clientes"),
            ("aud", ["others"]),
            ("aud", []),
        ],
    )
    def test_another_or_none_is_refused(self, issuer: Issuer, claim: str, value: Any) -> None:
        assert_refused(issuer(**{**self.GOOD, claim: value}))


class TestWithoutExpiry:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "CLIENTES_JWT_REQUIRE_EXP": "false"}

    def test_exp_may_be_missing_and_holds_where_it_is_given(self, issuer: Issuer) -> None:
        assert issuer(exp=None).get("/api/clientes").status_code == 200
        assert_refused(issuer(exp=int(time.time()) - 1))
