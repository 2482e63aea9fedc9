"""Imports a spreadsheet: all of it, or its good rows, or nothing. The command line and the API both come here."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

from clientes_service import errors
from clientes_service.clientes.advertencias import Rules
from clientes_service.files.columns import Columns, find_headings, is_heading
from clientes_service.files.plan import Informe, Modo, Planner
from clientes_service.files.sheets import NO_LIMITS, TOO_BIG, Limits, Sheet
from clientes_service.files.staging import PlanObsoleto, Staging, open_staging
from clientes_service.historial.service import Autor

NEEDED = {
    "nombre": "«Nombre» (nombre)",
    "tipoCliente": "«Tipo de cliente» (tipoCliente: PERSONA, EMPRESA u OTRO)",
    "tipoDocumento": "«Tipo de documento» (tipoDocumento: RUC, DNI, CE u OTRO)",
    "numeroDocumento": "«Documento» (numeroDocumento)",
    "codigoCliente": "«Código» (codigoCliente: uno distinto para cada cliente, como CLI0001)",
}
CHUNK = 1000  # rows that are planned at a time
ATTEMPTS = 5  # to plan, while others write what the plan was made on


def import_file(
    path: Path,
    modo: Modo,
    rules: Rules,
    autor: Autor,
    *,
    simular: bool = False,
    parcial: bool = False,
    limits: Limits = NO_LIMITS,
    progress: Callable[[float], None] = lambda done: None,
) -> Informe:
    """Bring a file's rows into the directory, in one transaction, and report what became of them.

    With `simular` nothing is written and the report is the same. `progress` is told how much of the file is read,
    from 0 to 1. Raises ImportacionRechazada for a file that cannot be read, and for a bad row unless `parcial`;
    CuerpoDemasiadoGrande beyond the limits; NoDisponible where others keep writing the same clients.
    """
    sheet = Sheet(path, limits, is_heading)
    for _ in range(ATTEMPTS):
        with open_staging() as staging:
            informe = _plan(sheet, modo, rules, staging, progress)
            if simular:
                return informe
            if informe.errores_total and not parcial:
                raise errors.ImportacionRechazada(informe=informe)
            try:
                staging.write(informe.creados, informe.actualizados, autor)
            except PlanObsoleto:
                continue
            return informe
    raise errors.NoDisponible


def _plan(sheet: Sheet, modo: Modo, rules: Rules, staging: Staging, progress: Callable[[float], None]) -> Informe:
    columns, rows = find_headings(sheet.rows())
    _require_columns(columns, modo)
    planner = Planner(modo, rules, staging, columns.imply_kind)
    informe = planner.informe
    informe.columnas_ignoradas = columns.ignored
    filled = (fila for numero, cells in rows if (fila := columns.read(numero, cells)))
    while chunk := list(islice(filled, CHUNK)):
        planner.add(chunk)
        if sheet.limits.rows and informe.filas > sheet.limits.rows:
            raise errors.CuerpoDemasiadoGrande(TOO_BIG)
        progress(sheet.progress)
    if not informe.filas:
        raise errors.ImportacionRechazada("La hoja no tiene filas debajo de los encabezados.", informe)
    return informe


def _require_columns(columns: Columns, modo: Modo) -> None:
    """Raise ImportacionRechazada for a column that no row can do without."""
    missing = columns.missing if modo is Modo.CREAR else [name for name in columns.missing if name == "codigoCliente"]
    if not missing:
        return
    *others, last = [NEEDED[name] for name in missing]
    detail = f"Falta la columna {last}. Agréguela a la hoja."
    if others:
        detail = f"Faltan las columnas {', '.join(others)} y {last}. Agréguelas a la hoja."
    if len(missing) == len(NEEDED):
        detail = f"No se encontraron los encabezados en la primera hoja. {detail}"
    raise errors.ImportacionRechazada(detail, Informe(columnas_ignoradas=columns.ignored))
