"""The one form of time that is stored and shown."""

from datetime import UTC, datetime


def utc_now() -> str:
    """The time as RFC 3339 in UTC, in milliseconds and of fixed width, so that it sorts as text."""
    return _text(datetime.now(UTC))


def utc_at(seconds: float) -> str:
    """A moment in Unix seconds, such as a file's, in the same form."""
    return _text(datetime.fromtimestamp(seconds, UTC))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
