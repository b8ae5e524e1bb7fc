"""Events: what a device shows is pushed when it changes, so that nobody needs to poll."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tango
from tango.server import Device

from donki.device.errors import dev_failed
from donki.device.tango_text import carried
from donki.threads import Threads, describe

#: What makes an attribute push archive events too, as HDB++ needs them: at each change, or at those that the
#: criteria of the attribute say, which it declares and whoever archives it may set otherwise.
ARCHIVED: dict[str, Any] = {"archive_event_implemented": True, "archive_event_detect": False}
ARCHIVED_BY_CRITERIA: dict[str, Any] = {"archive_event_implemented": True, "archive_event_detect": True}

#: At most ten events a second for each attribute.
INTERVAL = 0.1

#: How long nobody looks where nothing was said to have changed, in s: some values change with time alone.
IDLE_INTERVAL = 1.0

#: How long nobody looks where nobody follows nor asks, in s: one may subscribe without a read.
UNASKED_INTERVAL = 5.0


class Changed(threading.Event):
    """Tells a publisher that something has changed; costs next to nothing where it knows that already."""

    def set(self) -> None:
        """Tell it."""
        if not self.is_set():
            super().set()


class Publisher:
    """Pushes the attributes of a device that changed, to those who have subscribed to them.

    It looks when it is said that something has changed, and goes on looking as long as something does, at the
    attributes that somebody follows. Where nobody does, it looks when the device is asked something, for who
    subscribes reads the attribute too. So a device that is idle, or not followed, costs next to nothing.
    Pushing is kept off the trigger path: a push costs 50 µs and takes the device's monitor. An attribute that
    cannot be read, or not be pushed, keeps none of the others back; who subscribed to it is told why.

    Parameters
    ----------
    device
        the device
    readers
        by attribute name, what returns its present value without waiting; State and Status among them
    changed
        is set by whatever changes what an attribute shows
    asked
        is set at each request
    threads
        where what goes wrong is said
    """

    def __init__(
        self,
        device: Device,
        readers: Mapping[str, Callable[[], Any]],
        changed: threading.Event,
        asked: threading.Event,
        threads: Threads,
    ) -> None:
        self._device = device
        self._readers = readers
        self._changed = changed
        self._asked = asked
        self._has_followers = True
        self._threads = threads
        self._shown: dict[str, object] = {}
        self._why: dict[str, str] = {}
        self._ended = threading.Event()
        for name in readers:
            device.set_change_event(name, True, False)
            # Else Tango makes them of change events where a range is set, and frees the value before that
            # is sent: what came was garbage, or an exception (cppTango 10.3.3).
            device.set_alarm_event(name, True, True)
        device.set_archive_event("State", True, False)
        attributes = device.get_device_attr()
        self._attributes = {name: attributes.get_attr_by_name(name) for name in readers}
        threads.start("publisher", self._run)

    def end(self) -> None:
        """Push no more. Does not wait: the thread may need the monitor that the caller holds."""
        self._ended.set()
        self._changed.set()
        self._asked.set()

    def _run(self) -> None:
        with tango.EnsureOmniThread():
            while not self._ended.wait(INTERVAL):
                if self._has_followers:
                    self._changed.wait(IDLE_INTERVAL)
                else:
                    self._asked.wait(UNASKED_INTERVAL)
                self._changed.clear()
                self._asked.clear()
                if self._look():
                    self._changed.set()

    def _look(self) -> bool:
        """Push what changed of what is followed; return whether something did."""
        followed = {
            name: read for name, read in self._readers.items() if _is_followed(self._attributes[name])
        }
        self._has_followers = bool(followed)
        # What was pushed before is forgotten: whoever subscribes later does not know it.
        for name in self._shown.keys() - followed:
            del self._shown[name]
        pushed = False
        for name, read in self._in_order(followed) if followed else ():
            # Lets other threads in between: a trigger that is due does not wait for all of these.
            time.sleep(0)
            try:
                pushed |= self._push_change(name, read)
            except BaseException as error:  # noqa: BLE001 - the others go on
                self._say_why(name, error)
        return pushed

    def _in_order(
        self, followed: Mapping[str, Callable[[], object]]
    ) -> list[tuple[str, Callable[[], object]]]:
        """Return what to read, State already read; FAULT comes after its reason, other states come first."""
        others = [(name, read) for name, read in followed.items() if name != "State"]
        try:
            state = self._readers["State"]()
        except BaseException as error:  # noqa: BLE001 - the others go on
            self._say_why("State", error)
            return others
        of_state = [("State", lambda: state)] if "State" in followed else []
        return [*others, *of_state] if state == tango.DevState.FAULT else [*of_state, *others]

    def _push_change(self, name: str, read: Callable[[], object]) -> bool:
        seen = read()
        if name in self._shown and _is_same(seen, self._shown[name]):
            return False
        value = carried(seen)
        match name:
            case "State":
                self._device.set_state(value)
                self._push(name)
            case "Status":
                self._device.set_status(value)
                self._push(name)
            case _:
                self._push(name, value)
        # Whoever keeps a list may change it.
        self._shown[name] = list(seen) if isinstance(seen, list) else seen
        self._why.pop(name, None)
        return True

    def _push(self, name: str, *value: object) -> None:
        attribute = self._attributes[name]
        self._device.push_change_event(name, *value)
        if attribute.alarm_event_subscribed():
            self._device.push_alarm_event(name, *value)
        if attribute.archive_event_subscribed():
            self._device.push_archive_event(name, *value)

    def _say_why(self, name: str, error: BaseException) -> None:
        self._threads.caught(f"attribute {name}", error)
        if self._why.get(name) == (why := describe(error)):
            return
        self._shown.pop(name, None)
        with self._threads.guard(f"event of {name}"):
            self._push(name, dev_failed("Donki_NotReadable", why, name))
            self._why[name] = why


def _is_followed(attribute: tango.Attribute) -> bool:
    return bool(
        attribute.change_event_subscribed()
        or attribute.alarm_event_subscribed()
        or attribute.archive_event_subscribed()
    )


def _is_same(value: object, shown: object) -> bool:
    """Return whether two values of an attribute are the same; NaN is the same as NaN."""
    if isinstance(value, np.ndarray) and isinstance(shown, np.ndarray):
        return np.array_equal(value, shown)
    if value == shown:
        return True
    if isinstance(value, list) and isinstance(shown, list):
        return len(value) == len(shown) and all(map(_is_same, value, shown))
    return value != value and shown != shown  # noqa: PLR0124 - NaN alone differs from itself
