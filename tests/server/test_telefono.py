"""The example of a phone against a real service: what must neither be doubled, nor overwritten, nor get stuck."""

import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from clientes_service import config, db
from examples.telefono import DOUBTFUL, GONE, RESTORED, Cliente, SinRed, Telefono
from tests.conftest import EMPRESA, PASSWORD
from tests.server.conftest import ADMIN_DNI, Server
from tests.server.wire import connected, sign_in

pytestmark = pytest.mark.sqlite  # about the program; what it relies on is tried on both engines

DAY = 86_400
PAUSE = 0.01  # seconds before a second try


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=2)


@pytest.fixture
def own_server(start_server: Callable[..., Server]) -> Server:
    """A service of the test's own, for what changes all of it."""
    return start_server(workers=1)


class Phone(Telefono):
    """A phone whose user decides every conflict alike, and remembers what was shown."""

    def __init__(self, file: Path, server: Server, mine: bool) -> None:
        super().__init__(str(file), server.url, ADMIN_DNI, PASSWORD, self.decide, lambda t: self.told.append(t), PAUSE)
        self.mine = mine
        self.conflicts: list[Cliente] = []
        self.told: list[str] = []

    def decide(self, write: Any, actual: Cliente) -> bool:
        self.conflicts.append(actual)
        return self.mine

    def local(self, codigo: str) -> int:
        return next(local for local, shown in self.clients().items() if shown.get("codigoCliente") == codigo)

    def shown(self, codigo: str) -> Cliente:
        return self.clients()[self.local(codigo)]

    def answers_are_lost(self) -> None:
        """Send what waits, and be killed before the answers are noted."""
        self._settle = lambda *_: None  # type: ignore[method-assign]
        self.send(self._next_batch())
        del self._settle

    def is_away_for_a_week(self, server: Server) -> None:
        rows(server, f"UPDATE idempotencia SET creado = creado - {8 * DAY}")
        with self.db:
            self.db.execute("UPDATE salida SET enviada = enviada - ?", (8 * DAY,))


@pytest.fixture
def phone(server: Server, tmp_path: Path) -> Callable[..., Phone]:
    def make(name: str = "ana", mine: bool = False, on: Server = server) -> Phone:
        return Phone(tmp_path / f"{name}.db", on, mine)

    return make


def nuevo(codigo: str, **changes: Any) -> Cliente:
    return {**EMPRESA, "nombre": f"Cliente {codigo}", "codigoCliente": codigo, **changes}


def rows(server: Server, sql: str) -> list[Any]:
    """Run SQL on the service's database."""
    db.connect(config.load(server.environ).database_url)
    with closing(db.database), db.transaction():
        found = db.execute(sql)
        return found.fetchall() if sql.startswith("SELECT") else []


def named(server: Server, codigo: str) -> list[Any]:
    return rows(server, f"SELECT codigo_cliente FROM cliente WHERE nombre = 'Cliente {codigo}' ORDER BY id")


@pytest.mark.parametrize("change", [{}, {"nombre": "Otro"}, {"codigoCliente": "OTRO-VIEJO"}, {"numeroDocumento": "77"}])
def test_a_creation_whose_key_may_be_forgotten_is_the_users_to_look_up(
    server: Server, phone: Callable[..., Phone], change: Cliente
) -> None:
    codigo = f"VIEJO{len(str(change))}"
    away, other = phone(), phone("luis")
    local = away.create(nuevo(codigo))
    away.answers_are_lost()
    other.sync()
    if change:
        other.change(other.local(codigo), "actualizar", change)
        other.sync()
    away.is_away_for_a_week(server)
    before = rows(server, "SELECT count(*) FROM cliente")
    away.sync()
    assert away.clients()[local]["problema"] == DOUBTFUL
    away.discard(local)
    away.sync()
    assert rows(server, "SELECT count(*) FROM cliente") == before
    assert local not in away.clients()


def test_a_creation_that_was_not_stored_is_sent_again_when_its_user_says_so(
    server: Server, phone: Callable[..., Phone]
) -> None:
    away = phone()
    local = away.create(nuevo("PERDIDO1"))
    away._next_batch()  # and the request is lost
    away.is_away_for_a_week(server)
    away.sync()
    away.correct(local)
    away.sync()
    assert named(server, "PERDIDO1") == [("PERDIDO1",)]


def test_two_branches_of_one_company_under_one_code_are_two(server: Server, phone: Callable[..., Phone]) -> None:
    ana = phone()
    for direccion in ("Av. Uno 1", "Av. Dos 2"):
        ana.create(nuevo("LOCAL0001", direccion=direccion))
    ana.sync()
    assert (named(server, "LOCAL0001"), ana.conflicts) == ([("LOCAL0001",), ("LOCAL0002",)], [])
    assert any("LOCAL0002" in text for text in ana.told)


