"""The motors of an instrument."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from typing_extensions import override

from donki.instrument.parameters import MotorParameters
from donki.instrument.parameters.values import in_ns
from donki.instrument.playing.devices import PlayedDevice
from donki.instrument.playing.run_time import Window, begin_of, random_numbers
from donki.instrument.playing.signal_stream import SignalStream
from donki.player.player import Player
from donki.player.trigger import Trigger
from donki.sources import Log, Motor


class PlayedMotor(PlayedDevice[MotorParameters]):
    """A motor and its streams."""

    def __init__(self, name: str, asked: MotorParameters, player: Player) -> None:
        self._asked = asked
        flag, place = ("dimensionless", np.int32), (asked.units, np.float64)
        self._streams = {
            what: SignalStream(player.series(asked.topic, source, unit=unit), dtype)
            for what, source, (unit, dtype) in (
                ("set_point", asked.set_point, place),
                ("moving", asked.moving, flag),
                ("done_moving", asked.done_moving, flag),
                ("read_back", asked.read_back, place),
            )
            if source
        }
        self._noise = random_numbers(player.rng, name)
        # Where it comes to rest, by the number of the move.
        self._errors = random_numbers(player.rng, f"{name}/error")
        self._logs = lru_cache(1)(self._as_logs)

    @override
    def act(self, trigger: Trigger) -> None:
        window = Window.of(trigger)
        logs = self._logs(window.period)
        for what, stream in self._streams.items():
            stream.send(trigger, window, logs[what])

    def _as_logs(self, period: int) -> dict[str, Log]:
        asked = self._asked
        commands = [(begin_of(trigger, period), target) for trigger, target in asked.commands()]
        low, high = asked.limits
        motor = Motor(
            asked.position,
            velocity=asked.velocity,
            acceleration=asked.acceleration,
            commands=commands,
            tolerance=asked.tolerance,
            errors=[float(self._errors(number).uniform(-1, 1)) for number in range(len(commands))],
            low=low,
            high=high,
            update=asked.update,
        )
        told = in_ns(asked.period)
        return {
            "set_point": Log(motor.set_point, told),
            "moving": Log(motor.moving, told),
            "done_moving": Log(motor.done_moving, told),
            "read_back": Log(motor.read_back, told, asked.noise, self._noise),
        }
