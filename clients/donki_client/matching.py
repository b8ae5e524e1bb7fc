"""What was found compared with what was noted of it, message by message, in order and in bounded memory."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from donki.director.recorded import Delivery

#: How many messages are looked at ahead: one that comes earlier than that is taken for another.
WINDOW = 20_000

#: How many messages that are not where they belong are kept one by one.
MOST_KEPT = 10_000


@dataclass(frozen=True)
class Message:
    """A message that was noted: its trigger, 0 outside of any; its number there, from 1; its checksum."""

    trigger: int
    number: int
    checksum: int

    def __str__(self) -> str:
        where = f"trigger {self.trigger}" if self.trigger else "outside of triggers"
        return f"{where}, message {self.number}"


@dataclass
class Findings:
    """What came of a comparison.

    Attributes
    ----------
    noted, matched
        messages that were noted, and those of them that were found
    missing, late
        noted messages that were not found, and those that came after later ones; the first of each
    missing_count, late_count
        how many there are of each
    twice, unknown
        messages that were found once more than noted, and those that are not noted at all
    left_over
        messages that actions had sent which then failed, or came after one of which nothing is known
    extra
        checksums of all that was found and not noted, as far as they are kept
    after
        the trigger after which the first of them was found
    """

    noted: int = 0
    matched: int = 0
    missing: list[Message] = field(default_factory=list)
    late: list[Message] = field(default_factory=list)
    missing_count: int = 0
    late_count: int = 0
    twice: int = 0
    unknown: int = 0
    left_over: int = 0
    extra: set[int] = field(default_factory=set)
    after: int | None = None

    @property
    def agrees(self) -> bool:
        """Whether everything is where it belongs."""
        return not (self.missing_count or self.late_count or self.twice or self.unknown)


class Matcher:
    """Compares the messages of one stream with what was noted of them.

    Parameters
    ----------
    deliveries
        what was noted, in order
    repeated
        in order: triggers of which data may have been sent without a note

    Attributes
    ----------
    findings
        what came of it so far
    """

    def __init__(self, deliveries: Iterator[Delivery], repeated: Sequence[int] = ()) -> None:
        self.findings = Findings()
        self._noted = _messages(deliveries)
        self._repeated = repeated
        # Outstanding messages by their position, the oldest first, and positions by checksum.
        self._outstanding: dict[int, Message] = {}
        self._positions: dict[int, deque[int]] = {}
        self._read = 0
        self._furthest = -1
        self._trigger = 0
        self._recent: deque[int] = deque()
        self._recently: Counter[int] = Counter()
        self._pending: Counter[str] = Counter()

    def expects(self, checksum: int) -> bool:
        """Whether a message with that checksum is among those to come."""
        self._look_ahead()
        return bool(self._positions.get(checksum))

    def find(self, checksum: int) -> bool:
        """Take the next message that was found; return whether it was noted."""
        self._look_ahead()
        positions = self._positions.get(checksum)
        if not positions:
            self._keep_extra(checksum)
            return False
        position = positions.popleft()
        if not positions:
            del self._positions[checksum]
        message = self._outstanding.pop(position)
        self.findings.matched += 1
        if position < self._furthest:
            # What a failed attempt left may be the same bytes as what came of the next, and stand for them.
            if not self._is_repeated(message.trigger, message.trigger):
                _keep(self.findings.late, message)
                self.findings.late_count += 1
        else:
            self._furthest = position
            self._settle(message.trigger or self._trigger)
        self._remember(checksum)
        return True

    def end(self, *, broken_off: bool = False) -> Findings:
        """Take that nothing more was found, and return what came of it.

        Parameters
        ----------
        broken_off
            whether triggers may have begun of which nothing is noted
        """
        self._settle(None, broken_off=broken_off)
        for message in self._outstanding.values():
            self._miss(message)
        for message in self._noted:
            self.findings.noted += 1
            self._miss(message)
        self._outstanding.clear()
        return self.findings

    def _look_ahead(self) -> None:
        """Have the next `WINDOW` messages at hand, and give up those that lie too far behind."""
        wanted = self._furthest + 1 + WINDOW - self._read
        if wanted <= WINDOW // 2:
            return
        for message in islice(self._noted, wanted):
            self._outstanding[self._read] = message
            self._positions.setdefault(message.checksum, deque()).append(self._read)
            self._read += 1
            self.findings.noted += 1
        while self._outstanding and (oldest := next(iter(self._outstanding))) < self._furthest - WINDOW:
            message = self._outstanding.pop(oldest)
            positions = self._positions[message.checksum]
            positions.popleft()
            if not positions:
                del self._positions[message.checksum]
            self._miss(message)

    def _miss(self, message: Message) -> None:
        _keep(self.findings.missing, message)
        self.findings.missing_count += 1

    def _keep_extra(self, checksum: int) -> None:
        self._pending["twice" if self._recently[checksum] else "unknown"] += 1
        if len(self.findings.extra) < MOST_KEPT:
            self.findings.extra.add(checksum)

    def _settle(self, trigger: int | None, *, broken_off: bool = False) -> None:
        """Judge what was found and not noted, between the last trigger that was met and this one."""
        if self._pending:
            if broken_off or self._is_repeated(self._trigger, trigger):
                self.findings.left_over += self._pending.total()
            else:
                if self.findings.after is None:
                    self.findings.after = self._trigger
                self.findings.twice += self._pending["twice"]
                self.findings.unknown += self._pending["unknown"]
            self._pending.clear()
        self._trigger = trigger or self._trigger

    def _is_repeated(self, first: int, last: int | None) -> bool:
        """Whether there is a repeated trigger from the first to the last, or to the end if that is None."""
        place = bisect_left(self._repeated, first)
        return place < len(self._repeated) and (last is None or self._repeated[place] <= last)

    def _remember(self, checksum: int) -> None:
        self._recent.append(checksum)
        self._recently[checksum] += 1
        if len(self._recent) > WINDOW:
            forgotten = self._recent.popleft()
            self._recently[forgotten] -= 1
            if not self._recently[forgotten]:
                del self._recently[forgotten]


def _messages(deliveries: Iterator[Delivery]) -> Iterator[Message]:
    for delivery in deliveries:
        for number, checksum in enumerate(np.frombuffer(delivery.checksums, "<u4").tolist(), start=1):
            yield Message(delivery.trigger, number, checksum)


def _keep(messages: list[Message], message: Message) -> None:
    if len(messages) < MOST_KEPT:
        messages.append(message)