def test_a_client_whose_answer_was_lost_is_shown_once_and_keeps_its_number(phone: Callable[..., Phone]) -> None:
    ana = phone()
    local = ana.create(nuevo("UNAVEZ1"))
    seen = ana.clients()[local]
    ana.answers_are_lost()
    ana.receive()
    assert [number for number, one in ana.clients().items() if one.get("codigoCliente") == "UNAVEZ1"] == [local]
    ana.sync()
    assert ana.local("UNAVEZ1") == local
    ana.change(local, "actualizar", {"telefono": "952 111 111"}, seen)
    ana.sync()
    assert (ana.shown("UNAVEZ1")["telefono"], ana.conflicts) == ("952 111 111", [])


def test_a_file_belongs_to_one_account(server: Server, phone: Callable[..., Phone]) -> None:
    file = phone().file
    with pytest.raises(ValueError, match="another account"):
        Telefono(file, server.url, "99999999", PASSWORD, lambda write, actual: False, print)


def test_a_first_request_that_comes_late_makes_no_second_client(server: Server, phone: Callable[..., Phone]) -> None:
    """It was stored under the first code, after the phone had been told to take the next one."""
    late = phone()
    late.create(nuevo("TARDE1"))
    late.answers_are_lost()
    late.db.execute("UPDATE salida SET datos = json_set(datos, '$.codigoCliente', 'TARDE2')")
    late.db.commit()
    late.change(late.local("TARDE2"), "actualizar", {"telefono": "952 111 111"})
    late.sync()
    assert named(server, "TARDE1") == [("TARDE1",)]
    assert late.shown("TARDE1")["telefono"] == "952 111 111"


def test_what_somebody_else_did_already_hides_nothing_else_of_his(phone: Callable[..., Phone]) -> None:
    ana, luis = phone(), phone("luis")
    ana.create(nuevo("IGUAL1", telefono="952 000 000", direccion="Av. Uno 1"))
    ana.sync()
    luis.sync()
    ana.change(ana.local("IGUAL1"), "actualizar", {"telefono": "952 111 111", "direccion": "Av. Dos 2"})
    ana.sync()
    luis.change(luis.local("IGUAL1"), "actualizar", {"telefono": "952 111 111"})
    luis.change(luis.local("IGUAL1"), "actualizar", {"direccion": "Av. Tres 3"})
    luis.sync()
    assert [conflict["direccion"] for conflict in luis.conflicts] == ["Av. Dos 2"]
    assert luis.shown("IGUAL1")["direccion"] == "Av. Dos 2"


def test_own_changes_behind_each_other_meet_no_conflict(phone: Callable[..., Phone]) -> None:
    ana = phone()
    ana.create(nuevo("PROPIO1", email=" ANA@Example.pe "))
    local = ana.local("PROPIO1")
    ana.change(local, "actualizar", {"nombre": "  Botica   Propia "})
    ana.change(local, "eliminar")
    ana.change(local, "restaurar")
    ana.change(local, "actualizar", {"telefono": "952 111 111"})
    ana.sync()
    assert (ana.conflicts, ana.shown("PROPIO1")["telefono"]) == ([], "952 111 111")
    assert ana.db.execute("SELECT count(*) FROM abierta").fetchone()[0] == 0


def test_a_form_that_was_opened_before_another_change_is_asked_about(phone: Callable[..., Phone]) -> None:
    ana, luis = phone(), phone("luis")
    ana.create(nuevo("ABIERTO1", telefono="952 000 000"))
    ana.sync()
    luis.sync()
    seen = luis.shown("ABIERTO1")
    ana.change(ana.local("ABIERTO1"), "actualizar", {"telefono": "952 111 111"})
    ana.sync()
    luis.sync()
    luis.change(luis.local("ABIERTO1"), "actualizar", {"telefono": "952 222 222"}, seen)
    luis.sync()
    assert [conflict["telefono"] for conflict in luis.conflicts] == ["952 111 111"]


def test_a_form_that_was_opened_while_its_client_was_sent_is_not(phone: Callable[..., Phone]) -> None:
    ana = phone()
    ana.create(nuevo("FORMULARIO1"))
    seen = ana.shown("FORMULARIO1")
    ana.sync()
    ana.change(ana.local("FORMULARIO1"), "actualizar", {"telefono": "952 222 222"}, seen)
    ana.sync()
    assert (ana.conflicts, ana.shown("FORMULARIO1")["telefono"]) == ([], "952 222 222")


