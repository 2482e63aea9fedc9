"""The network between phones and service: of a third of all exchanges something is lost, late, or comes twice."""

import asyncio
import contextlib
import random
import signal
import socket
import struct

FAULTY = 1 / 3
FAULTS = ("lose request", "lose answer", "half a request", "half an answer", "twice", "late", "together", "reset")
LATEST = 0.05  # seconds
RENDEZVOUS = 0.1  # seconds that a request waits for another one, to arrive with it at once
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


class Proxy:
    """Passes requests on to the service, each on a connection of its own, and mistreats them at random."""

    def __init__(self, port: int, target: int, seed: int) -> None:
        self.port, self.target, self.random, self.is_calm = port, target, random.Random(seed), False
        self.meeting: asyncio.Event | None = None
        self.pending: set[asyncio.Task[bytes]] = set()

    def run(self) -> None:
        """Serve until killed; SIGUSR1 ends the faults."""
        signal.signal(signal.SIGUSR1, self._calm_down)
        asyncio.run(self._serve())

    def _calm_down(self, *_: object) -> None:
        self.is_calm = True

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._exchange, "127.0.0.1", self.port)
        async with server:
            await server.serve_forever()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            request = await _read_request(reader)
            fault = None
            if not self.is_calm and self.random.random() < FAULTY:
                fault = self.random.choice(FAULTS)
            answer = await self._pass_on(request, fault)
            if fault == "reset":
                raw: socket.socket = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            else:
                writer.write(answer[: len(answer) // 2] if fault == "half an answer" else answer)
                await writer.drain()
        writer.close()

    async def _pass_on(self, request: bytes, fault: str | None) -> bytes:
        """Send a request to the service as the fault has it, and return what the phone is to get."""
        if fault == "lose request":
            return b""
        if fault == "half a request":
            await self._send(request[: self.random.randrange(len(request))], reads=False)
            return b""
        if fault == "late":
            await asyncio.sleep(self.random.uniform(0, LATEST))
        if fault == "together" and b" /api/clientes/lote " in request:
            await self._meet()
        if fault == "twice":
            return await self._send_twice(request)
        answer = await self._send(request)
        return b"" if fault == "lose answer" else answer

    async def _send_twice(self, request: bytes) -> bytes:
        """The same request on two connections; the phone gets one of the answers, and the second may come later."""
        second = asyncio.create_task(self._send(request, after=self.random.choice((0, self.random.uniform(0, LATEST)))))
        self.pending.add(second)
        second.add_done_callback(self.pending.discard)
        first = await self._send(request)
        if self.random.random() < 0.5:
            return first
        with contextlib.suppress(OSError):
            return await second
        return b""

    async def _meet(self) -> None:
        """Wait for another batch that does so, too: what goes wrong when two arrive at once, is to happen."""
        if self.meeting:
            self.meeting.set()
            self.meeting = None
            return
        self.meeting = mine = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(mine.wait(), RENDEZVOUS)
        if self.meeting is mine:
            self.meeting = None

    async def _send(self, request: bytes, *, after: float = 0, reads: bool = True) -> bytes:
        await asyncio.sleep(after)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            writer.write(request)
            await writer.drain()
            return await reader.read() if reads else b""
        finally:
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    """One request, which asks for the connection to be closed behind its answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    return head[:-2] + b"Connection: close\r\n\r\n" + await reader.readexactly(length)
