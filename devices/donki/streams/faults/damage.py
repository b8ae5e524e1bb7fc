"""Faults after which no schema can read a message."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from donki.streams.faults.kind import FaultKind, Occasion, Stage, whole

if TYPE_CHECKING:
    import numpy as np

    from donki.streams.faults.message import StreamMessage

MOST_SHOWN = 5
"""How many changed bytes are told one by one."""


def corrupt(message: bytearray, many: int, rng: np.random.Generator) -> tuple[bytearray, str]:
    """Change bytes anywhere in a message to other values."""
    many = min(many, len(message))
    places = sorted(rng.choice(len(message), many, replace=False).tolist())
    told = []
    for place in places:
        was = message[place]
        message[place] = was ^ int(rng.integers(1, 256))
        told.append(f"{place}: {was:02x} -> {message[place]:02x}")
    more = f" and {many - MOST_SHOWN} more" if many > MOST_SHOWN else ""
    return message, f"byte {', '.join(told[:MOST_SHOWN])}{more}"


def truncate(message: bytearray, rng: np.random.Generator) -> tuple[bytearray, str]:
    """Cut a message anywhere; at least one byte stays, and one is lost."""
    size = len(message)
    kept = int(rng.integers(1, max(size, 2)))
    return message[:kept], f"cut from {size} to {kept} bytes"


class Corrupt(FaultKind):
    """Changes bytes."""

    name = "corrupt"
    does = "so many of its bytes have another value"
    accepted: ClassVar = {"bytes": whole(1, 1000, 1)}
    stage = Stage.DAMAGE

    def apply(self, message: StreamMessage, occasion: Occasion) -> tuple[StreamMessage, str]:
        """Change bytes anywhere."""
        payload, detail = corrupt(message.payload, int(self.settings["bytes"]), occasion.rng)
        return replace(message, payload=payload), detail


class Truncate(FaultKind):
    """Cuts a message."""

    name = "truncate"
    does = "it is cut anywhere"
    stage = Stage.DAMAGE

    def apply(self, message: StreamMessage, occasion: Occasion) -> tuple[StreamMessage, str]:
        """Cut it anywhere."""
        payload, detail = truncate(message.payload, occasion.rng)
        return replace(message, payload=payload), detail
