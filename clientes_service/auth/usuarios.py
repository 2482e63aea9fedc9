"""Accounts: who exists, and that one active ADMIN always does."""

import secrets
from typing import Any

from peewee import IntegrityError

from clientes_service import errors
from clientes_service.auth.models import Sesion, Usuario
from clientes_service.auth.passwords import hash_password
from clientes_service.auth.roles import Rol
from clientes_service.clientes import documento
from clientes_service.db import transaction
from clientes_service.errors import FieldError

FIRST_ADMIN = {"dni": "00000000", "nombre": "Administrador", "email": "admin@example.pe", "rol": Rol.ADMIN}


def list_usuarios() -> list[Usuario]:
    """Return every account, active or not, by id."""
    return list(Usuario.select().order_by(Usuario.id))


def get_usuario(id: int) -> Usuario:
    """Return an account. Raises NoEncontrado."""
    usuario: Usuario | None = Usuario.get_or_none(Usuario.id == id)
    if usuario is None:
        raise errors.NoEncontrado("No hay ningún usuario con ese id.")
    return usuario


def create_usuario(datos: dict[str, Any]) -> Usuario:
    """Store a new account; `datos` holds its plain password. Raises DniDuplicado and Validacion."""
    _refuse_dni(datos["password"], datos["dni"])
    datos = {**datos, "password_hash": hash_password(datos["password"])}
    del datos["password"]
    try:
        with transaction():
            usuario: Usuario = Usuario.create(**datos)
    except IntegrityError as error:
        raise errors.DniDuplicado from error
    return usuario


def update_usuario(id: int, datos: dict[str, Any]) -> Usuario:
    """Change an account. A new password or a deactivation ends all its sessions in the same transaction.

    Raises NoEncontrado, UltimoAdmin and Validacion.
    """
    datos = dict(datos)
    if "password" in datos:
        password = datos.pop("password")
        _refuse_dni(password, get_usuario(id).dni)
        datos["password_hash"] = hash_password(password)
    with transaction():
        usuario = get_usuario(id)
        was_active_admin = usuario.is_active_admin
        for name, value in datos.items():
            setattr(usuario, name, value)
        if was_active_admin and not usuario.is_active_admin and not _has_other_active_admin(id):
            raise errors.UltimoAdmin
        usuario.save()
        if "password_hash" in datos or not usuario.vigente:
            Sesion.delete().where(Sesion.usuario == id).execute()
    return usuario


def create_first_admin() -> tuple[str, str] | None:
    """Make an ADMIN where there is none, and return its DNI and generated password; None where there is one.

    Raises DniDuplicado where its DNI belongs to somebody who is no ADMIN.
    """
    if _has_admin():
        return None
    password = secrets.token_urlsafe(12)
    try:
        return create_usuario({**FIRST_ADMIN, "password": password}).dni, password
    except errors.DniDuplicado:
        if _has_admin():  # another process was first
            return None
        raise


def _has_admin() -> bool:
    return bool(Usuario.select().where(Usuario.rol == Rol.ADMIN).exists())


def _refuse_dni(password: str, dni: str) -> None:
    if documento.compact(password) == dni:
        raise errors.Validacion(errors=[FieldError("password", "La contraseña no puede ser el DNI.")])


def _has_other_active_admin(id: int) -> bool:
    others = Usuario.select().where(Usuario.rol == Rol.ADMIN, Usuario.vigente, Usuario.id != id)
    return bool(others.exists())
