"""The files of deploy/, each tried with the program that reads it; the proxies with a real service behind them."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server.conftest import BIN, ROOT, Server, unused_port, wait_for

DEPLOY = ROOT / "deploy"
pytestmark = pytest.mark.sqlite  # no database has a part in this

SPOOFED = "203.0.113.66"
HOST = "clientes.example.pe"


def program(name: str) -> str:
    """The path of a program, which CI has."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if not found:
        assert not os.environ.get("CI"), f"{name} is missing"
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str, **kwargs: str) -> str:
    """Run a program, which must be content."""
    done = subprocess.run(command, text=True, capture_output=True, timeout=60, **kwargs)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout + done.stderr)


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    units = sorted(DEPLOY.glob("*.service")) + sorted(DEPLOY.glob("*.timer"))
    for unit in units:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/clientes_service/.venv/bin", str(BIN)))
    said = run(analyze, "verify", "--man=no", *(str(tmp_path / unit.name) for unit in units))
    assert not [line for line in said.splitlines() if str(tmp_path) in line], said
    assert "Unknown key" not in said
    run(analyze, "calendar", re.findall("^OnCalendar=(.*)", (DEPLOY / "clientes-backup.timer").read_text(), re.M)[0])


def test_the_units_call_what_there_is() -> None:
    for unit in DEPLOY.glob("*.service"):
        for words in re.findall("^ExecStart=(.*)", unit.read_text(), re.M):
            run(str(BIN / "clientes-service"), words.split()[1], "--help")


def test_prometheus_takes_its_configuration() -> None:
    assert "SUCCESS" in run(program("promtool"), "check", "config", str(DEPLOY / "prometheus.yml"))


def test_the_alerts_fire(tmp_path: Path) -> None:
    """On made-up series: one answer of ten is a 500, the backup is four hours old, and the disk has no room."""
    shutil.copy(DEPLOY / "alerts.yml", tmp_path)
    requests = "clientes_http_request_duration_seconds_count"
    series = {
        'up{job="clientes"}': "0x30",
        f'{requests}{{status="200"}}': "0+90x30",
        f'{requests}{{status="500"}}': "0+10x30",
        "clientes_disk_free_bytes": "5e8x30",
        "clientes_backup_age_seconds": "14400x30",
        'clientes_login_failures_total{reason="password"}': "0+60x30",
    }
    names = re.findall("- alert: (.*)", (DEPLOY / "alerts.yml").read_text())
    fires = [
        {"eval_time": "30m", "alertname": name, "exp_alerts": [{"exp_labels": labels, "exp_annotations": said}]}
        for name, labels, said in zip(
            names, [{"job": "clientes"}, {}, {}, {}, {}],
            [{"summary": text.strip()} for text in re.findall("summary: (.*)", (DEPLOY / "alerts.yml").read_text())],
            strict=True,
        )
    ]  # fmt: skip
    given = [{"series": name, "values": values} for name, values in series.items()]
    tests = {"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": [
        {"interval": "1m", "input_series": given, "alert_rule_test": fires},
        {"interval": "1m", "input_series": [{"series": 'up{job="clientes"}', "values": "1x30"}, {
            "series": "clientes_backup_age_seconds", "values": "60x30"}], "alert_rule_test": [
                {"eval_time": "30m", "alertname": name, "exp_alerts": []} for name in names]},
    ]}  # fmt: skip
    (tmp_path / "tests.yml").write_text(json.dumps(tests))  # which is YAML, too
    run(program("promtool"), "test", "rules", "tests.yml", cwd=str(tmp_path))


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(workers=1, CLIENTES_TRUSTED_PROXIES="1")


def caddy(folder: Path, port: int, server: Server) -> list[str]:
    text = (DEPLOY / "Caddyfile").read_text()
    text = text.replace(HOST, f"http://127.0.0.1:{port}").replace("127.0.0.1:8000", server.url.rpartition("/")[2])
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + text)
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def nginx(folder: Path, port: int, server: Server) -> list[str]:
    subject = f"/CN={HOST}"
    run(
        program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", subject,
        "-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem"),
    )  # fmt: skip
    text = (DEPLOY / "nginx.conf").read_text().replace(f"/etc/letsencrypt/live/{HOST}", str(folder))
    text = text.replace("listen 443 ssl http2", f"listen {unused_port()} ssl http2").replace("listen 80;", "listen 0;")
    # The same server without TLS, since nobody vouches for this certificate.
    text = text.replace("listen 0;", f"listen {unused_port()};").replace(
        "    ssl_certificate ", f"    listen 127.0.0.1:{port};\n    ssl_certificate ", 1
    )
    text = text.replace("127.0.0.1:8000", server.url.rpartition("/")[2])
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; user root; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {temporary} {text} }}"
    )
    command = [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    run(*command, "-t")
    return command


@pytest.fixture(params=[caddy, nginx])
def proxy(request: pytest.FixtureRequest, tmp_path: Path, server: Server) -> Iterator[str]:
    """The address of a proxy in front of the service."""
    port = unused_port()
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with (tmp_path / "proxy.log").open("wb") as log:
        command = request.param(tmp_path, port, server)
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"{url}/healthz", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, (tmp_path / "proxy.log").read_text()
                assert time.monotonic() < deadline, (tmp_path / "proxy.log").read_text()
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def refusal(asked: urllib.request.Request) -> tuple[int, bytes]:
    """The status and the body of an answer that must be an error."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked, timeout=20)
    with refused.value as answer:
        return answer.code, answer.read()


def test_a_proxy_hides_the_metrics_and_believes_nobody_about_addresses(proxy: str, server: Server) -> None:
    assert refusal(urllib.request.Request(f"{proxy}/metrics"))[0] == 404
    id = uuid.uuid4().hex
    asked = urllib.request.Request(f"{proxy}/healthz", headers={"X-Forwarded-For": SPOOFED, "X-Request-Id": id})
    urllib.request.urlopen(asked, timeout=10).close()
    wait_for(lambda: id in server.log.read_text())
    [line] = [json.loads(line) for line in server.log.read_text().splitlines() if id in line]
    assert line["address"] == "127.0.0.1"


def test_a_proxy_passes_large_uploads_on_until_the_service_refuses(proxy: str) -> None:
    body = b"x" * 2_000_000
    asked = urllib.request.Request(f"{proxy}/auth", body, {"Content-Type": "application/json"})
    status, answer = refusal(asked)
    assert (status, json.loads(answer)["code"]) == (413, "CUERPO_DEMASIADO_GRANDE")
