"""The one form of time that is stored and shown."""

from datetime import UTC, datetime


def utc_now() -> str:
    """The time as RFC 3339 in UTC, in milliseconds and of fixed width, so that it sorts as text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
