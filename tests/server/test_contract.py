"""The OpenAPI document against the running service: what a program makes of it, and what schemathesis finds."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from werkzeug.exceptions import HTTPException

from tests.conftest import PASSWORD
from tests.server.conftest import ADMIN_DNI, BIN, Server
from tests.server.wire import sign_in

SEED = "20261124"

# Two of schemathesis's checks are left out. That what the schema allows is accepted: rules between two fields (a number
# and its kind), stale versions and the password that is one's DNI cannot be said in a schema. That what was deleted is
# gone: a client that was deactivated can still be read.
# A third one is left out for one operation. That what the schema forbids is refused: a batch answers 200 with a problem
# in the place of each bad item, so that it stops no other. tests/lote/ holds what becomes of those.
SETTINGS = """
[checks]
positive_data_acceptance.enabled = false
use_after_free.enabled = false

[[operations]]
include-operation-id = "writeLote"
checks.negative_data_rejection.enabled = false
"""


def fuzz(server: Server, folder: Path, token: str, examples: str, *words: str) -> str:
    """Run schemathesis; return what it printed. It must find nothing."""
    (folder / "schemathesis.toml").write_text(SETTINGS, encoding="utf-8")
    ran = subprocess.run(
        [
            BIN / "schemathesis", "run", f"{server.url}/openapi.json", "-H", f"Authorization: Bearer {token}",
            "--seed", SEED, "--max-examples", examples, "--no-color", "--generation-database", "none", *words,
        ],
        cwd=folder, text=True, capture_output=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr
    return ran.stdout


def answered(server: Server, app: Flask) -> dict[str, set[int]]:
    """Which statuses each operation gave, read from the access log."""
    urls = app.url_map.bind("localhost")
    found: dict[str, set[int]] = {}
    for line in server.log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["message"] == "request":
            try:
                endpoint, _ = urls.match(entry["path"], entry["method"])
            except HTTPException:
                continue
            found.setdefault(endpoint, set()).add(entry["status"])
    return found


def test_schemathesis_finds_no_5xx_and_no_answer_that_breaks_the_document(
    start_server: Callable[..., Server], tmp_path: Path, app: Flask
) -> None:
    server = start_server()
    spent = sign_in(server.url, ADMIN_DNI, PASSWORD)["refreshToken"]
    fuzz(server, tmp_path, spent, "10", "--include-operation-id", "refresh", "--include-operation-id", "signOut")
    token = sign_in(server.url, ADMIN_DNI, PASSWORD)["token"]
    fuzz(server, tmp_path, token, "25", "--exclude-operation-id", "signOut", "--exclude-operation-id", "updateUsuario")
    # Last, since it may give the caller a new password, which ends the session.
    fuzz(server, tmp_path, token, "20", "--include-operation-id", "updateUsuario")

    statuses = answered(server, app)
    pages = ("docs.", "errores.", "office.")
    documented = {rule.endpoint for rule in app.url_map.iter_rules() if not rule.endpoint.startswith(pages)}
    assert statuses.keys() >= documented
    for endpoint in documented - {"auth.sign_in"}:  # whose password no generator guesses
        assert statuses[endpoint] & {200, 201, 204}, f"{endpoint} was never answered with success: {statuses[endpoint]}"
    assert not [endpoint for endpoint, seen in statuses.items() if any(status >= 500 for status in seen)]


JOURNEY = textwrap.dedent(
    """
    import sys
    from clientes_client import AuthenticatedClient, Client
    from clientes_client.api.auth import sign_in
    from clientes_client.api.clientes import (
        create_cliente, delete_cliente, get_cliente, list_clientes, restore_cliente, update_cliente)
    from clientes_client.models import (
        ClienteCreate, ClienteCreateTipoCliente, ClienteCreateTipoDocumento, ClienteUpdate, Credentials, Problem)

    url, dni, password = sys.argv[1:]
    signed_in = sign_in.sync(client=Client(url), body=Credentials(dni, password))
    client = AuthenticatedClient(url, token=signed_in.token)
    new = ClienteCreate(
        "Comercial Ñahui", ClienteCreateTipoCliente.EMPRESA, ClienteCreateTipoDocumento.RUC, "20100070970", "GEN-1")
    created = create_cliente.sync_detailed(client=client, body=new)
    assert created.status_code == 201, created
    id = created.parsed.id
    assert created.headers["Location"] == f"/api/clientes/{id}"
    assert [warning.codigo.value for warning in created.parsed.advertencias] == ["REPRESENTANTE_RECOMENDADO"]
    assert [each.id for each in list_clientes.sync(client=client, codigo_cliente="gen-1").content] == [id]
    change = ClienteUpdate(telefono="952 000 111")
    changed = update_cliente.sync(id, client=client, body=change, if_match=created.headers["ETag"])
    assert (changed.telefono, changed.nombre) == ("952 000 111", "Comercial Ñahui"), changed
    stale = delete_cliente.sync(id, client=client, if_match=created.headers["ETag"])
    assert isinstance(stale, Problem) and stale.code == "VERSION_OBSOLETA", stale
    assert delete_cliente.sync_detailed(id, client=client, if_match=f'"{changed.version}"').status_code == 204
    assert list_clientes.sync(client=client).total_elements == 0
    assert get_cliente.sync(id, client=client).vigente is False
    assert restore_cliente.sync(id, client=client).vigente is True
    print("done")
    """
)


def test_a_generated_client_signs_in_creates_lists_changes_and_deletes(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = start_server()
    assert server.cli("openapi", "write", str(tmp_path / "openapi.json")).returncode == 0
    environ = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(tmp_path)}
    words = ["generate", "--path", "openapi.json", "--meta", "none", "--output-path", "clientes_client"]
    made = subprocess.run(
        [BIN / "openapi-python-client", *words, "--fail-on-warning"],
        cwd=tmp_path, env=environ, text=True, capture_output=True, timeout=120,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr

    (tmp_path / "journey.py").write_text(JOURNEY, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "journey.py", server.url, ADMIN_DNI, PASSWORD],
        cwd=tmp_path, env=environ, text=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr
