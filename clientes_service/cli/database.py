"""The database as a whole: its schema, and everything in it moved into another."""

import sys
from contextlib import closing

import click

from clientes_service import config, db, transfer
from clientes_service.cli.base import main


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
