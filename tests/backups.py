"""What the tests of backup and restore share: what lies in files, and processes that die at a given step."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
from click.testing import Result

ROOT = Path(__file__).parents[1]

# Forks a process for each step that Python takes with files of a folder, which is killed before that step, until one
# comes to its end. Each works in a folder of its own. SQLite's own steps are not seen.
KILLED_AT_EVERY_STEP = """
import os, shutil, signal, sys
from pathlib import Path
from clientes_service import backup, db, restore

template, work, action = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
STEPS = {"open", "os.rename", "os.remove", "os.link", "os.chmod", "os.chown", "fcntl.flock"}

def run(folder, dies_at):
    steps = 0
    def count(event, args):
        nonlocal steps
        if event in STEPS and (event == "fcntl.flock" or str(folder) in str(args[0])):
            steps += 1
            if steps == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    engine = db.file_engine(f"sqlite:///{folder}/clientes.db")
    if action == "backup":
        backup.make_backup(engine, folder / "backups", 1)
    else:
        restore.restore(engine, folder / "copia.db")
    engine.close()

step = 0
while True:
    step += 1
    folder = work / str(step)
    shutil.copytree(template, folder)
    child = os.fork()
    if not child:
        try:
            run(folder, step)
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(repr(error))
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        sys.exit(os.WEXITSTATUS(status))
"""


def assert_refused(result: Result, *words: str) -> None:
    """Assert that a command ended with one clear line on stderr, and nothing else."""
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    for word in words:
        assert word in line


def kill_at_every_step(template: Path, work: Path, action: str) -> list[Path]:
    """The folders in which a backup or a restore was killed, each one step later, and one where it was not."""
    words = [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(template), str(work), action]
    ran = subprocess.run(words, cwd=ROOT, text=True, capture_output=True, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, "")
    return sorted(work.iterdir(), key=lambda folder: int(folder.name))


def rows_of(file: Path, query: str) -> list[tuple[Any, ...]]:
    """What a query finds in a file, by SQLite alone, which must find the file sound."""
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return list(connection.execute(query).fetchall())
    finally:
        connection.close()


def names_in(folder: Path) -> set[str]:
    """The files of a folder, apart from those that only hold a lock."""
    return {path.name for path in folder.iterdir() if path.suffix not in (".lock", ".migrate")}


def edit(file: Path, *statements: str) -> None:
    """Change a file as another program would, and leave it without a log."""
    connection = apsw.Connection(str(file))
    for statement in statements:
        connection.execute(statement)
    connection.execute("PRAGMA journal_mode = delete")
    connection.close()
