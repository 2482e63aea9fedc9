"""What every command needs: the group, clear ends, the database, checked values."""

from typing import Any, NoReturn

import click
import marshmallow as ma
from peewee import PeeweeException

from clientes_service import __version__, config, db
from clientes_service.backup import BackupError
from clientes_service.config import Config, ConfigError
from clientes_service.db import NoFile
from clientes_service.errors import ServiceError
from clientes_service.fields import field_errors
from clientes_service.transfer import TransferError


class Cli(click.Group):
    """A group whose commands end with one clear line where they would end with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn what the service raises into exit 1."""
        try:
            return super().invoke(ctx)
        except ServiceError as error:
            fields = "".join(f"\n  {item.field}: {item.message}" for item in error.errors)
            fail(f"{error.detail}{fields}")
        except BrokenPipeError:  # whoever read the output has gone; click ends quietly
            raise
        except (BackupError, ConfigError, NoFile, TransferError, PeeweeException, OSError, UnicodeDecodeError) as error:
            fail(str(error))


def fail(message: str) -> NoReturn:
    """End with exit 1 and the message on stderr."""
    raise click.ClickException(message)


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="clientes-service")
def main() -> None:
    """A client directory for field-service companies in Peru."""


def open_database(upgrade: bool = False) -> Config:
    """Connect; migrate a database that is empty, or any with `upgrade`. An old one is refused otherwise."""
    settings = config.load()
    db.connect(settings.database_url)
    if upgrade or not any(applied for _, applied in db.migrations()):
        db.upgrade()
    if missing := db.pending():
        fail(f"migrations are pending ({', '.join(missing)}): run 'clientes-service db upgrade' first")
    return settings


def validated(schema: ma.Schema, given: dict[str, Any]) -> dict[str, Any]:
    """The given values by the API's own rules; exit 1 with a line for each that breaks one."""
    try:
        datos: dict[str, Any] = schema.load(given)
    except ma.ValidationError as error:
        fail("\n".join(f"{item.field}: {item.message}" for item in field_errors(error.messages)))
    return datos
