"""A document for each trigger, in any plan: something to monitor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from bluesky.protocols import Reading
from event_model import DataKey
from ophyd_async.core import Device

from donki.errors import NotAllowedError
from donki_client.bluesky.trigger_counts import CountedRun, TriggerCounts, data_key, integer_key

Callback = Callable[[dict[str, Reading[int]]], None]


class EachTrigger(Device):
    """The triggers of a run, one by one: what a plan monitors (``bpp.monitor_during_decorator``).

    Each trigger is told once, with its number and the events of all Players together and of each; also those
    of a point that a pause has broken off.

    Parameters
    ----------
    director
        its device name, for the documents
    """

    def __init__(self, director: str) -> None:
        self._source = f"{director}/PlayerTriggerEvents"
        self._keys: list[str] = []
        self._callbacks: list[Callback] = []
        self._is_followed = False
        self._untold: list[TriggerCounts] = []
        self._last: TriggerCounts | None = None
        super().__init__()

    def begin(self, run: CountedRun) -> None:
        """Take that a run begins."""
        self._keys = [data_key(self.name, "number"), data_key(self.name, "events"), *run.keys(self.name)]
        self._is_followed = bool(self._callbacks)
        self._untold.clear()
        self._last = None

    def tell(self, counts: Iterable[TriggerCounts]) -> None:
        """Tell of triggers; those that come during a pause of the RunEngine are told after it."""
        if self._is_followed:
            self._untold += counts
            self._call()

    def subscribe(self, function: Callback) -> None:
        """Call a function with each trigger from now on."""
        self._callbacks.append(function)
        self._is_followed = True
        self._call()

    def clear_sub(self, function: Callback) -> None:
        """Call it no more."""
        self._callbacks.remove(function)

    async def describe(self) -> dict[str, DataKey]:
        """Describe what is told of a trigger."""
        if not self._keys:
            raise NotAllowedError(f"{self.name}: stage its orchestra before it is monitored")
        return {key: integer_key(self._source) for key in self._keys}

    async def read(self) -> dict[str, Reading[int]]:
        """Return what was told last; nothing before the first trigger."""
        return self._reading(self._last) if self._last else {}

    def _call(self) -> None:
        while self._callbacks and self._untold:
            self._last = self._untold.pop(0)
            for function in tuple(self._callbacks):
                function(self._reading(self._last))

    def _reading(self, counts: TriggerCounts) -> dict[str, Reading[int]]:
        now = time.time()
        values = (counts.trigger, counts.events, *counts.by_player)
        return {
            key: Reading(value=value, timestamp=now) for key, value in zip(self._keys, values, strict=True)
        }
