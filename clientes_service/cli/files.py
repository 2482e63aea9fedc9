"""Clients from a spreadsheet, and to one."""

import gc
import os
import sys
from pathlib import Path

import click

from clientes_service import db
from clientes_service.cli.base import fail, main, open_database
from clientes_service.clientes.advertencias import Rules
from clientes_service.clientes.search import VIGENTE, Filters
from clientes_service.errors import ImportacionRechazada
from clientes_service.files.exporter import Formato, export_clientes
from clientes_service.files.importer import import_file
from clientes_service.files.plan import Informe, Modo
from clientes_service.historial.service import Autor, Origen

WARNINGS_SHOWN = 20
LEFT_TO_SERVER = 200_000  # new or changed clients that the server indexes for searches by itself, within a minute


@main.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--mode",
    type=click.Choice([modo.value for modo in Modo]),
    default=Modo.CREAR.value,
    show_default=True,
    help="Make clients, change those that have a row's code, or both.",
)
@click.option("--dry-run", is_flag=True, help="Report what would be done, and do nothing.")
@click.option("--partial", is_flag=True, help="Import the good rows although others are bad.")
def import_clientes(file: Path, mode: str, dry_run: bool, partial: bool) -> None:
    """Bring the rows of FILE, CSV or XLSX, into the directory: all of them, or none if one is bad.

    Prints the counts. If rows were bad, a table says what to do about each, and the exit code is 1.
    """
    gc.freeze()  # what is loaded by now stays: the collector need not look at it
    gc.set_threshold(20_000)  # nor look for garbage after every seventh row
    settings = open_database()
    rules, autor = Rules.from_config(settings), Autor(Origen.IMPORTACION)
    bar = click.progressbar(length=100, label="importing", file=sys.stderr)
    try:
        with bar:
            informe = import_file(
                file,
                Modo(mode),
                rules,
                autor,
                simular=dry_run,
                parcial=partial,
                progress=lambda done: bar.update(int(done * 100) - bar.pos),
            )
    except ImportacionRechazada as error:
        if error.informe is not None and error.informe.errores:
            show(error.informe)
            print_counts(filas=error.informe.filas, errores=error.informe.errores_total)
        fail(error.detail)
    if informe.creados + informe.actualizados > LEFT_TO_SERVER:
        click.echo("indexing for searches", err=True)
        db.engine().texts.extend(1)
    show(informe)
    print_counts(
        filas=informe.filas,
        creados=informe.creados,
        actualizados=informe.actualizados,
        sinCambios=informe.sin_cambios,
        errores=informe.errores_total,
    )
    sys.exit(1 if informe.errores_total else 0)


def print_counts(**counts: int) -> None:
    """Print each count on a line of its own."""
    for name, count in counts.items():
        click.echo(f"{name}\t{count}")


def show(informe: Informe) -> None:
    """Print the bad rows, and the first of the warnings, as tables on stderr."""
    rows = [(str(e["fila"]), e["campo"], e["mensaje"]) for e in informe.errores]
    print_table(("row", "column", "what to do"), rows, informe.errores_total > len(rows))
    warnings = [(str(w["fila"]), w["campo"], w["mensaje"]) for w in informe.advertencias]
    print_table(("row", "column", "worth a second look"), warnings[:WARNINGS_SHOWN], len(warnings) > WARNINGS_SHOWN)
    if informe.columnas_ignoradas:
        click.echo(f"columns that were ignored: {', '.join(informe.columnas_ignoradas)}", err=True)


def print_table(headings: tuple[str, str, str], rows: list[tuple[str, str, str]], more: bool) -> None:
    """Print aligned columns, and whether there is more than these."""
    if not rows:
        return
    first, second = (max(len(row[at]) for row in (headings, *rows)) for at in (0, 1))
    for row in (headings, *rows):
        click.echo(f"{row[0]:>{first}}  {row[1]:<{second}}  {row[2]}", err=True)
    if more:
        click.echo("… and more", err=True)


@main.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="-")
@click.option(
    "--format",
    "format_name",
    type=click.Choice([formato.value for formato in Formato]),
    help="By default what FILE's name ends in, else csv.",
)
@click.option(
    "--vigente", type=click.Choice(list(VIGENTE)), default="true", show_default=True, help="Active clients or others."
)
def export(file: Path, format_name: str | None, vigente: str) -> None:
    """Write the clients to FILE, or to stdout without FILE or with -.

    A file of that name is replaced when the new one is complete.
    """
    open_database()
    extension = file.suffix.lower().removeprefix(".")
    formato = Formato(format_name or (extension if extension in list(Formato) else Formato.CSV))
    content = export_clientes(Filters.from_query(vigente), formato)
    if str(file) == "-":
        sys.stdout.buffer.writelines(content)
        sys.stdout.buffer.flush()
        return
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with draft.open("xb") as stream:
            stream.writelines(content)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    click.echo(f"wrote {file}", err=True)
