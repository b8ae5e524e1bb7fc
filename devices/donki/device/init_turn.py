"""One Init of a device at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import tango
from tango.server import Device


class InitTurn:
    """Lets one Init of a device through at a time, so that each closes what the one before has made.

    Tango carries out an Init by a call of ``delete_device`` and one of ``init_device`` in the same thread.
    While the first of them waits for something, other requests are answered, a further Init too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder = 0

    @property
    def is_taken(self) -> bool:
        """Whether an Init is under way."""
        return self._lock.locked()

    @contextmanager
    def deleting(self, device: Device) -> Iterator[None]:
        """Take the turn, and let other requests in while this block closes what there is."""
        try:
            with tango.AutoTangoAllowThreads(device):
                if self._holder != threading.get_ident():
                    self._lock.acquire()
                    self._holder = threading.get_ident()
                yield
        except BaseException:
            # No init_device follows; also where others do not let the device go in time.
            self._give_back()
            raise

    @contextmanager
    def initialising(self) -> Iterator[None]:
        """Make all that there is in this block, and give the turn back."""
        try:
            yield
        finally:
            self._give_back()

    def _give_back(self) -> None:
        if self._holder == threading.get_ident():
            self._holder = 0
            self._lock.release()
