"""A device as its change events tell of it, through Taurus."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import taurus
from taurus.core.taurusbasetypes import TaurusEventType

from donki.threads import Threads
from donki_client.panel.model.attribute_event import AttributeEvent, Inbox

#: Taurus drops what a listener raises.
_THREADS = Threads()


class Link:
    """Hears of a device's attributes until it is closed.

    Taurus subscribes to their change events; while a device is silent it tries on by itself, and says when
    the device is back.

    Parameters
    ----------
    device
        the full name, ``tango://host:port/domain/family/member``
    attributes
        names of attributes
    inbox
        where the news go
    """

    def __init__(self, device: str, attributes: Sequence[str], inbox: Inbox) -> None:
        self.device = device
        self._attributes = attributes
        self._inbox = inbox
        self._listeners: list[_Listener] = []

    def open(self) -> None:
        """Subscribe. Waits for the Tango database, so not for the thread of a window."""
        for name in self._attributes:
            listener = _Listener(self.device, name, self._inbox)
            self._listeners.append(listener)
            listener.listen()

    def close(self) -> None:
        """Hear no more. Waits for the device as `open` does."""
        for listener in self._listeners:
            listener.leave()
        self._listeners.clear()


class _Listener:
    """Hears of one attribute; Taurus keeps only a weak reference to it."""

    def __init__(self, device: str, name: str, inbox: Inbox) -> None:
        self._device, self._name, self._inbox = device, name, inbox
        base, mark, fragment = device.partition("#")
        self._attribute = taurus.Attribute(f"{base}/{name}{mark}{fragment}")

    def listen(self) -> None:
        self._attribute.addListener(self)

    def leave(self) -> None:
        self._attribute.removeListener(self)

    def eventReceived(self, source: object, kind: int, value: Any) -> None:  # noqa: ARG002
        """Take what Taurus has heard; called in a thread of Tango."""
        with _THREADS.guard(f"event of {self._name}"):
            self._hear(kind, value)

    def _hear(self, kind: int, value: Any) -> None:
        if kind == TaurusEventType.Config:
            return
        if kind == TaurusEventType.Error or value is None:
            # Tango has many words for a silence; the panel has one.
            problem = f"{self._device} does not answer; it is shown again as soon as it does"
            self._inbox.put(AttributeEvent(self._device, self._name, None, time.time(), problem))
        else:
            self._inbox.put(AttributeEvent(self._device, self._name, plain(value.rvalue), time.time()))


def plain(value: Any) -> Any:
    """Return a value of Taurus as plain Python: a number without its unit, a list, the name of a state."""
    value = getattr(value, "magnitude", value)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, tuple):
        return list(value)
    return getattr(value, "name", value)
