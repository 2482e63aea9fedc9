"""GET /api/clientes/cambios: every client at the place of its last change, and where to go on."""

from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from flask import Flask

from clientes_service import config as settings
from clientes_service import db
from clientes_service.app import create_app
from clientes_service.auth.roles import Rol
from clientes_service.cambios import service
from clientes_service.clientes.models import Cliente, Contador, current_epoch, draw_clientes
from clientes_service.cursors import decode_cursor, encode_cursor
from clientes_service.historial import service as historial
from tests.conftest import EMPRESA, SECRET, Caller, assert_problem
from tests.db.test_engine import in_thread
from tests.db.test_plans import SORT, plan

Make = Callable[..., dict[str, Any]]

FEED = "/api/clientes/cambios"


def read(caller: Caller, desde: str | None = None, size: int | None = None) -> dict[str, Any]:
    """An answer of the feed."""
    given = {"desde": desde, "size": size}
    query = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
    answer = caller.get(f"{FEED}?{query}" if query else FEED)
    assert answer.status_code == 200, answer.text
    assert answer.json.keys() == {"content", "siguiente", "hayMas"}
    found: dict[str, Any] = answer.json
    return found


def ids(found: dict[str, Any]) -> list[int]:
    return [client["id"] for client in found["content"]]


def current(caller: Caller, *made: dict[str, Any]) -> list[Any]:
    """Clients as they are read one by one."""
    return [caller.get(f"/api/clientes/{client['id']}").json for client in made]


def test_an_empty_directory_has_no_changes_and_a_place_to_go_on_from(consulta: Caller, make_cliente: Make) -> None:
    found = read(consulta)
    assert (found["content"], found["hayMas"]) == ([], False)
    made = make_cliente()
    assert ids(read(consulta, found["siguiente"])) == [made["id"]]


def test_without_a_token_whole_clients_come_from_the_beginning(consulta: Caller, make_cliente: Make) -> None:
    made = [make_cliente() for _ in range(3)]
    found = read(consulta)
    assert found["content"] == current(consulta, *made)
    assert found["hayMas"] is False


def test_the_order_is_that_of_the_last_change_and_each_client_comes_once(
    consulta: Caller, tecnico: Caller, make_cliente: Make
) -> None:
    one, two, three = (make_cliente() for _ in range(3))
    for body in ({"telefono": "952 000 111"}, {"telefono": "952 000 222"}):
        tecnico.put(f"/api/clientes/{one['id']}", json=body)
    tecnico.put(f"/api/clientes/{two['id']}", json={"nombre": "Botica Sol"})
    found = read(consulta)
    assert ids(found) == [three["id"], one["id"], two["id"]]
    assert found["content"] == current(consulta, three, one, two)
    assert found["content"][1]["telefono"] == "952 000 222"


def test_behind_a_token_comes_what_changed_since_and_nothing_else(
    consulta: Caller, tecnico: Caller, make_cliente: Make
) -> None:
    one, two = make_cliente(), make_cliente()
    token = read(consulta)["siguiente"]
    tecnico.put(f"/api/clientes/{one['id']}", json={"telefono": "952 000 111"})
    found = read(consulta, token)
    assert found["content"] == current(consulta, one)
    tecnico.put(f"/api/clientes/{two['id']}", json={"telefono": "952 000 111"})
    assert ids(read(consulta, found["siguiente"])) == [two["id"]]
    assert ids(read(consulta, token)) == [one["id"], two["id"]]


def test_a_deactivated_client_is_a_tombstone_and_a_restored_one_is_back(
    consulta: Caller, tecnico: Caller, make_cliente: Make
) -> None:
    made = make_cliente()
    path, token = f"/api/clientes/{made['id']}", read(consulta)["siguiente"]
    tecnico.delete(path)
    gone = read(consulta, token)
    assert [(client["id"], client["vigente"]) for client in gone["content"]] == [(made["id"], False)]
    tecnico.post(f"{path}/restaurar")
    back = read(consulta, gone["siguiente"])
    assert [(client["id"], client["vigente"]) for client in back["content"]] == [(made["id"], True)]


