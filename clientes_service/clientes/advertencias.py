"""What is worth a second look in a client that is valid all the same."""

from dataclasses import dataclass

from clientes_service.clientes import documento
from clientes_service.clientes.documento import TipoDocumento
from clientes_service.clientes.models import Cliente, TipoCliente

MOST_IDS = 100  # a document such as «S/N» may stand on thousands of clients


@dataclass(frozen=True, slots=True)
class Advertencia:
    """A warning: a stable code, the field it is about, and in Spanish what to look at."""

    codigo: str
    campo: str
    mensaje: str
    clientes: list[int] | None = None


def warn_about(cliente: Cliente) -> list[Advertencia]:
    """Return the warnings about a client, saved or about to be."""
    found = (_wrong_check_digit(cliente), _repeated_documento(cliente), _missing_contact(cliente))
    return [advertencia for advertencia in found if advertencia]


def _wrong_check_digit(cliente: Cliente) -> Advertencia | None:
    if cliente.tipo_documento != TipoDocumento.RUC or documento.has_valid_check_digit(cliente.numero_documento):
        return None
    return Advertencia(
        "RUC_DIGITO_INVALIDO",
        "numeroDocumento",
        "El último dígito no corresponde a este RUC. Compárelo con la ficha RUC.",
    )


def _repeated_documento(cliente: Cliente) -> Advertencia | None:
    same = documento.same_person(TipoDocumento(cliente.tipo_documento), cliente.numero_documento)
    tipos, claves = {tipo for tipo, _ in same}, [clave for _, clave in same]
    query = (
        Cliente.select(Cliente.id)
        .where(Cliente.documento_clave.in_(claves), Cliente.tipo_documento.in_(tipos), Cliente.vigente)
        .where(Cliente.id != (cliente.id or 0))
        .order_by(Cliente.id)
        .limit(MOST_IDS)
    )
    ids = [other.id for other in query]
    if not ids:
        return None
    return Advertencia(
        "DOCUMENTO_REPETIDO", "numeroDocumento", "Otro cliente vigente tiene este documento. Vea si es el mismo.", ids
    )


def _missing_contact(cliente: Cliente) -> Advertencia | None:
    if cliente.tipo_cliente != TipoCliente.EMPRESA or cliente.contacto_representante:
        return None
    return Advertencia(
        "REPRESENTANTE_RECOMENDADO", "contactoRepresentante", "Conviene anotar con quién tratar en la empresa."
    )
