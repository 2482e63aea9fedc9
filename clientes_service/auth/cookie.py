"""The refresh token in a cookie instead of the body, for pages: no script can read it, and a reload does not lose it.

A caller asks for that with a header, which no other site can send: the browser would ask us first (Fetch, "CORS
preflight"). `__Host-` and Secure keep the cookie to this host, over TLS or on this machine (RFC 6265bis §4.1.3).
"""

from flask import Request, Response

from clientes_service.auth.service import REFRESH_SECONDS

HEADER = "Refresh-Token-In"
NAME = "__Host-refresh"


def is_wanted(asked: Request) -> bool:
    """Whether the caller wants the refresh token in the cookie."""
    return asked.headers.get(HEADER, "").lower() == "cookie"


def token(asked: Request) -> str | None:
    """The refresh token of a caller who keeps it there."""
    return asked.cookies.get(NAME) if is_wanted(asked) else None


def keep(answer: Response, encoded: str) -> None:
    """Give the caller a refresh token to keep."""
    answer.set_cookie(NAME, encoded, REFRESH_SECONDS, secure=True, httponly=True, samesite="Strict")


def forget(answer: Response) -> Response:
    """Let the caller forget it; the same answer."""
    answer.delete_cookie(NAME, secure=True, httponly=True, samesite="Strict")
    return answer
