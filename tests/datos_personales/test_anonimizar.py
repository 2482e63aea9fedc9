"""POST /api/clientes/{id}/anonimizar: nothing is left, not in the file either."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from clientes_service import db
from clientes_service.clientes.models import Contador
from clientes_service.db import sqlite
from clientes_service.historial.service import Linea
from tests.conftest import EMPRESA, Caller, assert_problem

Make = Callable[..., dict[str, Any]]
Stored = Callable[[], dict[str, list[tuple[Any, ...]]]]

SECRETS = {
    "nombre": "Zacarías Zúñiga",
    "tipoCliente": "PERSONA",
    "tipoDocumento": "DNI",
    "numeroDocumento": "09081726",
    "direccion": "Pasaje Oculto 7531",
    "telefono": "951 357 246",
    "email": "zacarias@example.pe",
    "contactoRepresentante": "Tía Zoraida",
}


def path_of(client: dict[str, Any], suffix: str = "") -> str:
    return f"/api/clientes/{client['id']}{suffix}"


def test_personal_data_is_erased_from_the_client_and_its_history(
    admin: Caller, make_cliente: Make, stored: Stored
) -> None:
    made, other = make_cliente(**SECRETS), make_cliente()
    admin.put(path_of(made), json={"telefono": "952 468 135", "nombre": "Zacarías Segundo"})
    answer = admin.post(path_of(made, "/anonimizar"))
    assert answer.status_code == 200
    client = answer.json
    assert {name: client[name] for name in EMPRESA} == {
        "nombre": "Cliente anonimizado", "tipoCliente": "PERSONA", "tipoDocumento": "OTRO", "numeroDocumento": "-",
        "codigoCliente": made["codigoCliente"], "direccion": None, "telefono": None, "email": None,
        "contactoRepresentante": None,
    }  # fmt: skip
    assert (client["id"], client["vigente"], client["fechaCreacion"]) == (made["id"], False, made["fechaCreacion"])
    assert answer.headers["ETag"] == f'"{client["version"]}"'
    assert admin.get(path_of(made)).json == client
    lines = admin.get(path_of(made, "/historial")).json["content"]
    assert [line["accion"] for line in lines] == ["ANONIMIZADO", "ACTUALIZADO", "CREADO"]
    assert [line["cambios"] for line in lines] == [{}, {}, {}]
    assert lines[0]["usuario"]["nombre"] == "Usuario ADMIN"
    assert lines[0]["version"] == client["version"]
    everything = repr(stored())
    for secret in (*SECRETS.values(), "zacar", "952 468", "09081726"):
        assert secret in ("PERSONA", "DNI") or secret not in everything
    assert admin.get(path_of(other)).json["nombre"] == EMPRESA["nombre"]
    assert Linea.select().count() == Contador.get().valor


def test_once_more_is_the_same_answer_and_no_change(admin: Caller, make_cliente: Make, stored: Stored) -> None:
    made = make_cliente()
    first = admin.post(path_of(made, "/anonimizar"))
    before = stored()
    for headers in ({}, {"If-Match": '"stale"'}):
        again = admin.post(path_of(made, "/anonimizar"), headers=headers)
        assert (again.status_code, again.json) == (200, first.json)
    assert stored() == before


def test_an_inactive_client_can_be_anonymised(admin: Caller, make_cliente: Make) -> None:
    made = make_cliente()
    admin.delete(path_of(made))
    assert admin.post(path_of(made, "/anonimizar")).json["nombre"] == "Cliente anonimizado"


def test_other_writes_are_refused_from_then_on(admin: Caller, make_cliente: Make, stored: Stored) -> None:
    made = make_cliente(codigoCliente="Anon")
    admin.post(path_of(made, "/anonimizar"))
    before = stored()
    for body in ({"nombre": "Otra vez"}, {"nombre": "Cliente anonimizado"}, {}):
        assert_problem(admin.put(path_of(made), json=body), 409, "CLIENTE_ANONIMIZADO")
    assert_problem(admin.post(path_of(made, "/restaurar")), 409, "CLIENTE_ANONIMIZADO")
    assert admin.delete(path_of(made)).status_code == 204
    assert_problem(
        admin.post("/api/clientes", json={**EMPRESA, "codigoCliente": "ANON"}), 409, "CODIGO_DUPLICADO", "codigoCliente"
    )
    assert stored() == before


def test_a_stale_version_is_refused(admin: Caller, make_cliente: Make, stored: Stored) -> None:
    made = make_cliente()
    admin.put(path_of(made), json={"nombre": "Nuevo"})
    before = stored()
    answer = admin.post(path_of(made, "/anonimizar"), headers={"If-Match": f'"{made["version"]}"'})
    assert assert_problem(answer, 412, "VERSION_OBSOLETA")["actual"]["nombre"] == "Nuevo"
    assert stored() == before
    current = admin.get(path_of(made)).headers["ETag"]
    assert admin.post(path_of(made, "/anonimizar"), headers={"If-Match": current}).status_code == 200


def test_a_client_that_does_not_exist_is_404(admin: Caller) -> None:
    assert_problem(admin.post("/api/clientes/999/anonimizar"), 404, "CLIENTE_NO_ENCONTRADO")


def test_it_warns_nobody_and_is_in_no_list(admin: Caller, make_cliente: Make) -> None:
    made = [make_cliente(), make_cliente()]
    for client in made:
        admin.post(path_of(client, "/anonimizar"))
    answer = admin.post("/api/clientes", json={**EMPRESA, "tipoDocumento": "OTRO", "numeroDocumento": "-"})
    assert answer.json["advertencias"] == []
    assert admin.get("/api/clientes").json["totalElements"] == 1


def fill_and_erase(admin: Caller, make_cliente: Make, seed: int) -> list[str]:
    """Make clients with values that occur nowhere else, change some, anonymise a few; return what these were."""
    rng = random.Random(seed)

    def secret(number: int) -> str:
        return "secreto" + "".join(chr(ord("a") + int(digit)) for digit in f"{seed:02d}{number:04d}")

    def values(number: int) -> dict[str, str]:
        word = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(3, 90)))
        return {
            "nombre": f"{secret(number).title()} {word}", "direccion": f"{word[::-1]} {secret(number)}",
            "email": f"{secret(number)}@example.pe", "contactoRepresentante": secret(number).upper(),
            "tipoDocumento": "OTRO", "numeroDocumento": secret(number),
        }  # fmt: skip

    ids = [make_cliente(**values(number))["id"] for number in range(150)]
    db.engine().texts.extend(1)
    for _ in range(100):
        number = rng.randrange(len(ids))
        admin.put(f"/api/clientes/{ids[number]}", json=values(number))
    erased = rng.sample(range(len(ids)), 12)
    for number in erased:
        assert admin.post(f"/api/clientes/{ids[number]}/anonimizar").status_code == 200
    return [secret(number) for number in erased]


def left_in_files(folder: Path, words: list[str]) -> list[str]:
    content = b"".join(path.read_bytes() for path in folder.glob("clientes.db*")).lower()
    assert b"secreto" in content
    return [word for word in words if word.encode() in content]


@pytest.mark.sqlite
@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_left_in_the_file_or_its_log(admin: Caller, make_cliente: Make, tmp_path: Path, seed: int) -> None:
    words = fill_and_erase(admin, make_cliente, seed)
    assert left_in_files(tmp_path, words) == []


@pytest.mark.sqlite
def test_the_erasure_and_that_of_the_index_are_one(
    admin: Caller, make_cliente: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No backup that is made in between, and no kill, keeps the text."""

    def fail(self: sqlite.Sqlite) -> None:
        raise sqlite.DatabaseBusy

    made = [make_cliente(nombre="Zacarías Oculto"), make_cliente(nombre="Zoila Vista")]
    db.engine().texts.extend(1)
    admin.put(path_of(made[0]), json={"nombre": "Zacarías Oculto Dos"})
    monkeypatch.setattr(sqlite.Sqlite, "erase_traces", fail)
    assert admin.post(path_of(made[0], "/anonimizar")).status_code == 503
    places = (("texto", "busqueda"), ("texto", "busqueda_cambios"), ("grama", "busqueda_gramas"))
    texts = " ".join(text for place in places for (text,) in db.execute("SELECT {} FROM {}".format(*place)).fetchall())
    assert "oculto" not in texts
    assert "zacarias" not in texts
    assert "zoila" in texts
    assert db.engine().damage() is None


@pytest.mark.sqlite
@pytest.mark.parametrize("step", ["none", "checkpoint alone"])
def test_without_the_last_step_something_would_be_left(
    admin: Caller, make_cliente: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def erase(self: sqlite.Sqlite) -> None:
        if step != "none":
            self.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    monkeypatch.setattr(sqlite.Sqlite, "erase_traces", erase)
    assert any(left_in_files(tmp_path, fill_and_erase(admin, make_cliente, seed)) for seed in range(12))


@pytest.mark.sqlite
def test_a_reader_in_the_way_is_told_and_a_repetition_ends_it(
    admin: Caller, make_cliente: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    made = make_cliente(**SECRETS)
    reader = apsw.Connection(str(tmp_path / "clientes.db"))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM cliente").fetchall()
    answer = admin.post(path_of(made, "/anonimizar"))
    assert_problem(answer, 503, "NO_DISPONIBLE")
    reader.execute("COMMIT")
    assert admin.get(path_of(made)).json["nombre"] == "Cliente anonimizado"
    assert admin.post(path_of(made, "/anonimizar")).status_code == 200
    content = b"".join(path.read_bytes() for path in tmp_path.glob("clientes.db*"))
    assert b"zacarias@example.pe" not in content
    reader.close()
