"""What README.md says is so: its lines run as they stand, and its tables leave nothing out."""

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from clientes_service import config
from clientes_service.cli import main
from clientes_service.errors import CATALOGUE
from tests.server.conftest import BIN, ROOT, unused_port

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTED_ADDRESS = "127.0.0.1:8000"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BETWEEN = "-----8<-----"


def chapter(title: str) -> str:
    """The text from a heading to the next one of the same level, or a higher one."""
    level, _, _ = title.partition(" ")
    start = README.index(f"\n{title}\n")
    following = re.compile(rf"\n#{{1,{len(level)}}} ").search(README, start + len(title))
    return README[start : following.start() if following else len(README)]


def rows(title: str) -> list[list[str]]:
    """The cells of every table row of a chapter."""
    lines = [line for line in chapter(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


class Running:
    """A service that `clientes-service run` started in an empty folder."""

    def __init__(self, folder: Path) -> None:
        port = str(unused_port())
        self.address, self.stdout, self.stderr = f"127.0.0.1:{port}", folder / "stdout", folder / "stderr"
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("CLIENTES_", "DATABASE_URL", "GUNICORN_"))}
        environ = {**clean, "CLIENTES_INSTANCE_PATH": str(folder / "instance"), "PORT": port}
        with self.stdout.open("wb") as stdout, self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [BIN / "clientes-service", "run"], env=environ, cwd=folder, stdout=stdout, stderr=stderr
            )
        self.wait()
        self.printed = self.stdout.read_text(encoding="utf-8")

    def wait(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://{self.address}/readyz", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, self.stderr.read_text(encoding="utf-8")
                time.sleep(0.05)
        pytest.fail("the service did not become ready:\n" + self.stderr.read_text(encoding="utf-8"))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    service = Running(tmp_path_factory.mktemp("readme"))
    yield service
    service.stop()


def test_run_prints_what_the_readme_shows(running: Running) -> None:
    shown = next(text for kind, text in FENCE.findall(chapter("## Run it")) if kind == "text")
    expected = re.escape(shown.replace(DOCUMENTED_ADDRESS, running.address).replace("3vXk0n5qTzQ1bR7d", "PASSWORD"))
    assert re.match(expected.replace("PASSWORD", r"[\w-]{16}"), running.printed), running.printed


def test_the_lines_run_as_they_stand_and_answer_what_is_under_them(running: Running, tmp_path: Path) -> None:
    fences = FENCE.findall(chapter("## Call it"))
    blocks = [text.replace(DOCUMENTED_ADDRESS, running.address) for kind, text in fences if kind == "bash"]
    password = re.search(r"password  (\S+)", running.printed)
    assert password
    script = tmp_path / "readme.sh"
    script.write_text(f"echo '{BETWEEN}'\n".join(blocks), encoding="utf-8")

    ran = subprocess.run(
        ["bash", script], cwd=tmp_path, input=f"{password[1]}\n", text=True, capture_output=True, timeout=60
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    answers = [answer.replace("\r", "").strip() for answer in ran.stdout.split(BETWEEN)]
    assert len(answers) == len(blocks)
    assert answers.pop(0) == ""  # the password line
    promised = [text for kind, text in fences if kind == "text"]
    for answer, promise in zip(answers, promised, strict=True):
        assert_shows(answer, promise)
    statuses = [answer.split()[1] if answer.startswith("HTTP/") else "" for answer in answers]
    assert statuses == ["", "201", "201", "", "200", "304", "204", "", "200", "200"]
    assert '"id":1' not in answers[7]
    assert '"id":2' in answers[7]
    assert '"id":1' in answers[8]
    assert '"vigente":false' in answers[8]


def test_the_conflict_goes_as_it_is_told(running: Running, tmp_path: Path) -> None:
    fences = FENCE.findall(chapter("### A conflict, worked through"))
    script = f"\necho '{BETWEEN}'\n".join(text for kind, text in fences if kind == "bash")
    script = script.replace(".venv/bin/python examples/telefono.py", f"{sys.executable} {ROOT}/examples/telefono.py")
    script = script.replace("--dni", f"--url http://{running.address} --dni")
    password = re.search(r"password  (\S+)", running.printed)
    assert password
    (tmp_path / "conflict.sh").write_text(script, encoding="utf-8")

    ran = subprocess.run(
        ["bash", "conflict.sh"], cwd=tmp_path, input=f"{password[1]}\n", text=True, capture_output=True, timeout=60
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    told = [text.strip() for kind, text in fences if kind == "text"]
    assert [answer.strip() for answer in ran.stdout.split(BETWEEN)] == told


def assert_shows(answer: str, promise: str) -> None:
    """Assert that the promised text, whose … stand for anything, is the whole answer."""
    pieces = [piece.strip() for line in promise.splitlines() for piece in line.split("…")]
    position = 0
    for piece in pieces:
        found = answer.find(piece, position)
        assert found >= 0, f"README promises {piece!r}; the answer was\n{answer}"
        position = found + len(piece)
    assert answer.startswith(pieces[0])


def test_every_setting_stands_in_the_settings_table() -> None:
    source = Path(config.__file__).read_text(encoding="utf-8")
    read = re.findall(r'reader\.(\w+)\(\s*"([A-Z_]+)"', source)
    known = {name for _, name in read} | {f"{name}_FILE" for kind, name in read if kind == "secret"}
    assert len(known) > 20
    documented = {name for cells in rows("### Settings") for name in re.findall(r"`([A-Z_]+)`", cells[0])}
    assert documented == known - {"DYNO"}  # a host's variable, which the table explains where it matters
    assert "`DYNO`" in chapter("### Settings")


def test_every_error_code_stands_in_the_table_with_its_status() -> None:
    documented = {cells[1].strip("`"): cells[0] for cells in rows("### Errors")[1:]}
    assert documented == {code: str(kind.status) for code, kind in CATALOGUE.items()}


def test_every_command_stands_in_the_table_with_its_options() -> None:
    documented = {re.split(r" [\[-]| FILE", text)[0]: text for cells in rows("### The command line")[1:]
                  for text in [cells[0].strip("`")]}  # fmt: skip
    known = dict(commands(main, "clientes-service"))
    assert documented.keys() == known.keys()
    for path, command in known.items():
        for parameter in command.params:
            shown = parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.name.upper()
            assert shown in documented[path], f"{path} {shown}"


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def test_every_dependency_stands_in_the_table_with_its_floor() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    table = rows("## Dependencies")
    floors = {f"{cells[0]}>={cells[1]}" for cells in table if len(cells) == 4 and cells[0] != "dependency"}
    extra = {wanted.replace("[binary]", "") for wanted in project["optional-dependencies"]["postgres"]}
    assert floors == set(project["dependencies"]) | extra
    tools = {name for cells in table if len(cells) == 2 for name in cells[0].split(", ")} - {"dependency"}
    assert tools == {wanted.partition(">=")[0] for wanted in project["optional-dependencies"]["dev"]}


def test_every_file_of_the_service_stands_in_the_tree() -> None:
    tree = chapter("## Where things are")
    for path in (ROOT / "clientes_service").iterdir():
        name = f"{path.name}/" if path.is_dir() else path.name
        assert name in ("__init__.py", "__pycache__/") or f"  {name} " in tree, name
