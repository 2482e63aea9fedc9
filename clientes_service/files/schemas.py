"""Files as the API sees them: what to import and export, and the report on an import."""

from marshmallow import fields

from clientes_service.clientes.schemas import ClienteFilters
from clientes_service.fields import Choice, QueryFlag, Schema
from clientes_service.files.exporter import Formato
from clientes_service.files.plan import Modo

EXAMPLES = {
    Formato.CSV: "nombre,tipoCliente,tipoDocumento,numeroDocumento,codigoCliente\n"
    "Rosa Quispe,PERSONA,DNI,01234567,CLI0002\n",
    Formato.XLSX: "PK…",
    Formato.NDJSON: '{"id": 2, "nombre": "Rosa Quispe", …}\n',
}


class ImportQuery(Schema):
    """How to import."""

    modo = Choice(Modo, load_default=Modo.CREAR, metadata={"description": "Matched by `codigoCliente`"})
    simular = QueryFlag(load_default=False, metadata={"description": "Report what would be done, and do nothing"})
    parcial = QueryFlag(load_default=False, metadata={"description": "Import the good rows although others are bad"})


class Archivo(Schema):
    """A file of clients."""

    archivo = fields.Raw(
        required=True,
        error_messages={"required": "Falta el archivo. Elija uno y envíelo otra vez."},
        metadata={
            "type": "string",
            "format": "binary",
            "description": "CSV or XLSX, with headings",
            "example": EXAMPLES[Formato.CSV],
        },
    )


class ErrorDeFila(Schema):
    """What is wrong with a row."""

    fila = fields.Integer(required=True, metadata={"description": "As a spreadsheet numbers it", "example": 5})
    campo = fields.String(
        required=True, metadata={"description": "Empty where it is the whole row", "example": "numeroDocumento"}
    )
    mensaje = fields.String(required=True, metadata={"example": "El RUC debe tener 11 dígitos."})


class AdvertenciaDeFila(Schema):
    """Something worth a second look in a row that is good all the same."""

    fila = fields.Integer(required=True)
    campo = fields.String(required=True)
    codigo = fields.String(
        required=True,
        metadata={
            "description": "One of a single client's, or `NUMERO_CONVERTIDO` or `CEROS_REPUESTOS` for a repaired cell",
            "example": "CEROS_REPUESTOS",
        },
    )
    mensaje = fields.String(required=True)


class Informe(Schema):
    """What became of a file's rows. The lists hold the first 1,000."""

    filas = fields.Integer(required=True, metadata={"description": "Without headings and blank rows", "example": 41})
    creados = fields.Integer(required=True, metadata={"example": 38})
    actualizados = fields.Integer(required=True, metadata={"example": 0})
    sin_cambios = fields.Integer(required=True, metadata={"example": 3})
    errores = fields.List(fields.Nested(ErrorDeFila), required=True)
    errores_total = fields.Integer(required=True, metadata={"example": 1})
    advertencias = fields.List(fields.Nested(AdvertenciaDeFila), required=True)
    columnas_ignoradas = fields.List(fields.String(), required=True, metadata={"example": ["Zona"]})


class ExportQuery(ClienteFilters):
    """Which clients to export, and as what."""

    formato = Choice(Formato, load_default=Formato.CSV, metadata={"example": "xlsx"})
