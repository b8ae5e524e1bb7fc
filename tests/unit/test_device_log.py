"""Lines of a log on their way to a device."""

from __future__ import annotations

import threading
import time

import pytest

from donki.device_log import DeviceLog


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


def test_lines_come_in_order_at_their_levels_as_they_were(device):
    log = DeviceLog(device)
    log.logger.info("run %s begins", "r")
    log.logger.warning("100 %s of it")
    log.logger.error("50 % done")
    log.close()
    assert device.said == [("info", "run r begins"), ("warn", "100 %s of it"), ("error", "50 % done")]


def test_a_listener_that_hangs_keeps_nobody_waiting(device):
    log = DeviceLog(device)
    device.listener_answers.clear()
    began = time.monotonic()
    for number in range(100):
        log.logger.info("line %s", number)
    assert time.monotonic() - began < 1
    device.listener_answers.set()
    log.close()
    assert [line for _, line in device.said] == [f"line {number}" for number in range(100)]
