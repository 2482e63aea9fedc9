"""GET /metrics: who may see it, and what it tells at the moment of asking."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clientes_service.app import create_app
from clientes_service.config import load
from tests.conftest import DNI, Caller, assert_problem

Make = Callable[..., dict[str, Any]]

TOKEN = "vicuña-" * 4
OUTSIDE = "198.51.100.7"


def ask(caller: Caller, address: str, **headers: str) -> Any:
    return caller.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})


def samples(text: str) -> dict[str, float]:
    """Each sample by its name with its labels, as Prometheus reads them."""
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def with_token(environ: dict[str, str]) -> Caller:
    return Caller(create_app(load({**environ, "CLIENTES_METRICS_TOKEN": TOKEN})))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_see_them(anonimo: Caller, address: str) -> None:
    answer = ask(anonimo, address)
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert samples(answer.text)


@pytest.mark.parametrize("address", [OUTSIDE, "::ffff:198.51.100.7", "10.0.0.1", "", "nada"])
def test_others_may_not(anonimo: Caller, address: str) -> None:
    assert_problem(ask(anonimo, address), 401, "NO_AUTENTICADO")
    assert_problem(ask(anonimo, address, Authorization="Bearer "), 401, "NO_AUTENTICADO")
    assert_problem(ask(anonimo, address, Authorization="Bearer None"), 401, "NO_AUTENTICADO")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
def test_a_proxy_on_this_machine_asks_for_somebody_else(anonimo: Caller, with_token: Caller, header: str) -> None:
    assert_problem(ask(anonimo, "127.0.0.1", **{header: "127.0.0.1"}), 401, "NO_AUTENTICADO")
    token = f"Bearer {TOKEN.encode().decode('latin-1')}"
    assert ask(with_token, "127.0.0.1", **{header: "127.0.0.1", "Authorization": token}).status_code == 200


def test_the_token_opens_them_and_no_other(with_token: Caller, admin: Caller) -> None:
    assert ask(with_token, OUTSIDE, Authorization=f"bearer {TOKEN.encode().decode('latin-1')}").status_code == 200
    for wrong in ("x", TOKEN[:-1], admin.token):
        header = f"Bearer {str(wrong).encode().decode('latin-1')}"
        assert_problem(ask(with_token, OUTSIDE, Authorization=header), 401, "NO_AUTENTICADO")


def test_they_tell_how_things_stand(environ: dict[str, str]) -> None:
    config = load(environ)
    anonimo = Caller(create_app(config))
    before = samples(ask(anonimo, "127.0.0.1").text)
    assert before["clientes_disk_free_bytes[]"] > 0
    assert "clientes_backup_age_seconds[]" not in before
    if not config.database_url.startswith("sqlite:"):
        assert "clientes_database_bytes[]" not in before
        return
    assert before["clientes_database_bytes[]"] > 10_000
    backups = config.instance_path / "backups"
    backups.mkdir()
    for name, age in (("clientes-20260101T000000Z.db", 90), ("clientes-20260102T000000Z.db", 30), ("other.db", 1)):
        (backups / name).touch()
        os.utime(backups / name, (time.time() - age,) * 2)
    assert 30 <= samples(ask(anonimo, "127.0.0.1").text)["clientes_backup_age_seconds[]"] < 60


def counted(caller: Caller, name: str) -> float:
    return samples(ask(caller, "127.0.0.1").text).get(name, 0)


def test_what_happens_is_counted(anonimo: Caller, tecnico: Caller, oficina: Caller, make_cliente: Make) -> None:
    wrong = "clientes_login_failures_total[('reason', 'password')]"
    waits, lag = "clientes_database_wait_seconds_count[]", "clientes_feed_lag_changes_sum[]"
    before = {name: counted(anonimo, name) for name in (wrong, waits, lag)}
    anonimo.post("/auth", json={"dni": next(iter(DNI.values())), "password": "not this one, though"})
    place = tecnico.get("/api/clientes/cambios").json["siguiente"]
    for _ in range(3):
        make_cliente()
    tecnico.get(f"/api/clientes/cambios?desde={place}")
    assert counted(anonimo, wrong) == before[wrong] + 1
    assert counted(anonimo, waits) >= before[waits] + 4
    assert counted(anonimo, lag) == before[lag] + 3


@pytest.mark.parametrize(
    ("query", "result", "rows"), [("", "done", 1), ("?simular=true", "dry_run", 0), ("?modo=actualizar", "rejected", 0)]
)
def test_imports_are_counted(
    anonimo: Caller, oficina: Caller, tmp_path: Path, query: str, result: str, rows: int
) -> None:
    name, created = (
        f"clientes_imports_total[('result', '{result}')]",
        "clientes_imported_rows_total[('result', 'created')]",
    )
    before = counted(anonimo, name), counted(anonimo, created)
    sheet = b"nombre,tipoCliente,tipoDocumento,numeroDocumento,codigoCliente\nBotica,OTRO,OTRO,1,B1\n"
    with (tmp_path / "b.csv").open("wb+") as file:
        file.write(sheet)
        file.seek(0)
        oficina.post(f"/api/clientes/importar{query}", data={"archivo": (file, "b.csv")})
    assert (counted(anonimo, name), counted(anonimo, created)) == (before[0] + 1, before[1] + rows)
