"""What a WSGI server imports: `gunicorn wsgi:app`."""

import sys

from clientes_service.app import create_app
from clientes_service.config import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"clientes_service does not start: {error}")
