"""The run of a Director that a plan plays, point by point."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from tango import DevState

from donki.errors import DonkiError, NotAllowedError
from donki_client.api.async_director import AsyncDirector
from donki_client.api.director import Director
from donki_client.api.errors import SequenceError
from donki_client.api.snapshot import PlayerStatus, Snapshot
from donki_client.api.waiting import SHORTEST, Waiting
from donki_client.bluesky.each_trigger import EachTrigger
from donki_client.bluesky.trigger_counts import CountedRun, TriggerCounts

#: How long the Players are waited for when the run ends, in s.
END_PATIENCE = 60.0

#: How long the Director may take to tell the events of a trigger that is complete, in s.
COUNT_PATIENCE = 10.0


@dataclass
class Point:
    """One point of a plan, or one flight.

    Attributes
    ----------
    triggers
        how many it has
    is_flight
        whether each of them has a document of its own
    before
        the trigger before its first
    is_acting, is_broken_off
        whether it is being played, and whether it must be played no further
    counts
        the triggers that are complete, and not taken yet
    """

    triggers: int = 0
    is_flight: bool = False
    before: int = 0
    is_acting: bool = False
    is_broken_off: bool = False
    counts: list[TriggerCounts] = field(default_factory=list)


class DirectorRun:
    """One run after the other; each is held between its points.

    Parameters
    ----------
    director
        who plays it
    each_trigger
        is told each trigger when it is complete

    Attributes
    ----------
    is_begun
        whether there is a run
    point
        that is played, or was last
    counted
        the run's events
    """

    def __init__(self, director: AsyncDirector, each_trigger: EachTrigger) -> None:
        self.is_begun = False
        self.point = Point()
        self.counted = CountedRun()
        self._director = director
        self._each_trigger = each_trigger
        self._is_ending = False

    async def begin(self) -> tuple[PlayerStatus, ...]:
        """Set the Players up, and hold them before the first trigger; return those that take part."""
        await self._director.check_idle()
        self._is_ending = False
        self.is_begun = True
        try:
            await self._director.arm()
            now = await self._held()
        except NotAllowedError:  # somebody else has just begun a run
            self.is_begun = False
            raise
        except BaseException:
            await self.end()
            raise
        players = tuple(each for each in await self._director.players() if each.priority >= 0)
        self.counted = CountedRun(now.run_id, [each.name for each in players], now.current_trigger)
        self._each_trigger.begin(self.counted)
        return players

    async def begin_point(self, point: Point) -> None:
        """Begin a point, or a flight; what was played in between belongs to none."""
        self.point = point
        point.before = (await self._held()).current_trigger
        await self._count(point.before)
        point.counts.clear()
        if not point.is_broken_off:
            point.is_acting = True
            if point.is_flight:
                await self._director.ask(lambda director: _fly(director, point.triggers))
            else:
                await self._director.step()

    async def played(self, point: Point) -> AsyncIterator[int]:
        """Yield how many triggers of a point were played, until it is done."""
        waiting = Waiting(self._director.device, None, None)
        try:
            while pause := waiting.pause(now := await self._director.snapshot()):
                played = now.current_trigger - point.before
                yield played
                if point.is_broken_off:
                    return
                if now.state == DevState.STANDBY and played >= point.triggers:
                    await self._count(now.current_trigger)
                    return
                if played > point.triggers:  # somebody paused and resumed it: now it would go on for ever
                    await self._pause()
                if now.current_trigger > self.counted.completed + 1:
                    await self._count()
                await asyncio.sleep(pause)
            waiting.result(now)
            if not self._is_ending:
                raise _ended(now)
        finally:
            point.is_acting = False

    async def break_off(self, success: bool) -> None:
        """End the point after the trigger in progress; where something went wrong, end the run now."""
        self.point.is_broken_off = True
        if not success:
            self._is_ending = True
            with suppress(NotAllowedError):  # it has ended already
                await self._director.abort()
        elif self.point.is_acting:
            await self._pause()

    async def end(self) -> None:
        """End the run; a trigger in progress is aborted, also one of a point that was broken off."""
        self._is_ending = True
        try:
            now = await self._director.snapshot()
            if self.is_begun and now.in_progress:
                with suppress(NotAllowedError):  # it ends just now
                    is_held = now.state == DevState.STANDBY
                    await (self._director.stop() if is_held else self._director.abort())
                # Who failed was told by the trigger.
                with suppress(SequenceError):
                    await self._director.wait(END_PATIENCE)
        finally:
            self.is_begun = False

    async def _count(self, up_to: int = 0) -> None:
        """Count the triggers that are complete; one that is named is complete, or told at any moment."""
        device = self._director.device
        try:
            async with asyncio.timeout(COUNT_PATIENCE):
                while True:
                    counts = self.counted.new(await self._director.trigger_events())
                    self.point.counts += counts
                    self._each_trigger.tell(counts)
                    if self.counted.completed >= up_to:
                        return
                    await asyncio.sleep(SHORTEST)
        except TimeoutError:
            raise DonkiError(f"{device} does not tell the events of trigger {up_to}; restart it") from None

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
        raise _ended(now)


def _fly(director: Director, triggers: int) -> None:
    """Play so many triggers; the setting of a point's stays as it is."""
    of_a_point = director.step_triggers
    try:
        director.step_triggers = triggers
        director.step()
    finally:
        director.step_triggers = of_a_point


def _ended(now: Snapshot) -> SequenceError:
    return SequenceError(f"run {now.run_id} was ended at trigger {now.current_trigger}")
