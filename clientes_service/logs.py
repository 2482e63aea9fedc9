"""One JSON object a line: what happened on stderr, the access log on stdout. Never a query, a body or a token."""

import json
import logging
import logging.config
import re
from datetime import timedelta
from typing import Any

import orjson
from gunicorn.glogging import Logger

from clientes_service.clock import utc_now
from clientes_service.metrics import count_request

# What gunicorn tells of a request that it refuses, or fails on: its words between quotes, and its query.
OF_REQUEST = re.compile(r"""b?(['"]).*\1|\?\S+""")


def as_line(members: dict[str, Any]) -> str:
    """One line of JSON, whatever is in it."""
    try:
        text = orjson.dumps(members)
    except TypeError:  # what is no JSON, or no text, such as a lone surrogate
        text = b"\xff"
    if text.isascii():
        return text.decode()
    return json.dumps(members, default=str, separators=(",", ":"))  # in ASCII, whatever the stream's encoding


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        if isinstance(record, AccessRecord):
            return record.line
        line = {"time": utc_now(), "level": record.levelname, "logger": record.name, "message": self.message(record)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return as_line(line)

    def message(self, record: logging.LogRecord) -> str:
        """Return what is to be said."""
        return record.getMessage()


class GunicornFormatter(JsonFormatter):
    """The same for what gunicorn says, without what it quotes of requests: queries, tokens, names."""

    def message(self, record: logging.LogRecord) -> str:
        """Return what is to be said."""
        return OF_REQUEST.sub("…", record.getMessage())


class AccessRecord(logging.LogRecord):
    """An answered request as its line, without all that a record finds out about where it was made.

    There is one for each request, and that would take longer than the line.
    """

    name, levelno, levelname = "gunicorn.access", logging.INFO, "INFO"
    msg, args, exc_info = "request", (), None

    def __init__(self, line: str) -> None:
        self.line = line


def configure(level: str) -> None:
    """Send the service's own loggers to stderr as JSON."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": JsonFormatter}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "loggers": {"clientes_service": {"level": level, "handlers": ["stderr"], "propagate": False}},
        }
    )


class GunicornLogger(Logger):  # type: ignore[misc]
    """gunicorn's own messages and its access log, in the same form."""

    def setup(self, cfg: Any) -> None:
        """Replace the formatters that gunicorn sets."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(GunicornFormatter())

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Log and count one answered request."""
        method = environ.get("REQUEST_METHOD")
        status = int(str(resp.status).split()[0])  # for what gunicorn refuses itself it has no status_code
        seconds = request_time.total_seconds()
        count_request(environ.get("clientes.route", ""), method or "", status, seconds)
        line = {
            "time": utc_now(),
            "level": "INFO",
            "logger": "gunicorn.access",
            "message": "request",
            "requestId": environ.get("clientes.request_id"),
            "method": method,
            "path": environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace"),
            "status": status,
            "bytes": resp.sent,
            "durationMs": round(seconds * 1000, 1),
            "userId": environ.get("clientes.user_id"),
            "address": environ.get("REMOTE_ADDR"),
        }
        self.access_log.handle(AccessRecord(as_line(line)))
