"""The area detectors of an instrument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from donki.instrument.parameters import ImageParameters
from donki.instrument.parameters.values import in_ns
from donki.instrument.playing.devices import PlayedDevice
from donki.instrument.playing.run_time import Window, random_numbers
from donki.player.player import Player
from donki.player.trigger import Trigger
from donki.sources import SECOND, DiffractionImage, Peaks, SpotImage

_WAVELENGTH = 1.2
"""In Å."""

_HALF_SIZE = 0.25
"""Of the detector, in m, along its longer side, at the distance `_DISTANCE` from the sample."""

_DISTANCE = 0.4

Draw = Callable[[np.random.Generator, float], NDArray[np.integer[Any]]]
"""Returns a frame at a time in s."""


class PlayedImages(PlayedDevice[ImageParameters]):
    """An area detector and its stream."""

    def __init__(self, name: str, asked: ImageParameters, player: Player) -> None:
        self._dtype = np.dtype(asked.dtype)
        self._stream = player.image(
            asked.topic, asked.source, unit=asked.units, shape=list(asked.shape), dtype=self._dtype
        )
        self._period = in_ns(1 / asked.rate)
        self._rng = random_numbers(player.rng, name)
        self._draw = _pattern(asked)

    @override
    def act(self, trigger: Trigger) -> None:
        """Send the frames in the time of a trigger."""
        window = Window.of(trigger)
        for time in window.times(self._period):
            frame = self._draw(self._rng(time), time / SECOND)
            self._stream.send(trigger, self._as_type(frame), reference_time=window.reference_of(time))

    def _as_type(self, frame: NDArray[np.integer[Any]]) -> NDArray[Any]:
        if self._dtype.kind in "iu":
            # A limit must fit into both types.
            frame = frame.clip(max=min(np.iinfo(self._dtype).max, np.iinfo(frame.dtype).max))
        return frame.astype(self._dtype)


def _pattern(asked: ImageParameters) -> Draw:
    rows, columns = asked.shape
    if asked.pattern == "rings":
        rings = DiffractionImage(
            rows,
            columns,
            pixel=2 * _HALF_SIZE / max(rows, columns),
            distance=_DISTANCE,
            wavelength=_WAVELENGTH,
            peaks=Peaks.cubic(4.046, "F", shortest=0.8),  # aluminium
            width=asked.width or 0.3,
        )
        return lambda rng, _: rings.sample(rng, counts=asked.counts)
    spot = SpotImage(
        rows,
        columns,
        width=asked.width or max(1.0, min(rows, columns) / 20),
        cycle=asked.cycle,
        background=1.0 if asked.pattern == "flat" else 0.2,
    )
    return lambda rng, seconds: spot.sample(rng, counts=asked.counts, seconds=seconds)
