"""Python's logging into a device's log streams, which LogViewer shows and ``-v4`` prints."""

from __future__ import annotations

import logging
import queue
from contextlib import suppress
from logging.handlers import QueueHandler

import tango
from tango.server import Device

from donki.device.tango_text import carried_line
from donki.texts import visible
from donki.threads import Threads, describe

#: How many lines wait at most for a listener that is slow; what comes meanwhile is not said.
WAITING = 10_000

#: How long a listener that is slow is waited for at the end, in s.
CLOSING = 1.0


class DeviceLog(QueueHandler):
    """Takes lines at once and hands them to a device in a thread of its own, for a log viewer may be slow.

    Parameters
    ----------
    device
        the device
    threads
        where it is shown that a line could not be said; its traceback goes to standard error
    """

    queue: queue.Queue[logging.LogRecord | None]

    def __init__(self, device: Device, threads: Threads) -> None:
        super().__init__(queue.Queue(WAITING))
        self._device = device
        self._threads = threads
        self._thread = threads.start("log", self._hand_over)

    def enqueue(self, record: logging.LogRecord) -> None:
        """Take a line, unless too many are waiting."""
        with suppress(queue.Full):
            self.queue.put_nowait(record)

    def close(self) -> None:
        """Hand over what is left, and end."""
        with suppress(queue.Full):
            self.queue.put(None, timeout=CLOSING)
        self._thread.join(CLOSING)
        super().close()

    def _hand_over(self) -> None:
        with tango.EnsureOmniThread():
            while record := self.queue.get():
                try:
                    self._say(record.levelno, carried_line(_line(record)).replace("%", "%%"))
                except BaseException as error:  # noqa: BLE001 - the next line may be said
                    self._threads.show("log", describe(error))
                    self.handleError(record)

    def _say(self, level: int, line: str) -> None:
        if level >= logging.ERROR:
            self._device.error_stream(line)
        elif level >= logging.WARNING:
            self._device.warn_stream(line)
        else:
            self._device.info_stream(line)


def _line(record: logging.LogRecord) -> str:
    """Return what a record says: one line; an error may have several, which do not begin as a line does."""
    if record.levelno < logging.ERROR:
        return visible(record.getMessage())
    return visible(record.getMessage(), lines=True).replace("\n", "\n  ")
