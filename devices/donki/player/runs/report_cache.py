"""What a Player remembers of the last triggers, bounded."""

from __future__ import annotations

from typing import Generic, TypeVar

from donki.errors import DonkiError
from donki.player.report import Report
from donki.player.trigger import Trigger

What = TypeVar("What")

#: How many triggers are remembered.
REMEMBERED = 4096

#: How many bytes of what was delivered at them.
MOST_BYTES = 16_000_000


class ReportCache(Generic[What]):
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


class Answers:
    """What is answered to a trigger that was acted at: its report, or why its last attempt failed."""

    def __init__(self) -> None:
        self._reports: ReportCache[Report] = ReportCache()
        self._failures: ReportCache[tuple[int, type[DonkiError], str]] = ReportCache()

    @property
    def last(self) -> Report | None:
        """The newest report; None where there is none."""
        return self._reports.newest

    def done(self, trigger: Trigger, report: Report) -> None:
        """Answer a trigger by its report from now on, whatever the attempt."""
        self._reports.remember(trigger, report, report.manifest.size)

    def failed(self, trigger: Trigger, failure: DonkiError) -> None:
        """Answer this attempt of a trigger, and those before, by its failure from now on."""
        # The error itself would keep all that its frames hold.
        self._failures.remember(trigger, (trigger.attempt, type(failure), str(failure)))

    def recall(self, trigger: Trigger) -> Report | None:
        """Return the report of a trigger, or raise why this attempt failed; None where it was not made."""
        if report := self._reports.recall(trigger):
            return report
        if failed := self._failures.recall(trigger):
            attempt, kind, message = failed
            if attempt >= trigger.attempt:
                raise kind(message)
        return None

    def clear(self) -> None:
        """Forget everything."""
        self._reports.clear()
        self._failures.clear()
