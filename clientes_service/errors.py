"""What can go wrong, once: every error code with its status and its Spanish text. Imports nothing of ours."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

CATALOGUE: "dict[str, type[ServiceError]]" = {}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field at fault, by its name in the API, and in Spanish what to do about it."""

    field: str
    message: str


class ServiceError(Exception):
    """An error that a caller is told about, as a problem document (RFC 9457).

    Each subclass is one stable `code` with its status, a title and the page text that says what to do.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]
    detail: str
    headers: Mapping[str, str] = {}

    def __init_subclass__(cls) -> None:
        CATALOGUE[cls.code] = cls

    def __init__(
        self,
        detail: str | None = None,
        errors: list[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        self.detail = detail or type(self).detail
        self.errors = errors or []
        self.headers = {**type(self).headers, **(headers or {})}
        self.extra = extra  # members of the problem document beyond the common ones
        super().__init__(self.detail)

    @classmethod
    def type_path(cls) -> str:
        """The path of the page about this code."""
        return "/errores/" + cls.code.lower().replace("_", "-")

    def problem(self, request_id: str) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "type": self.type_path(),
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "errors": [{"field": error.field, "message": error.message} for error in self.errors],
            "requestId": request_id,
            **self.extra,
        }


class SolicitudInvalida(ServiceError):
    status, code, title = 400, "SOLICITUD_INVALIDA", "Solicitud mal formada"
    detail = "La solicitud está mal formada. Revise la dirección y las cabeceras."


class CursorInvalido(ServiceError):
    status, code, title = 400, "CURSOR_INVALIDO", "El cursor no es válido"
    detail = "El cursor está dañado. Empiece otra vez desde la primera página."


class JsonInvalido(ServiceError):
    status, code, title = 400, "JSON_INVALIDO", "El cuerpo no es JSON válido"
    detail = "El cuerpo no es un documento JSON en UTF-8. Revise comillas, comas y llaves."


class TokenInvalido(ServiceError):
    status, code, title = 400, "TOKEN_INVALIDO", "El token de cambios no es válido"
    detail = "El valor de desde está dañado. Use siguiente tal como llegó, o empiece otra vez sin desde."


class IdempotenciaInvalida(ServiceError):
    status, code, title = 400, "IDEMPOTENCIA_INVALIDA", "La clave de idempotencia no es válida"
    detail = "La clave debe tener de 1 a 255 letras, dígitos o signos ASCII, sin espacios."


class NoAutenticado(ServiceError):
    status, code, title = 401, "NO_AUTENTICADO", "Falta iniciar sesión"
    detail = "Su sesión no es válida o ha terminado. Inicie sesión otra vez."
    headers = {"WWW-Authenticate": 'Bearer realm="clientes", error="invalid_token"'}


class CredencialesInvalidas(ServiceError):
    status, code, title = 401, "CREDENCIALES_INVALIDAS", "DNI o contraseña incorrectos"
    detail = "El DNI o la contraseña no son correctos. Revíselos e intente de nuevo."
    headers = {"WWW-Authenticate": 'Bearer realm="clientes"'}


class SinPermiso(ServiceError):
    status, code, title = 403, "SIN_PERMISO", "Su rol no permite esta acción"
    detail = "Su rol no permite esta acción. Pida acceso a un administrador."
    headers = {"WWW-Authenticate": 'Bearer realm="clientes", error="insufficient_scope"'}


class NoEncontrado(ServiceError):
    status, code, title = 404, "NO_ENCONTRADO", "No existe"
    detail = "No hay nada en esta dirección. Revise que esté bien escrita."


class ClienteNoEncontrado(ServiceError):
    status, code, title = 404, "CLIENTE_NO_ENCONTRADO", "El cliente no existe"
    detail = "No hay ningún cliente con ese id. Búsquelo en la lista."


class MetodoNoPermitido(ServiceError):
    status, code, title = 405, "METODO_NO_PERMITIDO", "Método no permitido"
    detail = "Esta dirección no acepta ese método. La cabecera Allow dice cuáles acepta."


class CodigoDuplicado(ServiceError):
    status, code, title = 409, "CODIGO_DUPLICADO", "El código ya está en uso"
    detail = "Otro cliente, vigente o no, ya tiene ese código. Elija otro."

    def __init__(self, existente_id: int | None) -> None:
        taken = FieldError("codigoCliente", "Ya está en uso; elija otro código.")
        super().__init__(errors=[taken], existenteId=existente_id)


class DocumentoDuplicado(ServiceError):
    status, code, title = 409, "DOCUMENTO_DUPLICADO", "El documento ya está registrado"
    detail = "Otro cliente vigente ya tiene ese documento. Use ese cliente o corrija el número."

    def __init__(self, clientes: list[int]) -> None:
        taken = FieldError("numeroDocumento", "Lo tiene otro cliente vigente.")
        super().__init__(errors=[taken], clientes=clientes)


class ClienteAnonimizado(ServiceError):
    status, code, title = 409, "CLIENTE_ANONIMIZADO", "El cliente fue anonimizado"
    detail = "Los datos de este cliente se borraron a pedido suyo y ya no se puede cambiar. Cree otro cliente."


class DniDuplicado(ServiceError):
    status, code, title = 409, "DNI_DUPLICADO", "El DNI ya tiene un usuario"
    detail = "Ya hay un usuario con ese DNI. Cámbielo en lugar de crearlo."

    def __init__(self) -> None:
        super().__init__(errors=[FieldError("dni", "Ya hay un usuario con este DNI.")])


class UltimoAdmin(ServiceError):
    status, code, title = 409, "ULTIMO_ADMIN", "Es el último administrador"
    detail = "Es el último administrador activo. Nombre a otro antes de desactivarlo o cambiar su rol."


class Resincronizar(ServiceError):
    status, code, title = 410, "RESINCRONIZAR", "Hay que sincronizar desde el principio"
    detail = "El servidor ya no es el de antes. Descargue todo otra vez, sin desde, y quite lo que ya no llegue."


class VersionObsoleta(ServiceError):
    status, code, title = 412, "VERSION_OBSOLETA", "El cliente cambió mientras tanto"
    detail = "El cliente cambió después de que usted lo leyó. Compare con los datos actuales y repita."

    def __init__(self, actual: Mapping[str, Any]) -> None:
        """Show the client as it stands, in the API's words."""
        super().__init__(headers={"ETag": f'"{actual["version"]}"'}, actual=actual)


