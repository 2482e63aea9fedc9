"""Tokens on the wire: issued and configured by flask-jwt-extended, and read more strictly than it does."""

import re
import time
from datetime import timedelta
from functools import lru_cache
from typing import Any

import jwt
from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token

from clientes_service import errors
from clientes_service.auth.service import ACCESS_SECONDS, REFRESH_SECONDS, Ticket, TokenClaims
from clientes_service.config import Config

ROW_ID = re.compile("[0-9]{1,18}")  # what surely fits 64 bits
SESSION_ID = re.compile("[0-9a-f]{32}")
REQUIRED = ("exp", "iat", "sub", "jti", "type", "sid", "gen")
REMEMBERED = 4096  # tokens whose signature was found good


def init_app(app: Flask, config: Config) -> None:
    """Set what tokens are issued with; `read` and `read_external` take it from the settings themselves."""
    app.config.update(
        {
            "JWT_SECRET_KEY": config.jwt_key,
            "JWT_ALGORITHM": config.jwt_algorithm,
            "JWT_ACCESS_TOKEN_EXPIRES": timedelta(seconds=ACCESS_SECONDS),
            "JWT_REFRESH_TOKEN_EXPIRES": timedelta(seconds=REFRESH_SECONDS),
            "JWT_COOKIE_CSRF_PROTECT": False,  # tokens travel in a header, which no other site can set
            "JWT_ENCODE_ISSUER": config.jwt_issuer,
            "JWT_ENCODE_AUDIENCE": config.jwt_audience,
        }
    )
    JWTManager(app)


def issue(ticket: Ticket) -> dict[str, Any]:
    """Return a new pair of tokens, and after how many seconds the access token expires."""
    subject, claims = str(ticket.usuario.id), {"sid": ticket.sesion, "gen": ticket.generacion}
    return {
        "token": create_access_token(subject, additional_claims=claims),
        "refresh_token": create_refresh_token(subject, additional_claims=claims),
        "expira_en": ACCESS_SECONDS,
    }


def bearer_token(header: str | None) -> str:
    """Return the token of an Authorization header (RFC 6750 §2.1; the scheme's case does not matter).

    Raises NoAutenticado, without an error code where no token was sent (RFC 6750 §3.1).
    """
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise errors.NoAutenticado(
            "Falta el token. Inicie sesión y envíelo en la cabecera Authorization.",
            headers={"WWW-Authenticate": 'Bearer realm="clientes"'},
        )
    return token.strip()


def read(encoded: str, config: Config) -> TokenClaims:
    """Verify one of our own tokens. Raises NoAutenticado."""
    claims, end = _own(encoded, config.jwt_key, config.jwt_algorithm, config.jwt_audience, config.jwt_issuer)
    _refuse_ended(end)
    return claims


def read_external(encoded: str, config: Config) -> dict[str, Any]:
    """Verify another issuer's token and return its claims. Raises NoAutenticado."""
    required = ("sub", "exp") if config.jwt_require_exp else ("sub",)
    claims = _decoded(encoded, config.jwt_key, config.jwt_algorithm, config.jwt_audience, config.jwt_issuer, required)
    if "exp" in claims:
        _refuse_ended(int(claims["exp"]))  # PyJWT takes a text of digits for a number
    if not claims["sub"] or claims.get("type") == "refresh":
        raise errors.NoAutenticado
    return claims


def _refuse_ended(end: int) -> None:
    """Raise NoAutenticado at the end of a token, which is looked at each time, unlike all else in it."""
    if end <= time.time():
        raise errors.NoAutenticado


@lru_cache(REMEMBERED)
def _own(encoded: str, key: str, algorithm: str, audience: str | None, issuer: str | None) -> tuple[TokenClaims, int]:
    """What one of our own tokens says, and its end. Raises NoAutenticado."""
    claims = _decoded(encoded, key, algorithm, audience, issuer, REQUIRED)
    if claims["type"] not in ("access", "refresh"):
        raise errors.NoAutenticado
    user, session, generation = claims["sub"], claims["sid"], claims["gen"]
    if not (ROW_ID.fullmatch(user) and SESSION_ID.fullmatch(str(session))):
        raise errors.NoAutenticado
    if not isinstance(generation, int) or not 0 < generation < 2**31:
        raise errors.NoAutenticado
    return TokenClaims(int(user), session, generation, claims["type"] == "refresh"), int(claims["exp"])


@lru_cache(REMEMBERED)
def _decoded(
    encoded: str, key: str, algorithm: str, audience: str | None, issuer: str | None, required: tuple[str, ...]
) -> dict[str, Any]:
    """The claims of a token, by PyJWT itself: flask-jwt-extended fills in a missing type or jti."""
    try:
        return jwt.decode(
            encoded,
            key,
            algorithms=[algorithm],
            audience=audience,
            issuer=issuer,
            options={"require": list(required), "verify_aud": audience is not None},
        )
    except jwt.PyJWTError as error:
        raise errors.NoAutenticado from error
