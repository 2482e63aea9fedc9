"""Users, their sessions, and the failed sign-ins that throttling counts."""

from peewee import AutoField, BigIntegerField, BooleanField, CharField, ForeignKeyField, IntegerField

from clientes_service.auth.roles import Rol
from clientes_service.db import BaseModel


class Usuario(BaseModel):
    """Someone who may sign in, known by a DNI."""

    id = AutoField()
    dni = CharField(8, unique=True)
    nombre = CharField(150)
    email = CharField(254)
    rol = CharField(10)
    password_hash = CharField(255)
    vigente = BooleanField(default=True)

    @property
    def is_active_admin(self) -> bool:
        """Whether this is one of those who keep the service administrable."""
        return bool(self.vigente and self.rol == Rol.ADMIN)


class Sesion(BaseModel):
    """A chain of refresh tokens, of which `generacion` is the newest that was used; `expira` in Unix seconds."""

    id = CharField(32, primary_key=True)
    usuario = ForeignKeyField(Usuario, backref="sesiones", on_delete="CASCADE")
    generacion = IntegerField(default=1)
    expira = BigIntegerField(index=True)


class Intento(BaseModel):
    """An attempt to sign in that failed or is under way, once for its DNI and once for its address."""

    id = AutoField()
    clave = CharField(64)
    fecha = BigIntegerField(index=True)