def test_what_is_refused_is_corrected_or_given_up(server: Server, phone: Callable[..., Phone]) -> None:
    ana = phone()
    first = ana.create(nuevo("MAL1", tipoCliente="TIENDA"))
    second = ana.create(nuevo("MAL2", tipoCliente="TIENDA"))
    ana.change(first, "actualizar", {"telefono": "952 111 111"})
    ana.sync()
    assert "EMPRESA" in ana.clients()[first]["problema"]
    ana.correct(first, nuevo("MAL1"))
    ana.discard(second)
    ana.discard(first)  # nothing of it is refused any more
    ana.sync()
    assert (ana.shown("MAL1")["telefono"], second in ana.clients()) == ("952 111 111", False)
    assert named(server, "MAL1") == [("MAL1",)]
    assert named(server, "MAL2") == []
    with pytest.raises(LookupError):
        ana.correct(first, {"nombre": "Otro"})
    with pytest.raises(KeyError):
        ana.change(9999, "actualizar", {"nombre": "Otro"})


def test_taken_codes_of_a_series_are_taken_further_in_one_batch(server: Server, phone: Callable[..., Phone]) -> None:
    ana = phone()
    ana.create(nuevo("SERIE0001"))
    ana.sync()
    for number in range(30):
        ana.create(nuevo("SERIE0001", nombre=f"Cliente SERIE-{number}"))
    batches = []
    send = ana.send
    ana.send = lambda writes: (batches.append(len(writes)), send(writes))[1]  # type: ignore[method-assign]
    ana.sync()
    assert batches == [30, 30]
    codes = rows(server, "SELECT codigo_cliente FROM cliente WHERE nombre LIKE 'Cliente SERIE-%%' ORDER BY id")
    assert codes == [(f"SERIE{number:04}",) for number in range(2, 32)]


@pytest.mark.parametrize("codigo", ["P" * 40 + "1", "AB 12", "SOLO", "X" + "9" * 18])
def test_a_taken_code_without_a_series_is_told_and_stops_no_other(
    server: Server, phone: Callable[..., Phone], codigo: str
) -> None:
    ana = phone()
    ana.create(nuevo(codigo))
    ana.create(nuevo("X1" + "0" * 18))  # what is suggested behind the largest number
    ana.sync()
    again, after = nuevo(codigo, nombre="Otro"), nuevo(f"TRAS{len(codigo)}")
    refused = ana.create(again)
    ana.create(after)
    ana.sync()
    if codigo == "SOLO":  # a word begins a series
        assert ana.clients()[refused]["codigoCliente"] == "SOLO0001"
    else:
        assert "código" in ana.clients()[refused]["problema"]
    assert named(server, after["codigoCliente"]) == [(after["codigoCliente"],)]


@pytest.mark.parametrize("direccion", ["x" * 1_100_000, float("nan"), "\ud800", 10**30])
def test_what_no_service_takes_is_told_and_stops_no_other(
    server: Server, phone: Callable[..., Phone], direccion: Any
) -> None:
    ana = phone()
    codigo = f"CHICO{zlib.crc32(repr(direccion).encode())}"
    for number in range(3):
        ana.create(nuevo(f"{codigo}-{number}"))
    bad = ana.create(nuevo("GRANDE", direccion=direccion))
    ana.sync()
    assert ana.clients()[bad]["problema"]
    assert rows(server, f"SELECT count(*) FROM cliente WHERE codigo_cliente LIKE '{codigo}%%'") == [(3,)]


def test_two_processes_on_one_file_do_not_disturb_each_other(
    server: Server, phone: Callable[..., Phone], tmp_path: Path
) -> None:
    phone()
    tmp = tmp_path / "ana.db"

    def live(number: int) -> int:
        one, done = Phone(tmp, server, mine=False), 0
        for step in range(6):
            local = one.create(nuevo(f"DOS{number}-{step}"))
            one.change(local, "actualizar", {"telefono": "952 111 111"})
            try:
                one.sync()
                done += 1
            except SinRed:
                continue  # the other one is at it
        return done

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(live, range(2))) > 0
    last = phone()
    last.sync()
    assert last.conflicts == []
    assert rows(server, "SELECT count(*) FROM cliente WHERE codigo_cliente LIKE 'DOS%%' AND telefono IS NOT NULL") == [
        (12,)
    ]
    assert last.db.execute("SELECT count(*) FROM abierta").fetchone()[0] == 0


def test_a_damaged_place_in_the_feed_loads_all_again(phone: Callable[..., Phone]) -> None:
    ana = phone()
    ana.create(nuevo("LUGAR1"))
    ana.sync()
    before = ana.clients()
    ana.db.execute("UPDATE estado SET valor = '\"roto\"' WHERE nombre = 'desde'")
    ana.db.commit()
    ana.sync()
    assert ana.clients() == before
    assert ana.conflicts == []


