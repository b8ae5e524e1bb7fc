"""News from the devices, carried from Tango's threads to the window's."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal


@dataclass(frozen=True)
class AttributeEvent:
    """One change event of an attribute.

    Attributes
    ----------
    device, attribute
        whose
    value
        in plain Python: number, text, list, or the name of a state; None where there is none
    time
        when it came, in s since 1970 UTC
    problem
        why there is no value: the device does not answer
    """

    device: str
    attribute: str
    value: Any
    time: float
    problem: str = ""


class Inbox(QObject):
    """Where news wait until the window has time for them, in the order in which they came.

    Signals
    -------
    filled
        there are news after there were none
    """

    filled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._news: list[AttributeEvent] = []
        self._guard = threading.Lock()

    def put(self, news: AttributeEvent) -> None:
        """Leave a piece of news; any thread may."""
        with self._guard:
            self._news.append(news)
            first = len(self._news) == 1
        if first:
            self.filled.emit()

    def take(self) -> list[AttributeEvent]:
        """Return the news and forget them."""
        with self._guard:
            news, self._news = self._news, []
        return news


def settled(news: Sequence[AttributeEvent]) -> list[AttributeEvent]:
    """Leave out every silence that a later event of the same attribute took back.

    Tango calls a device silent once more at the moment in which it subscribes again.
    """
    last = {(item.device, item.attribute): item for item in news}
    return [item for item in news if not item.problem or last[item.device, item.attribute] is item]
