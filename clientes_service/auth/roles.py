"""The role table: which role may do what."""

from enum import Enum, StrEnum, auto


class Rol(StrEnum):
    """What a user is to the company."""

    CONSULTA = "CONSULTA"
    TECNICO = "TECNICO"
    OFICINA = "OFICINA"
    ADMIN = "ADMIN"


class Permiso(Enum):
    """What a route asks of whoever calls it. SESION is any valid access token, GESTIONAR what only the office does."""

    SESION = auto()
    LEER = auto()
    ESCRIBIR = auto()
    GESTIONAR = auto()
    ADMINISTRAR = auto()


PERMISOS = {
    Rol.CONSULTA: {Permiso.SESION, Permiso.LEER},
    Rol.TECNICO: {Permiso.SESION, Permiso.LEER, Permiso.ESCRIBIR},
    Rol.OFICINA: {Permiso.SESION, Permiso.LEER, Permiso.ESCRIBIR, Permiso.GESTIONAR},
    Rol.ADMIN: set(Permiso),
}