def test_the_token_stays_while_nothing_changes(consulta: Caller, tecnico: Caller, make_cliente: Make) -> None:
    made = make_cliente()
    token = read(consulta)["siguiente"]
    tecnico.put(f"/api/clientes/{made['id']}", json={"nombre": made["nombre"]})
    tecnico.post("/api/clientes", json={**EMPRESA, "codigoCliente": made["codigoCliente"]})
    for _ in range(2):
        assert read(consulta, token) == {"content": [], "siguiente": token, "hayMas": False}


def test_there_is_more_exactly_while_a_page_leaves_something(consulta: Caller, make_cliente: Make) -> None:
    made = [make_cliente()["id"] for _ in range(4)]
    assert [(ids(found), found["hayMas"]) for found in (read(consulta, size=n) for n in (3, 4, 5))] == [
        (made[:3], True), (made, False), (made, False),
    ]  # fmt: skip
    first = read(consulta, size=2)
    second = read(consulta, first["siguiente"], 2)
    assert (ids(first), first["hayMas"], ids(second), second["hayMas"]) == (made[:2], True, made[2:], False)
    assert read(consulta, second["siguiente"], 2)["content"] == []


def test_a_client_that_changes_between_pages_comes_again_at_its_new_place(
    consulta: Caller, tecnico: Caller, make_cliente: Make
) -> None:
    one, two, three = (make_cliente()["id"] for _ in range(3))
    first = read(consulta, size=2)
    tecnico.put(f"/api/clientes/{one}", json={"telefono": "952 000 111"})
    second = read(consulta, first["siguiente"], 2)
    assert (ids(first), ids(second)) == ([one, two], [three, one])


class TestSize:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "CLIENTES_PAGE_SIZE_MAX": "3"}

    @pytest.mark.parametrize("size", ["4", "500", "99999999999999999999"])
    def test_a_size_over_the_maximum_is_lowered_to_it(self, consulta: Caller, make_cliente: Make, size: str) -> None:
        made = [make_cliente()["id"] for _ in range(4)]
        answer = consulta.get(f"{FEED}?size={size}").json
        assert (ids(answer), answer["hayMas"]) == (made[:3], True)

    def test_the_default_is_lowered_too(self, consulta: Caller, make_cliente: Make) -> None:
        made = [make_cliente()["id"] for _ in range(4)]
        assert ids(read(consulta)) == made[:3]


def insert_many(oficina: Caller, count: int, mode: str = "crear") -> None:
    """Import so many clients."""
    sheet = "nombre,tipoCliente,tipoDocumento,numeroDocumento,codigoCliente\n" + "".join(
        f"Cliente {number},PERSONA,DNI,{number:08d},F{number}\n" for number in range(count)
    )
    form = {"archivo": (BytesIO(sheet.encode()), "clientes.csv")}
    answer = oficina.post(f"/api/clientes/importar?modo={mode}", data=form)
    assert answer.status_code == 200, answer.text


def test_two_hundred_come_at_a_time_unless_asked_otherwise(consulta: Caller, oficina: Caller) -> None:
    insert_many(oficina, 201)
    found = read(consulta)
    assert (len(found["content"]), found["hayMas"]) == (200, True)
    rest = read(consulta, found["siguiente"])
    assert (len(rest["content"]), rest["hayMas"]) == (1, False)


