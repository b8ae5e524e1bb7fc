"""The listening socket, and the connections that come in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable

from donki.errors import BrokerError
from donki_client.facility.broker.api import Api
from donki_client.facility.broker.connection import Connection, MalformedRequestError
from donki_client.facility.broker.memory import Memory
from donki_client.facility.broker.topics import Topics
from donki_client.facility.broker_options import MAX_BYTES

_log = logging.getLogger(__name__)

_ACCEPT_PAUSE = 0.5  # s, till the next try


class MemoryBroker:
    """An in-memory Kafka broker on the loopback interface, for demos and tests.

    Parameters
    ----------
    port
        TCP port on 127.0.0.1; 0 for a free one
    max_bytes
        how much may be kept
    retention
        whether the oldest messages are deleted when there are more; else more are refused

    Raises
    ------
    donki.errors.BrokerError
        when the port cannot be used
    """

    HOST = "127.0.0.1"

    def __init__(self, port: int = 0, max_bytes: int = MAX_BYTES, *, retention: bool = True) -> None:
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind((self.HOST, port))
        except OSError as error:
            self._listener.close()
            raise BrokerError(
                f"the in-memory broker cannot listen on {self.HOST}:{port} ({error.strerror}): "
                "name another port, or 0 for a free one"
            ) from None
        self._listener.listen(128)
        self._listener.setblocking(False)
        self.address = f"{self.HOST}:{self._listener.getsockname()[1]}"
        self._topics = Topics(Memory(max_bytes, retention=retention))

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT; `ready` is called once clients can connect."""
        asyncio.run(self._run(ready))

    async def _run(self, ready: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        with self._listener:
            accepting = loop.create_task(self._accept())
            accepting.add_done_callback(lambda _: stop.set())
            ready()
            await stop.wait()
            accepting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await accepting

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        host, port = self._listener.getsockname()
        api = Api(self._topics, host, port)
        clients: set[asyncio.Task[None]] = set()
        while True:
            try:
                sock, _ = await loop.sock_accept(self._listener)
            except OSError as error:  # too many files open, most likely: clients that are there go on
                _log.warning("cannot take another client: %s", error.strerror)
                await asyncio.sleep(_ACCEPT_PAUSE)
                continue
            client = loop.create_task(_serve(sock, api))
            clients.add(client)
            client.add_done_callback(clients.discard)


async def _serve(sock: socket.socket, api: Api) -> None:
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock)
        try:
            while True:
                await connection.send(await api.answer(await connection.receive()))
                await asyncio.sleep(0)  # a client that always has more to say waits for its turn
        except ConnectionError:
            pass
        except MalformedRequestError as error:
            _log.warning("closed the connection of a client that sent what is no request: %s", error)
