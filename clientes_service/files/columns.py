"""What a sheet's columns mean, and how a row of cells becomes the fields that the API would be sent.

The rules of the fields are the API's own (`clientes/schemas.py`); here is only what a spreadsheet does to them.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import marshmallow as ma

from clientes_service import errors
from clientes_service.clientes import documento
from clientes_service.clientes.documento import DocumentoInvalido, TipoDocumento
from clientes_service.clientes.schemas import ClienteCreate
from clientes_service.fields import Text, camelcase, storable
from clientes_service.files.sheets import HEADINGS_WITHIN, Cells, Rows

FIELDS = ClienteCreate().fields
REQUIRED = tuple(name for name, field_obj in FIELDS.items() if field_obj.required)
CODE = "codigo_cliente"
MAX_CELL = 1_000  # characters
MAX_HEADING, MOST_IGNORED = 100, 1_000  # characters, and columns, that a report names
DNI_SHORTEST = 5  # digits that a DNI without its zeros still has

# Other words for a field, as `_word` leaves them: lower case, no accents, letters and digits alone.
HEADINGS = {
    "nombre": "nombres nombrecompleto nombresyapellidos apellidosynombres razonsocial nombreorazonsocial "
    "nombrerazonsocial razonsocialnombre cliente nombrecliente nombredelcliente denominacion clienterazonsocial "
    "clienteorazonsocial razonsocialonombre nombreodenominacion empresa",
    "tipo_cliente": "tipodecliente tipocli tipopersona tipodepersona",
    "tipo_documento": "tipodedocumento tipodoc tipodedoc tipodocidentidad tipodocumentoidentidad",
    "numero_documento": "numerodedocumento numdocumento nrodocumento nrodedocumento ndocumento nodocumento "
    "ndedocumento nodedocumento documento documentodeidentidad documentoidentidad numerodoc nrodoc ndoc nodoc doc "
    "nrodocidentidad nrodocumentodeidentidad ndocumentodeidentidad nodocumentodeidentidad",
    "codigo_cliente": "codigo codigodecliente codigodelcliente cod codcliente codcli idcliente",
    "direccion": "direccionfiscal direcciondeservicio direccionservicio direccionprincipal domicilio domiciliofiscal "
    "direcciondelcliente direccioncliente",
    "telefono": "telefonos telefonocelular telefonoocelular celular celulartelefono celulares movil telefonomovil "
    "telefonofijo telf telef tel cel fono numerodetelefono numerodecelular nrotelefono nrocelular whatsapp telefono1 "
    "celular1",
    "email": "correo correoelectronico correos mail emails correo1 correodecontacto emaildecontacto",
    "contacto_representante": "contacto representante representantelegal personadecontacto nombredecontacto "
    "contactoorepresentante",
}
BY_HEADING = {word: name for name, words in HEADINGS.items() for word in (camelcase(name).lower(), *words.split())}
BY_DIGITS = "by digits"
Kind = TipoDocumento | str | None
# Headings that give a number and its kind at once.
KINDS: dict[str, TipoDocumento | str] = {
    **dict.fromkeys(("ruc", "nroruc", "numeroruc", "numeroderuc", "nruc", "noruc"), TipoDocumento.RUC),
    **dict.fromkeys(("dni", "nrodni", "numerodni", "numerodedni", "ndni", "nodni"), TipoDocumento.DNI),
    **dict.fromkeys(("ce", "carnedeextranjeria", "carneextranjeria", "carnetdeextranjeria"), TipoDocumento.CE),
    **dict.fromkeys(("rucdni", "dniruc", "rucodni", "dnioruc"), BY_DIGITS),
}

# Other words for a kind in a cell.
KIND_WORDS = {
    **dict.fromkeys(("natural", "personanatural"), "PERSONA"),
    **dict.fromkeys(("juridica", "personajuridica"), "EMPRESA"),
    **dict.fromkeys(("ce", "carnedeextranjeria", "carneextranjeria", "carnetdeextranjeria"), "CE"),
    **{"ruc": "RUC", "dni": "DNI", "pasaporte": "OTRO"},
}
# What an office writes where there is nothing to write.
NOTHING = {"sn", "notiene", "ninguno", "nohay", "sintelefono", "sincelular", "sincorreo", "sinemail"}
MAY_BE_NOTHING = {"telefono", "email", "contacto_representante"}

DASHES = "-\u2013\u2014"  # alone in a cell they mean nothing
BLANKS = f" \t\r\n\u00a0{DASHES}"
FORMULA = "=+-@\t\r"  # what makes a spreadsheet run a cell
GUARDED = re.compile(f"'+[{re.escape(FORMULA + DASHES)}]")
LINE_BREAK = re.compile(r"\s*[\r\n\v\f\u2028\u2029]+\s*")
DECIMAL_ZEROS = re.compile(r"([0-9]+)[.,]0+")
SCIENTIFIC = re.compile(r"([0-9])(?:[.,]([0-9]+))?[eE]\+?([0-9]{1,2})")

CUT = "El número llegó cortado. Dé formato de texto a la columna y escríbalo otra vez completo."
CONVERTED = ("NUMERO_CONVERTIDO", "Era un número de la hoja de cálculo y se leyó como texto. Compárelo.")
ZEROS = ("CEROS_REPUESTOS", "Al DNI le faltaban ceros a la izquierda y se le pusieron. Compárelo.")


class CellInvalido(ValueError):
    """A cell cannot be read; the message says in Spanish what to do about it."""


@dataclass(slots=True)
class Fila:
    """A row: its number, the fields that it gives, what is wrong with it and what was repaired.

    `errores` are (field, message) and `advertencias` (field, code, message), by the API's field names.
    """

    numero: int
    datos: dict[str, Any] = field(default_factory=dict)
    errores: list[tuple[str, str]] = field(default_factory=list)
    advertencias: list[tuple[str, str, str]] = field(default_factory=list)


class Columns:
    """The columns of one sheet by its headings.

    `ignored` are those that mean nothing here, `missing` those that a new client needs, by the API's names; with
    `imply_kind`, only the heading of a document says its kind.
    """

    def __init__(self, headings: Cells) -> None:
        self.width = len(headings)
        self.ignored: list[str] = []
        self._plain: dict[str, int] = {}
        self._documento: list[tuple[int, Kind]] = []
        given: set[str] = set()
        own_names = {camelcase(name) for name in FIELDS}
        texts = [_heading(cell) for cell in headings]
        # The API's own names go first, so that no other word for a field can take its place.
        for place in sorted(range(self.width), key=lambda place: texts[place] not in own_names):
            word = _word(texts[place])
            name = BY_HEADING.get(word)
            if word in KINDS:
                self._documento.append((place, KINDS[word]))
                given |= {"tipo_documento", "numero_documento"}
            elif name == "numero_documento":
                self._documento.append((place, None))
                given.add(name)
            elif name and name not in self._plain:
                self._plain[name] = place
                given.add(name)
            elif word and len(self.ignored) < MOST_IGNORED:
                self.ignored.append(texts[place].strip()[:MAX_HEADING])
        self._readers = [(name, place, READERS[name]) for name, place in self._plain.items()]
        self.imply_kind = "tipo_documento" not in self._plain and any(kind for _, kind in self._documento)
        self.missing = [camelcase(name) for name in REQUIRED if name not in given]

    def read(self, numero: int, cells: Cells) -> Fila | None:
        """Return what a row gives, or None for a blank one. A blank cell gives nothing."""
        fila = Fila(numero)
        if len(cells) > self.width and not is_blank(cells[self.width :]):
            fila.errores.append(("", "Tiene más celdas que encabezados. Revise si sobra una coma o falta una comilla."))
            return fila
        if len(cells) < self.width:
            cells = cells + [""] * (self.width - len(cells))
        for name, place, read_field in self._readers:
            try:
                text = read_cell(cells[place])
                if name in MAY_BE_NOTHING and _word(text) in NOTHING:
                    continue
                if text and (value := read_field(text)):
                    fila.datos[name] = value
            except (CellInvalido, ma.ValidationError) as error:
                fila.errores.append((camelcase(name), _message(error)))
        if "codigo_cliente" in fila.datos and not isinstance(cells[self._plain["codigo_cliente"]], str):
            fila.advertencias.append(("codigoCliente", *CONVERTED))
        try:
            self._read_documento(fila, cells)
        except (CellInvalido, DocumentoInvalido, ma.ValidationError) as error:
            fila.errores.append(("numeroDocumento", _message(error)))
        return fila if fila.datos or fila.errores or not is_blank(cells) else None

    def _read_documento(self, fila: Fila, cells: Cells) -> None:
        """Add the number, and its kind where the heading gives it; once the kind is known, as it is stored."""
        given = [(kind, place, text) for place, kind in self._documento if (text := read_cell(cells[place]))]
        if not given:
            return
        if len(given) > 1:
            raise CellInvalido("La fila da más de un documento. Deje uno solo.")
        [(kind, place, text)] = given
        if kind == BY_DIGITS:
            kind = _kind_by_digits(documento.compact(_whole(text)))
        if kind and fila.datos.setdefault("tipo_documento", kind) != kind:
            raise CellInvalido(f"La columna es de {kind}, pero la fila dice {fila.datos['tipo_documento']}.")
        tipo = fila.datos.get("tipo_documento")
        repaired, repair = repair_numero(tipo, text)
        numero = READERS["numero_documento"](repaired)
        fila.datos["numero_documento"] = documento.normalize(tipo, numero) if tipo else numero
        if repair or not isinstance(cells[place], str):
            fila.advertencias.append(("numeroDocumento", *(repair or CONVERTED)))


def _kind_by_digits(numero: str) -> TipoDocumento:
    """What a number under a heading such as `RUC / DNI` is. Raises CellInvalido."""
    count = len(numero)
    if numero.isdecimal() and count > 8 and count != 11:
        raise CellInvalido(f"No es un DNI (8 dígitos) ni un RUC (11): tiene {count}.")
    return TipoDocumento.RUC if count > 8 else TipoDocumento.DNI


def find_headings(rows: Rows) -> tuple[Columns, Iterator[tuple[int, Cells]]]:
    """Return the columns by the headings, and the rows below these: a title may stand above.

    Raises ImportacionRechazada for a sheet without a filled row.
    """
    first = [(numero, cells) for numero, cells in islice(rows, HEADINGS_WITHIN) if not is_blank(cells)]
    if not first:
        raise errors.ImportacionRechazada("La hoja está vacía. Ponga los encabezados en la fila 1.")
    # Every sheet needs the code; without it, the row that is most like headings is what a message is about.
    with_code = [at for at, (_, cells) in enumerate(first) if any(BY_HEADING.get(_word(c)) == CODE for c in cells)]
    at = with_code[0] if with_code else max(range(len(first)), key=lambda at: sum(map(is_heading, first[at][1])))
    return Columns(first[at][1]), chain(first[at + 1 :], rows)


def is_blank(cells: Cells) -> bool:
    """Whether a row gives nothing at all."""
    return not any(cell.strip(BLANKS) if isinstance(cell, str) else cell is not None for cell in cells)


def is_heading(cell: Any) -> bool:
    """Whether this is the name of a field, or a usual word for it."""
    word = _word(cell)
    return word in BY_HEADING or word in KINDS


def read_cell(cell: Any) -> str:
    """The text that a cell means; empty for a blank one, such as `-`. Raises CellInvalido.

    A leading apostrophe that keeps a spreadsheet from running a text is not part of it (`guard_cell` puts it there).
    """
    if isinstance(cell, str):
        if len(cell) > MAX_CELL:
            raise CellInvalido(f"La celda tiene más de {MAX_CELL} caracteres.")
        if cell[:1].isalnum():  # nearly always
            text = cell
        elif not cell.strip(BLANKS):
            return ""
        else:
            text = cell[1:] if GUARDED.match(cell) else cell
        return text if text.isprintable() else LINE_BREAK.sub(" ", text)
    if isinstance(cell, bool):
        return "VERDADERO" if cell else "FALSO"
    if isinstance(cell, dict):
        raise CellInvalido("La hoja de cálculo la tomó por una fecha. Dé formato de texto a la columna y corríjala.")
    if not abs(cell) < 1e15:  # NaN, too
        raise CellInvalido(CUT)
    return str(int(cell)) if cell == int(cell) else repr(cell)


def guard_cell(text: str, runs_formulas: bool) -> str:
    """A text as it is written into a cell, so that `read_cell` gives it back.

    With `runs_formulas`, as in CSV, also so that no spreadsheet takes it for a formula (CWE-1236).
    """
    would_run = runs_formulas and text.startswith(tuple(FORMULA))
    return f"'{text}" if would_run or read_cell(text) != text else text


def _heading(cell: Any) -> str:
    """The text of a heading, also of one that a spreadsheet took for a number or a date."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return storable(cell["date"] if isinstance(cell, dict) else str(cell))


