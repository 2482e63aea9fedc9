"""The rows of a file between reading and writing: a temporary table of this connection, on either engine.

Everything that takes time is done before the write lock is taken; what is left under it are a few statements over this
table. So memory does not grow with the file, and other writers wait for a second at most.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import IntegrityError

from clientes_service import db, errors
from clientes_service.clientes.documento import Documento, TipoDocumento
from clientes_service.clientes.models import current_epoch, draw_clientes, draw_versions, last_settled, last_version
from clientes_service.clientes.schemas import ClienteCreate
from clientes_service.clock import utc_now
from clientes_service.db import snapshot
from clientes_service.historial import service as historial
from clientes_service.historial.service import Autor

# What a client is made of, as far as a file can say.
STORED = (*ClienteCreate().fields, "nombre_orden", "documento_clave", "persona_clave", "codigo_clave")
IMAGE = (*STORED, "texto")
COLUMNS = ("fila", "orden", "cliente_id", "version", "accion", "cambios", *IMAGE)
MOST_CHANGES = 10_000  # by others, that are worth comparing one by one

# The types and collations are those of the tables.
CREATE = f"""
    CREATE TEMPORARY TABLE importacion AS
    SELECT c.version AS fila, c.version AS orden, c.id AS cliente_id, c.version, h.accion, h.cambios,
        {", ".join(f"c.{name}" for name in STORED)}, b.texto
    FROM cliente c, historial h, busqueda b WHERE 1 = 0
"""  # noqa: S608 - names of columns alone
INDEXES = ("codigo_clave", "persona_clave")

# orden is the place of a creation among those of the file, or of a change among those, from 1; null where a row
# changes nothing.
INSERT = f"""
    INSERT INTO cliente (id, {", ".join(STORED)}, vigente, epoca, version, fecha_creacion, fecha_modificacion)
    SELECT ? + orden, {", ".join(STORED)}, TRUE, ?, ? + orden, ?, ?
    FROM importacion WHERE orden > 0 AND cliente_id IS NULL
"""  # noqa: S608
INSERT_TEXTS = """
    INSERT INTO busqueda (clave, texto)
    SELECT ? + orden, texto FROM importacion WHERE orden > 0 AND cliente_id IS NULL
"""
NEW_LINES = """
    SELECT ? + orden AS version, CAST(? AS VARCHAR(8)) AS epoca, ? + orden AS cliente_id, accion,
        CAST(? AS VARCHAR(24)) AS fecha, cambios
    FROM importacion WHERE orden > 0 AND cliente_id IS NULL
"""
UPDATE = f"""
    UPDATE cliente SET {", ".join(f"{name} = i.{name}" for name in STORED)},
        epoca = ?, version = ? + i.orden, fecha_modificacion = ?
    FROM importacion i WHERE i.orden > 0 AND i.cliente_id = cliente.id
"""  # noqa: S608
UPDATE_TEXTS = """
    UPDATE busqueda SET texto = i.texto
    FROM importacion i WHERE i.orden > 0 AND i.cliente_id = busqueda.clave AND i.texto <> busqueda.texto
"""
CHANGED_LINES = """
    SELECT c.version, c.epoca, c.id AS cliente_id, i.accion, c.fecha_modificacion AS fecha, i.cambios
    FROM importacion i JOIN cliente c ON c.id = i.cliente_id WHERE i.orden > 0
"""
STALE = """
    SELECT 1 FROM importacion i LEFT JOIN cliente c ON c.id = i.cliente_id
    WHERE i.orden > 0 AND i.cliente_id IS NOT NULL AND (c.version IS NULL OR c.version <> i.version) LIMIT 1
"""
CHANGED = """
    SELECT persona_clave FROM cliente WHERE version > ? AND version <= ? AND vigente
    UNION ALL SELECT persona_clave FROM cliente WHERE version > ? AND vigente
    LIMIT ?
