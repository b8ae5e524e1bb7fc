"""The digitisers of an instrument."""

from __future__ import annotations

from typing_extensions import override

from donki.instrument.parameters import DigitiserParameters
from donki.instrument.playing.devices import PlayedDevice
from donki.instrument.playing.run_time import random_numbers
from donki.player.player import Player
from donki.player.trigger import Trigger
from donki.sources import PulseTrace


class PlayedDigitiser(PlayedDevice[DigitiserParameters]):
    """A digitiser and its streams, one a channel."""

    def __init__(self, name: str, asked: DigitiserParameters, player: Player) -> None:
        sources = [asked.source]
        if asked.channels > 1:
            sources = [f"{asked.source}_{channel}" for channel in range(asked.channels)]
        self._streams = [
            player.samples(
                asked.topic, source, interval=asked.sample_interval_ns, unit=asked.units, channel=channel
            )
            for channel, source in enumerate(sources)
        ]
        self._rngs = [random_numbers(player.rng, f"{name}/{channel}") for channel in range(asked.channels)]
        self._trace = PulseTrace(
            asked.samples,
            asked.sample_interval_ns,
            rate=asked.rate,
            rise=asked.rise_ns,
            decay=asked.decay_ns,
            height=asked.height,
            base=asked.base,
            noise=asked.noise,
            bits=asked.bits,
        )

    @override
    def act(self, trigger: Trigger) -> None:
        """Send a trace of each channel that begins with a trigger."""
        for stream, rng in zip(self._streams, self._rngs, strict=True):
            stream.send(trigger, self._trace.sample(rng(int(trigger))))
