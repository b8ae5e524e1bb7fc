"""What was found compared with what was noted of it, message by message, in order and in bounded memory."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import filterfalse, islice

from donki.director.journal.reading.rows import Delivery
from donki_client.verify.findings import Findings
from donki_client.verify.noted_messages import Message, noted_messages

#: How many messages are looked at ahead: one that comes earlier than that is taken for another.
WINDOW = 20_000

#: Among how many of the same bytes one is looked for by its time stamp.
MOST_ALIKE = 100

#: How many messages that are not where they belong are kept one by one.
MOST_KEPT = 10_000


@dataclass
class _InOrder:
    """How far the messages of one kind were found, which lie in the order in which they were sent.

    Attributes
    ----------
    furthest
        position of the last that was found where it belongs; -1 before the first
    trigger
        its trigger, or that before it if it has none
    pending
        messages after it that were not noted, as far as they are not judged
    where
        the place of the first of them
    """

    furthest: int = -1
    trigger: int = 0
    pending: Counter[str] = field(default_factory=Counter)
    where: str = ""


class Matcher:
    """Compares the messages of one stream with what was noted of them.

    Parameters
    ----------
    deliveries
        what was noted, in order
    repeated
        in order: triggers of which data may have been sent without a note
    is_deleted
        whether the broker deleted a message before it was read: such a one is not expected

    Attributes
    ----------
    findings
        the result so far
    """

    def __init__(
        self,
        deliveries: Iterator[Delivery],
        repeated: Sequence[int] = (),
        is_deleted: Callable[[Message], bool] = lambda _: False,
    ) -> None:
        self.findings = Findings()
        self._is_deleted = is_deleted
        self._noted = filterfalse(self._skips, noted_messages(deliveries))
        self._repeated = repeated
        # Outstanding messages by their position, the oldest first, and positions by checksum.
        self._outstanding: dict[int, Message] = {}
        self._positions: dict[int, deque[int]] = {}
        self._read = 0
        self._furthest = -1
        self._kinds: dict[str, _InOrder] = {}
        self._recent: deque[int] = deque()
        self._recently: Counter[int] = Counter()
        # Messages of failed attempts that were found though they need not be there, by checksum.
        self._found_of_failed: Counter[int] = Counter()
        # By position: how many others were found where a message was due.
        self._others: Counter[int] = Counter()

    def expects(self, checksum: int) -> bool:
        """Whether a message with that checksum is among those to come."""
        self._look_ahead()
        return bool(self._positions.get(checksum))

    def has_found(self, checksum: int) -> bool:
        """Whether a message with that checksum was found not long ago."""
        return self._recently[checksum] > 0

    def find(self, checksum: int, where: str = "", kind: str = "", stamp: int = -1) -> Message | None:
        """Take the next message that was found; return the one that was noted, if any.

        Parameters
        ----------
        checksum
            of the message
        where
            its place
        kind
            of which kind it is, where only those of one kind lie in the order in which they were sent
        stamp
            its time stamp, ms since 1970 UTC, which tells attempts apart that sent the same; -1 for none
        """
        self._look_ahead()
        found = self._kinds.setdefault(kind, _InOrder())
        positions = self._positions.get(checksum)
        if not positions:
            self._keep_extra(checksum, where, found)
            return None
        alike = islice(positions, MOST_ALIKE if stamp >= 0 else 1)
        position = next((at for at in alike if self._outstanding[at].stamp in (-1, stamp)), positions[0])
        positions.remove(position)
        if not positions:
            del self._positions[checksum]
        message = self._outstanding.pop(position)
        if message.is_left:
            self.findings.left_over += 1
            self._found_of_failed[checksum] += not message.is_certain
        else:
            self.findings.matched += 1
        if position < found.furthest:
            if message.is_certain:
                self.blame_late(message)
        elif not message.is_left:
            # What an attempt left that was given up may be told, and noted, long after it.
            found.furthest = position
            self._furthest = max(position, self._furthest)
            self._settle(found, message.trigger or self._next_trigger())
            found.trigger = message.trigger or found.trigger
        self._remember(checksum)
        return message

    def blame_late(self, message: Message) -> None:
        """Take that a message that was found is not where it belongs."""
        late = self.findings.late
        # What a failed attempt left may be the same bytes as those of the next, and stand for them.
        if (late and late[-1] is message) or self.is_repeated(message):
            return
        _keep(late, message)
        self.findings.late_count += 1

    def is_repeated(self, message: Message) -> bool:
        """Whether data of its trigger may have been sent without a note.

        A message outside of triggers, as of a Player that died and was set up again, lies between such data
        and what was noted next, which may be the same bytes.
        """
        return self._is_repeated(*(message.between or (message.trigger, message.trigger)))

    def skip_deleted(self) -> None:
        """Take that more was deleted: what was expected of it is not any more."""
        for position, message in list(self._outstanding.items()):
            if self._skips(message):
                del self._outstanding[position]
                self._positions[message.checksum].remove(position)
                if not self._positions[message.checksum]:
                    del self._positions[message.checksum]
                self.findings.noted -= not message.is_left
                self._furthest = max(position, self._furthest)

    def _skips(self, message: Message) -> bool:
        if not self._is_deleted(message):
            return False
        if not message.is_left:
            self.findings.noted += 1
            self.findings.deleted += 1
            self.findings.deleted_from = self.findings.deleted_from or message
            self.findings.deleted_to = message
        return True

    def end(self, *, broken_off: bool = False) -> Findings:
        """Take that nothing more was found, and return the result.

        Parameters
        ----------
        broken_off
            whether triggers may have begun of which nothing is noted
        """
        for found in self._kinds.values():
            self._settle(found, None, broken_off=broken_off)
        for position, message in self._outstanding.items():
            self._miss(message, position)
        for message in self._noted:
            self.findings.noted += not message.is_left
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
            self.findings.noted += not message.is_left
        while self._outstanding and (oldest := next(iter(self._outstanding))) < self._furthest - WINDOW:
            message = self._outstanding.pop(oldest)
            positions = self._positions[message.checksum]
            positions.popleft()
            if not positions:
                del self._positions[message.checksum]
            self._miss(message, oldest)

    def _miss(self, message: Message, position: int = -1) -> None:
        if not message.is_certain:
            return
        if self._found_of_failed[message.checksum]:
            # It has the same bytes as one of a failed attempt that was found, and is that one.
            self._found_of_failed[message.checksum] -= 1
            self.findings.left_over -= 1
            self.findings.matched += 1
            return
        _keep(self.findings.missing, message)
        self.findings.missing_count += 1
        if self._others[position]:
            self.findings.replaced.add(message)

    def _keep_extra(self, checksum: int, where: str, found: _InOrder) -> None:
        if not found.pending:
            found.where = where
        found.pending["twice" if self._recently[checksum] else "unknown"] += 1
        self._others[self._furthest + found.pending.total()] += 1
        if len(self.findings.extra) < MOST_KEPT:
            self.findings.extra.add(checksum)

    def _next_trigger(self) -> int | None:
        """Return the trigger of the next outstanding message that has one; None where there is none."""
        return next((message.trigger for message in self._outstanding.values() if message.trigger), None)

    def _settle(self, found: _InOrder, trigger: int | None, *, broken_off: bool = False) -> None:
        """Judge what was found and not noted, between the last trigger that was met and this one."""
        if not found.pending:
            return
        if broken_off or self._is_repeated(found.trigger, trigger):
            self.findings.left_over += found.pending.total()
        else:
            if self.findings.after is None:
                self.findings.after = found.trigger
                self.findings.where = found.where
            self.findings.twice += found.pending["twice"]
            self.findings.unknown += found.pending["unknown"]
        found.pending.clear()

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


def _keep(messages: list[Message], message: Message) -> None:
    if len(messages) < MOST_KEPT:
        messages.append(message)
