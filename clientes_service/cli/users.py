"""Accounts."""

import sys
from typing import Any

import click

from clientes_service.auth import schemas, usuarios
from clientes_service.auth.models import Usuario
from clientes_service.auth.roles import Rol
from clientes_service.cli.base import fail, main, open_database, validated
from clientes_service.clientes import documento


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


def read_password(from_stdin: bool) -> str:
    """The first line of stdin, or what is typed twice at a terminal."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the password; give it with --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
