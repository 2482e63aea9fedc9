"""The endpoint of the metrics: HTTP words only. A view's docstring is its OpenAPI text."""

import hmac
from ipaddress import IPv6Address, ip_address

from flask import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from clientes_service import errors, metrics
from clientes_service.auth.guards import public
from clientes_service.auth.tokens import bearer_token
from clientes_service.http import Blueprint, current_config, current_request
from clientes_service.metrics.gauges import Gauges
from clientes_service.openapi import raises

blp = Blueprint("metrics", __name__, description="For load balancers and monitors")
TEXT = {"schema": {"type": "string"}, "example": "clientes_disk_free_bytes 5.0e+09\n"}
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_VIA")  # by a proxy on this machine, for somebody else


@blp.get("/metrics")
@public
@raises(errors.NoAutenticado)
@blp.response(200)
@blp.doc(responses={200: {"content": {"text/plain": TEXT}}})
def show_metrics() -> Response:
    """Read what was counted, for Prometheus

    Over all workers. For callers on this machine, and for who sends `CLIENTES_METRICS_TOKEN` as the bearer.
    """
    config = current_config()
    _require_monitor(current_request(), config.metrics_token)
    return Response(metrics.exposition(Gauges(config)), content_type=CONTENT_TYPE_LATEST)


def _require_monitor(asked: Request, token: str | None) -> None:
    """Raise NoAutenticado for who is neither on this machine nor has the token."""
    environ = asked.environ
    if _is_loopback(environ.get("REMOTE_ADDR")) and not any(name in environ for name in FORWARDED):
        return
    given = bearer_token(environ.get("HTTP_AUTHORIZATION"))
    if token is None or not hmac.compare_digest(given.encode("latin-1"), token.encode()):
        raise errors.NoAutenticado


def _is_loopback(address: str | None) -> bool:
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped.is_loopback
    return parsed.is_loopback
