"""gunicorn's settings. Its command line and GUNICORN_CMD_ARGS override them."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

METRICS = "PROMETHEUS_MULTIPROC_DIR"
OURS = "clientes-metrics-"
# Workers map their counts into memory, and the system kills (SIGBUS) who touches a new page of such a file while the
# disk is full: so the files are in memory, where there is such a place.
MEMORY = "/dev/shm"  # noqa: S108
temporary = tempfile.gettempdir()  # looked for now: once the disk is full no place for uploads would be found


def _lock(folder: str | Path, kind: int) -> None:
    """Lock a folder for as long as this process, or one that it forks, is alive. Raises OSError where it is locked."""
    fcntl.flock(os.open(folder, os.O_RDONLY), kind | fcntl.LOCK_NB)


def _make_folder() -> str:
    """Make a locked folder for what workers count, and remove those that killed services left."""
    place = Path(MEMORY if os.access(MEMORY, os.W_OK) else temporary)
    for left in place.glob(f"{OURS}*"):
        with contextlib.suppress(OSError):  # its service is alive, or it is somebody else's
            _lock(left, fcntl.LOCK_EX)
            shutil.rmtree(left)
    draft = Path(tempfile.mkdtemp(prefix=f".{OURS}", dir=place))
    _lock(draft, fcntl.LOCK_SH)
    return str(draft.rename(place / draft.name[1:]))


if METRICS not in os.environ:  # prometheus_client looks once, when it is imported; workers share the folder
    os.environ[METRICS] = _make_folder()

from peewee import OperationalError  # noqa: E402

from clientes_service import config as settings  # noqa: E402
from clientes_service import db  # noqa: E402

try:
    service = settings.load()
except settings.ConfigError as error:
    sys.exit(f"clientes_service does not start: {error}")

bind = service.bind
workers = service.workers
worker_class = "clientes_service.worker.Worker"
threads = 4
sendfile = False  # the worker keeps what the caller does not take at once
limit_request_line = 8190  # the most that gunicorn allows: a search and a cursor fit, whatever is typed
forwarder_headers = ""  # by default SCRIPT_NAME, which any caller can send through a proxy on this machine
keepalive = 95  # longer than a router's own (Heroku: 90 s), so that it never picks a connection that is closing
graceful_timeout = 25  # a host sends SIGKILL 30 s after SIGTERM
timeout = 60
control_socket_disable = True  # another gunicorn of the same user would take it over
accesslog = "-"
errorlog = "-"
loglevel = service.log_level.lower()
logger_class = "clientes_service.logs.GunicornLogger"

# glibc keeps what was freed once for more of the same: 19 MB for each thread that has hashed a password. With a fixed
# threshold large blocks go back to the system at once; and with one arena all threads have what any of them freed: 3 MB
# less (mallopt(3)). Other C libraries do not know the call.
MMAP_THRESHOLD, ARENA_MAX = -3, -8
with contextlib.suppress(AttributeError, OSError):
    ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, 1 << 20)
    ctypes.CDLL(None).mallopt(ARENA_MAX, 1)


def on_starting(server: object) -> None:
    """Let no restore replace the database while this process, or a worker that outlives it, is there.

    Before the first request, too, when no worker has a connection yet.
    """
    try:
        db.open_engine(service.database_url).occupy()
    except OperationalError as error:
        sys.exit(f"clientes_service does not start: {error}")


def pre_fork(server: object, worker: object) -> None:
    """Have the folder for what workers count, should the system have tidied it away (systemd's RemoveIPC, tmpfiles)."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(os.environ[METRICS], mode=0o700)
        _lock(os.environ[METRICS], fcntl.LOCK_SH)


def pre_request(worker: object, req: Any) -> None:
    """Let gunicorn not say 100 Continue again, as the worker did when the head was there."""
    req._expected_100_continue = False


def on_exit(server: object) -> None:
    """Remove what the workers counted, unless somebody else named the folder."""
    if OURS in os.environ[METRICS]:
        shutil.rmtree(os.environ[METRICS], ignore_errors=True)