def test_warnings_are_shown(phone: Callable[..., Phone]) -> None:
    ana = phone()
    ana.create(nuevo("AVISO1", numeroDocumento="20512333797"))
    ana.create(nuevo("AVISO2", numeroDocumento="20512333797"))
    ana.sync()
    assert any("AVISO2" in text for text in ana.told)


def restored(server: Server, backup: str) -> None:
    server.stop()
    done = server.cli("restore", backup)
    assert done.returncode == 0, done.stderr
    server.start()


def test_a_restore_brings_back_what_was_created_but_nobody_who_was_let_go(
    own_server: Server, phone: Callable[..., Phone]
) -> None:
    ana, luis = phone(on=own_server), phone("luis", on=own_server)
    ana.create(nuevo("ANTES"))
    ana.sync()
    backup = own_server.cli("backup").stdout.split()[-1]
    ana.create(nuevo("QUEDA"))
    ana.create(nuevo("VUELVE"))
    for codigo in ("BAJA", "OLVIDO"):
        ana.create(nuevo(codigo))
    luis.create(nuevo("AJENO"))
    ana.sync()
    luis.sync()
    ana.change(ana.local("BAJA"), "eliminar")
    ana.change(ana.local("VUELVE"), "eliminar")
    ana.sync()
    ana.change(ana.local("VUELVE"), "restaurar")
    token = sign_in(own_server.url, ADMIN_DNI, PASSWORD)["token"]
    with connected(own_server.url, str(token)) as wire:
        assert wire.call("POST", f"/api/clientes/{ana.shown('OLVIDO')['id']}/anonimizar", {}).status == 200
    ana.sync()
    restored(own_server, backup)
    ajeno, queda = ana.local("AJENO"), ana.local("QUEDA")
    ana.change(ajeno, "actualizar", {"telefono": "952 111 111"})
    ana.change(queda, "actualizar", {"telefono": "952 222 222"})
    ana.sync()
    found = rows(own_server, "SELECT codigo_cliente, telefono FROM cliente ORDER BY codigo_cliente")
    assert found == [("ANTES", EMPRESA.get("telefono")), ("QUEDA", "952 222 222"), ("VUELVE", EMPRESA.get("telefono"))]
    assert RESTORED in ana.told
    assert ana.clients()[ajeno]["problema"] == GONE
    ana.discard(ajeno)
    luis.sync()
    ana.sync()
    assert sorted(shown["codigoCliente"] for shown in ana.clients().values()) == ["AJENO", "ANTES", "QUEDA", "VUELVE"]


def test_another_database_under_the_same_numbers_gets_what_was_created(
    own_server: Server, start_server: Callable[..., Server], phone: Callable[..., Phone]
) -> None:
    ana = phone(on=own_server)
    ana.create(nuevo("PROPIO"))
    ana.sync()
    another = start_server(workers=1)
    stranger = phone("luis", on=another)
    stranger.create(nuevo("EXTRANO"))
    stranger.sync()
    assert stranger.shown("EXTRANO")["id"] == ana.shown("PROPIO")["id"]
    moved = phone(on=another)
    moved.change(moved.local("PROPIO"), "actualizar", {"telefono": "952 111 111"})
    moved.sync()
    found = rows(another, "SELECT codigo_cliente, telefono FROM cliente ORDER BY id")
    assert found == [("EXTRANO", EMPRESA.get("telefono")), ("PROPIO", "952 111 111")]


def test_the_command_line_says_what_is_wrong(server: Server, tmp_path: Path) -> None:
    def run(*words: str, url: str = server.url) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "examples/telefono.py", "--dni", ADMIN_DNI, "--url", url]
        command += ["--file", str(tmp_path / "cli.db"), *words]
        env = {**server.environ, "CLIENTES_PASSWORD": PASSWORD}
        return subprocess.run(command, env=env, text=True, capture_output=True)

    assert run("actualizar", "999", "nombre=x").returncode == 2
    assert run("eliminar").returncode == 2
    assert run("listar", url="http://127.0.0.1:1").returncode == 0
    assert run("crear").returncode == 0
    told = run("sincronizar")
    assert told.returncode == 0
    (_, shown), *_ = [line.split("\t") for line in told.stdout.splitlines() if line.startswith("1\t")]
    assert "Falta" in json.loads(shown)["problema"]
    assert run("corregir", "1", *(f"{name}={value}" for name, value in nuevo("LINEA1").items())).returncode == 0
    assert '"LINEA1"' in run("sincronizar").stdout
