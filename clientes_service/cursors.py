"""Where a page of an answer ended, as callers carry it: opaque, and a damaged one is told."""

import base64
import json
import zlib
from typing import Any, TypeVar

import orjson

from clientes_service import errors

COMPACT = json.JSONEncoder(separators=(",", ":"))

Place = TypeVar("Place")


def encode_cursor(place: Any) -> str:
    """Where a page ended, as an opaque text; a checksum tells a damaged one."""
    packed = base64.urlsafe_b64encode(COMPACT.encode(place).encode()).decode().rstrip("=")
    return f"{packed}-{zlib.crc32(packed.encode()):08x}"


def decode_cursor(cursor: str, kind: type[Place]) -> Place:
    """Return what `encode_cursor` was given, which must be of this kind; raise CursorInvalido."""
    packed, _, checksum = cursor.rpartition("-")
    if not cursor.isascii() or checksum != f"{zlib.crc32(packed.encode()):08x}":
        raise errors.CursorInvalido
    try:
        place = orjson.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    except ValueError as error:
        raise errors.CursorInvalido from error
    if not isinstance(place, kind) or (isinstance(place, int) and abs(place) >= 2**63):
        raise errors.CursorInvalido
    return place
