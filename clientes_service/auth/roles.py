"""The role table: which role may do what."""

from enum import Enum, StrEnum, auto


class Rol(StrEnum):
    """What a user is to the company."""

    CONSULTA = "CONSULTA"
    TECNICO = "TECNICO"
    OFICINA = "OFICINA"
    ADMIN = "ADMIN"


class Permiso(Enum):
    """What a route asks of whoever calls it. SESION is any valid access token."""

    SESION = auto()
    LEER = auto()
    ESCRIBIR = auto()
    ADMINISTRAR = auto()


PERMISOS = {
    Rol.CONSULTA: {Permiso.SESION, Permiso.LEER},
    Rol.TECNICO: {Permiso.SESION, Permiso.LEER, Permiso.ESCRIBIR},
    Rol.OFICINA: {Permiso.SESION, Permiso.LEER, Permiso.ESCRIBIR},
    Rol.ADMIN: set(Permiso),
}
