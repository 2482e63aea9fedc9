"""Which clients changed after which, of what every later read will see.

A place in the feed is the epoch of the database, and the number of the last change that was seen.
"""

from collections.abc import Sequence

from clientes_service import db, errors, metrics
from clientes_service.clientes.models import current_epoch, last_settled
from clientes_service.clientes.rows import COLUMNS, NAMES, Row

BEGINNING = 0
CHANGED = f"SELECT {COLUMNS} FROM cliente WHERE version > ? AND version <= ? ORDER BY version LIMIT ?"  # noqa: S608
VERSION = NAMES.index("version")

Place = tuple[str, int]


def list_cambios(place: Place | None, size: int) -> tuple[Sequence[Row], Place, bool]:
    """Return the clients that changed after a place, the next place, and whether there is more.

    Raises Resincronizar for a place that is not one of this database's life.
    """
    # In this order: what is settled by now is all there when the rows are read.
    epoca, settled = current_epoch(), last_settled()
    since, seen = place or (epoca, BEGINNING)
    if since != epoca or seen > settled:
        raise errors.Resincronizar
    if place:
        metrics.FEED_LAG.observe(settled - seen)
    found: list[Row] = db.execute(CHANGED, (seen, settled, size + 1)).fetchall()
    content = found[:size]
    return content, (epoca, content[-1][VERSION] if content else seen), len(found) > size
