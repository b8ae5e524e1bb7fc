"""The Director for asyncio: what `donki_client.director.Director` does, without blocking the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from donki.errors import DonkiError, NotAllowedError
from donki_client.director import Director
from donki_client.director_device import full_name
from donki_client.errors import SequenceError
from donki_client.facility.address import Address
from donki_client.snapshot import PlayerStatus, Snapshot
from donki_client.waiting import IfInterrupted, Telling, Waiting

Value = TypeVar("Value")


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

    async def snapshot(self) -> Snapshot:
        """Return where the sequence stands."""
        return await self.ask(Director.snapshot)

    async def players(self) -> tuple[PlayerStatus, ...]:
        """Return the Players that the Director found."""
        return await self.ask(lambda director: director.players)

    async def check_idle(self) -> None:
        """Raise NotAllowedError if a sequence is in progress."""
        await self.ask(Director.check_idle)

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

    async def start(self) -> None:
        """Begin a sequence; returns when the Players are set up, or soon."""
        await self.ask(Director.start)

    async def arm(self) -> None:
        """Begin a sequence that is paused before its first trigger."""
        await self.ask(Director.arm)

    async def stop(self) -> None:
        """End the sequence after the trigger in progress; does not wait for it."""
        await self.ask(Director.stop)

    async def abort(self) -> None:
        """End the sequence now: scripts in progress are told to give up."""
        await self.ask(Director.abort)

    async def pause(self) -> None:
        """Pause after the trigger in progress."""
        await self.ask(Director.pause)

    async def resume(self) -> None:
        """Go on after a pause."""
        await self.ask(Director.resume)

    async def step(self) -> None:
        """Play one more step, then pause again."""
        await self.ask(Director.step)

    async def recover(self) -> None:
        """Take up an interrupted run after its last complete trigger."""
        await self.ask(Director.recover)

    async def reset(self) -> None:
        """Leave FAULT."""
        await self.ask(Director.reset)

    async def check(self) -> list[str]:
        """Return what stands in the way of a start, one line each with its remedy; empty is ready."""
        return await self.ask(Director.check)

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
