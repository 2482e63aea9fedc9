"""Gathers how the service stands. Changes nothing, and names nobody."""

from typing import Any

from clientes_service import __version__, db
from clientes_service.clock import utc_at
from clientes_service.config import Config
from clientes_service.servicio import storage

# One statement, so that the counts are of one moment.
COUNTS = """
    SELECT (SELECT count(*) FROM cliente WHERE vigente), (SELECT count(*) FROM cliente),
           (SELECT count(*) FROM usuario WHERE vigente)
"""


def describe(config: Config) -> dict[str, Any]:
    """Return version, database, last backup, free disk and counts.

    What is about files is None where the database is a server's, whose disk and backups are not seen from here.
    """
    file = storage.database_file(config)
    copy = storage.newest_backup(config, file) if file else None
    vigentes, total, usuarios = db.execute(COUNTS).fetchone()
    return {
        "version": __version__,
        "base_de_datos": {
            "motor": db.engine().name,
            "version": db.engine().version(),
            "bytes": storage.database_bytes(file) if file else None,
        },
        "ultimo_respaldo": copy and {"fecha": utc_at(copy.made), "bytes": copy.bytes},
        "espacio_libre": storage.free_bytes(config) if file else None,
        "clientes": {"vigentes": vigentes, "total": total},
        "usuarios": {"vigentes": usuarios},
    }
