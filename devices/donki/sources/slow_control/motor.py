"""A motor: where it is, where it is to go, and whether it is there."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from donki.errors import InputError
from donki.sources.slow_control.motion import Motion, moves_of, path
from donki.sources.slow_control.signal import SECOND, Signal, Steps


class Motor:
    """A motor that follows commands with a trapezoidal profile of its velocity.

    What it tells are the signals of an EPICS motor record: read-back (RBV), set point (VAL), moving (MOVN)
    and done moving (DMOV). Each move ends at the set point but for an error within the tolerance.

    Parameters
    ----------
    position : float
        where it is at rest at the beginning
    velocity, acceleration : float
        the most of both, per s and per s²
    commands : sequence of (int, float)
        when, in ns since the beginning, rising; and where to
    tolerance : float
        how far from a set point it may come to rest
    errors : sequence of float
        for each command where it comes to rest, from -1 to 1, in tolerances from the set point; none: on it
    low, high : float
        it never goes beyond these
    update : float
        how often the read-back is told while it moves, in Hz

    Attributes
    ----------
    read_back, set_point, moving, done_moving : Signal
        a position; a position; 1 or 0; 1 or 0

    Raises
    ------
    InputError
        when a number is not what it should be, or a position or command lies beyond the limits
    """

    def __init__(
        self,
        position: float,
        *,
        velocity: float,
        acceleration: float,
        commands: Sequence[tuple[int, float]] = (),
        tolerance: float = 0.0,
        errors: Sequence[float] = (),
        low: float = -math.inf,
        high: float = math.inf,
        update: float = 10.0,
    ) -> None:
        for name, value in {"velocity": velocity, "acceleration": acceleration, "update": update}.items():
            if not 0 < value < math.inf:
                raise InputError(f"{name} must be above 0, not {value:g}")
        if not 0 <= tolerance < math.inf:
            raise InputError(f"tolerance must be 0 or more, not {tolerance:g}")
        for place in (position, *(target for _, target in commands)):
            if not low <= place <= high:
                raise InputError(f"{place:g} lies beyond the limits, low={low:g} and high={high:g}")
        off = [*errors, *[0.0] * len(commands)]
        aims = [
            (time / SECOND, min(max(target + tolerance * error, low), high))
            for (time, target), error in zip(commands, off, strict=False)
        ]
        self.motion = path(position, aims, velocity, acceleration)
        moves = _whole(moves_of(self.motion))
        self.read_back: Signal = _ReadBack(self.motion, moves, max(1, round(SECOND / update)), (low, high))
        self.set_point: Signal = _set_points(position, commands)
        self.moving: Signal = _flag(moves, during=1.0)
        self.done_moving: Signal = _flag(moves, during=0.0)


class _ReadBack(Signal):
    """The position, told while it moves and when it comes to rest."""

    def __init__(
        self, motion: Motion, moves: Sequence[tuple[int, int]], period: int, limits: tuple[float, float]
    ) -> None:
        self._motion, self._moves, self._period, self._limits = motion, moves, period, limits
        self._begins, self._ends = [begin for begin, _ in moves], [end for _, end in moves]

    def value(self, time: int) -> float:
        # What is rounded off must not lead beyond a limit.
        low, high = self._limits
        return min(max(self._motion.at(time / SECOND)[0], low), high)

    def since(self, time: int) -> int:
        place = bisect_right(self._begins, time) - 1
        return min(time, self._ends[place]) if place >= 0 else 0

    def steps(self, begin: int, end: int) -> list[int]:
        found: set[int] = set()
        for start, rest in self._moves[bisect_left(self._ends, begin) : bisect_left(self._begins, end)]:
            first = start + max(0, -(-(begin - start) // self._period)) * self._period
            found.update(range(first, min(end, rest), self._period))
            found.update((rest,) if begin <= rest < end else ())
        return sorted(found)


def _set_points(position: float, commands: Sequence[tuple[int, float]]) -> Steps:
    # Of several commands at once, and of a position that is told at the beginning, the last counts.
    points = {0: position, **dict(commands)}
    return Steps(list(points), list(points.values()))


def _flag(moves: Sequence[tuple[int, int]], *, during: float) -> Steps:
    values = {0: 1.0 - during}
    for begin, end in moves:
        values[begin], values[end] = during, 1.0 - during
    return Steps(list(values), list(values.values()))


def _whole(moves: Sequence[tuple[float, float]]) -> list[tuple[int, int]]:
    """Return from when to when moves last in whole ns, so that all is at rest at the end of each."""
    found: list[tuple[int, int]] = []
    for begin, end in moves:
        start, rest = math.floor(begin * SECOND), math.ceil(end * SECOND)
        if found and start <= found[-1][1]:
            start = found.pop()[0]
        found.append((start, rest))
    return found
