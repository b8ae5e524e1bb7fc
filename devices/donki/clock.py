"""The time of a run: it is set when the run begins, and goes on by a clock that nobody sets.

So the times of a run are in order, and what lies between two of them is right, also where the system's clock
is set forth or back meanwhile.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def epoch() -> int:
    """Return ns since 1970 UTC at the zero of the monotonic clock, by the system's clock as it is set now."""
    return time.time_ns() - time.monotonic_ns()


def at(epoch: int) -> int:
    """Return the present time in ns since 1970 UTC, where the monotonic clock began at an epoch."""
    return epoch + time.monotonic_ns()


class Anchor(NamedTuple):
    """Where the time of a run is fixed, for another process to go on with it.

    Attributes
    ----------
    boot
        which start of the machine, 16 bytes; empty where that is not known
    epoch
        ns since 1970 UTC at that start
    """

    boot: bytes
    epoch: int


def anchor(epoch: int) -> Anchor:
    """Return where an epoch of the monotonic clock is fixed, which pauses while the machine sleeps."""
    since_boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return Anchor(_boot(), at(epoch) - since_boot)


def resumed(anchor: Anchor | None, last: int) -> int:
    """Return the epoch with which a run goes on in another process: its time never goes back.

    Parameters
    ----------
    anchor
        of the run; None where it is not known
    last
        the last time that was noted in the run, ns since 1970 UTC
    """
    now = epoch()
    if anchor and anchor.boot and anchor.boot == _boot():
        now = anchor.epoch + time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    return max(now, last + 1 - time.monotonic_ns())


def _boot() -> bytes:
    try:
        return bytes.fromhex(_BOOT_ID.read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return b""
