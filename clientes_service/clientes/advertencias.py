"""What is worth a second look in a client that is valid all the same."""

from dataclasses import dataclass, replace

from clientes_service import db, errors
from clientes_service.clientes import documento
from clientes_service.clientes.documento import TipoDocumento
from clientes_service.clientes.models import Cliente, TipoCliente
from clientes_service.config import Config
from clientes_service.errors import FieldError

MOST_IDS = 100  # a document such as «S/N» may stand on thousands of clients
OTHERS = """
    SELECT id FROM cliente WHERE persona_clave = ? AND vigente AND id <> ?
    AND ((tipo_documento = ? AND documento_clave = ?) OR tipo_documento = ?) ORDER BY id LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Advertencia:
    """A warning: a stable code, the field it is about, and in Spanish what to look at."""

    codigo: str
    campo: str
    mensaje: str
    clientes: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What this installation is strict about."""

    strict_documents: bool = False
    unique_document: bool = False

    @classmethod
    def from_config(cls, config: Config) -> "Rules":
        """The rules that the settings ask for."""
        return cls(config.strict_documents, config.unique_document)


def warn_about(cliente: Cliente) -> list[Advertencia]:
    """Return the warnings about a client, saved or about to be."""
    return list_advertencias(
        TipoCliente(cliente.tipo_cliente),
        TipoDocumento(cliente.tipo_documento),
        cliente.numero_documento,
        cliente.contacto_representante,
        _others_with_documento(cliente),
    )


def list_advertencias(
    tipo_cliente: TipoCliente,
    tipo_documento: TipoDocumento,
    numero_documento: str,
    contacto_representante: str | None,
    others: list[int] | None,
) -> list[Advertencia]:
    """Return the warnings about a client; `others` are the active ones with its document, None where nobody has it."""
    found = []
    if tipo_documento is TipoDocumento.RUC and not documento.has_valid_check_digit(numero_documento):
        found.append(WRONG_CHECK_DIGIT)
    if others is not None:
        found.append(replace(REPEATED_DOCUMENTO, clientes=others))
    if tipo_cliente is TipoCliente.EMPRESA and not contacto_representante:
        found.append(MISSING_CONTACT)
    return found


def refuse(advertencias: list[Advertencia], rules: Rules) -> None:
    """Raise what this installation makes of warnings about a document: Validacion or DocumentoDuplicado."""
    for advertencia in advertencias:
        if advertencia.codigo == WRONG_CHECK_DIGIT.codigo and rules.strict_documents:
            raise errors.Validacion(errors=[FieldError(advertencia.campo, advertencia.mensaje)])
        if advertencia.codigo == REPEATED_DOCUMENTO.codigo and rules.unique_document:
            raise errors.DocumentoDuplicado(advertencia.clientes or [])


def _others_with_documento(cliente: Cliente) -> list[int] | None:
    tipo, clave = TipoDocumento(cliente.tipo_documento), cliente.documento_clave
    # The DNI and the RUC of one person: see documento.same_person.
    counterpart = {TipoDocumento.RUC: TipoDocumento.DNI, TipoDocumento.DNI: TipoDocumento.RUC}.get(tipo)
    found = db.execute(OTHERS, (cliente.persona_clave, cliente.id or 0, tipo, clave, counterpart, MOST_IDS))
    return [id for (id,) in found.fetchall()] or None


WRONG_CHECK_DIGIT = Advertencia(
    "RUC_DIGITO_INVALIDO",
    "numeroDocumento",
    "El último dígito no corresponde a este RUC. Compárelo con la ficha RUC.",
)
REPEATED_DOCUMENTO = Advertencia(
    "DOCUMENTO_REPETIDO", "numeroDocumento", "Otro cliente vigente tiene este documento. Vea si es el mismo."
)
MISSING_CONTACT = Advertencia(
    "REPRESENTANTE_RECOMENDADO", "contactoRepresentante", "Conviene anotar con quién tratar en la empresa."
)
