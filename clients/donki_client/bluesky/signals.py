"""What a Director shows and takes, as signals of an ophyd-async device."""

from __future__ import annotations

from pathlib import PurePath

from ophyd_async.core import (
    SignalR,
    SignalRW,
    StandardReadable,
    StandardReadableFormat,
    soft_signal_r_and_setter,
)

from donki_client.api.async_director import AsyncDirector
from donki_client.api.director import Director
from donki_client.bluesky.director_backend import DirectorBackend


class DirectorSignals(StandardReadable):
    """The signals of an orchestra.

    Parameters
    ----------
    director
        whose signals
    name
        of the device in bluesky's documents
    """

    def __init__(self, director: AsyncDirector, name: str = "") -> None:
        with self.add_children_as_readables(StandardReadableFormat.UNCACHED_SIGNAL):
            self.current_trigger = SignalR(
                DirectorBackend(director, "CurrentTrigger", int, lambda d: d.current_trigger)
            )
        with self.add_children_as_readables(StandardReadableFormat.HINTED_UNCACHED_SIGNAL):
            self.events, self._set_events = soft_signal_r_and_setter(int)
        with self.add_children_as_readables(StandardReadableFormat.CONFIG_SIGNAL):
            self.run_id = SignalR(DirectorBackend(director, "RunId", str, lambda d: d.run_id))
            self.master_file = SignalR(DirectorBackend(director, "JournalFile", str, _master_file))
            self.step_triggers = SignalRW(
                DirectorBackend(
                    director,
                    "StepTriggers",
                    int,
                    lambda d: d.step_triggers,
                    lambda d, triggers: setattr(d, "step_triggers", triggers),
                )
            )
            self.period = SignalRW(
                DirectorBackend(
                    director,
                    "Period",
                    float,
                    lambda d: d.period,
                    lambda d, period: d.configure(period=period),
                    units="s",
                )
            )
        self.run_title = SignalRW(
            DirectorBackend(
                director,
                "RunTitle",
                str,
                lambda d: d.run_title,
                lambda d, title: d.configure(title=title),
            )
        )
        super().__init__(name=name)


def _master_file(director: Director) -> str:
    journal = director.journal_file
    return str(PurePath(journal).with_name(f"{director.run_id}.nxs")) if journal else ""
