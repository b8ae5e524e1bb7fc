"""Lets the Director send triggers as a trigger/gate of Sardana."""

from __future__ import annotations

from sardana import State
from sardana.pool.controller import TriggerGateController
from sardana.pool.pooldefs import SynchDomain, SynchParam
from sardana.pool.poolsynchronization import SynchDescription

from donki.errors import InputError
from donki_client.sardana.acquisition import DirectorController


class DonkiTriggerGateController(DirectorController, TriggerGateController):
    """Sends a trigger at each repetition; its total time is the Director's period meanwhile."""

    MaxDevice = 1

    def PrepareOne(self, axis: int, nb_starts: int) -> None:  # noqa: ARG002 - there is one
        """Begin a run of the Director for all the points to come."""
        self._prepare(nb_starts)

    def SynchOne(self, axis: int, description: SynchDescription) -> None:  # noqa: ARG002 - there is one
        """Take how many triggers to send, and when."""
        if len(description) != 1:
            raise InputError(f"{self.Director}: one group of repetitions at a time; got {len(description)}")
        [group] = description
        try:
            delay, total = (group[part][SynchDomain.Time] for part in (SynchParam.Delay, SynchParam.Total))
        except KeyError:
            raise InputError(f"{self.Director}: triggers are sent by time, not by position") from None
        self._delay, self._period, self._triggers = delay, total, group[SynchParam.Repeats]

    def PreStartOne(self, axis: int) -> bool:  # noqa: ARG002 - there is one
        """Return whether it can start."""
        return True

    def StartOne(self, axis: int) -> None:  # noqa: ARG002 - there is one
        """Send the triggers, the first one after the delay."""
        self._is_acquiring = True
        self._run.play(self._triggers, self._period, self._delay)

    def StateOne(self, axis: int) -> tuple[State, str]:  # noqa: ARG002 - there is one
        """Return how far it is."""
        return self._look()
