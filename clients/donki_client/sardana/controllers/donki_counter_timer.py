"""Counts triggers and events as a counter/timer of Sardana."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from sardana import State
from sardana.pool import AcqSynch
from sardana.pool.controller import CounterTimerController, DefaultValue, Description, Type

from donki.errors import InputError
from donki_client.sardana.acquisition import DirectorController

#: The axis that counts triggers.
TRIGGERS = 1


class DonkiCounterTimerController(DirectorController, CounterTimerController):
    """Counts what the Players of a Director send: axis 1 the triggers, each further axis events.

    With a software trigger, an acquisition has as many triggers as the integration time has periods of the
    Director, at least one, and counts them together. Otherwise each repetition is one trigger.
    """

    MaxDevice = 1024
    default_timer = TRIGGERS
    axis_attributes: ClassVar = {
        "Player": {
            Type: str,
            Description: "Name of the Player whose events are counted; empty: those of all Players.",
            DefaultValue: "",
        },
    }

    def __init__(self, inst: str, props: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(inst, props, *args, **kwargs)
        self._players: dict[int, str] = {}
        self._told: dict[int, int] = {}
        self._counted: list[Mapping[str, int]] = []

    def AddDevice(self, axis: int) -> None:
        """Take a channel."""
        self._players[axis] = ""

    def DeleteDevice(self, axis: int) -> None:
        """Leave a channel."""
        del self._players[axis]

    def GetAxisExtraPar(self, axis: int, parameter: str) -> str:  # noqa: ARG002 - there is one
        """Return whose events a channel counts."""
        return self._players[axis]

    def SetAxisExtraPar(self, axis: int, parameter: str, value: str) -> None:  # noqa: ARG002 - there is one
        """Choose whose events a channel counts."""
        self._players[axis] = value

    def GetCtrlPar(self, parameter: str) -> object:
        """Return a parameter of Sardana's."""
        return {"synchronization": self._synchronization, "latency_time": 0.0}.get(parameter)

    def SetCtrlPar(self, parameter: str, value: Any) -> None:
        """Take a parameter of Sardana's."""
        if parameter == "synchronization":
            self._synchronization = value

    def PrepareOne(self, axis: int, value: float, repetitions: int, latency: float, nb_starts: int) -> None:  # noqa: ARG002 - as Sardana calls it
        """Begin a run of the Director for all the points to come."""
        if value < 0:
            raise InputError(
                f"{self.Director}: events are counted for a time, not until a monitor has so many"
            )
        known = self._run.players
        for player in filter(None, self._players.values()):
            if player not in known:
                raise InputError(
                    f"{self.Director} has no Player {player!r}; it has {', '.join(sorted(known)) or 'none'}"
                )
        self._prepare(nb_starts)

    def LoadOne(self, axis: int, value: float, repetitions: int, latency: float) -> None:  # noqa: ARG002 - as Sardana calls it
        """Take what the next acquisition is to be."""
        self._time, self._repetitions, self._latency = value, repetitions, latency

    def StartAll(self) -> None:
        """Play the triggers, or wait for those of the trigger/gate."""
        self._told = dict.fromkeys(self._players, 0)
        self._is_acquiring = True
        match self._synchronization:
            case AcqSynch.SoftwareTrigger:
                self._run.count(self._time)
            case AcqSynch.SoftwareStart:
                self._run.play(self._repetitions, self._time + self._latency)
            case _:
                self._run.expect()

    def StateAll(self) -> None:
        """Look how far the acquisition is."""
        self._state = self._look()

    def StateOne(self, axis: int) -> tuple[State, str]:  # noqa: ARG002 - all axes have the same
        """Return how far the acquisition is."""
        return self._state

    def ReadAll(self) -> None:
        """Look what was counted."""
        point = self._run.look()
        self._counted = list(point.counted) if point else []

    def ReadOne(self, axis: int) -> float | list[float]:
        """Return what a channel counted: the sum, or each trigger that was not told before."""
        if self._synchronization == AcqSynch.SoftwareTrigger:
            return sum(self._values(axis, self._counted))
        new = self._counted[self._told.get(axis, 0) :]
        self._told[axis] = len(self._counted)
        return self._values(axis, new)

    def _values(self, axis: int, counted: Iterable[Mapping[str, int]]) -> list[float]:
        if axis == TRIGGERS:
            return [1.0 for _ in counted]
        player = self._players[axis]
        return [float(events[player] if player else sum(events.values())) for events in counted]
