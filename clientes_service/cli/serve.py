"""The service itself, and the description of its API."""

import json
import os
import sys
from typing import TextIO

import click

from clientes_service import db
from clientes_service.auth import usuarios
from clientes_service.cli.base import fail, main, open_database
from clientes_service.errors import DniDuplicado

FACTORY = "clientes_service.app:create_app()"


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