"""


class PlanObsoleto(Exception):
    """Others wrote meanwhile what this plan was made on: nothing was written, and it must be made again."""


class Staging:
    """The temporary table, and what the database was when it was begun."""

    def __init__(self) -> None:
        self._connection = db.engine().connection()
        db.execute("DROP TABLE IF EXISTS importacion")
        db.execute(CREATE)
        for name in INDEXES:
            db.execute(f"CREATE INDEX importacion_{name} ON importacion ({name})")
        self._begun_at = last_settled()
        self._rows, self._analyzed = 0, 100  # how many there are, and were when the planner last looked

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See one state of the database, and add to this table. Raises NoDisponible if the connection was lost."""
        with snapshot():
            self._check_connection()
            yield

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows of COLUMNS."""
        db.insert_rows("importacion", COLUMNS, rows)
        self._rows += len(rows)
        if self._rows >= 10 * self._analyzed:
            db.execute("ANALYZE importacion")
            self._analyzed = self._rows

    def find_codes(self, claves: Collection[str]) -> dict[str, int]:
        """Of these codes, those that the file had already, with the row of each."""
        sql = f"SELECT codigo_clave, fila FROM importacion WHERE codigo_clave IN {db.one_of(claves)}"  # noqa: S608
        return dict(db.execute(sql, claves).fetchall()) if claves else {}

    def find_documents(self, personas: Collection[str]) -> dict[str, list[Documento]]:
        """The documents that the file gave already to clients that it writes, by these keys of persons."""
        sql = f"""
            SELECT DISTINCT persona_clave, tipo_documento, documento_clave FROM importacion
            WHERE orden > 0 AND persona_clave IN {db.one_of(personas)}
        """  # noqa: S608
        found: dict[str, list[Documento]] = defaultdict(list)
        for persona, tipo, clave in db.execute(sql, personas).fetchall() if personas else ():
            found[persona].append((TipoDocumento(tipo), clave))
        return found

    def write(self, creates: int, updates: int, autor: Autor) -> None:
        """Write every planned change with its line of history, or raise PlanObsoleto and write nothing."""
        if not creates and not updates:
            return
        db.execute("ANALYZE importacion")
        try:
            with db.bulk_transaction(lambda: draw_clientes(creates)) as ((version, id), lock):
                self._check_connection()
                if creates:
                    self._insert(version, id, autor)
                lock()
                self._check_plan(updates, version, version + creates)
                self._update(updates, autor)
        except IntegrityError as error:  # a code that was free
            raise PlanObsoleto from error

    def _insert(self, version: int, id: int, autor: Autor) -> None:
        """Write the new clients, who have the numbers behind these."""
        epoca, now = current_epoch(), utc_now()
        db.execute(INSERT, (id, epoca, version, now, now))
        db.execute(INSERT_TEXTS, (id,))
        historial.record_all(NEW_LINES, (version, epoca, id, now), autor)

    def _update(self, updates: int, autor: Autor) -> None:
        """Write the changed clients; numbers are drawn for none, too, so that the counter changes with this commit."""
        epoca, last = draw_versions(updates)
        if updates:
            db.execute(UPDATE, (epoca, last - updates, utc_now()))
            db.execute(UPDATE_TEXTS)
            historial.record_all(CHANGED_LINES, (), autor)

    def _check_plan(self, updates: int, base: int, last: int) -> None:
        """Raise PlanObsoleto if what others changed since touches what the plan was made on.

        The numbers behind `base` up to `last` are those of the rows that were made here.
        """
        if last_version() == self._begun_at + last - base:  # nobody did
            return
        if updates and db.execute(STALE).fetchone():
            raise PlanObsoleto
        changed = db.execute(CHANGED, (self._begun_at, base, last, MOST_CHANGES + 1)).fetchall()
        personas = [persona for (persona,) in changed]
        chunks = [personas[start : start + 1000] for start in range(0, len(personas), 1000)]
        if len(changed) > MOST_CHANGES or any(self.find_documents(chunk) for chunk in chunks):
            raise PlanObsoleto

    def _check_connection(self) -> None:
        if db.engine().connection() is not self._connection:  # and the table has gone with it
            raise errors.NoDisponible


@contextmanager
def open_staging() -> Iterator[Staging]:
    """Make the table, and drop it at the end."""
    staging = Staging()
    try:
        yield staging
    finally:
        if db.engine().connection() is staging._connection:
            db.execute("DROP TABLE IF EXISTS importacion")
