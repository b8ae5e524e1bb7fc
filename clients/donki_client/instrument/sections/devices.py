"""Players of area detectors (ad00) and of digitisers (se00)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from donki.streams.kafka.producer import MOST_PAYLOAD
from donki_client.instrument.declared import Declared
from donki_client.instrument.names import short_names
from donki_client.instrument.planned import Instrument, Planned
from donki_client.instrument.values import dtype_of, settings

IMAGES = "instrument/images.py"
DIGITISERS = "instrument/digitisers.py"

#: Of images whose description has a placeholder in place of a shape, which is filled in at each start.
SHAPE = [256, 256]


def plan(instrument: Instrument) -> Iterator[Planned]:
    """Yield the Players of what sends images and of what sends samples, if there are any."""
    yield from _player(instrument, "ad00", "images", IMAGES, "Area detectors; pattern: moving, rings or flat")
    yield from _player(instrument, "se00", "digitisers", DIGITISERS, "Digitisers: a waveform at each trigger")


def _player(instrument: Instrument, module: str, name: str, script: str, about: str) -> Iterator[Planned]:
    for declared in instrument.pool.find(module):
        if module == "ad00" and (reason := _reason(declared)):
            instrument.pool.refuse(declared, reason)
    streams = instrument.pool.find(module)
    if not streams:
        return
    names = short_names([declared.path for declared in streams])
    devices = dict(zip(names, map(_settings, streams), strict=True))
    yield Planned(name, script, [about], {name: devices}, streams)
    instrument.pool.take(*streams)


def _settings(declared: Declared) -> dict[str, Any]:
    found: dict[str, Any] = {"topic": declared.topic, "source": declared.source}
    if declared.stream.module == "ad00":
        found |= {
            "shape": _shape(declared),
            "dtype": dtype_of(declared.config),
            "pattern": "moving",
        }
    return settings(found.items())


def _shape(declared: Declared) -> Sequence[Any]:
    """Return rows and columns of an image, as far as its description has them."""
    said = declared.config.get("array_size")
    return said if isinstance(said, list) and said else SHAPE


def _reason(declared: Declared) -> str:
    """Return why an image cannot be played; empty where it can."""
    shape = _shape(declared)
    if len(shape) != 2 or not all(isinstance(size, int) and size > 1 for size in shape):
        return f"its array_size is {shape!s:.80}; images have rows and columns, two of each at least"
    size = math.prod(shape) * np.dtype(dtype_of(declared.config) or "uint16").itemsize
    if size > MOST_PAYLOAD:
        return f"its images take {size:,} bytes, a message {MOST_PAYLOAD:,} at most"
    return ""
