"""The endpoints of files: HTTP words only. A view's docstring is its OpenAPI text."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Response

from clientes_service import errors, metrics
from clientes_service.auth.guards import current_autor, requires
from clientes_service.auth.roles import Permiso
from clientes_service.clientes.advertencias import Rules
from clientes_service.clientes.search import Filters
from clientes_service.clock import utc_now
from clientes_service.files import schemas
from clientes_service.files.exporter import MEDIA_TYPES, export_clientes
from clientes_service.files.importer import import_file
from clientes_service.files.plan import Informe
from clientes_service.files.sheets import Limits
from clientes_service.historial.service import Origen
from clientes_service.http import Blueprint, current_config, problem_response
from clientes_service.openapi import ATTACHMENT, raises

blp = Blueprint("files", __name__, url_prefix="/api/clientes", description="Spreadsheets in and out")

LIMITS = Limits(rows=200_000, unpacked=500_000_000, memory=1_000_000_000)
INFORME = schemas.Informe()
FILES = {
    media_type: {"schema": {"type": "string", "format": "binary"}, "example": schemas.EXAMPLES[formato]}
    for formato, media_type in MEDIA_TYPES.items()
}


@blp.post("/importar")
@requires(Permiso.GESTIONAR)
@raises(errors.ImportacionRechazada)
@blp.arguments(schemas.ImportQuery, location="query")
@blp.arguments(schemas.Archivo, location="files")
@blp.response(200, schemas.Informe)
def import_clientes(query: dict[str, Any], files: dict[str, Any]) -> Informe:
    """Import a spreadsheet

    CSV or the first sheet of an XLSX. All rows, or none if one is bad, unless `parcial`. An empty cell erases nothing.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "archivo"
        with closing(files["archivo"]) as upload:
            upload.save(path)
        rules, autor = Rules.from_config(current_config()), current_autor(Origen.IMPORTACION)
        informe = import_file(path, rules=rules, autor=autor, limits=LIMITS, **query)
    metrics.IMPORTS.labels("dry_run" if query["simular"] else "done").inc()
    if not query["simular"]:
        for result, count in (("created", informe.creados), ("updated", informe.actualizados)):
            metrics.IMPORTED_ROWS.labels(result).inc(count)
    return informe


@blp.get("/exportar")
@requires(Permiso.GESTIONAR)
@blp.arguments(schemas.ExportQuery, location="query")
@blp.response(200, headers=ATTACHMENT)
@blp.doc(responses={200: {"content": FILES}})
def export_file(query: dict[str, Any]) -> Response:
    """Export clients

    All that the list's filters find, as CSV, XLSX or NDJSON, with the API's field names. Importing the file with
    `modo=upsert` changes nothing.
    """
    formato = query.pop("formato")
    response = Response(export_clientes(Filters.from_query(**query), formato), content_type=MEDIA_TYPES[formato])
    response.headers.set("Content-Disposition", "attachment", filename=f"clientes-{utc_now()[:10]}.{formato}")
    return response


@blp.errorhandler(errors.ImportacionRechazada)
def importacion_rechazada(error: errors.ImportacionRechazada) -> Response:
    """Show the caller the report, too."""
    metrics.IMPORTS.labels("rejected").inc()
    error.extra.update(INFORME.dump(error.informe or Informe()))
    return problem_response(error)
