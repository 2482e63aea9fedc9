"""Starting: from nothing, again, several at once, and not at all where a setting is wrong."""

import json
import os
import re
import signal
import stat
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engines import Databases
from tests.server.conftest import BIN, ROOT, Server, unused_port

SECOND_START_SECONDS = 5


def run(folder: Path, **environ: str) -> "subprocess.Popen[str]":
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CLIENTES_", "DATABASE_URL", "GUNICORN_"))}
    return subprocess.Popen(
        [BIN / "clientes-service", "run"],
        env={**clean, "CLIENTES_INSTANCE_PATH": str(folder / "instance"), **environ},
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url + "/readyz", timeout=2).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail("not ready")


def test_the_first_start_shows_the_password_and_the_second_is_quick_and_does_not(tmp_path: Path) -> None:
    printed = []
    for _ in range(2):
        port = unused_port()
        started = time.monotonic()
        process = run(tmp_path, PORT=str(port), WEB_CONCURRENCY="2")
        wait_until_ready(f"http://127.0.0.1:{port}")
        seconds = time.monotonic() - started
        process.send_signal(signal.SIGTERM)
        printed.append(process.communicate(timeout=30)[0])
        assert process.returncode == 0
        assert f"clientes_service at http://127.0.0.1:{port}" in printed[-1]
    assert re.search(r"DNI +00000000\n +password +\S{16}\n", printed[0])
    assert "password" not in printed[1]
    assert seconds < SECOND_START_SECONDS
    secret = tmp_path / "instance" / "jwt_secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700


def test_a_start_that_would_leave_nobody_in_charge_is_stopped(tmp_path: Path) -> None:
    environ = {**os.environ, "CLIENTES_INSTANCE_PATH": str(tmp_path / "instance")}
    command = f"{BIN}/clientes-service users create --dni 00000000 --nombre X --email x@example.pe --rol TECNICO"
    made = [*command.split(), "--password-stdin"]
    subprocess.run(made, env=environ, cwd=tmp_path, input="quinua-tarwi", text=True, check=True)
    process = run(tmp_path, PORT=str(unused_port()))
    _, told = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "there is no ADMIN" in told
    assert "users create" in told


def test_the_shown_password_is_stored_as_a_hash_only_and_opens(tmp_path: Path) -> None:
    port = unused_port()
    process = run(tmp_path, PORT=str(port), WEB_CONCURRENCY="1")
    wait_until_ready(f"http://127.0.0.1:{port}")
    assert process.stdout
    head = [process.stdout.readline() for _ in range(4)]
    password = head[3].split()[1]
    body = json.dumps({"dni": "00000000", "password": password}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/auth", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["rol"] == "ADMIN"
    process.send_signal(signal.SIGTERM)
    rest, log = process.communicate(timeout=30)
    assert password not in rest + log
    for file in (tmp_path / "instance").iterdir():
        assert password.encode() not in file.read_bytes()


def test_eight_services_start_at_once_on_an_empty_database(databases: Databases, tmp_path: Path) -> None:
    url = databases.empty(tmp_path)
    ports = [unused_port() for _ in range(8)]
    processes = [run(tmp_path, PORT=str(port), WEB_CONCURRENCY="1", DATABASE_URL=url) for port in ports]
    for port in ports:
        wait_until_ready(f"http://127.0.0.1:{port}")
    for process in processes:
        process.send_signal(signal.SIGTERM)
    outputs = [process.communicate(timeout=30)[0] for process in processes]
    databases.drop(url)
    assert [process.returncode for process in processes] == [0] * 8
    assert sum("First administrator" in output for output in outputs) == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [("CLIENTES_AUTH", "external"), ("CLIENTES_JWT_SECRET_KEY", "short"), ("CLIENTES_TYPO", "1"), ("PORT", "http")],
)
@pytest.mark.parametrize("command", [["clientes-service", "run"], ["gunicorn", "wsgi:app"]])
def test_a_wrong_setting_stops_the_start_with_one_line(
    tmp_path: Path, command: list[str], setting: str, value: str
) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CLIENTES_")}
    environ = {**clean, "CLIENTES_INSTANCE_PATH": str(tmp_path), setting: value}
    ran = subprocess.run(
        [BIN / command[0], *command[1:]], env=environ, cwd=ROOT, text=True, capture_output=True, timeout=30
    )
    assert ran.returncode == 1
    [line] = ran.stderr.splitlines()
    assert setting in line
    assert ran.stdout == ""


def test_a_second_gunicorn_of_the_same_user_leaves_the_first_alone(start_server: Callable[..., Server]) -> None:
    first, second = start_server(workers=1), start_server(workers=1)
    second.stop()
    urllib.request.urlopen(first.url + "/healthz", timeout=5).close()
    second.start()


@pytest.mark.parametrize(
    ("python", "message"),
    [("no-such-python", "Python is missing"), ("./old", "is too old"), ("./bare", "apt install python3-venv")],
)
def test_make_names_what_is_missing_in_plain_words(tmp_path: Path, python: str, message: str) -> None:
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text(encoding="utf-8"), encoding="utf-8")
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    for name, refused in (("old", "version_info"), ("bare", "ensurepip")):
        (tmp_path / name).write_text(f'#!/bin/sh\ncase "$2" in *{refused}*) exit 1;; esac\n', encoding="ascii")
        (tmp_path / name).chmod(0o755)
    ran = subprocess.run(["make", "run", f"PYTHON={python}"], cwd=tmp_path, text=True, capture_output=True)
    assert ran.returncode == 2
    assert message in ran.stdout
    assert not (tmp_path / ".venv").exists()
