"""gunicorn's threaded worker, whose threads never wait for a caller.

Its threads read from the connection and write to it, so that whoever sends half a request, or takes his answer in a
byte a second, holds one; and its main loop waits up to two seconds for each caller to hang up. Here the main loop does
all that without ever waiting: a request goes to a thread once it is there, an answer is kept until the caller has it,
and a connection that is to be closed is left to his good manners for a while.
"""

import contextlib
import resource
import selectors
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

from clientes_service.connection import REQUEST_SECONDS, Connection

LINGER_SECONDS = 2.0  # for the caller to hang up, once he has his answer (RFC 9112 §9.6)
REFUSED_SECONDS = 10.0  # the same while he still sends what was refused
CHECK_SECONDS = 0.5  # between two looks for who is late
GATHERED_BYTES = 100_000_000  # of requests that are not there yet, for which a worker has memory
OTHER_FILES = 100  # that a process has open beside its callers'


class Worker(ThreadWorker):  # type: ignore[misc]
    """A worker whose main loop waits for callers, and whose threads do not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting: dict[TConn, Callable[[TConn], None]] = {}  # what to do when the caller is ready, the oldest first
        self.next_check = 0.0

    def init_process(self) -> None:
        """Take no more callers than there can be files: a socket for each, and one that keeps his answer."""
        files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 2 * self.cfg.worker_connections + OTHER_FILES
        if 0 <= files < wanted:
            files = wanted if most < 0 else min(wanted, most)
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
            self.worker_connections = max((files - OTHER_FILES) // 2, 1)
        super().init_process()

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse TLS, which would read and write for itself."""
        super().check_config(cfg, log)
        if cfg.is_ssl:
            sys.exit(
                "clientes_service does not start: TLS belongs to a proxy in front; leave out gunicorn's certificate"
            )

    def enqueue_req(self, conn: TConn) -> None:
        """Expect a request, and hand it to a thread when it is there."""
        what_is_left = b""
        if not isinstance(conn.sock, Connection):
            conn.sock, conn.data_ready = Connection(conn.sock), True
        elif conn.parser:
            what_is_left = conn.parser.unreader.take_buffered()
        conn.sock.expect(what_is_left)
        self._step(self._gather, conn)

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """Let the caller have his answer, and then the connection be kept or closed."""
        if conn.sock.unsent:
            conn.sock.restart_clock()
            self._wait(conn, selectors.EVENT_WRITE, partial(self._flush, fs=fs))
        elif fs.cancelled() or fs.exception() or not fs.result():
            self._hang_up(conn)
        elif conn.sock.inbox:  # the next request, which no longer makes the socket readable
            self.enqueue_req(conn)
        else:
            super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Close what is late; and, where there is no room for new callers, who is slow, and who asks for nothing."""
        super().murder_pending()
        now = time.monotonic()
        if now < self.next_check:
            return
        self.next_check = now + CHECK_SECONDS
        gathered = sum(len(conn.sock.inbox) for conn in self.waiting)
        is_full = self.nr_conns >= self.worker_connections or gathered > GATHERED_BYTES
        for conn in [conn for conn in self.waiting if self._is_late(conn, now, is_full)]:
            self._drop(conn)
        if is_full:
            self._make_room()

    def _make_room(self) -> None:
        """Leave half of those who ask for nothing, and half of those whose requests are not there: the oldest."""
        for conn in list(self.keepalived_conns)[: (len(self.keepalived_conns) + 1) // 2]:
            conn.timeout = 0.0
        self.murder_keepalived()
        asking = [conn for conn, act in self.waiting.items() if act == self._gather]
        for conn in asking[: (len(asking) + 1) // 2]:
            self._drop(conn)

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        """Whether the connection can be used again: not where more of what was refused, or not read, is coming.

        What is there of a body that nobody read is passed over; gunicorn would give up after 64 KB, as if it waited.
        """
        sock: Connection = conn.sock
        sock.is_over = True  # so that the thread waits for nothing
        try:
            return keepalive and not sock.is_refused and bool(conn.parser.finish_body()) and not sock.is_refused
        except (OSError, ParseException):  # malformed; but the request has had its answer, and gets no other
            return False

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Refuse and log without a word of what was sent, which may be a query, a password or a token."""
        if isinstance(exc, ParseException):
            vars(exc).update({name: "..." for name, value in vars(exc).items() if isinstance(value, (str, bytes))})
        super().handle_error(req, client, addr, exc)

    def _is_late(self, conn: TConn, now: float, is_full: bool) -> bool:
        sock: Connection = conn.sock
        if sock.until:
            return now > sock.until
        is_last = not self.alive and self.waiting[conn] == self._gather
        return sock.is_late(now, LINGER_SECONDS if is_full or is_last else REQUEST_SECONDS)

    def _wait(self, conn: TConn, event: int, act: Callable[[TConn], None]) -> None:
        try:
            self.poller.register(conn.sock, event, lambda _: self._step(act, conn))
        except ValueError:  # its thread has closed it, as after a failure in the middle of an answer
            self._drop(conn)
            return
        self.waiting[conn] = act

    def _go_on(self, conn: TConn) -> None:
        if self.waiting.pop(conn, None):
            self.poller.unregister(conn.sock)

    def _drop(self, conn: TConn) -> None:
        self._go_on(conn)
        self.nr_conns -= 1
        conn.sock.close()

    def _step(self, act: Callable[[TConn], None], conn: TConn) -> None:
        try:
            act(conn)
        except OSError:  # the caller is gone
            self._drop(conn)

    def _gather(self, conn: TConn) -> None:
        sock: Connection = conn.sock
        is_there = sock.gather()
        if sock.is_over and not sock.inbox:
            self._drop(conn)
        elif is_there:
            self._go_on(conn)
            super().enqueue_req(conn)
        elif conn not in self.waiting:
            self._wait(conn, selectors.EVENT_READ, self._gather)

    def _flush(self, conn: TConn, fs: "Future[Any]") -> None:
        if conn.sock.flush():
            self._go_on(conn)
            self.finish_request(conn, fs)

    def _hang_up(self, conn: TConn) -> None:
        """Say that no more will come, and wait for the caller to hang up: at once, the answer might be lost."""
        sock: Connection = conn.sock
        with contextlib.suppress(OSError):  # he has done so
            sock.shutdown(socket.SHUT_WR)
        sock.restart_clock()
        sock.until = sock.since + (REFUSED_SECONDS if sock.is_refused else LINGER_SECONDS)
        self._wait(conn, selectors.EVENT_READ, self._drain)

    def _drain(self, conn: TConn) -> None:
        if conn.sock.drain():
            self._drop(conn)