def _word(heading: Any) -> str:
    decomposed = unicodedata.normalize("NFKD", _heading(heading).casefold())
    return "".join(c for c in decomposed if c.isalnum())


def repair_numero(tipo: TipoDocumento | None, text: str) -> tuple[str, tuple[str, str] | None]:
    """A number without what a spreadsheet did to it (`.0`, an exponent, lost zeros of a DNI), and the warning of that.

    A number whose kind is not known yet stays as it is. Raises CellInvalido.
    """
    if tipo in (None, TipoDocumento.OTRO) or (text.isdecimal() and len(text) >= 8):
        return text, None
    bare = text if tipo is TipoDocumento.CE and not text.endswith(".0") else _whole(text)
    digits = documento.compact(bare)
    if tipo is TipoDocumento.DNI and DNI_SHORTEST <= len(digits) < 8 and digits.isdecimal():
        return digits.zfill(8), ZEROS
    return bare, CONVERTED if bare != text else None


def _whole(text: str) -> str:
    """`20512333797.0` and `2.0512333797E10` as digits, if all are there. Raises CellInvalido."""
    if match := DECIMAL_ZEROS.fullmatch(text):
        return match[1]
    if match := SCIENTIFIC.fullmatch(text):
        first, rest, exponent = match[1], match[2] or "", int(match[3])
        if len(rest) != exponent:
            raise CellInvalido(CUT)
        return first + rest
    return text


def _message(error: Exception) -> str:
    return " ".join(map(str, error.messages)) if isinstance(error, ma.ValidationError) else str(error)


def _reader(field_obj: ma.fields.Field[Any]) -> Callable[[str], Any]:
    """What reads a field's text. Words of a list may be in lower case, and are looked up once."""
    if isinstance(field_obj, Text):
        return field_obj.read
    return lru_cache(64)(lambda text: field_obj.deserialize(KIND_WORDS.get(_word(text), text.upper())))


READERS = {name: _reader(field_obj) for name, field_obj in FIELDS.items()}
