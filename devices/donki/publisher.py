"""Change events: what a device shows is pushed when it changes, so that nobody needs to poll."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import tango
from tango.server import Device

#: At most ten events a second for each attribute.
INTERVAL = 0.1


class Publisher:
    """Looks ten times a second at the values of a device's attributes and pushes those that changed.

    It keeps pushing off the trigger path: a push costs 50 µs and takes the device's monitor.

    Parameters
    ----------
    device
        the device
    readers
        by attribute name, what returns its present value without waiting; State and Status among them
    """

    def __init__(self, device: Device, readers: Mapping[str, Callable[[], Any]]) -> None:
        self._device = device
        self._readers = readers
        self._shown: dict[str, str] = {}
        self._ended = threading.Event()
        for name in readers:
            device.set_change_event(name, True, False)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Push no more. Does not wait: the thread may need the monitor that the caller holds."""
        self._ended.set()

    def _run(self) -> None:
        with tango.EnsureOmniThread():
            while not self._ended.wait(INTERVAL):
                self._push_changes()

    def _push_changes(self) -> None:
        for name, read in self._readers.items():
            # Lets other threads in between: a trigger that is due does not wait for all of these.
            time.sleep(0)
            value = read()
            # As text, so that NaN equals NaN and arrays compare as a whole.
            text = repr(value)
            if self._shown.get(name) == text:
                continue
            try:
                self._push(name, value)
            except tango.DevFailed as error:
                self._device.warn_stream(f"event of {name} not pushed, tried again: {error.args[0].desc}")
            else:
                self._shown[name] = text

    def _push(self, name: str, value: object) -> None:
        match name:
            case "State":
                self._device.set_state(value)
                self._device.push_change_event(name)
            case "Status":
                self._device.set_status(value)
                self._device.push_change_event(name)
            case _:
                self._device.push_change_event(name, value)
