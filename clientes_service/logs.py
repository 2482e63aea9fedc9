"""One JSON object a line: what happened on stderr, the access log on stdout. Never a query, a body or a token."""

import json
import logging
import logging.config
from datetime import timedelta
from typing import Any

import orjson
from gunicorn.glogging import Logger

from clientes_service.clock import utc_now


class JsonFormatter(logging.Formatter):
    """A log record as JSON; `extra={"fields": {...}}` adds members."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line = {"time": utc_now(), "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            text = orjson.dumps(line)
        except TypeError:  # what is no JSON, or no text, such as a lone surrogate
            text = b"\xff"
        if text.isascii():
            return text.decode()
        return json.dumps(line, default=str, separators=(",", ":"))  # in ASCII, whatever the stream's encoding


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
                handler.setFormatter(JsonFormatter())

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Log one answered request."""
        fields = {
            "requestId": environ.get("clientes.request_id"),
            "method": environ.get("REQUEST_METHOD"),
            "path": environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace"),
            "status": int(str(resp.status).split()[0]),  # for what gunicorn refuses itself it has no status_code
            "bytes": resp.sent,
            "durationMs": round(request_time.total_seconds() * 1000, 1),
            "userId": environ.get("clientes.user_id"),
            "address": environ.get("REMOTE_ADDR"),
        }
        self.access_log.info("request", extra={"fields": fields})
