"""An orchestra in bluesky plans: an ophyd-async device over the Director and its Players."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from bluesky.protocols import Reading, StreamAsset
from event_model import DataKey, PartialEventPage
from ophyd_async.core import (
    AsyncStatus,
    DetectorTrigger,
    TriggerInfo,
    WatchableAsyncStatus,
    WatcherUpdate,
)

from donki.errors import InputError, NotAllowedError
from donki_client.address import Address
from donki_client.api.async_director import AsyncDirector
from donki_client.bluesky.data_sets import DataSets
from donki_client.bluesky.director_run import DirectorRun, Point
from donki_client.bluesky.each_trigger import EachTrigger
from donki_client.bluesky.signals import DirectorSignals
from donki_client.bluesky.trigger_counts import TriggerCounts, integer_key


class Orchestra(DirectorSignals):
    """A Director and its Players as one detector: all points of a bluesky run are one run of the Director.

    ``stage`` sets the Players up and holds them, ``trigger`` plays ``step_triggers`` triggers at the
    ``period`` and is done when all Players are, ``unstage`` ends the run. Each point reads ``events``, what
    all Players together sent to Kafka at its triggers; ``PLAYER_events``, the same for each Player that takes
    part; and ``current_trigger``, its last trigger. The run's id and the path of its master file are in the
    configuration. Stream resources and stream datums name the data sets in the Players' files.

    Each trigger has a document of its own where ``each_trigger`` is monitored, and in a flight: ``prepare``
    says how many triggers it has, ``kickoff`` begins to play them, ``complete`` is done when all Players are,
    and ``collect`` tells of the triggers that are complete.

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
        director = AsyncDirector(device, database)
        self._source = f"{director.device}/PlayerTriggerEvents"
        self.each_trigger = EachTrigger(self._source)
        self._run = DirectorRun(director, self.each_trigger)
        self._data_sets = DataSets()
        self._sent: tuple[int, ...] = ()
        self._points_to_name = 0
        self._flight_triggers = 0
        self._collected: list[TriggerCounts] = []
        super().__init__(director, name)

    @AsyncStatus.wrap
    async def stage(self) -> None:
        """Begin a run: set the Players up, and hold them before the first trigger."""
        await super().stage()
        players = await self._run.begin()
        self._data_sets = DataSets(self.name, {player.name: player.device for player in players})
        self._take([])
        # Who subscribes is first shown what was read last.
        await self.current_trigger.get_value()

    @WatchableAsyncStatus.wrap
    async def trigger(self) -> AsyncIterator[WatcherUpdate[int]]:
        """Play one point; done when every Player has delivered its data."""
        point = Point(await self.step_triggers.get_value())
        await self._begin(point)
        async for played in self._run.played(point):
            yield self._progress(played, point)
        self._take(point.counts)
        self._points_to_name = 1

    @AsyncStatus.wrap
    async def prepare(self, value: TriggerInfo) -> None:
        """Take how many triggers a flight has, and set the ``period`` where it is given.

        Parameters
        ----------
        value
            ``number_of_events`` is the number of triggers; ``livetime`` and ``deadtime`` together are the
            period in s, or 0
        """
        is_one_each = value.number_of_exposures == value.number_of_events > 0
        if value.trigger is not DetectorTrigger.INTERNAL or not is_one_each:
            raise InputError(
                f"{self.name}: a flight has one event or more, with one internal trigger each; got {value}"
            )
        self._flight_triggers = value.number_of_events
        if period := value.livetime + value.deadtime:
            await self.period.set(period)

    @AsyncStatus.wrap
    async def kickoff(self) -> None:
        """Begin a flight; done when it has begun."""
        if not self._flight_triggers:
            raise NotAllowedError(f"{self.name}: prepare it before it is kicked off, with a TriggerInfo")
        await self._begin(Point(self._flight_triggers, is_flight=True))

    @WatchableAsyncStatus.wrap
    async def complete(self) -> AsyncIterator[WatcherUpdate[int]]:
        """Wait for the end of the flight; done when every Player has delivered its data."""
        point = self._run.point
        if not point.is_flight:
            raise NotAllowedError(f"{self.name}: kick it off before it is completed")
        async for played in self._run.played(point):
            yield self._progress(played, point)

    @AsyncStatus.wrap
    async def unstage(self) -> None:
        """End the run; a trigger in progress is aborted, also one of a point that was broken off."""
        try:
            await self._run.end()
        finally:
            await super().unstage()

    async def stop(self, success: bool = True) -> None:
        """End the point after the trigger in progress; where something went wrong, end the run now."""
        await self._run.break_off(success)

    async def pause(self) -> None:
        """End the point in progress after the trigger in progress; the run is held."""
        await self.stop()

    async def resume(self) -> None:
        """Do nothing: bluesky triggers the point again."""

    async def describe(self) -> dict[str, DataKey]:
        """Describe what is read at a point, and the data sets that its documents name."""
        return {
            **await super().describe(),
            **{key: integer_key(self._source) for key in self._run.counted.keys(self.name)},
            **await asyncio.to_thread(self._data_sets.describe),
        }

    async def read(self) -> dict[str, Reading[int]]:
        """Read what was sent at the last point."""
        readings: dict[str, Reading[int]] = await super().read()
        when = readings[self.events.name]["timestamp"]
        for key, sent in zip(self._run.counted.keys(self.name), self._sent, strict=True):
            readings[key] = Reading(value=sent, timestamp=when)
        return readings

    async def describe_collect(self) -> dict[str, DataKey]:
        """Describe what is collected of each trigger of a flight: the same as of a point."""
        return await self.describe()

    async def collect_asset_docs(self) -> AsyncIterator[StreamAsset]:
        """Name the data of the point that was played, or of the triggers of a flight that are complete."""
        point = self._run.point
        if point.is_flight:
            # What becomes complete meanwhile is collected next time.
            self._collected, point.counts = [*self._collected, *point.counts], []
            self._points_to_name = len(self._collected)
        count, self._points_to_name = self._points_to_name, 0
        if count:
            for document in await asyncio.to_thread(lambda: list(self._data_sets.documents(count))):
                yield document

    async def collect_pages(self) -> AsyncIterator[PartialEventPage]:
        """Tell the triggers of a flight whose data were named: a row each."""
        counts, self._collected = self._collected, []
        if not counts:
            return
        now = time.time()
        keys = (self.current_trigger.name, self.events.name, *self._run.counted.keys(self.name))
        columns = zip(*((each.trigger, each.events, *each.by_player) for each in counts), strict=True)
        yield PartialEventPage(
            time=[now] * len(counts),
            data=dict(zip(keys, map(list, columns), strict=True)),
            timestamps={key: [now] * len(counts) for key in keys},
        )

    async def _begin(self, point: Point) -> None:
        if not self._run.is_begun:
            raise NotAllowedError(f"{self.name}: stage it before it is triggered, as bp.count and bp.scan do")
        await self._run.begin_point(point)

    def _take(self, counts: list[TriggerCounts]) -> None:
        """Have the sum over triggers read next."""
        sent = self._run.counted.together(counts)
        self._set_events(sent.events)
        self._sent = sent.by_player

    def _progress(self, played: int, point: Point) -> WatcherUpdate[int]:
        return WatcherUpdate(
            current=played, initial=0, target=point.triggers, name=self.name, unit="triggers"
        )
