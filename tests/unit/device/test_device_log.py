"""Lines of a log on their way to a device."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from donki.device.log import DeviceLog
from donki.threads import Threads
from helpers.support import took, wait_until


class Device:
    def __init__(self):
        self.said = []
        self.listener_answers = threading.Event()
        self.listener_answers.set()

    def get_name(self):
        return "a/b/c"

    def _say(self, level):
        def say(line):
            assert self.listener_answers.wait(10)
            # Tango formats with %, as C does
            self.said.append((level, line % ()))

        return say

    def __getattr__(self, name):
        return self._say(name.removesuffix("_stream"))


@pytest.fixture
def device():
    return Device()


@pytest.fixture
def log(device):
    log = logging.Logger("a/b/c")
    log.addHandler(DeviceLog(device, Threads()))
    return log


def close(log):
    for handler in log.handlers:
        handler.close()


def test_lines_come_in_order_at_their_levels_as_they_were(device, log):
    log.info("run %s begins", "r")
    log.warning("100 %s of it")
    log.error("50 % done")
    close(log)
    assert device.said == [("info", "run r begins"), ("warn", "100 %s of it"), ("error", "50 % done")]


def test_a_traceback_is_said_with_its_line(device, log):
    try:
        int("seven")
    except ValueError:
        log.exception("broken")
    close(log)
    [(level, text)] = device.said
    assert level == "error"
    assert text.startswith("broken\n  Traceback")
    assert text.endswith("ValueError: invalid literal for int() with base 10: 'seven'")


def test_a_listener_that_hangs_keeps_nobody_waiting(device, log):
    device.listener_answers.clear()
    began = time.monotonic()
    for number in range(20_000):
        log.info("line %s", number)
    assert took(began) < 5
    began = time.monotonic()
    close(log)
    assert took(began) < 3
    device.listener_answers.set()
    wait_until("the lines are said", lambda: len(device.said) >= 10_000)
    assert device.said[9_999] == ("info", "line 9999")
    assert len(device.said) < 10_010
