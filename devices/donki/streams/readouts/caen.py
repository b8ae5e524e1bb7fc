"""The record of CAEN's digitisers, which read helium tubes out by charge division.

Its layout is that of the event formation unit (ess-dmsc/event-formation-unit,
``src/modules/caen/readout/DataParser.h``).
"""

from __future__ import annotations

from donki.streams.readouts.front_end import RECORD_HEAD

FIELDS = (
    *RECORD_HEAD,
    ("flags", "u1"),
    ("group", "u1"),
    ("unused", "<u2"),
    ("amplitudes", "<i2", (4,)),
)
"""Of 24 bytes, for `numpy.dtype`; the amplitudes A to D are charges at the ends of tubes."""
