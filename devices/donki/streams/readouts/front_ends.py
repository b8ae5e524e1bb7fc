"""The kinds of front ends that come with the package."""

from __future__ import annotations

from donki.streams.readouts.bifrost import BifrostFrontEnd
from donki.streams.readouts.dream import DreamFrontEnd
from donki.streams.readouts.front_end import FRONT_ENDS, find_front_end, register
from donki.streams.readouts.loki import LokiFrontEnd

__all__ = ["FRONT_ENDS", "find_front_end"]

for _front_end in (LokiFrontEnd, BifrostFrontEnd, DreamFrontEnd):
    register(_front_end)
