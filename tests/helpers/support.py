"""What tests of every kind share: what they need, where they listen, how they wait."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable

import pytest
import tango


class Missing(pytest.skip.Exception):
    """Leaves a test out; the summary has one line for all tests that miss the same (see conftest.py)."""


def needs(what: str, present: object, remedy: str) -> None:
    """Leave the test out where something is missing, and say what to do; on CI nothing is left out."""
    if present:
        return
    message = f"{what} is missing: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    raise Missing(message)


def free_port() -> int:
    """Return a TCP port that nothing listens on, and that the kernel gives to no outgoing connection.

    A client that keeps trying a port of the kernel's own range, while its server is down, can end up
    connected to itself.
    """
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free TCP port among 100 from 20000 to 32000")


def refused(call: Callable[..., object], *arguments: object) -> str:
    """Make sure that a device refuses a request, and return its words."""
    with pytest.raises(tango.DevFailed) as failed:
        call(*arguments)
    return str(failed.value.args[0].desc)


def took(began: float) -> float:
    """Return the seconds since a time of the monotonic clock, as if this machine had nothing else to do.

    A limit that a test asserts is the product's; what other programs take of the processors is not. The load
    average counts all that runs or waits to run.
    """
    return (time.monotonic() - began) / max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def wait_until(
    what: str, is_so: Callable[[], object], limit: float = 10.0, instead: Callable[[], object] = str
) -> None:
    """Wait for a predicate, and fail naming it when the limit has passed, as `took` has it.

    `instead` tells what is so instead.
    """
    began = time.monotonic()
    while not is_so():
        assert took(began) < limit, f"not within {limit} s: {what} {instead()}"
        time.sleep(0.005)
