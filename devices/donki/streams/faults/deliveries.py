"""Faults by which messages come late, or more than once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from donki.streams.faults.kind import MOST_TRIGGERS, FaultKind, Occasion, Stage, whole

if TYPE_CHECKING:
    from donki.streams.faults.message import StreamMessage


def _hold(message: StreamMessage, due: int, trigger: int) -> tuple[StreamMessage, str]:
    """Hold a message back until a later trigger."""
    if due <= max(trigger, message.due or 0):
        return message, ""
    return replace(message, due=due), f"held back until trigger {due}"


class Burst(FaultKind):
    """Holds all messages of a source back for some triggers."""

    name = "burst"
    does = "all of its source's are held back, and come at once"
    accepted: ClassVar = {"length": whole(2, MOST_TRIGGERS, 2, "triggers")}
    stage = Stage.DELIVERY
    holds_back = True
    lasts = True

    def apply(self, message: StreamMessage, occasion: Occasion) -> tuple[StreamMessage, str]:
        """Hold it back until the last trigger of the burst."""
        return _hold(message, occasion.last, occasion.trigger)


class Lag(FaultKind):
    """Has a source fall behind by one trigger more every other, and catch up at twice its pace."""

    name = "lag"
    does = "its source falls behind by more and more for a third of the triggers, and catches up in the rest"
    accepted: ClassVar = {"length": whole(3, MOST_TRIGGERS, 12, "triggers")}
    stage = Stage.DELIVERY
    holds_back = True
    lasts = True

    def apply(self, message: StreamMessage, occasion: Occasion) -> tuple[StreamMessage, str]:
        """Hold it back until its source gets to it."""
        length = int(self.settings["length"])
        first = occasion.last - length + 1
        late = occasion.trigger - first
        # At half the pace until what is left can only just be caught up with.
        due = first + min(2 * late, (late + length) // 2)
        # A source that falls behind again has not sent what came before yet.
        stream = message.topic, message.key
        before = [held.due or 0 for held in occasion.held if (held.topic, held.key) == stream]
        due = max([due, *(other for other in before if other <= occasion.last)])
        return _hold(message, due, occasion.trigger)


class Delay(FaultKind):
    """Holds a message back for some triggers."""

    name = "delay"
    does = "it is sent when so many triggers have passed"
    accepted: ClassVar = {"length": whole(1, MOST_TRIGGERS, 1, "triggers")}
    stage = Stage.DELIVERY
    holds_back = True

    def apply(self, message: StreamMessage, occasion: Occasion) -> tuple[StreamMessage, str]:
        """Hold it back."""
        return _hold(message, occasion.trigger + int(self.settings["length"]), occasion.trigger)


class Reorder(FaultKind):
    """Has a message change places with the next of its stream."""

    name = "reorder"
    does = "it is sent after the next one of its source"
    stage = Stage.DELIVERY
    holds_back = True

    def apply(self, message: StreamMessage, occasion: Occasion) -> tuple[StreamMessage, str]:
        """Hold it back until the next has passed, unless it is that next one itself."""
        stream = message.topic, message.key
        is_next = any(held.due is None and (held.topic, held.key) == stream for held in occasion.held)
        if is_next or message.due != 0:
            return message, ""
        return replace(message, due=None), "sent after the next one"


class Duplicate(FaultKind):
    """Sends a message more than once."""

    name = "duplicate"
    does = "it is sent once more, or more often"
    accepted: ClassVar = {"copies": whole(1, 100, 1)}
    stage = Stage.DELIVERY

    def apply(self, message: StreamMessage, occasion: Occasion) -> tuple[StreamMessage, str]:  # noqa: ARG002
        """Add copies."""
        message = replace(message, copies=message.copies + int(self.settings["copies"]))
        return message, f"sent {message.copies} times"
