"""What is counted for Prometheus, over all workers. Imports nothing of ours, so that every layer may count.

Workers share their numbers through files in the folder that PROMETHEUS_MULTIPROC_DIR names before this is imported
(server.py does); without it, as on the command line, they stay in the process.
"""

from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}
CHILDREN = 2048  # series of requests, at most: routes, methods and statuses are few

_registry = CollectorRegistry()

REQUESTS = Histogram(
    "clientes_http_request_duration_seconds",
    "Requests by route, method and status, and how long each took until its last byte was given to the system",
    ("route", "method", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=_registry,
)
DATABASE_WAIT = Histogram(
    "clientes_database_wait_seconds",
    "How long writes waited for the write lock",
    buckets=(0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 1, 2, 5),
    registry=_registry,
)
LOGIN_FAILURES = Counter(
    "clientes_login_failures", "Sign-ins that were refused, by reason", ("reason",), registry=_registry
)
IMPORTS = Counter("clientes_imports", "Imports over HTTP, by what became of them", ("result",), registry=_registry)
IMPORTED_ROWS = Counter(
    "clientes_imported_rows", "Rows of imports over HTTP, by what became of them", ("result",), registry=_registry
)
FEED_LAG = Histogram(
    "clientes_feed_lag_changes",
    "How many changes behind whoever asked the change feed was",
    buckets=(0, 1, 10, 100, 1000, 10_000, 100_000),
    registry=_registry,
)
WRONG_PASSWORD, THROTTLED = LOGIN_FAILURES.labels("password"), LOGIN_FAILURES.labels("throttled")


@lru_cache(CHILDREN)
def _requests(route: str, method: str, status: int) -> Histogram:
    """One series of REQUESTS, found without what the library does each time to find it."""
    return REQUESTS.labels(route, method, status)


def count_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count an answered request. `route` is its pattern, empty where there is none: never what the caller typed."""
    _requests(route, method if method in METHODS else "other", status).observe(seconds)


def exposition(gauges: Collector) -> bytes:
    """All that was counted, in Prometheus's text format, with what `gauges` finds out now."""
    counted, now = _registry, CollectorRegistry()
    if values.ValueClass is not values.MutexValue:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    now.register(gauges)
    return generate_latest(counted) + generate_latest(now)
