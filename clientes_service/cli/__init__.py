"""The command line: parse, call, print. Data on stdout, the rest on stderr; exit 0, 1 or 2."""

from clientes_service.cli import backups, database, files, serve, users
from clientes_service.cli.base import main

__all__ = ["backups", "database", "files", "main", "serve", "users"]
