"""When the messages of a recording are due again: at the pace at which they came. All times are in ms."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeVar

#: A longer gap lasts this long.
MOST_GAP = 60_000

#: Where a longer gap would be, a time stamp is far off; it holds nothing up.
FAR_OFF = 86_400_000

#: So far apart may the clocks of a producer and of the recorder be.
_SKEW = 3_600_000

#: The longest recording without arrivals of which all time stamps are believed.
_LONGEST = 30 * FAR_OFF

#: How many messages after a time stamp say whether it is one of its own.
_NEXT = 16

Item = TypeVar("Item")


class Clock(NamedTuple):
    """Says when messages came, ms since 1970 UTC.

    Attributes
    ----------
    began
        when the recording began
    latest
        no time stamp is believed that is later
    ahead
        so much ahead of the recorder's clock are the producers'
    """

    began: float
    latest: float
    ahead: float = 0.0

    @classmethod
    def without_arrivals(cls, began: float) -> Clock:
        """Return that of a recording that does not hold when its messages arrived."""
        return cls(began, began + _LONGEST)

    @classmethod
    def with_arrivals(cls, began: float, stamps_before: Iterable[int]) -> Clock:
        """Return that of a recording with arrivals, by the time stamps of what was there when it began."""
        latest = began + _SKEW
        last = max((stamp for stamp in stamps_before if stamp <= latest), default=0)
        return cls(began, latest, max(0.0, last - began))

    def came(self, messages: Iterable[tuple[int, int]], first: float) -> Iterator[float]:
        """Yield when each message of a partition came, never falling.

        Parameters
        ----------
        messages
            time stamp, and arrival in ns since the recording began; -1 where that is not known
        first
            when the first came, unless one of the two says it
        """
        last = first
        for stamp, arrival in messages:
            if arrival >= 0:
                last = max(last, self.began + arrival / 1e6)
            elif self.is_believed(stamp):
                last = max(last, stamp - self.ahead)
            yield last

    def is_believed(self, stamp: int) -> bool:
        """Return whether a message can have come at its time stamp."""
        return 0 < stamp <= self.latest


def without_strays(messages: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield messages as `Clock.came` takes them, without the time stamps that lie alone far ahead.

    Such a one is later than the one before it by more than `MOST_GAP`, and so much later than most of those
    that follow: else what follows would all seem to come at once. It is -1 here.
    """
    coming = iter(messages)
    following = deque(islice(coming, _NEXT))
    last: int | None = None
    while following:
        stamp, arrival = following.popleft()
        following.extend(islice(coming, 1))
        if stamp > 0:
            if last is None or stamp > last + MOST_GAP:
                later = sorted(other for other, _ in following if other > 0)
                if later and stamp > later[len(later) // 2] + MOST_GAP:
                    yield -1, arrival
                    continue
            last = stamp
        yield stamp, arrival


def paced(items: Iterable[tuple[float, Item]]) -> Iterator[tuple[float, float, Item]]:
    """Yield for each item when it is due, since the first; the gap before it, as it was; and itself.

    Parameters
    ----------
    items
        in order, each with the time at which it came
    """
    due, last = 0.0, None
    for came, item in items:
        gap = 0.0 if last is None else came - last
        due += 0.0 if gap > FAR_OFF else min(gap, MOST_GAP)
        last = came
        yield due, gap, item
