"""The kinds of faults that come with the package, in the order in which they are injected."""

from __future__ import annotations

from donki.streams.faults.contents import ClockJump, ClockOffset, Future, PixelIds, Stale, TimesOfFlight
from donki.streams.faults.damage import Corrupt, Truncate
from donki.streams.faults.deliveries import Burst, Delay, Duplicate, Lag, Reorder
from donki.streams.faults.kind import KINDS, register
from donki.streams.faults.losses import Drop, Silence, Veto

__all__ = ["KINDS"]

for _kind in (
    *(Drop, Silence, Veto),
    *(PixelIds, TimesOfFlight, ClockOffset, ClockJump, Stale, Future),
    *(Corrupt, Truncate),
    *(Burst, Lag, Delay, Reorder, Duplicate),
):
    register(_kind)
