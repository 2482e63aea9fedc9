"""Files against the running service: hostile ones, one worker's memory, others who write meanwhile, and kill -9."""

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.conftest import PASSWORD
from tests.files.conftest import as_csv, as_form, as_xlsx, row
from tests.server.conftest import ADMIN_DNI, BIN, ROOT, SLACK, Server, counts, memory
from tests.server.wire import connected, sign_in, upload

MEGABYTE = 1 << 20
SHEET = "xl/worksheets/sheet1.xml"
HEAD = b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
SHARED = b'<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>'
TAIL = b"</sheetData></worksheet>"
CELL = '<c r="%s" t="inlineStr"><is><t>%s</t></is></c>'
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
ENTITIES = b'<!ENTITY a0 "lol">' + b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 10))


def column(number: int) -> str:
    """A, B, …, Z, AA, …"""
    letters = ""
    while number:
        number, place = divmod(number - 1, 26)
        letters = chr(65 + place) + letters
    return letters


def workbook(sheet: Iterable[bytes], more: dict[str, Iterable[bytes]] | None = None) -> bytes:
    """A workbook whose first sheet is this XML, whatever it is."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(as_xlsx([["nombre"]]))) as good,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bad,
    ):
        members: dict[str, Iterable[bytes]] = {name: [good.read(name)] for name in good.namelist()}
        for name, blocks in {**members, SHEET: sheet, **(more or {})}.items():
            with bad.open(name, "w") as member:
                for block in blocks:
                    member.write(block)
    return file.getvalue()


def lying(content: bytes) -> bytes:
    """The same archive, whose directory says that the sheet is small."""
    changed, place = bytearray(content), -1
    while (place := changed.find(b"PK\x01\x02", place + 1)) >= 0:
        length = int.from_bytes(changed[place + 28 : place + 30], "little")
        if changed[place + 46 : place + 46 + length] == SHEET.encode():
            changed[place + 24 : place + 28] = (1000).to_bytes(4, "little")
    return bytes(changed)


def cells(*references: str) -> Iterable[bytes]:
    return [
        HEAD,
        *((f'<row r="{r.lstrip("ABCDEFX")}">' + CELL % (r, "x") + "</row>").encode() for r in references),
        TAIL,
    ]


def bomb(megabytes: int) -> bytes:
    return workbook(itertools.chain([HEAD], itertools.repeat(b"0" * MEGABYTE, megabytes)))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "zip bomb": lambda: bomb(520),
    "zip bomb under the limit": lambda: bomb(100),
    "zip bomb that lies": lambda: lying(bomb(60)),
    "shared strings": lambda: workbook(
        cells("A1"), {"xl/sharedStrings.xml": itertools.repeat(b"<si><t>a</t></si>" * 65536, 100)}
    ),
    "rows without end": lambda: workbook(
        itertools.chain([HEAD], itertools.repeat(b"<row><c><v>1</v></c></row>" * 10_000, 500), [TAIL])
    ),
    "one long text many times": lambda: workbook(
        [HEAD, b'<row r="1">', *(f'<c r="{column(n)}1" t="s"><v>0</v></c>'.encode() for n in range(1, 21)), b"</row>",
         TAIL],
        {"xl/sharedStrings.xml": [SHARED, b"a" * 9_000_000, b"</t></si></sst>"]},
    ),
    "entities": lambda: workbook(
        [b'<?xml version="1.0"?><!DOCTYPE x [' + ENTITIES + b"]>", HEAD[21:], (CELL % ("A1", "&a9;")).encode(), TAIL]
    ),
    "external entity": lambda: workbook(
        [b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', HEAD[21:],
         (CELL % ("A1", "&e;")).encode(), TAIL]
    ),
    "a million columns": lambda: workbook(
        [HEAD, b'<row r="1">', *((CELL % (f"{column(n)}1", "c")).encode() for n in range(1, 10**6)), b"</row>" + TAIL]
    ),
    "far corners": lambda: workbook(cells("A1", "XFD1048576")),
    "a row beyond the last": lambda: workbook(cells("A1", "A4294967295")),
    "many members": lambda: workbook(cells("A1"), {f"x/{number}": [b""] for number in range(20_000)}),
    "cut": lambda: workbook([HEAD, b'<row r="1"><c r="A1" t="inlineStr"><is><t>codigo']),
    "truncated": lambda: as_xlsx([["nombre"]])[:2000],
    "noise in a zip's clothes": lambda: b"PK\x03\x04" + os.urandom(5000),
    "a program": lambda: b"\x7fELF" + bytes(MEGABYTE),
    "a CSV of a million columns": lambda: b"nombre" + b",x" * 1_000_000,
    "a CSV of one line": lambda: b"nombre,codigoCliente" + b"x" * 15 * MEGABYTE,
    "a CSV of blank lines": lambda: b"nombre,tipoCliente,RUC,codigo\n" + b"\n" * 4 * MEGABYTE,
    "a CSV of tiny rows": lambda: b"nombre,tipoCliente,RUC,codigo\n" + b"a\n" * 2 * MEGABYTE,
    "a CSV of quotes": lambda: b'nombre,tipoCliente,RUC,codigo\n"' + b'""\n' * MEGABYTE,
}  # fmt: skip


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=1)


@pytest.fixture(scope="module")
def worker(server: Server, token: str) -> int:
    """The process id of the one worker, after it has imported something ordinary."""
    assert upload(server.url, token, as_csv([row(9_000_000)]))[0] == 200
    return server.worker()


@pytest.mark.sqlite
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_soon_and_costs_the_worker_little(
    server: Server, token: str, worker: int, name: str
) -> None:
    content, before = HOSTILE[name](), memory(worker, "VmHWM")
    started = time.monotonic()
    status, answer = upload(server.url, token, content)
    took = time.monotonic() - started
    assert status in (413, 422), answer
    print(f"{name}: {status} in {took:.2f} s, worker +{(memory(worker, 'VmHWM') - before) / MEGABYTE:.1f} MB")
    assert answer.startswith(b'{"type":"/errores/')
    assert took < 2 * SLACK, f"{took:.1f} s"
    assert memory(worker, "VmHWM") - before < 50 * MEGABYTE
    with connected(server.url, token) as wire:
        assert wire.call("GET", "/api/clientes?size=1").status == 200


@pytest.mark.sqlite
def test_nothing_is_left_of_files_that_were_refused(server: Server, token: str, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    environ = {**server.environ, "TMPDIR": str(folder)}
    path = tmp_path / "bad.xlsx"
    path.write_bytes(HOSTILE["cut"]())
    ran = subprocess.run(
        [BIN / "clientes-service", "import", path], env=environ, cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.sqlite
def test_a_chunked_upload_over_the_limit_is_413(start_server: Callable[..., Server]) -> None:
    server = start_server(workers=1, CLIENTES_IMPORT_MAX_MB="1")
    token = str(sign_in(server.url, ADMIN_DNI, PASSWORD)["token"])
    for size, expected in ((900_000, {422}), (3 * MEGABYTE, {413})):
        body, kind = as_form((b"x" * 999 + b"\n") * (size // 1000))
        request = urllib.request.Request(
            f"{server.url}/api/clientes/importar",
            data=iter([body[at : at + 65536] for at in range(0, len(body), 65536)]),
            headers={"Authorization": f"Bearer {token}", "Content-Type": kind, "Transfer-Encoding": "chunked"},
        )
        try:
            status = urllib.request.urlopen(request, timeout=30).status
        except urllib.error.HTTPError as error:
            with error:
                status = error.code
        assert status in expected


@pytest.mark.sqlite
def test_who_sends_in_vain_is_told_why(start_server: Callable[..., Server]) -> None:
    server = start_server(workers=1, CLIENTES_IMPORT_MAX_MB="1")
    token = str(sign_in(server.url, ADMIN_DNI, PASSWORD)["token"])
    for sender, expected in ((token, (413, "CUERPO_DEMASIADO_GRANDE")), ("terminado", (401, "NO_AUTENTICADO"))):
        status, answer = upload(server.url, sender, b"x" * 50 * MEGABYTE)
        assert (status, json.loads(answer)["code"]) == expected


@pytest.mark.load
def test_memory_does_not_grow_with_the_rows(start_server: Callable[..., Server], tmp_path: Path) -> None:
    server = start_server(workers=1)
    peaks = []
    for first, count in ((0, 10_000), (10_000, 90_000)):
        path = tmp_path / f"{count}.csv"
        path.write_bytes(as_csv([row(first + number) for number in range(count)]))
        # By a small process in between, since a child's peak counts what its parent was when it was forked.
        command = [sys.executable, "-c", MEASURE, str(BIN / "clientes-service"), "import", str(path)]
        ran = subprocess.run(command, env=server.environ, cwd=ROOT, capture_output=True, text=True, check=True)
        peaks.append(int(ran.stdout.splitlines()[-1]) * 1024)
    print(f"peaks: {peaks}")
    assert peaks[1] - peaks[0] < 20 * MEGABYTE


@pytest.mark.parametrize("seconds", [0.1, 0.4, 0.7, 0.9, 1.0, 1.1, 1.2, 1.4])
def test_killed_in_the_middle_an_import_leaves_all_or_nothing(
    start_server: Callable[..., Server], tmp_path: Path, seconds: float
) -> None:
    server = start_server(workers=1)
    path = tmp_path / "clientes.csv"
    path.write_bytes(as_csv([row(number) for number in range(10_000)]))
    process = subprocess.Popen(
        [BIN / "clientes-service", "import", path], env=server.environ, cwd=ROOT, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    clients, lines, numbers = counts(server.environ)
    assert (clients, lines) in ((0, 0), (10_000, 10_000))
    if server.environ["DATABASE_URL"].startswith("sqlite:"):  # PostgreSQL draws numbers first, and may not use them
        assert numbers == clients
    again = server.cli("import", "--mode", "upsert", str(path))
    assert again.returncode == 0, again.stderr
    assert counts(server.environ)[0] == 10_000
