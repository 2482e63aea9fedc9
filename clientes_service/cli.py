"""The command line: parse, call, print. Data on stdout, the rest on stderr; exit 0, 1 or 2."""

import json
import os
import sys
from contextlib import closing
from typing import Any, NoReturn, TextIO

import click
import marshmallow as ma
from peewee import PeeweeException

from clientes_service import __version__, config, db, transfer
from clientes_service.auth import schemas, usuarios
from clientes_service.auth.models import Usuario
from clientes_service.auth.roles import Rol
from clientes_service.clientes import documento
from clientes_service.config import Config, ConfigError
from clientes_service.errors import DniDuplicado, ServiceError
from clientes_service.fields import field_errors
from clientes_service.transfer import TransferError

FACTORY = "clientes_service.app:create_app()"


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
        except (ConfigError, TransferError, PeeweeException, OSError, UnicodeDecodeError) as error:
            fail(str(error))


def fail(message: str) -> NoReturn:
    """End with exit 1 and the message on stderr."""
    raise click.ClickException(message)


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="clientes-service")
def main() -> None:
    """A client directory for field-service companies in Peru."""


@main.command()
def run() -> None:
    """Migrate, make the secret and the first ADMIN if there are none, and serve with gunicorn.

    The generated password of the first ADMIN is shown once.
    """
    settings = open_database(upgrade=True)
    click.echo(f"clientes_service at http://{settings.bind}  (API documentation: /docs)")
    if settings.local_auth and (admin := first_admin()):
        click.echo(f"First administrator, shown this once:\n  DNI       {admin[0]}\n  password  {admin[1]}")
    sys.stdout.flush()
    db.database.close()
    gunicorn = (sys.executable, "-m", "gunicorn", "-c", "python:clientes_service.server", FACTORY)
    os.execv(sys.executable, gunicorn)  # noqa: S606 - fixed words, no shell needed


def first_admin() -> tuple[str, str] | None:
    """The DNI and password of the first ADMIN if it had to be made."""
    try:
        return usuarios.create_first_admin()
    except DniDuplicado:
        dni = usuarios.FIRST_ADMIN["dni"]
        fail(f"there is no ADMIN, and another account has the DNI {dni}: clientes-service users create … --rol ADMIN")


@main.group()
def users() -> None:
    """Accounts."""


@users.command("create")
@click.option("--dni", required=True, help="8 digits.")
@click.option("--nombre", required=True, help="Full name.")
@click.option("--email", required=True, help="An address with a dot in its domain.")
@click.option("--rol", required=True, help="What the account may do.", type=click.Choice([rol.value for rol in Rol]))
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin; else it is asked for.")
def create_user(dni: str, nombre: str, email: str, rol: str, password_stdin: bool) -> None:
    """Create an account."""
    given = {"dni": dni, "nombre": nombre, "email": email, "rol": rol, "password": read_password(password_stdin)}
    open_database()
    usuario = usuarios.create_usuario(validated(schemas.UsuarioCreate(), given))
    click.echo(f"created {usuario.dni}", err=True)


@users.command("list")
def list_users() -> None:
    """List the accounts: DNI, role, active or not, name and e-mail, separated by tabs."""
    open_database()
    for usuario in usuarios.list_usuarios():
        state = "activo" if usuario.vigente else "inactivo"
        click.echo("\t".join((usuario.dni, usuario.rol, state, usuario.nombre, usuario.email)))


@users.command("set-password")
@click.option("--dni", required=True, help="8 digits.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin; else it is asked for.")
def set_password(dni: str, password_stdin: bool) -> None:
    """Give an account a new password, which ends its sessions."""
    change_user(dni, {"password": read_password(password_stdin)})


@users.command("activate")
@click.option("--dni", required=True, help="8 digits.")
def activate_user(dni: str) -> None:
    """Let an account sign in again."""
    change_user(dni, {"vigente": True})


@users.command("deactivate")
@click.option("--dni", required=True, help="8 digits.")
def deactivate_user(dni: str) -> None:
    """Keep an account from signing in, and end its sessions. The last active ADMIN is kept."""
    change_user(dni, {"vigente": False})


def change_user(dni: str, given: dict[str, Any]) -> None:
    """Change the account with this DNI."""
    open_database()
    usuario = Usuario.get_or_none(Usuario.dni == documento.compact(dni))
    if usuario is None:
        fail(f"no user has the DNI {dni}")
    usuarios.update_usuario(usuario.id, validated(schemas.UsuarioUpdate(), given))
    click.echo(f"changed {dni}", err=True)


@main.command("copy")
@click.option("--from", "source", required=True, help="The database to read: sqlite:///file or postgresql://…")
@click.option("--to", "target", required=True, help="An empty database; its tables are made.")
def copy_database(source: str, target: str) -> None:
    """Copy everything from one database into another, empty one, of either engine, and compare both.

    Stop the service first: what it writes meanwhile is not copied. If this is interrupted, the source is as it was and
    the target is empty; run it again.
    """
    reading = db.open_engine(config.parse_database_url(source, "--from"))
    writing = db.open_engine(config.parse_database_url(target, "--to"))
    click.echo("one transaction: if this is interrupted, the target stays empty; run it again", err=True)
    bar = click.progressbar(length=1, label="copying", file=sys.stderr)
    with closing(reading), closing(writing), bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        counts = transfer.copy(reading, writing, show)
    for table, rows in counts.items():
        click.echo(f"{table}\t{rows}")
    click.echo("both databases hold the same", err=True)


@main.group("db")
def db_group() -> None:
    """The database's schema."""


@db_group.command("upgrade")
def db_upgrade() -> None:
    """Apply the pending migrations; safe when several start at once."""
    db.connect(config.load().database_url)
    applied = db.upgrade()
    click.echo(f"applied: {', '.join(applied)}" if applied else "nothing to apply", err=True)


@db_group.command("status")
def db_status() -> None:
    """List the migrations and whether they are applied; exit 1 while one is pending."""
    db.connect(config.load().database_url)
    known = db.migrations()
    for name, applied in known:
        click.echo(f"{name}\t{'applied' if applied else 'pending'}")
    sys.exit(0 if all(applied for _, applied in known) else 1)


@main.group("openapi")
def openapi_group() -> None:
    """The API's description."""


@openapi_group.command("write")
@click.argument("file", type=click.File("w", encoding="utf-8"))
def openapi_write(file: TextIO) -> None:
    """Write the OpenAPI document to FILE, or to stdout with -."""
    from clientes_service.app import create_app  # Flask is not needed by the other commands

    document = create_app().config["OPENAPI"]()
    file.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def open_database(upgrade: bool = False) -> Config:
    """Connect; migrate a database that is empty, or any with `upgrade`. An old one is refused otherwise."""
    settings = config.load()
    db.connect(settings.database_url)
    if upgrade or not any(applied for _, applied in db.migrations()):
        db.upgrade()
    if missing := db.pending():
        fail(f"migrations are pending ({', '.join(missing)}): run 'clientes-service db upgrade' first")
    return settings


def read_password(from_stdin: bool) -> str:
    """The first line of stdin, or what is typed twice at a terminal."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the password; give it with --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def validated(schema: ma.Schema, given: dict[str, Any]) -> dict[str, Any]:
    """The given values by the API's own rules; exit 1 with a line for each that breaks one."""
    try:
        datos: dict[str, Any] = schema.load(given)
    except ma.ValidationError as error:
        fail("\n".join(f"{item.field}: {item.message}" for item in field_errors(error.messages)))
    return datos