def test_every_way_to_change_a_client_is_in_the_feed(
    consulta: Caller, tecnico: Caller, oficina: Caller, admin: Caller, make_cliente: Make
) -> None:
    token = read(consulta)["siguiente"]

    def changed() -> list[tuple[str, str, bool]]:
        nonlocal token
        found = read(consulta, token)
        token = found["siguiente"]
        return [(client["codigoCliente"], client["nombre"], client["vigente"]) for client in found["content"]]

    insert_many(oficina, 2)
    assert changed() == [("F0", "Cliente 0", True), ("F1", "Cliente 1", True)]
    insert_many(oficina, 2, "upsert")
    assert changed() == []
    id = oficina.get("/api/clientes?codigoCliente=F0").json["content"][0]["id"]
    operations = [
        {"clave": "1", "op": "crear", "datos": {**EMPRESA, "codigoCliente": "LOTE"}},
        {"clave": "2", "op": "actualizar", "id": id, "datos": {"nombre": "Otro"}},
        {"clave": "3", "op": "eliminar", "id": id},
    ]
    tecnico.post("/api/clientes/lote", json={"operaciones": operations})
    assert changed() == [("LOTE", EMPRESA["nombre"], True), ("F0", "Otro", False)]
    tecnico.post(f"/api/clientes/{id}/restaurar")
    assert changed() == [("F0", "Otro", True)]
    admin.post(f"/api/clientes/{id}/anonimizar")
    assert changed() == [("F0", "Cliente anonimizado", False)]


@pytest.mark.postgresql
def test_what_has_a_number_behind_an_import_under_way_comes_after_it(consulta: Caller, tecnico: Caller) -> None:
    token = read(consulta)["siguiente"]
    with db.bulk_transaction(lambda: draw_clientes(2)) as ((base, _), lock):
        created = in_thread(lambda: tecnico.post("/api/clientes", json=EMPRESA).json)
        for desde in (token, None):
            assert in_thread(lambda desde=desde: read(consulta, desde)) == {
                "content": [], "siguiente": token, "hayMas": False,
            }  # fmt: skip
        for number in (1, 2):
            cliente = Cliente(vigente=True, epoca=current_epoch(), version=base + number)
            cliente.fecha_creacion = cliente.fecha_modificacion = created["fechaCreacion"]
            datos = {"nombre": "Masivo", "tipo_cliente": "OTRO", "tipo_documento": "OTRO", "numero_documento": "1"}
            cliente.assign({**datos, "codigo_cliente": f"M{number}"}).store()
        lock()
    found = read(consulta, token)
    assert [client["codigoCliente"] for client in found["content"]] == ["M1", "M2", EMPRESA["codigoCliente"]]
    assert found["hayMas"] is False


def damaged(token: str) -> list[str]:
    """A token with each of its characters changed, or cut, or of another kind than the feed gives."""
    flipped = [f"{token[:n]}{'x' if token[n] != 'x' else 'y'}{token[n + 1 :]}" for n in range(len(token))]
    epoca, seen = decode_cursor(token, list)
    others: list[Any] = [
        seen, [epoca], [seen, epoca], [epoca, str(seen)], [epoca, float(seen)], [epoca, None], [None, seen],
        [epoca, -1], [epoca, 2**63], [epoca, 10**40], [epoca, seen, 1], {"epoca": epoca}, "x", [],
    ]  # fmt: skip
    return [*flipped, token[:-1], token[1:], token + "0", token * 20, "x", "-", "ñ", *map(encode_cursor, others)]


def test_a_damaged_token_is_told(consulta: Caller, make_cliente: Make, stored: Any) -> None:
    make_cliente()
    token, before = read(consulta)["siguiente"], stored()
    for bad in damaged(token):
        assert_problem(consulta.get(f"{FEED}?desde={quote(bad)}"), 400, "TOKEN_INVALIDO")
    assert stored() == before
    assert read(consulta, token)["content"] == []


