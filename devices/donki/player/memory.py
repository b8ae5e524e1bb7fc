"""What a Player remembers of the last triggers, bounded."""

from __future__ import annotations

from typing import Generic, TypeVar

What = TypeVar("What")

#: How many triggers are remembered.
REMEMBERED = 4096

#: How many bytes of what was delivered at them.
MOST_BYTES = 16_000_000


class Memory(Generic[What]):
    """Remembers something by trigger; of the newest `REMEMBERED` triggers, and no more than `MOST_BYTES`."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[What, int]] = {}
        self._size = 0

    @property
    def newest(self) -> What | None:
        """What was remembered last; None if nothing is."""
        trigger = next(reversed(self._kept), None)
        return None if trigger is None else self.recall(trigger)

    def remember(self, trigger: int, what: What, size: int = 0) -> None:
        """Remember something of a trigger, of about so many bytes, in place of what was; the newest stays."""
        _, before = self._kept.pop(trigger, (None, 0))
        self._size += size - before
        self._kept[trigger] = what, size
        while len(self._kept) > REMEMBERED or (self._size > MOST_BYTES and len(self._kept) > 1):
            _, gone = self._kept.pop(next(iter(self._kept)))
            self._size -= gone

    def recall(self, trigger: int) -> What | None:
        """Return what is remembered of a trigger, or None."""
        found = self._kept.get(trigger)
        return found[0] if found else None

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._size = 0
