"""A throwaway PostgreSQL server for the tests: made in a temporary folder, stopped and removed at the end."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
ACCOUNT = "postgres"  # the server refuses to run as root; Debian's package makes this account


def find_programs() -> Path | None:
    """The folder of the newest `initdb` of this machine, or None."""
    on_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else Path(on_path).parent if on_path else None


class Cluster:
    """A running server: `url` is that of its maintenance database."""

    def __init__(self, programs: Path, folder: Path, settings: tuple[str, ...]) -> None:
        self.programs, self.folder, self.settings = programs, folder, settings
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql://{ACCOUNT}@127.0.0.1:{self.port}/{database}"

    def _run(self, *words: str | Path) -> None:
        become = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--init-groups"] if os.getuid() == 0 else []
        subprocess.run([*become, *words], check=True, capture_output=True, cwd=self.folder)

    def create(self) -> None:
        if os.getuid() == 0:
            shutil.chown(self.folder, ACCOUNT, ACCOUNT)
        words = ["--username", ACCOUNT, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        self._run(self.programs / "initdb", "--pgdata", self.folder / "data", *words)

    def start(self) -> None:
        settings = ("listen_addresses=127.0.0.1", f"port={self.port}", f"unix_socket_directories={self.folder}")
        options = " ".join(f"-c {setting}" for setting in (*settings, *self.settings))
        words = ["--pgdata", self.folder / "data", "--log", self.folder / "log", "--options", options, "--wait"]
        self._run(self.programs / "pg_ctl", "start", *words)

    def stop(self, mode: str = "fast") -> None:
        self._run(self.programs / "pg_ctl", "stop", "--pgdata", self.folder / "data", "--mode", mode, "--wait")

    def require_password(self, role: str, password: str) -> None:
        """Make an account that must give its password."""
        with psycopg.connect(self.url, autocommit=True) as admin:
            statement = sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}")
            admin.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
            rules = self.folder / "data" / "pg_hba.conf"
            rules.write_text(f"host all {role} 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
            admin.execute("SELECT pg_reload_conf()")

    def offer_tls(self) -> None:
        """Make a certificate of its own, and accept TLS."""
        words = "req -new -x509 -nodes -days 2 -subj /CN=x -out server.crt -keyout server.key"
        data = self.folder / "data"
        subprocess.run(["openssl", *words.split()], check=True, capture_output=True, cwd=data)
        for name in ("server.crt", "server.key"):
            if os.getuid() == 0:
                shutil.chown(data / name, ACCOUNT, ACCOUNT)
            (data / name).chmod(0o600)
        with psycopg.connect(self.url, autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET ssl = on")
            admin.execute("SELECT pg_reload_conf()")


@contextmanager
def cluster(*settings: str) -> Iterator[Cluster]:
    """Start a server with these settings, by default one that forgets at power loss and is fast. Raises LookupError."""
    programs = find_programs()
    if programs is None:
        raise LookupError("PostgreSQL is not installed: on Debian and Ubuntu, apt install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="clientes-postgres-"))
    server = Cluster(programs, folder, settings or NOT_DURABLE)
    try:
        server.create()
        server.start()
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)
