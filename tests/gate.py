"""Who may call what, and tokens that must open nothing: for test_routes.py, and for the lab of faults."""

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt

from clientes_service.auth.roles import Rol
from tests.conftest import SECRET

# The role table, by what each call needs. A route that is in none of these fails the suite.
PUBLIC = {
    "GET /", "GET /oficina/<path:name>", "GET /docs", "GET /docs/<name>", "GET /errores/<slug>", "GET /openapi.json",
    "GET /healthz", "GET /readyz", "GET /metrics", "POST /auth",
}  # fmt: skip
ACCESS = {"GET /auth/validar-token"}
REFRESH = {"POST /auth/refresh"}
EITHER = {"POST /auth/logout"}
READ = {"GET /api/clientes", "GET /api/clientes/<id:id>", "GET /api/clientes/cambios"}
WRITE = {
    "POST /api/clientes", "PUT /api/clientes/<id:id>", "DELETE /api/clientes/<id:id>",
    "POST /api/clientes/<id:id>/restaurar", "GET /api/clientes/siguiente-codigo", "POST /api/clientes/lote",
}  # fmt: skip
MANAGE = {
    "GET /api/clientes/<id:id>/historial", "GET /api/clientes/<id:id>/datos-personales",
    "POST /api/clientes/importar", "GET /api/clientes/exportar",
}  # fmt: skip
ADMINISTER = {
    "GET /api/usuarios", "POST /api/usuarios", "GET /api/usuarios/<id:id>", "PUT /api/usuarios/<id:id>",
    "POST /api/clientes/<id:id>/anonimizar", "GET /api/servicio",
}  # fmt: skip
GUARDED = ACCESS | REFRESH | EITHER | READ | WRITE | MANAGE | ADMINISTER
ALLOWED = {
    Rol.CONSULTA: ACCESS | EITHER | READ,
    Rol.TECNICO: ACCESS | EITHER | READ | WRITE,
    Rol.OFICINA: ACCESS | EITHER | READ | WRITE | MANAGE,
    Rol.ADMIN: ACCESS | EITHER | READ | WRITE | MANAGE | ADMINISTER,
}

Claims = dict[str, Any]
OTHER_KEY = "another key that is long enough for HS256"


def claims_of(token: str) -> Claims:
    claims: Claims = jwt.decode(token, options={"verify_signature": False})
    return claims


def signed(claims: Claims, key: str = SECRET, hash: str = "sha256", **header: Any) -> str:
    """A token made by hand, which says of its signature what it likes."""
    parts = [{"alg": "HS256", "typ": "JWT", **header}, claims]
    text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    return f"{text}.{_base64(hmac.digest(key.encode(), text.encode(), hash))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _without(name: str) -> Callable[[str], str]:
    return lambda token: signed({key: value for key, value in claims_of(token).items() if key != name})


def _claiming(**claims: Any) -> Callable[[str], str]:
    return lambda token: signed({**claims_of(token), **claims})


def _unsigned(algorithm: str) -> Callable[[str], str]:
    return lambda token: signed(claims_of(token), alg=algorithm).rpartition(".")[0] + "."


def _with_another_payload(token: str) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{signed({**claims_of(token), 'exp': 2**31}).split('.')[1]}.{signature}"


# Tokens that must not pass, made from one that does.
FORGERIES: dict[str, Callable[[str], str]] = {
    "another key": lambda token: signed(claims_of(token), OTHER_KEY),
    "no key": lambda token: signed(claims_of(token), ""),
    "its key in its head": lambda token: signed(
        claims_of(token), OTHER_KEY, jwk={"kty": "oct", "k": _base64(OTHER_KEY.encode())}, kid="../../dev/null"
    ),
    **{f"unsigned: {name}": _unsigned(name) for name in ("none", "None", "nOnE", "", "HS256")},
    "HS384": lambda token: signed(claims_of(token), hash="sha384", alg="HS384"),
    "HS512": lambda token: signed(claims_of(token), hash="sha512", alg="HS512"),
    "RS256 by the secret": lambda token: signed(claims_of(token), alg="RS256"),
    "expired": lambda token: signed({**claims_of(token), "exp": claims_of(token)["iat"] - 1}),
    "not yet": _claiming(nbf=2**33),
    **{f"without {name}": _without(name) for name in ("exp", "iat", "sub", "jti", "type", "sid", "gen")},
    "of no kind": _claiming(type="admin"),
    "user of another session": _claiming(sub="2"),
    "session of nobody": _claiming(sid="0" * 32),
    "cut": lambda token: token[:-3],
    "two of three parts": lambda token: token.rpartition(".")[0],
    "another payload": _with_another_payload,
}
