"""A caller's connection, as the main loop and a thread of worker.py see it: neither ever waits for the caller."""

import contextlib
import errno
import re
import select
import socket
import tempfile
import time
from typing import IO, Any

BLOCK = 65_536
REQUEST_BYTES = 1_100_000  # that are gathered: any JSON with its head. A larger upload is read by a thread
HEAD_BYTES = 65_536  # beyond which gunicorn refuses
ANSWER_BYTES = 64_000_000  # that are kept for a caller, in a file where they are many; then its thread waits
MEMORY_BYTES = 1_000_000  # of an answer that stays in memory
REQUEST_SECONDS = 30.0  # for a request to arrive
SLOWEST = 1_000  # bytes in a second, of what takes longer than REQUEST_SECONDS
SILENT_SECONDS = 10.0  # that a thread waits for more of an upload, or for room
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*0*([0-9]{1,18})[ \t]*\r\n")
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked")
EXPECT = re.compile(rb"[^\r]* http/1\.[1-9]\r\n(?:.*\r\n)?expect:[ \t]*100-continue[ \t]*\r\n", re.DOTALL)
CHUNK = re.compile(rb"([0-9a-fA-F]+)[ \t]*(?:;.*)?", re.DOTALL)
CHUNK_ENDS = (bytearray(b"\r\n"), bytearray(b"\r"), bytearray())  # as far as it has arrived
REFUSED_BYTES = 100_000_000  # of a request that was refused, which are taken in and forgotten


class Connection:
    """A socket between the main loop, which never waits, and a thread, which finds here what it would wait for."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self.raw.setblocking(False)
        self.inbox = bytearray()
        self.outbox: IO[bytes] | None = None
        self.unsent = 0  # bytes of the outbox
        self.is_whole = self.is_refused = False
        self.until = 0.0  # when it is closed, whatever comes
        self._end = 0
        self._is_chunked = False
        self.expect()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def setblocking(self, flag: float | None) -> None:
        """Do nothing: it never blocks, and seems to where a thread uses it."""

    settimeout = setblocking

    # --- For the main loop

    def expect(self, what_is_left: bytes = b"") -> None:
        """Expect another request, of which a part may have been read with the one before."""
        self.inbox[:0] = what_is_left
        self.is_over = False
        self._head_end = self._chunk = 0
        self.restart_clock()

    def restart_clock(self) -> None:
        """Measure the caller from now on."""
        self.since = time.monotonic()
        self.moved = 0  # bytes since then

    def is_late(self, now: float, patience: float = REQUEST_SECONDS) -> bool:
        """Whether the caller takes longer than anybody should, and hardly goes on."""
        passed = now - self.since
        return passed > patience and self.moved < SLOWEST * passed

    def gather(self) -> bool:
        """Take in what has arrived; whether there is something for a thread to do."""
        with contextlib.suppress(BlockingIOError):
            while len(self.inbox) < REQUEST_BYTES:
                block = self.raw.recv(BLOCK)
                self.inbox += block
                self.moved += len(block)
                if not block:
                    self.is_over = True
                    return True
                if len(block) < BLOCK:
                    break
        return self.is_there()

    def is_there(self) -> bool:
        """Whether a request is there in full, or as much of it as is gathered."""
        self.is_whole = len(self.inbox) < REQUEST_BYTES
        if not self.is_whole:
            return True
        if not self._head_end:
            found = self.inbox.find(b"\r\n\r\n")
            if found < 0:
                self.is_over = len(self.inbox) > HEAD_BYTES
                return self.is_over
            self._head_end = self._chunk = found + 4
            head = self.inbox[: found + 2].lower()
            if b"\r\nexpect:" in head and EXPECT.match(head):
                self.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = LENGTH.search(head) if b"\r\ncontent-length:" in head else None
            self._is_chunked = length is None and bool(CHUNKED.search(head))
            self._end = self._head_end + (int(length[1]) if length else 0)
        if self._is_chunked:
            return self._has_last_chunk()
        self.is_whole = self._end < REQUEST_BYTES  # a larger one may be refused before it is sent
        return not self.is_whole or len(self.inbox) >= self._end

    def _has_last_chunk(self) -> bool:
        """Go on from chunk to chunk (RFC 9112 §7.1). What is no chunk is for gunicorn to refuse, with no more of it."""
        while (line_end := self.inbox.find(b"\r\n", self._chunk)) >= 0:
            line = CHUNK.fullmatch(self.inbox, self._chunk, line_end)
            if line is None:
                break
            if int(line[1], 16) == 0:
                return self.inbox.find(b"\r\n\r\n", line_end) >= 0
            self._chunk = line_end + 2 + int(line[1], 16) + 2
            if self.inbox[self._chunk - 2 : self._chunk] not in CHUNK_ENDS:
                break
        else:
            if len(self.inbox) - self._chunk <= HEAD_BYTES:
                return False
        self.is_over = True
        return True

    def flush(self) -> bool:
        """Send what the caller takes; whether all is sent."""
        with contextlib.suppress(BlockingIOError):
            while self.outbox and self.unsent:
                self.outbox.seek(-self.unsent, 2)
                sent = self.raw.send(self.outbox.read(BLOCK))
                self.unsent -= sent
                self.moved += sent
        if not self.unsent and self.outbox:
            self.outbox.close()
            self.outbox = None
        return not self.unsent

    def drain(self) -> bool:
        """Take in and forget; whether the caller has hung up, or sends without end."""
        with contextlib.suppress(BlockingIOError):
            while block := self.raw.recv(BLOCK):
                self.moved += len(block)
                if len(block) < BLOCK or self.moved > REFUSED_BYTES:
                    return self.moved > REFUSED_BYTES
            return True
        return False

    # --- For a thread

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what is there, or wait a moment for more of a large upload; nothing where none comes."""
        if not self.inbox:
            if self.is_over or not self._is_ready(select.POLLIN):
                self.is_refused = True  # what still comes would be taken for another request
                return b""
            block = self.raw.recv(size)
            self.moved += len(block)
            return block
        block = bytes(self.inbox[:size])
        del self.inbox[:size]
        return block

    def _is_ready(self, event: int) -> bool:
        """Wait until the caller sends or takes something; false where he is silent, or late."""
        poll = select.poll()
        poll.register(self.raw, event)
        return bool(poll.poll(SILENT_SECONDS * 1000)) and not self.is_late(time.monotonic())

    def send(self, data: bytes) -> int:
        """Send all of it."""
        self.sendall(data)
        return len(data)

    def sendall(self, data: bytes) -> None:
        """Send what the caller takes, and keep the rest for the main loop."""
        sent = 0
        if self.flush():
            with contextlib.suppress(BlockingIOError):
                sent = self.raw.send(data)
                self.moved += sent
        if sent == len(data):
            return
        if self.outbox and self.outbox.seek(0, 2) > ANSWER_BYTES:  # it keeps what is sent, until it is empty
            while not self.flush():
                if not self._is_ready(select.POLLOUT):
                    raise ConnectionResetError(errno.ECONNRESET, "the caller does not take his answer")
        if self.outbox is None:
            self.outbox = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - closed when it is empty
        self.outbox.seek(0, 2)
        self.outbox.write(memoryview(data)[sent:])
        self.unsent += len(data) - sent

    def shutdown(self, how: int) -> None:
        """Say that no more will come, and wait for no more, as gunicorn does where an answer fails in its middle."""
        self.is_over = True
        self.raw.shutdown(how)

    def close(self) -> None:
        """Hang up."""
        if self.outbox:
            self.outbox.close()
        self.raw.close()
