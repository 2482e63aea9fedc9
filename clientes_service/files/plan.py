"""What each row of a file would do to the directory, by the rules of the API's single calls.

A row is planned on the clients that were stored before the file, and on what the rows above it give; nothing is written
here. A document counts as taken also where a row above takes it away from its client: split such a file in two.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter
from typing import Any

from clientes_service import db, errors
from clientes_service.clientes import documento
from clientes_service.clientes.advertencias import Rules, list_advertencias, refuse
from clientes_service.clientes.documento import Documento, DocumentoInvalido, TipoDocumento
from clientes_service.clientes.models import TipoCliente, code_key, derived_keys
from clientes_service.clientes.service import DOCUMENTO
from clientes_service.clientes.texts import search_text
from clientes_service.fields import SPANISH, camelcase
from clientes_service.files.columns import FIELDS, REQUIRED, CellInvalido, Fila, repair_numero
from clientes_service.files.staging import COLUMNS, IMAGE, Staging
from clientes_service.historial.service import Accion, describe, describe_new

NOTHING = (None,) * (len(COLUMNS) - 2)
LISTED = 1000  # rows named in each list of a report
EMPTY = dict.fromkeys(FIELDS)
IN_ORDER = itemgetter(*IMAGE)
NEEDED = set(REQUIRED)
UNKNOWN = "Ningún cliente tiene este código. Revíselo o importe con otro modo."
NO_CLIENTE = "No parece un cliente: faltan el código y el documento. Complete la fila o bórrela."
STORED = ("id", "version", "vigente", "codigo_clave", "anonimizado", *FIELDS)


class Modo(StrEnum):
    """What a file may do: make clients, change those there are, or both."""

    CREAR = "crear"
    ACTUALIZAR = "actualizar"
    UPSERT = "upsert"


@dataclass(slots=True)
class Informe:
    """What became of a file's rows; of a rejected file, the counts say what its good rows would have done."""

    columnas_ignoradas: list[str] = field(default_factory=list)
    filas: int = 0
    creados: int = 0
    actualizados: int = 0
    sin_cambios: int = 0
    errores: list[dict[str, Any]] = field(default_factory=list)
    errores_total: int = 0
    advertencias: list[dict[str, Any]] = field(default_factory=list)

    def add(self, fila: Fila) -> None:
        """Take over what a row had to say; the first LISTED of each kind are kept."""
        self.filas += 1
        self.errores_total += len(fila.errores)
        for campo, mensaje in fila.errores:
            if len(self.errores) < LISTED:
                self.errores.append({"fila": fila.numero, "campo": campo, "mensaje": mensaje})
        for campo, codigo, mensaje in () if fila.errores else fila.advertencias:
            if len(self.advertencias) < LISTED:
                self.advertencias.append({"fila": fila.numero, "campo": campo, "codigo": codigo, "mensaje": mensaje})


@dataclass(slots=True)
class _Draft:
    """A row beside the client that has its code: the fields as they would be, and those that would change."""

    fila: Fila
    clave: str
    stored: dict[str, Any] | None
    merged: dict[str, Any]
    changes: dict[str, Any]
    keys: dict[str, str] = field(default_factory=dict)