class CuerpoDemasiadoGrande(ServiceError):
    status, code, title = 413, "CUERPO_DEMASIADO_GRANDE", "El cuerpo es demasiado grande"
    detail = "El cuerpo JSON supera 1 MB. Envíe menos datos por solicitud."


class TipoNoSoportado(ServiceError):
    status, code, title = 415, "TIPO_NO_SOPORTADO", "Tipo de contenido no soportado"
    detail = "Envíe el cuerpo como JSON, con la cabecera Content-Type: application/json."


class Validacion(ServiceError):
    status, code, title = 422, "VALIDACION", "Hay datos que corregir"
    detail = "Algunos datos no son válidos. Corríjalos y repita."


class IdempotenciaDistinta(ServiceError):
    status, code, title = 422, "IDEMPOTENCIA_DISTINTA", "La clave ya se usó con otros datos"
    detail = "Esa clave ya se usó con otros datos, que se guardaron. Use una clave nueva para cada envío distinto."

    def __init__(self, existente_id: int) -> None:
        super().__init__(existenteId=existente_id)


class ImportacionRechazada(ServiceError):
    status, code, title = 422, "IMPORTACION_RECHAZADA", "El archivo no se importó"
    detail = (
        "El archivo tiene filas que corregir y no se guardó ninguna. Corríjalas y repita, o importe solo las buenas."
    )

    def __init__(self, detail: str | None = None, informe: Any = None) -> None:
        """Keep the report on the file's rows, if it came to that; the view adds it in the API's words."""
        super().__init__(detail)
        self.informe = informe


class DemasiadosIntentos(ServiceError):
    status, code, title = 429, "DEMASIADOS_INTENTOS", "Demasiados intentos"
    detail = "Hubo demasiados intentos fallidos. Espere unos minutos antes de volver a intentar."

    def __init__(self, seconds: int | None = None) -> None:
        super().__init__(headers={"Retry-After": str(seconds)} if seconds else None)


class ErrorInterno(ServiceError):
    status, code, title = 500, "ERROR_INTERNO", "Error interno"
    detail = "Ocurrió un error inesperado. Si se repite, avise con el valor de requestId."


class NoDisponible(ServiceError):
    status, code, title = 503, "NO_DISPONIBLE", "Servicio no disponible por ahora"
    detail = "El servicio no está disponible por un momento. Repita en unos segundos."
    headers = {"Retry-After": "2"}


def is_full(error: BaseException) -> bool:
    """Whether a file could not be written because the disk, or this user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
