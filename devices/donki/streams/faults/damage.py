"""What faults do to bytes: each function takes a message whole and returns it damaged, and what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

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
