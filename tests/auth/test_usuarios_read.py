"""GET /api/usuarios and GET /api/usuarios/{id}; and who may call any of the four."""

from collections.abc import Callable
from typing import Any

import pytest

from clientes_service.auth.models import Usuario
from clientes_service.auth.roles import Rol
from tests.auth.conftest import with_refresh_token
from tests.conftest import DNI, Caller, assert_problem

NEW = {"dni": "20000001", "nombre": "Ana", "email": "ana@example.pe", "rol": "ADMIN", "password": "una-nueva-clave"}
CALLS = [
    ("GET", "/api/usuarios", None),
    ("POST", "/api/usuarios", NEW),
    ("GET", "/api/usuarios/1", None),
    ("PUT", "/api/usuarios/1", {"nombre": "Otro"}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_nobody_and_a_refresh_token_are_refused(
    anonimo: Caller, admin: Caller, stored: Any, method: str, path: str, body: Any
) -> None:
    before = stored()
    for caller in (anonimo, with_refresh_token(admin)):
        assert_problem(caller(method, path, json=body), 401, "NO_AUTENTICADO")
    assert stored() == before


@pytest.mark.parametrize("rol", [Rol.CONSULTA, Rol.TECNICO, Rol.OFICINA])
@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_any_other_role_is_refused(
    sign_in: Callable[[Rol], Caller], stored: Any, rol: Rol, method: str, path: str, body: Any
) -> None:
    caller, before = sign_in(rol), stored()
    answer = caller(method, path, json=body)
    assert_problem(answer, 403, "SIN_PERMISO")
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert stored() == before


def test_everyone_is_listed_inactive_ones_too(admin: Caller) -> None:
    Usuario.update(vigente=False).where(Usuario.dni == DNI[Rol.OFICINA]).execute()
    answer = admin.get("/api/usuarios")
    assert answer.status_code == 200
    expected = [
        {
            "id": Usuario.get(dni=dni).id,
            "dni": dni,
            "nombre": f"Usuario {rol}",
            "email": f"{rol.lower()}@example.pe",
            "rol": rol,
            "vigente": rol is not Rol.OFICINA,
        }
        for rol, dni in DNI.items()
    ]
    assert answer.json == {"content": expected}
    for usuario in expected:
        answer = admin.get(f"/api/usuarios/{usuario['id']}")
        assert (answer.status_code, answer.json) == (200, usuario)


@pytest.mark.parametrize("id", ["0", "999", "9223372036854775807", "9223372036854775808", "-1", "abc", "1.0", "1%20"])
@pytest.mark.parametrize("body", [None, {}, {"nombre": "Otro"}, {"password": "una-nueva-clave"}])
def test_an_id_that_nobody_has_is_404(admin: Caller, stored: Any, id: str, body: Any) -> None:
    before = stored()
    answer = admin("GET" if body is None else "PUT", f"/api/usuarios/{id}", json=body)
    assert_problem(answer, 404, "NO_ENCONTRADO")
    assert stored() == before


def test_users_are_never_deleted(admin: Caller, stored: Any) -> None:
    before = stored()
    for path, allowed in (("/api/usuarios/2", {"GET", "PUT"}), ("/api/usuarios", {"GET", "POST"})):
        answer = admin.delete(path)
        assert_problem(answer, 405, "METODO_NO_PERMITIDO")
        assert set(answer.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == allowed
    assert stored() == before
