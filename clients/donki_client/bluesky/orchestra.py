"""An orchestra in bluesky plans: an ophyd-async device over the Director and its Players.

Needs the extra ``bluesky``: ``pip install 'donkiorchestra[bluesky]'``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath

from ophyd_async.core import (
    AsyncStatus,
    SignalR,
    SignalRW,
    StandardReadable,
    StandardReadableFormat,
    WatchableAsyncStatus,
    WatcherUpdate,
    soft_signal_r_and_setter,
)
from tango import DevState

from donki.errors import NotAllowedError
from donki_client.address import Address
from donki_client.api.async_director import AsyncDirector
from donki_client.api.director import Director
from donki_client.api.errors import SequenceError
from donki_client.api.snapshot import Snapshot
from donki_client.api.waiting import Waiting
from donki_client.bluesky.director_backend import DirectorBackend
from donki_client.bluesky.event_counts import EventCounts

#: How long the Players are waited for when the run ends, in s.
END_PATIENCE = 60.0


@dataclass
class Point:
    """One point of a plan: whether it is being played, and whether it must be played no further."""

    is_acting: bool = False
    is_broken_off: bool = False


class Orchestra(StandardReadable):
    """A Director and its Players as one detector: all points of a bluesky run are one run of the Director.

    ``stage`` sets the Players up and holds them, ``trigger`` plays ``step_triggers`` triggers at the
    ``period`` and is done when all Players are, ``unstage`` ends the run. Each point reads ``events``, what
    all Players sent to Kafka since the point before, and ``current_trigger``, the last one of the point; the
    run's id and the path of its master file are in the configuration.

    A pause of the RunEngine ends the point after the trigger in progress; at ``resume`` it is played again
    with fresh triggers. Where somebody else pauses the run, the point waits until it is resumed. A failure
    raises a `SequenceError`, which names Player and trigger.

    Parameters
    ----------
    device
        the Director's name in the Tango database, or a full ``tango://host:port/...`` name
    database
        ``HOST:PORT`` of the Tango database; by default what ``TANGO_HOST`` names
    name
        of the device in bluesky's documents

    Examples
    --------
    ::

        RE = RunEngine()
        with init_devices():
            orchestra = Orchestra("donki/director/1", database="localhost:50010")
        RE(bps.mv(orchestra.step_triggers, 14, orchestra.period, 1 / 14))
        RE(bp.scan([orchestra], motor, 0, 1, 11))
    """

    def __init__(
        self,
        device: str = "donki/director/1",
        database: str | Address | None = None,
        name: str = "",
    ) -> None:
        self._director = AsyncDirector(device, database)
        self._counts = EventCounts()
        self._is_staged = False
        self._point = Point()
        self._is_ending = False
        with self.add_children_as_readables(StandardReadableFormat.UNCACHED_SIGNAL):
            self.current_trigger = SignalR(
                DirectorBackend(self._director, "CurrentTrigger", int, lambda d: d.current_trigger)
            )
        with self.add_children_as_readables(StandardReadableFormat.HINTED_UNCACHED_SIGNAL):
            self.events, self._set_events = soft_signal_r_and_setter(int)
        with self.add_children_as_readables(StandardReadableFormat.CONFIG_SIGNAL):
            self.run_id = SignalR(DirectorBackend(self._director, "RunId", str, lambda d: d.run_id))
            self.master_file = SignalR(DirectorBackend(self._director, "JournalFile", str, _master_file))
            self.step_triggers = SignalRW(
                DirectorBackend(
                    self._director,
                    "StepTriggers",
                    int,
                    lambda d: d.step_triggers,
                    lambda d, triggers: setattr(d, "step_triggers", triggers),
                )
            )
            self.period = SignalRW(
                DirectorBackend(
                    self._director,
                    "Period",
                    float,
                    lambda d: d.period,
                    lambda d, period: d.configure(period=period),
                    units="s",
                )
            )
        self.run_title = SignalRW(
            DirectorBackend(
                self._director,
                "RunTitle",
                str,
                lambda d: d.run_title,
                lambda d, title: d.configure(title=title),
            )
        )
        super().__init__(name=name)

    @AsyncStatus.wrap
    async def stage(self) -> None:
        """Begin a run: set the Players up, and hold them before the first trigger."""
        await super().stage()
        await self._director.check_idle()
        self._is_ending = False
        self._is_staged = True
        try:
            await self._director.arm()
            await self._held()
        except NotAllowedError:  # somebody else has just begun a run
            self._is_staged = False
            raise
        except BaseException:
            await self.unstage()
            raise
        self._counts = EventCounts(player.device for player in await self._director.players())
        self._set_events(0)
        # Who subscribes is first shown what was read last.
        await self.current_trigger.get_value()

    @WatchableAsyncStatus.wrap
    async def trigger(self) -> AsyncIterator[WatcherUpdate[int]]:
        """Play one point; done when every Player has delivered its data."""
        if not self._is_staged:
            raise NotAllowedError(f"{self.name}: stage it before it is triggered, as bp.count and bp.scan do")
        point = self._point = Point()
        first = (await self._held()).current_trigger
        step = await self.step_triggers.get_value()
        if point.is_broken_off:
            return
        point.is_acting = True
        try:
            await self._director.step()
            waiting = Waiting(self._director.device, None, None)
            while pause := waiting.pause(now := await self._director.snapshot()):
                played = now.current_trigger - first
                yield WatcherUpdate(current=played, initial=0, target=step, name=self.name, unit="triggers")
                if point.is_broken_off or (now.state == DevState.STANDBY and played >= step):
                    break
                if played > step:  # somebody paused the run and resumed it: now it would go on for ever
                    await self._pause()
                await asyncio.sleep(pause)
            else:
                waiting.result(now)
                if not self._is_ending:
                    raise SequenceError(f"run {now.run_id} was ended at trigger {now.current_trigger}")
        finally:
            point.is_acting = False
        self._set_events(await asyncio.to_thread(self._counts.since_last))

    @AsyncStatus.wrap
    async def unstage(self) -> None:
        """End the run; a trigger in progress is aborted, also one of a point that was broken off."""
        self._is_ending = True
        try:
            now = await self._director.snapshot()
            if self._is_staged and now.in_progress:
                with suppress(NotAllowedError):  # it ends just now
                    is_held = now.state == DevState.STANDBY
                    await (self._director.stop() if is_held else self._director.abort())
                # Who failed was told by the trigger.
                with suppress(SequenceError):
                    await self._director.wait(END_PATIENCE)
        finally:
            self._is_staged = False
            await super().unstage()

    async def stop(self, success: bool = True) -> None:
        """End the point after the trigger in progress; where something went wrong, end the run now."""
        self._point.is_broken_off = True
        if not success:
            self._is_ending = True
            with suppress(NotAllowedError):  # it has ended already
                await self._director.abort()
        elif self._point.is_acting:
            await self._pause()

    async def pause(self) -> None:
        """End the point in progress after the trigger in progress; the run is held."""
        await self.stop()

    async def resume(self) -> None:
        """Do nothing: bluesky triggers the point again."""

    async def _pause(self) -> None:
        with suppress(NotAllowedError):  # it has just been played
            await self._director.pause()

    async def _held(self) -> Snapshot:
        """Wait until the run is held between two triggers."""
        waiting = Waiting(self._director.device, None, None)
        while pause := waiting.pause(now := await self._director.snapshot()):
            if now.state == DevState.STANDBY:
                return now
            await asyncio.sleep(pause)
        waiting.result(now)
        raise SequenceError(f"run {now.run_id} was ended at trigger {now.current_trigger}")


def _master_file(director: Director) -> str:
    journal = director.journal_file
    return str(PurePath(journal).with_name(f"{director.run_id}.nxs")) if journal else ""
