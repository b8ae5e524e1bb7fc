"""The turns of a disc that is told to stand, to spin, to lock to a phase, to lose it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

from donki.sources.slow_control.motion import Leg, Motion

Command = Literal["park", "spin", "lock", "lose_lock"]
"""What a chopper is told: stand still, turn at its frequency, keep its phase, let go of it."""

COMMANDS: tuple[Command, ...] = get_args(Command)

SLIP = 1e-3
"""By which part a disc that has lost its lock turns slower than it should."""


class Disc:
    """A disc and how it obeys; turns are counted in the direction in which it turns, times are in ns.

    Parameters
    ----------
    turn : float
        how long a turn takes at full speed
    delay : float
        when top dead centre, where the count of turns is whole, passes while it is locked: then, and at each
        turn after that
    acceleration : float
        of speeding up and slowing down, in turns/ns²
    lock_time : float
        how long it takes to find its phase at full speed; longer where it would turn backwards
    """

    def __init__(self, turn: float, delay: float, acceleration: float, lock_time: float) -> None:
        self._turn, self._delay = turn, delay
        self._speed, self._acceleration, self._lock_time = 1 / turn, acceleration, lock_time

    def play(self, program: Sequence[tuple[int, Command]]) -> Motion:
        """Return the motion along a program: when, rising, and what.

        Before it, the disc stands if it is told to spin or to lock first; else it is locked.
        """
        legs = [Leg(0, 0.5, 0.0, 0.0) if begins_at_rest(program) else self._locked(0)]
        for time, command in program:
            here = Motion(legs).leg(time)
            legs = [leg for leg in legs if leg.begin < time] + list(self._obey(here, time, command))
        return Motion(legs)

    def _obey(self, here: Leg, time: float, command: Command) -> Iterator[Leg]:
        position, speed = here.at(time)
        if command == "park":
            wanted = 0.0
        elif command == "lose_lock":
            wanted = min(speed, self._speed * (1 - SLIP))
        else:
            wanted = self._speed
        change = Leg(time, position, speed, math.copysign(self._acceleration, wanted - speed))
        reached = time + abs(wanted - speed) / self._acceleration
        if reached > time:
            yield change
            position, _ = change.at(reached)
        if command == "lock":
            yield from self._align(reached, position)
        else:
            yield Leg(reached, position, wanted, 0.0)

    def _align(self, time: float, position: float) -> Iterator[Leg]:
        """Yield how it comes from full speed into its phase: a little faster and back, or slower and back."""
        off = self._locked(time).position - position
        off -= round(off)
        half = max(self._lock_time, 4 * abs(off) * self._turn) / 2
        if off:
            first = Leg(time, position, self._speed, off / half**2)
            position, speed = first.at(time + half)
            yield first
            yield Leg(time + half, position, speed, -off / half**2)
            time += 2 * half
        yield self._locked(time)

    def _locked(self, time: float) -> Leg:
        return Leg(time, (time - self._delay) / self._turn, self._speed, 0.0)


def begins_at_rest(program: Sequence[tuple[int, Command]]) -> bool:
    """Return whether a disc stands before a program, because it is told to turn first."""
    return bool(program) and program[0][1] in ("spin", "lock")


def passages(motion: Motion, begin: float, end: float) -> Iterator[float]:
    """Yield when the count of turns is whole, from `begin` to before `end`."""
    ends = [*(leg.begin for leg in motion.legs[1:]), math.inf]
    for leg, until in zip(motion.legs, ends, strict=True):
        first, last = max(begin, leg.begin), min(end, until)
        if first < last:
            yield from _passages(leg, first, last)


def last_passage(motion: Motion, time: float) -> float | None:
    """Return when the count of turns was whole last, at a time or before; None where it never was.

    A disc that turns at the beginning has done so before.
    """
    ends = [*(leg.begin for leg in motion.legs[1:]), math.inf]
    for number, (leg, until) in reversed(list(enumerate(zip(motion.legs, ends, strict=True)))):
        if leg.begin > time or not (leg.velocity or leg.acceleration):
            continue
        turns = math.floor(leg.at(min(time, until))[0])
        if turns >= leg.position:
            return leg.begin + _duration(leg, turns)
        if number == 0:
            return leg.begin + (turns - leg.position) / leg.velocity
    return None


def _passages(leg: Leg, begin: float, end: float) -> Iterator[float]:
    first, last = math.ceil(leg.at(begin)[0]), math.ceil(leg.at(end)[0])
    for turns in range(first, last):
        yield leg.begin + _duration(leg, turns)


def _duration(leg: Leg, turns: int) -> float:
    """Return how long it takes in a leg, which does not turn back, until the count of turns is so many."""
    way = turns - leg.position
    # As the quotient, the root loses no digits where the acceleration is small, or none.
    root = math.sqrt(max(0.0, leg.velocity**2 + 2 * leg.acceleration * way))
    return 2 * way / (leg.velocity + root) if way else 0.0