class Planner:
    """Plans rows some at a time, in order, into a staging table and a report."""

    def __init__(self, modo: Modo, rules: Rules, staging: Staging, imply_kind: bool) -> None:
        """Begin; with `imply_kind` a row cannot give the kind of a document without its number."""
        self.modo, self.rules, self.staging, self.imply_kind = modo, rules, staging, imply_kind
        self.informe = Informe()

    def add(self, filas: Sequence[Fila]) -> None:
        """Plan these rows, which follow those before."""
        with self.staging.reading():
            claves = {code_key(fila.datos["codigo_cliente"]) for fila in filas if "codigo_cliente" in fila.datos}
            stored, seen = _find_clientes(claves), self.staging.find_codes(claves)
            drafts = [self._draft(fila, stored, seen) for fila in filas]
            personas = {draft.keys["persona_clave"] for draft in drafts if draft.keys}
            self._held, self._given = _find_holders(personas), self.staging.find_documents(personas)
            self.staging.add([row for draft in drafts if (row := self._finish(draft))])

    def _draft(self, fila: Fila, stored: dict[str, dict[str, Any]], seen: dict[str, int]) -> _Draft:
        clave = code_key(fila.datos.get("codigo_cliente", ""))
        if clave and (first := seen.setdefault(clave, fila.numero)) != fila.numero:
            fila.errores.append(("codigoCliente", f"La fila {first} ya tiene este código. Deje una de las dos."))
            clave = ""
        draft = _Draft(fila, clave, stored.get(clave), fila.datos, fila.datos)
        if draft.stored is None:
            self._require(fila)
        elif not fila.errores:
            self._merge(draft, draft.stored)
        if not fila.errores:
            draft.keys = derived_keys(draft.merged)
        return draft

    def _require(self, fila: Fila) -> None:
        """Add what keeps a row whose code nobody has from being a new client."""
        datos = fila.datos
        if datos.keys() >= NEEDED and self.modo is not Modo.ACTUALIZAR:
            return
        known = {campo for campo, _ in fila.errores}
        if "" in known or (known and self.modo is not Modo.CREAR):
            return
        if not known and "codigo_cliente" not in datos and "numero_documento" not in datos:
            fila.errores.append(("codigoCliente", NO_CLIENTE))
        elif self.modo is Modo.ACTUALIZAR:
            fila.errores.append(("codigoCliente", UNKNOWN if "codigo_cliente" in datos else str(SPANISH["required"])))
        else:
            without_number = self.imply_kind and "numero_documento" not in datos
            implied = {"tipo_documento"} if without_number else set()
            missing = [camelcase(name) for name in REQUIRED if name not in datos and name not in implied]
            fila.errores += [(name, str(SPANISH["required"])) for name in missing if name not in known]

    def _merge(self, draft: _Draft, stored: dict[str, Any]) -> None:
        """Lay the row over what is stored, as a PUT does."""
        fila = draft.fila
        if self.modo is Modo.CREAR:
            fila.errores.append(("codigoCliente", "Ya está en uso; elija otro código."))
            return
        if not stored["vigente"]:
            why = "sus datos se borraron; use otro código" if stored["anonimizado"] else "restáurelo antes"
            fila.errores.append(("codigoCliente", f"Es de un cliente que no está vigente: {why}."))
            return
        given = {name: value for name, value in fila.datos.items() if name != "codigo_cliente"}
        draft.merged = {name: stored[name] for name in FIELDS} | given
        if not given.keys().isdisjoint(DOCUMENTO):
            tipo, numero, repair = draft.merged["tipo_documento"], draft.merged["numero_documento"], None
            try:
                if "numero_documento" in given:  # the kind may only be known by now
                    numero, repair = repair_numero(tipo, numero)
                numero = documento.normalize(tipo, numero)
            except (CellInvalido, DocumentoInvalido) as error:
                fila.errores.append(("numeroDocumento", str(error)))
                return
            if repair:
                fila.advertencias.append(("numeroDocumento", *repair))
            draft.merged["numero_documento"] = given["numero_documento"] = numero
        draft.changes = {name: value for name, value in given.items() if stored[name] != value}

    def _finish(self, draft: _Draft) -> tuple[Any, ...] | None:
        """Warn, count, and return the row of the staging table; None for a row without a code of its own."""
        fila, merged = draft.fila, draft.merged
        if not fila.errores:
            self._warn(draft)
        self.informe.add(fila)
        if fila.errores or not draft.changes:
            self.informe.sin_cambios += not fila.errores
            return (fila.numero, *NOTHING, draft.clave) if draft.clave else None
        if stored := draft.stored:
            orden = self.informe.actualizados = self.informe.actualizados + 1
            act = (stored["id"], stored["version"], Accion.ACTUALIZADO, describe(stored, draft.changes))
        else:
            orden = self.informe.creados = self.informe.creados + 1
            act = (None, None, Accion.CREADO, describe_new(draft.changes))
        image: dict[str, Any] = EMPTY | merged | draft.keys | {"texto": search_text(merged)}
        self._given[image["persona_clave"]].append((image["tipo_documento"], image["documento_clave"]))
        return (fila.numero, orden, *act, *IN_ORDER(image))

    def _warn(self, draft: _Draft) -> None:
        merged = draft.merged
        advertencias = list_advertencias(
            merged["tipo_cliente"],
            merged["tipo_documento"],
            merged["numero_documento"],
            merged.get("contacto_representante"),
            [] if self._is_repeated(draft) else None,
        )
        draft.fila.advertencias += [(a.campo, a.codigo, a.mensaje) for a in advertencias]
        if draft.changes and not draft.fila.datos.keys().isdisjoint(DOCUMENTO):
            try:
                refuse(advertencias, self.rules)
            except (errors.Validacion, errors.DocumentoDuplicado) as error:
                draft.fila.errores += [(item.field, item.message) for item in error.errors]

    def _is_repeated(self, draft: _Draft) -> bool:
        """Whether another active client, or a row above that is written, has the document of this one."""
        persona = draft.keys["persona_clave"]
        others = self._given.get(persona, [])
        if persona in self._held:
            own_id = draft.stored["id"] if draft.stored else 0
            others = others + [one for one, count, id in self._held[persona] if count > 1 or id != own_id]
        own = (draft.merged["tipo_documento"], draft.keys["documento_clave"])
        return any(documento.same_person(own, other) for other in others) if others else False


def _find_clientes(claves: set[str]) -> dict[str, dict[str, Any]]:
    """The clients that have these codes, by code."""
    sql = f"SELECT {', '.join(STORED)} FROM cliente WHERE codigo_clave IN {db.one_of(claves)}"  # noqa: S608
    rows = db.execute(sql, claves).fetchall() if claves else []
    found = {row[3]: dict(zip(STORED, row, strict=True)) for row in rows}
    for cliente in found.values():
        cliente["tipo_cliente"] = TipoCliente(cliente["tipo_cliente"])
        cliente["tipo_documento"] = TipoDocumento(cliente["tipo_documento"])
    return found


def _find_holders(personas: set[str]) -> dict[str, list[tuple[Documento, int, int]]]:
    """The documents of active clients by these keys of persons: each with how many hold it, and one who does."""
    sql = f"""
        SELECT persona_clave, tipo_documento, documento_clave, COUNT(*), MIN(id) FROM cliente
        WHERE vigente AND persona_clave IN {db.one_of(personas)}
        GROUP BY persona_clave, tipo_documento, documento_clave
    """  # noqa: S608
    found: dict[str, list[tuple[Documento, int, int]]] = defaultdict(list)
    for persona, tipo, clave, count, id in db.execute(sql, personas).fetchall() if personas else ():
        found[persona].append(((TipoDocumento(tipo), clave), count, id))
    return found
