"""The Director for asyncio: what `donki_client.Director` does, without blocking the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import wraps
from types import TracebackType
from typing import Any, Self, TypeVar

from donki.errors import DonkiError, NotAllowedError
from donki_client.address import Address
from donki_client.api.director import Director
from donki_client.api.director_device import full_name
from donki_client.api.errors import SequenceError
from donki_client.api.snapshot import PlayerStatus, Snapshot
from donki_client.api.waiting import IfInterrupted, Telling, Waiting

Value = TypeVar("Value")


def _asking(
    method: Callable[[Director], Value],
) -> Callable[[AsyncDirector], Coroutine[Any, Any, Value]]:
    """Return a method of `Director` as a coroutine."""

    @wraps(method)
    async def ask(self: AsyncDirector) -> Value:
        return await self.ask(method)

    return ask


class AsyncDirector:
    """A Director that runs somewhere, for asyncio.

    The device is found at the first request; requests are made one after the other in a thread of this
    object, so that a Director that hangs delays nobody but who waits for it. Errors are those of `Director`.

    As a context manager it looks after the run that it began: where the block is left by an exception, the
    cancellation of its task too, the run is aborted; where it is left otherwise, the run goes on.

    Parameters
    ----------
    device
        the name in the Tango database, or a full ``tango://host:port/...`` name
    database
        ``HOST:PORT`` of the Tango database; by default what ``TANGO_HOST`` names

    Examples
    --------
    ::

        async with AsyncDirector("donki/director/1", database="localhost:50010") as director:
            await director.run(triggers=100, period=1 / 14, on_progress=print)
    """

    def __init__(self, device: str = "donki/director/1", database: str | Address | None = None) -> None:
        self.name = device
        self.device = full_name(device, database)
        self._director: Director | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"asks {device}")

    def __repr__(self) -> str:
        return f"AsyncDirector({self.device!r})"

    async def __aenter__(self) -> Self:
        await self.snapshot()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self.ask(lambda director: director.__exit__(kind, error, trace)))

    async def ask(self, question: Callable[[Director], Value]) -> Value:
        """Return what a function makes of a `Director`, as ``lambda director: director.period``."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)

    snapshot = _asking(Director.snapshot)

    async def players(self) -> tuple[PlayerStatus, ...]:
        """Return the Players that the Director found."""
        return await self.ask(lambda director: director.players)

    trigger_events = _asking(Director.trigger_events)
    check_idle = _asking(Director.check_idle)

    async def configure(
        self,
        triggers: int | None = None,
        period: float | None = None,
        *,
        title: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        seed: int | None = None,
    ) -> None:
        """Set what the next run is, as `Director.configure`."""
        await self.ask(
            lambda director: director.configure(triggers, period, title=title, metadata=metadata, seed=seed)
        )

    start = _asking(Director.start)
    arm = _asking(Director.arm)
    stop = _asking(Director.stop)
    abort = _asking(Director.abort)
    pause = _asking(Director.pause)
    resume = _asking(Director.resume)
    step = _asking(Director.step)
    recover = _asking(Director.recover)
    reset = _asking(Director.reset)
    check = _asking(Director.check)

    async def set_priority(self, player: str, priority: int) -> None:
        """Give a Player another priority from the next trigger on, as `Director.set_priority`."""
        await self.ask(lambda director: director.set_priority(player, priority))

    async def watch(self, interval: float = 0.1) -> AsyncIterator[Snapshot]:
        """Yield where the sequence stands every `interval` s, the last time when it has ended."""
        while (snapshot := await self.snapshot()).in_progress:
            yield snapshot
            await asyncio.sleep(interval)
        yield snapshot

    async def wait(self, timeout: float | None = None, on_progress: Telling | None = None) -> Snapshot:
        """Wait until the sequence in progress has ended, and return where it stands, as `Director.wait`.

        A task that is cancelled waits no longer; the sequence goes on.
        """
        waiting = Waiting(self.device, timeout, on_progress)
        while pause := waiting.pause(snapshot := await self.snapshot()):
            await asyncio.sleep(pause)
        return waiting.result(snapshot)

    async def run(
        self,
        triggers: int | None = None,
        period: float | None = None,
        *,
        title: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        on_progress: Telling | None = None,
        if_interrupted: IfInterrupted = IfInterrupted.ABORT,
    ) -> Snapshot:
        """Play a sequence, and return where it stands at its end, as `Director.run`.

        `if_interrupted` says what becomes of the run when the task is cancelled, too.
        """
        await self.check_idle()
        await self.configure(triggers, period, title=title, metadata=metadata)
        try:
            await self.start()
            return await self.wait(timeout, on_progress)
        except (NotAllowedError, SequenceError):  # what is in progress now, if anything, is another's
            raise
        except BaseException:
            with suppress(DonkiError):  # why the wait was left is what its user must know
                await asyncio.shield(self.ask(lambda director: director.give_up(if_interrupted)))
            raise

    def _answer(self, question: Callable[[Director], Value]) -> Value:
        if self._director is None:
            self._director = Director(self.device)
        return question(self._director)
