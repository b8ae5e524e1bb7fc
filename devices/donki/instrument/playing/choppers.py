"""The choppers of an instrument."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from typing_extensions import override

from donki.instrument.parameters import ChopperParameters
from donki.instrument.parameters.values import in_ns
from donki.instrument.playing.devices import PlayedDevice
from donki.instrument.playing.run_time import Window, begin_of, random_numbers
from donki.instrument.playing.signal_stream import SignalStream
from donki.instrument.units import chopper_factor
from donki.player.player import Player
from donki.player.trigger import Trigger
from donki.sources import SECOND, Chopper, Log, Signal, Steps

_UNITS = {"speed": "Hz", "phase": "deg", "delay": "ns"}


class PlayedChopper(PlayedDevice[ChopperParameters]):
    """A chopper and its streams."""

    def __init__(self, name: str, asked: ChopperParameters, player: Player) -> None:
        self._asked, self._name, self._player = asked, name, player
        self._streams: dict[str, SignalStream] = {}
        topic = asked.topic or ""
        for what, its in asked.quantities.items():
            unit = its.units or _UNITS[what]
            for key, source in ((f"{what}_set_point", its.set_point_source), (what, its.source)):
                if source:
                    stream = player.series(topic, source, unit=unit)
                    self._streams[key] = SignalStream(stream, unit=chopper_factor(what, unit) or 1.0)
        times = asked.top_dead_centre
        self._times = player.timestamps(times.topic or topic, times.source) if times else None
        self._jitter = random_numbers(player.rng, f"{name}/top dead centre")
        self._played = lru_cache(1)(self._as_played)

    @override
    def act(self, trigger: Trigger) -> None:
        window = Window.of(trigger)
        chopper, logs = self._played(window.period)
        for what, stream in self._streams.items():
            stream.send(trigger, window, logs[what])
        if self._times is not None:
            passed = chopper.top_dead_centres(window.begin, window.end, self._jitter(int(trigger)))
            # Also without a period: it passes after the pulse of the trigger.
            times = passed + (window.reference_time - window.begin)
            if times.size:
                self._times.send(trigger, times)

    def _as_played(self, period: int) -> tuple[Chopper, dict[str, Log]]:
        asked = self._asked
        chopper = Chopper(
            asked.frequency,
            delay=asked.top_dead_centre_delay,
            pulse_period=period,
            program=[(begin_of(trigger, period), command) for trigger, command in asked.program],
            acceleration=asked.acceleration,
            lock_time=asked.lock_time,
            jitter=asked.jitter_ns,
        )
        phase = 360 * asked.frequency / SECOND
        signals = {
            "speed": (chopper.speed, 0.0),
            "phase": (chopper.phase_read_back, asked.jitter_ns * abs(phase)),
            "delay": (chopper.delay_read_back, asked.jitter_ns),
        }
        logs = {what: self._as_log(what, *signal) for what, signal in signals.items()}
        told = in_ns(asked.period)
        logs["speed_set_point"] = Log(chopper.speed_set_point, told)
        logs["phase_set_point"] = Log(Steps([0], [phase * chopper.delay]), told)
        logs["delay_set_point"] = Log(Steps([0], [chopper.delay]), told)
        return chopper, logs

    def _as_log(self, what: str, signal: Signal, noise: float) -> Log:
        asked = self._asked.quantities[what].noise
        rng: Callable[[int], np.random.Generator] = random_numbers(self._player.rng, f"{self._name}/{what}")
        return Log(signal, in_ns(self._asked.period), noise if asked is None else asked, rng)
