"""Copies of the database, made and put back."""

from contextlib import closing
from pathlib import Path

import click

from clientes_service import backup, config, db, restore
from clientes_service.cli.base import main


@main.command("backup")
@click.argument("dir", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--keep", type=click.IntRange(min=1), help="Remove older copies of ours in DIR; so many are left.")
def make_backup(dir: Path | None, keep: int | None) -> None:
    """Copy the database into a new file in DIR, by default `backups` in the instance folder, while serving.

    The copy is checked before it gets its name, which is printed. On PostgreSQL use pg_dump.
    """
    settings = config.load()
    with closing(db.file_engine(settings.database_url)) as source:
        made = backup.make_backup(source, (dir or settings.backups_path).absolute(), keep)
    click.echo(f"checked: {made.clientes} clients", err=True)
    for path in made.removed:
        click.echo(f"removed {path}", err=True)
    click.echo(made.file)


@main.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore_backup(file: Path) -> None:
    """Replace the database by a copy of FILE. Stop the service first.

    FILE is checked, and migrated if it is older. The replaced database is kept, and its path printed. Everybody has to
    sign in again, phones fetch everything anew, and clients that were anonymised since are so again. Accounts are
    those of FILE: check with `users list` who may sign in. On PostgreSQL use pg_restore.
    """
    with closing(db.file_engine(config.load().database_url)) as current:
        done = restore.restore(current, file)
    for line in described(done):
        click.echo(line, err=True)
    click.echo(f"restored {file}: {done.clientes} clients", err=True)
    if done.kept:
        click.echo("the replaced database is kept as", err=True)
        click.echo(done.kept)


def described(done: restore.Restored) -> list[str]:
    """What an operator should know about a restore, in lines."""
    lines = ["all sessions are ended; accounts and passwords are those of the file: check 'users list'"]
    if done.migrations:
        lines.append(f"migrated: {', '.join(done.migrations)}")
    if done.anonymised:
        lines.append(f"anonymised again: {done.anonymised} clients")
    if done.reactivated:
        lines.append(f"active again, though deactivated since: {', '.join(done.reactivated)}")
    if done.damage:
        lines.append(f"the replaced database could not be read ({done.damage}); anonymise again who was since")
    return lines
