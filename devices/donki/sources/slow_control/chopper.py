"""A disc chopper: its speed, its phase and delay, its top dead centre."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.sources.slow_control.disc import Command, Disc, begins_at_rest, last_passage, passages
from donki.sources.slow_control.motion import Motion
from donki.sources.slow_control.signal import SECOND, Signal, Steps

SYNCHRONOUS = 1e-3
"""How far the turns in a pulse period, or the pulses in a turn, may be from whole to be taken for it."""

_UPDATE = SECOND // 10
"""How often speed, phase and delay are told while the speed changes, in ns."""


class Chopper:
    """A disc that turns in step with the pulses of a source, or does not.

    Top dead centre passes at the pulse plus the delay. Phase and delay say the same, φ = 360° f δt, as in
    scippneutron's ``DiskChopper``; a negative frequency is clockwise, seen from the source. Where the disc
    turns a whole number of times in a pulse period, or a turn takes a whole number of periods, within
    `SYNCHRONOUS`, it follows the pulses exactly; a turn of several periods begins with the first pulse. At
    any other frequency it follows a clock that the first pulse starts.

    Parameters
    ----------
    frequency : float
        in Hz, negative for clockwise; what a spinning disc turns at
    delay : float
        from a pulse to top dead centre, in ns
    pulse_period : int
        of the source, in ns
    program : sequence of (int, Command)
        when, in ns since the first pulse, rising; and what. Before it, the disc stands if it is told to spin
        or to lock first; else it is locked
    acceleration : float
        of speeding up and slowing down, in Hz/s
    lock_time : float
        how long it takes to find its phase at full speed, in s
    jitter : float
        standard deviation of top dead centre, in ns

    Attributes
    ----------
    frequency, delay
        as given
    turn : float
        how long a turn takes at full speed, in ns
    speed, speed_set_point : Signal
        in Hz
    delay_read_back, phase_read_back : Signal
        that of the last top dead centre, without jitter, in ns and in degrees; it stays while the disc stands

    Raises
    ------
    InputError
        when a number is not what it should be
    """

    def __init__(
        self,
        frequency: float,
        *,
        delay: float,
        pulse_period: int,
        program: Sequence[tuple[int, Command]] = (),
        acceleration: float = 1.0,
        lock_time: float = 5.0,
        jitter: float = 0.0,
    ) -> None:
        if not 0 < abs(frequency) <= 1e4:
            raise InputError(f"frequency must not be 0, and at most 10000 Hz, not {frequency:g}")
        for name, value in {"acceleration": acceleration, "lock_time": lock_time}.items():
            if not 0 < value < math.inf:
                raise InputError(f"{name} must be above 0, not {value:g}")
        if not (0 <= jitter < math.inf and abs(delay) < 1e15):
            raise InputError(
                f"jitter={jitter:g} ns must be 0 or more, delay={delay:g} ns less than 1e15 in size"
            )
        self.frequency, self.delay, self._jitter = frequency, delay, jitter
        self.turn = _turn(abs(frequency), pulse_period)
        disc = Disc(self.turn, delay % self.turn, acceleration / SECOND**2, lock_time * SECOND)
        self._motion = disc.play(program)
        self.speed: Signal = _Speed(self._motion, math.copysign(SECOND, frequency))
        self.speed_set_point: Signal = _set_points(frequency, program)
        self.delay_read_back: Signal = _OfLastPassage(self._motion, self.turn, delay, 1.0)
        self.phase_read_back: Signal = _OfLastPassage(
            self._motion, self.turn, delay, 360 * frequency / SECOND
        )

    def top_dead_centres(
        self, begin: int, end: int, rng: np.random.Generator | None = None
    ) -> NDArray[np.int64]:
        """Return when top dead centre passes from `begin` to before `end`.

        Parameters
        ----------
        begin, end : int
            ns since the first pulse
        rng : numpy.random.Generator
            decides the jitter, alone, which may lead beyond begin and end; without it there is none

        Returns
        -------
        ndarray of int64, shape (n,)
            ns since the first pulse, rising
        """
        times = np.fromiter(passages(self._motion, begin, end), np.float64)
        if rng is not None and self._jitter:
            # No disc turns back: one passage stays behind the other, however wild the jitter is.
            most = self.turn / 4
            times = np.sort(times + np.clip(rng.normal(0.0, self._jitter, len(times)), -most, most))
        return np.rint(times).astype(np.int64)


class _Speed(Signal):
    """The speed in Hz, told ten times a second while it changes."""

    def __init__(self, motion: Motion, scale: float) -> None:
        self._motion, self._scale = motion, scale

    def value(self, time: int) -> float:
        return self._scale * self._motion.at(time)[1]

    def since(self, time: int) -> int:
        leg = self._motion.leg(time)
        return time if leg.acceleration else min(time, math.ceil(leg.begin))

    def steps(self, begin: int, end: int) -> list[int]:
        return _while_changing(self._motion, begin, end)


class _OfLastPassage(Signal):
    """How far the last top dead centre was from the pulse, by a factor, told as the speed is."""

    def __init__(self, motion: Motion, turn: float, delay: float, factor: float) -> None:
        self._motion, self._turn, self._delay, self._factor = motion, turn, delay, factor

    def value(self, time: int) -> float:
        passed = last_passage(self._motion, time)
        if passed is None:
            return 0.0
        off = passed - self._delay
        return self._factor * (self._delay + off - round(off / self._turn) * self._turn)

    def since(self, time: int) -> int:
        passed = last_passage(self._motion, time)
        return 0 if passed is None else min(time, math.ceil(passed))

    def steps(self, begin: int, end: int) -> list[int]:
        return _while_changing(self._motion, begin, end)


def _while_changing(motion: Motion, begin: int, end: int) -> list[int]:
    found: set[int] = set()
    for number, leg in enumerate(motion.legs):
        until = motion.legs[number + 1].begin if number + 1 < len(motion.legs) else math.inf
        start = math.ceil(leg.begin)
        if begin <= start < end:
            found.add(start)
        if leg.acceleration:
            first = -(-max(begin, start) // _UPDATE) * _UPDATE
            found.update(range(first, math.ceil(min(end, until)), _UPDATE))
    return sorted(found)


def _set_points(frequency: float, program: Sequence[tuple[int, Command]]) -> Steps:
    points = {0: 0.0 if begins_at_rest(program) else frequency}
    points.update((time, 0.0 if command == "park" else frequency) for time, command in program)
    return Steps(list(points), list(points.values()))


def _turn(frequency: float, pulse_period: int) -> float:
    """Return how long a turn takes, in ns: in step with the pulses where it nearly is."""
    turns = frequency * pulse_period / SECOND
    whole = round(max(turns, 1 / turns))
    in_step = pulse_period / whole if turns > 1 else float(pulse_period * whole)
    return in_step if abs(in_step * frequency / SECOND - 1) < SYNCHRONOUS else SECOND / frequency
