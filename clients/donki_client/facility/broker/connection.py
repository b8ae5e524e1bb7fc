"""One client's connection: requests come in, responses go out in the same order."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence

Buffer = bytes | bytearray | memoryview

_MAX_REQUEST = 100 * 1024 * 1024  # Apache Kafka's socket.request.max.bytes
_KEPT_BUFFER = 4 * 1024 * 1024
_BUFFERS_A_CALL = 1024  # Linux' IOV_MAX


class MalformedRequestError(ValueError):
    """What a client sent is no request that the broker serves."""


class Connection:
    """Frames on a non-blocking socket: four bytes of length, then as many bytes."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._length = bytearray(4)
        self._buffer = bytearray(65536)

    async def receive(self) -> memoryview:
        """Return the next request, valid until the next call.

        Raises
        ------
        ConnectionError
            when the client closed the connection
        MalformedRequestError
            when the length is not that of a request
        """
        await self._fill(memoryview(self._length))
        (size,) = struct.unpack(">i", self._length)
        if not 0 < size <= _MAX_REQUEST:
            raise MalformedRequestError(f"a request of {size} bytes, expected up to {_MAX_REQUEST}")
        if size > len(self._buffer) or len(self._buffer) > _KEPT_BUFFER:
            self._buffer = bytearray(size)
        frame = memoryview(self._buffer)[:size]
        await self._fill(frame)
        return frame

    async def _fill(self, target: memoryview) -> None:
        while target:
            count = await self._loop.sock_recv_into(self._socket, target)
            if not count:
                raise ConnectionResetError("closed by the client")
            target = target[count:]

    async def send(self, buffers: Sequence[Buffer]) -> None:
        """Send the buffers one after another, uncopied, as fast as the client takes them."""
        pending = [memoryview(buffer) for buffer in buffers]
        pending.reverse()
        while pending:
            try:
                sent = self._socket.sendmsg(pending[: -_BUFFERS_A_CALL - 1 : -1])
            except BlockingIOError:
                await self._writable()
                continue
            while pending and sent >= len(pending[-1]):
                sent -= len(pending.pop())
            if sent:
                pending[-1] = pending[-1][sent:]

    async def _writable(self) -> None:
        writable = asyncio.Event()
        self._loop.add_writer(self._socket, writable.set)
        try:
            await writable.wait()
        finally:
            self._loop.remove_writer(self._socket)