def test_the_cursor_of_a_list_or_a_history_is_no_token(
    consulta: Caller, oficina: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_cliente()
    make_cliente()
    monkeypatch.setattr(historial, "PAGE_SIZE", 1)
    oficina.put(f"/api/clientes/{made['id']}", json={"nombre": "Otro"})
    for path in ("?size=1", "?size=1&sort=nombre", f"/{made['id']}/historial"):
        cursor = oficina.get(f"/api/clientes{path}").json["nextCursor"]
        assert_problem(consulta.get(f"{FEED}?desde={cursor}"), 400, "TOKEN_INVALIDO")
    answer = consulta.get(f"/api/clientes?cursor={read(consulta)['siguiente']}")
    assert_problem(answer, 400, "CURSOR_INVALIDO")


@pytest.mark.parametrize(
    "query", ["desde=", "desde=a&desde=b", "desde=" + "a" * 4001, "size=0", "size=-1", "size=x", "size=", "size=1.5"]
)
def test_what_is_no_value_is_422(consulta: Caller, query: str) -> None:
    assert_problem(consulta.get(f"{FEED}?{query}"), 422, "VALIDACION", query.partition("=")[0])


@pytest.mark.parametrize("name", ["page", "cursor", "vigente", "q", "sort", "Desde"])
def test_an_unlisted_parameter_is_422(consulta: Caller, name: str) -> None:
    assert_problem(consulta.get(f"{FEED}?{name}=1"), 422, "VALIDACION", name)


def test_a_token_ahead_of_the_server_asks_to_begin_again(consulta: Caller, make_cliente: Make) -> None:
    make_cliente()
    token = read(consulta)["siguiente"]
    epoca, seen = decode_cursor(token, list)
    Contador.update(valor=0).execute()  # as a copy that was put back
    assert_problem(consulta.get(f"{FEED}?desde={token}"), 410, "RESINCRONIZAR")
    Contador.update(valor=seen).execute()
    assert read(consulta, token)["content"] == []
    assert_problem(consulta.get(f"{FEED}?desde={encode_cursor([epoca, seen + 1])}"), 410, "RESINCRONIZAR")
    assert_problem(consulta.get(f"{FEED}?desde={encode_cursor([epoca, 2**63 - 1])}"), 410, "RESINCRONIZAR")


def test_a_token_of_another_life_asks_to_begin_again(consulta: Caller, make_cliente: Make) -> None:
    make_cliente()
    token = read(consulta)["siguiente"]
    make_cliente()
    Contador.update(epoca="ffffffff").execute()
    assert current_epoch() == "ffffffff"
    assert_problem(consulta.get(f"{FEED}?desde={token}"), 410, "RESINCRONIZAR")
    assert len(read(consulta)["content"]) == 2


@pytest.mark.parametrize("rol", Rol)
def test_every_role_reads_the_feed(sign_in: Callable[[Rol], Caller], make_cliente: Make, rol: Rol) -> None:
    made = make_cliente()
    assert ids(read(sign_in(rol))) == [made["id"]]


def test_nobody_else_does(anonimo: Caller) -> None:
    assert_problem(anonimo.get(FEED), 401, "NO_AUTENTICADO")


def test_users_of_another_system_do(environ: dict[str, str]) -> None:
    app = create_app(settings.load({**environ, "CLIENTES_AUTH": "external"}))
    claims = {"sub": "ana", "rol": "CONSULTA", "exp": 4_000_000_000}
    assert read(Caller(app, jwt.encode(claims, SECRET, algorithm="HS256")))["content"] == []
    db.database.close()


@pytest.mark.sqlite
def test_the_feed_reads_from_its_place_on_an_index_and_sorts_nothing(app: Flask) -> None:
    found = plan(service.CHANGED, (5, 9, 20))
    assert "USING INDEX" in found, found
    assert "(version>? AND version<?)" in found, found
    assert SORT not in found, found


@pytest.mark.postgresql
def test_the_feed_reads_from_its_place_on_an_index_of_postgresql(app: Flask, oficina: Caller) -> None:
    insert_many(oficina, 5000)
    db.execute("ANALYZE cliente")
    rows = db.execute(f"EXPLAIN {service.CHANGED}", (4000, 5000, 21)).fetchall()
    found = " / ".join(line for (line,) in rows)
    assert "Index Scan using cliente_version" in found, found
    assert "Index Cond: ((version > " in found, found
    assert "Sort" not in found, found
