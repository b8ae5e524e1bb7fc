"""Python's logging into a device's log streams, which LogViewer shows and ``-v4`` prints."""

from __future__ import annotations

import logging
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue

from tango.server import Device


class DeviceLog:
    """Takes lines at once and hands them to a device in a thread of its own, for a log viewer may be slow.

    Parameters
    ----------
    device
        the device

    Attributes
    ----------
    logger
        takes the lines, from any thread
    """

    def __init__(self, device: Device) -> None:
        lines: SimpleQueue[logging.LogRecord] = SimpleQueue()
        self.logger = logging.Logger(device.get_name())
        self.logger.addHandler(QueueHandler(lines))
        self._listener = QueueListener(lines, _Streams(device))
        self._listener.start()

    def close(self) -> None:
        """Hand over what is left, and end."""
        self._listener.stop()


class _Streams(logging.Handler):
    def __init__(self, device: Device) -> None:
        super().__init__()
        self._device = device

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record).replace("%", "%%")
        if record.levelno >= logging.ERROR:
            self._device.error_stream(line)
        elif record.levelno >= logging.WARNING:
            self._device.warn_stream(line)
        else:
            self._device.info_stream(line)
