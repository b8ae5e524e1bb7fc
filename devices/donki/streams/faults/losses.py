"""Faults by which messages are lost."""

from __future__ import annotations

from typing import ClassVar

from donki.streams.faults.kind import MOST_TRIGGERS, FaultKind, Stage, whole


class Drop(FaultKind):
    """Loses a message."""

    name = "drop"
    does = "it is not sent"
    stage = Stage.LOSS


class Silence(FaultKind):
    """Loses all messages of a source for some triggers."""

    name = "silence"
    does = "none of its source's is sent for so long"
    accepted: ClassVar = {"length": whole(1, MOST_TRIGGERS, 1, "triggers")}
    stage = Stage.LOSS
    lasts = True


class Veto(FaultKind):
    """Leaves out the events of a pulse, in all streams of all Players alike, as electronics do at a veto."""

    name = "veto"
    does = "its pulse is vetoed: no message with events of that trigger is sent, of any source"
    stage = Stage.LOSS
    of_events = True
    of_pulse = True
