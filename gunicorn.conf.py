"""What a plain `gunicorn wsgi:app` picks up here."""

from clientes_service.server import *  # noqa: F403
