"""The logs of an instrument."""

from __future__ import annotations

from functools import lru_cache

from typing_extensions import override

from donki.instrument.parameters import LogParameters
from donki.instrument.parameters.values import in_ns
from donki.instrument.playing.devices import PlayedDevice
from donki.instrument.playing.run_time import Window, begin_of, random_numbers
from donki.instrument.playing.signal_stream import SignalStream
from donki.instrument.recorded_log import recorded_log
from donki.player.player import Player
from donki.player.trigger import Trigger
from donki.sources import Log, RampSignal, Reading, Signal, Sine, Steps, Walk, alarm_changes

CONNECTED = "CONNECTED"

_NEVER = 1 << 62
"""In ns: after any run."""


class PlayedLog(PlayedDevice[LogParameters]):
    """A log, its alarms and its connection."""

    def __init__(self, name: str, asked: LogParameters, player: Player) -> None:
        self._asked = asked
        topic, source = asked.topic, asked.source
        self._values = self._alarms = self._connection = None
        if asked.module == "f144":
            self._values = SignalStream(player.series(topic, source, unit=asked.units), asked.dtype)
        if asked.module == "al00" or asked.alarms:
            self._alarms = player.alarm(topic, source)
        if asked.module == "ep01" or asked.connection:
            self._connection = player.connection(topic, source)
        self._rng = random_numbers(player.rng, name)
        # Many logs have one period: not all of them are due at one trigger.
        period = in_ns(asked.period)
        self._phase = int(random_numbers(player.rng, f"{name}/phase")(0).integers(period))
        self._signal = self._as_signal(name, player)
        self._log = lru_cache(1)(self._as_log)

    @override
    def act(self, trigger: Trigger) -> None:
        window = Window.of(trigger)
        self._tell_connection(trigger)
        log = self._log(window.period)
        readings = self._values.send(trigger, window, log) if self._values else None
        if self._alarms:
            told = list(log.readings(window.begin, window.end)) if readings is None else readings
            self._tell_alarms(trigger, window, told, log.before(window.begin))

    def _tell_connection(self, trigger: Trigger) -> None:
        if self._connection:
            status = self._program().get(int(trigger))
            if status:
                self._connection.send(trigger, status)

    def _tell_alarms(
        self, trigger: Trigger, window: Window, readings: list[Reading], before: Reading | None
    ) -> None:
        low, high = self._asked.limits or (self._asked.low, self._asked.high)
        for alarm in alarm_changes(readings, low, high, before):
            time = window.reference_of(max(alarm.time, window.begin))
            if self._alarms:
                self._alarms.send(trigger, alarm.severity, alarm.message, reference_time=time)

    def _program(self) -> dict[int, str]:
        """Return the states of its connection by trigger."""
        asked = self._asked.connection
        return {1: CONNECTED} | (dict(asked) if not isinstance(asked, bool) else {})

    def _as_log(self, period: int) -> Log:
        asked = self._asked
        default = 1.0 if asked.signal == "noise" else 0.0
        noise = default if asked.noise is None else asked.noise
        outages = self._outages(period)
        return Log(self._signal, in_ns(asked.period), noise, self._rng, outages, self._phase)

    def _outages(self, period: int) -> list[tuple[int, int]]:
        """Return from when to when it is not connected, in ns since the beginning of the run."""
        found: list[tuple[int, int]] = []
        lost: int | None = None
        for number, status in self._program().items():
            time = begin_of(number, period)
            if status != CONNECTED:
                lost = time if lost is None else lost
            elif lost is not None:
                found.append((lost, time))
                lost = None
        return found if lost is None else [*found, (lost, _NEVER)]

    def _as_signal(self, name: str, player: Player) -> Signal:
        asked = self._asked
        low, high = asked.low or 0.0, asked.high or 0.0
        match asked.signal:
            case "ramp":
                return RampSignal(low, high, asked.duration)
            case "sine":
                return Sine(low, high, asked.cycle)
            case "walk":
                steps = random_numbers(player.rng, f"{name}/walk")
                return Walk(
                    (low + high) / 2 if asked.value is None else asked.value,
                    low,
                    high,
                    step=asked.step or (high - low) / 100,
                    period=in_ns(asked.period),
                    normal=lambda number: float(steps(number).standard_normal()),
                    phase=self._phase,
                )
            case "replay":
                return recorded_log(player.data_file(asked.file or ""), asked.path or "")
            case _:
                return Steps([0], [asked.value or 0.0])
