"""Who changed what and when: a line for every change, in its transaction, and for nothing else."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask

from clientes_service import config as settings
from clientes_service.app import create_app
from clientes_service.auth.models import Usuario
from clientes_service.clientes import service as clientes
from clientes_service.clientes.models import Contador
from clientes_service.historial import service
from clientes_service.historial.service import Linea
from tests.conftest import DNI, EMPRESA, SECRET, Caller, assert_problem

Make = Callable[..., dict[str, Any]]


def lines(caller: Caller, id: int) -> list[dict[str, Any]]:
    answer = caller.get(f"/api/clientes/{id}/historial")
    assert answer.status_code == 200, answer.text
    content: list[dict[str, Any]] = answer.json["content"]
    return content


def test_a_creation_lists_every_given_field(oficina: Caller, tecnico: Caller) -> None:
    created = tecnico.post("/api/clientes", json={**EMPRESA, "direccion": None}).json
    [line] = lines(oficina, created["id"])
    usuario = Usuario.get(Usuario.dni == DNI["TECNICO"])
    assert line == {
        "version": created["version"],
        "accion": "CREADO",
        "usuario": {"id": usuario.id, "nombre": "Usuario TECNICO"},
        "origen": "api",
        "fecha": created["fechaCreacion"],
        "cambios": {
            field: {"antes": None, "despues": value} for field, value in EMPRESA.items() if field != "direccion"
        },
    }


def test_every_kind_of_change_leaves_one_line_newest_first(oficina: Caller, make_cliente: Make) -> None:
    created = make_cliente(telefono="999 111", direccion="Antes 1")
    path = f"/api/clientes/{created['id']}"
    changed = oficina.put(path, json={"telefono": "999 222", "direccion": None, "nombre": created["nombre"]}).json
    oficina.delete(path)
    gone = oficina.get(path).json
    back = oficina.post(f"{path}/restaurar").json
    found = lines(oficina, created["id"])
    assert [line["accion"] for line in found] == ["RESTAURADO", "ELIMINADO", "ACTUALIZADO", "CREADO"]
    assert [line["version"] for line in found] == [
        back["version"], gone["version"], changed["version"], created["version"],
    ]  # fmt: skip
    assert [line["usuario"]["nombre"] for line in found] == ["Usuario OFICINA"] * 3 + ["Usuario TECNICO"]
    assert found[2]["cambios"] == {
        "telefono": {"antes": "999 111", "despues": "999 222"},
        "direccion": {"antes": "Antes 1", "despues": None},
    }
    assert found[2]["fecha"] == changed["fechaModificacion"]
    assert found[1]["cambios"] == {"vigente": {"antes": True, "despues": False}}
    assert found[0]["cambios"] == {"vigente": {"antes": False, "despues": True}}


def test_what_changes_nothing_and_what_is_refused_leave_no_line(tecnico: Caller, make_cliente: Make) -> None:
    one, two = make_cliente(), make_cliente()
    path = f"/api/clientes/{one['id']}"
    tecnico.delete(f"/api/clientes/{two['id']}")
    before = Linea.select().count()
    assert tecnico.put(path, json={"nombre": one["nombre"]}).status_code == 200
    assert tecnico.post(f"{path}/restaurar").status_code == 200
    assert tecnico.delete(f"/api/clientes/{two['id']}").status_code == 204
    assert tecnico.put(path, json={"nombre": ""}).status_code == 422
    assert tecnico.put(path, json={"codigoCliente": two["codigoCliente"]}).status_code == 409
    assert tecnico.put(path, json={"nombre": "x"}, headers={"If-Match": '"otra"'}).status_code == 412
    assert tecnico.post("/api/clientes", json={**EMPRESA, "codigoCliente": one["codigoCliente"]}).status_code == 409
    assert Linea.select().count() == before


def test_a_change_whose_line_cannot_be_written_is_not_made(
    tecnico: Caller, make_cliente: Make, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/api/clientes/{make_cliente()['id']}"

    def fail(*_: Any) -> None:
        raise LookupError

    monkeypatch.setattr(service, "record", fail)
    before = stored()
    assert_problem(tecnico.put(path, json={"nombre": "Otro"}), 500, "ERROR_INTERNO")
    assert_problem(tecnico.post("/api/clientes", json={**EMPRESA, "codigoCliente": "X"}), 500, "ERROR_INTERNO")
    assert_problem(tecnico.delete(path), 500, "ERROR_INTERNO")
    assert stored() == before


def test_every_numbered_change_has_its_line(app: Flask, admin: Caller, make_cliente: Make) -> None:
    """Whatever writes clients draws a number; this walks every route that may write them."""
    id = make_cliente()["id"]
    sheet = "\n".join(
        (",".join(EMPRESA), ",".join(f'"{value}"' for value in {**EMPRESA, "codigoCliente": "HOJA"}.values()))
    )
    bodies: dict[str, dict[str, Any]] = {
        "POST /api/clientes": {"json": {**EMPRESA, "codigoCliente": "OTRO"}},
        "PUT /api/clientes/<id:id>": {"json": {"nombre": "B"}},
        "POST /api/clientes/lote": {
            "json": {
                "operaciones": [
                    {"clave": "1", "op": "crear", "datos": {**EMPRESA, "codigoCliente": "LOTE"}},
                    {"clave": "2", "op": "actualizar", "id": id, "datos": {"telefono": "952 000 222"}},
                    {"clave": "3", "op": "eliminar", "id": id},
                    {"clave": "4", "op": "restaurar", "id": id},
                ]
            }
        },
        "POST /api/clientes/importar": {"data": {"archivo": (BytesIO(sheet.encode()), "clientes.csv")}},
    }
    writing = [
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods or ())
        if rule.rule.startswith("/api/clientes") and method in ("POST", "PUT", "PATCH", "DELETE")
    ]
    assert len(writing) >= 4
    last = ("DELETE /api/clientes/<id:id>", "POST /api/clientes/<id:id>/anonimizar")
    for method, rule in sorted(writing, key=lambda route: " ".join(route) in last):
        drawn = Contador.get().valor
        path = rule.replace("<id:id>", str(id))
        if rule.endswith("/restaurar"):
            admin.delete(path.removesuffix("/restaurar"))
        answer = admin(method, path, **bodies.get(f"{method} {rule}", {}))
        assert answer.status_code < 300, answer.text
        assert Contador.get().valor > drawn, f"{method} {rule} changed nothing"
    assert Linea.select().count() == Contador.get().valor
    by_lote = Linea.select().where(Linea.origen == "lote").order_by(Linea.version)
    assert [line.accion for line in by_lote] == ["CREADO", "ACTUALIZADO", "ELIMINADO", "RESTAURADO"]


def test_a_write_path_without_a_line_would_be_seen(
    oficina: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_cliente()
    monkeypatch.setattr(clientes.historial, "record", lambda *_: None)
    make_cliente()
    assert Linea.select().count() == Contador.get().valor - 1
    monkeypatch.setattr(clientes.historial, "record_all", lambda *_: None)
    sheet = "nombre,tipoCliente,DNI,codigoCliente\nAna,PERSONA,01234567,HOJA\n"
    oficina.post("/api/clientes/importar", data={"archivo": (BytesIO(sheet.encode()), "clientes.csv")})
    assert Linea.select().count() == Contador.get().valor - 2


def test_the_name_of_then_is_kept(oficina: Caller, make_cliente: Make) -> None:
    id = make_cliente()["id"]
    Usuario.update(nombre="Casada De Otro").where(Usuario.dni == DNI["TECNICO"]).execute()
    assert lines(oficina, id)[0]["usuario"]["nombre"] == "Usuario TECNICO"


def test_pages_are_continued_by_the_cursor_while_others_write(
    oficina: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAGE_SIZE", 3)
    id, other = make_cliente()["id"], make_cliente()["id"]
    for number in range(7):
        oficina.put(f"/api/clientes/{id}", json={"telefono": f"99900{number}"})
        oficina.put(f"/api/clientes/{other}", json={"telefono": f"99900{number}"})
    expected = [line.version_publica for line in Linea.select().where(Linea.cliente_id == id).order_by(-Linea.version)]
    seen, cursor = [], ""
    while True:
        answer = oficina.get(f"/api/clientes/{id}/historial{cursor}").json
        seen += [line["version"] for line in answer["content"]]
        assert len(answer["content"]) <= 3
        if answer["nextCursor"] is None:
            break
        cursor = f"?cursor={answer['nextCursor']}"
        oficina.put(f"/api/clientes/{id}", json={"direccion": f"Nueva {len(seen)}"})
    assert seen == expected


@pytest.mark.parametrize("damage", ["x", "-", "ñ", "MQ", "MQ-00000000", "MQ-zzzzzzzz", "a" * 200])
def test_a_damaged_cursor_is_400(oficina: Caller, make_cliente: Make, damage: str) -> None:
    id = make_cliente()["id"]
    assert_problem(oficina.get(f"/api/clientes/{id}/historial?cursor={damage}"), 400, "CURSOR_INVALIDO")


@pytest.mark.parametrize("query", ["cursor=", "cursor=" + "a" * 201, "page=1", "size=5"])
def test_what_is_no_cursor_is_422(oficina: Caller, make_cliente: Make, query: str) -> None:
    id = make_cliente()["id"]
    field = query.partition("=")[0]
    assert_problem(oficina.get(f"/api/clientes/{id}/historial?{query}"), 422, "VALIDACION", field)


def test_a_client_that_does_not_exist_has_no_history(oficina: Caller) -> None:
    assert_problem(oficina.get("/api/clientes/999/historial"), 404, "CLIENTE_NO_ENCONTRADO")


class TestExternal:
    """CLIENTES_AUTH=external: the author is the token's subject."""

    @pytest.mark.parametrize("sub", ["ana@example.pe", "a\x00b\ud800", "x" * 3000])
    def test_the_subject_is_the_author(self, environ: dict[str, str], sub: str) -> None:
        import jwt

        app = create_app(settings.load({**environ, "CLIENTES_AUTH": "external"}))
        token = jwt.encode({"sub": sub, "rol": "OFICINA", "exp": 4_000_000_000}, SECRET, algorithm="HS256")
        caller = Caller(app, token)
        id = caller.post("/api/clientes", json=EMPRESA).json["id"]
        [line] = lines(caller, id)
        expected = sub if sub.isprintable() else "a?b?"
        assert line["usuario"] == {"id": expected, "nombre": None}
        assert line["origen"] == "api"
