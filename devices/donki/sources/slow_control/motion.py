"""Motion in one dimension: trapezoidal profiles of velocity."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Leg(NamedTuple):
    """A part of a motion with one acceleration; units of the axis and s.

    Attributes
    ----------
    begin
        when it begins, in s
    position, velocity
        then
    acceleration
        throughout
    """

    begin: float
    position: float
    velocity: float
    acceleration: float

    def at(self, time: float) -> tuple[float, float]:
        """Return position and velocity at a time in s that is in it."""
        seconds = time - self.begin
        return (
            self.position + self.velocity * seconds + self.acceleration * seconds**2 / 2,
            self.velocity + self.acceleration * seconds,
        )


class Motion:
    """Legs that follow each other, the last one without an end.

    Parameters
    ----------
    legs : sequence of Leg
        in order, the first at the beginning of all times that are asked for
    """

    def __init__(self, legs: Sequence[Leg]) -> None:
        self.legs = legs
        self._begins = [leg.begin for leg in legs]

    def at(self, time: float) -> tuple[float, float]:
        """Return position and velocity at a time in s."""
        return self.leg(time).at(time)

    def leg(self, time: float) -> Leg:
        """Return the leg that a time is in."""
        return self.legs[max(0, bisect_right(self._begins, time) - 1)]


def move(start: Leg, time: float, target: float, velocity: float, acceleration: float) -> list[Leg]:
    """Return the fastest way from a motion to rest at a target: speed up, keep the velocity, slow down.

    Parameters
    ----------
    start : Leg
        the motion that it begins in, at most as fast as `velocity`
    time : float
        when it begins, in s
    target : float
        where it comes to rest
    velocity, acceleration : float
        the most of both, above 0

    Returns
    -------
    list of Leg
        without those that would take no time; the last one is at rest at the target
    """
    position, speed = start.at(time)
    # Where it would come to rest if it braked now decides which way it goes.
    rest = position + speed * abs(speed) / (2 * acceleration)
    sign = math.copysign(1.0, target - rest)
    way, entry = sign * (target - position), sign * speed
    peak = min(velocity, math.sqrt(max(0.0, acceleration * way + entry**2 / 2)))
    peak = max(peak, entry, 0.0)
    slowed = peak**2 / (2 * acceleration)
    cruised = max(0.0, way - (peak**2 - entry**2) / (2 * acceleration) - slowed)
    parts = (
        ((peak - entry) / acceleration, sign * acceleration),
        (cruised / peak if peak else 0.0, 0.0),
        (peak / acceleration, -sign * acceleration),
    )
    legs: list[Leg] = []
    for duration, change in parts:
        if duration > 0:
            legs.append(Leg(time, position, speed, change))
            after = time + duration
            position, speed = legs[-1].at(after)
            time = after
    return [*legs, Leg(time, target, 0.0, 0.0)]


def path(
    start: float, commands: Sequence[tuple[float, float]], velocity: float, acceleration: float
) -> Motion:
    """Return the motion along commands; one that comes during a move has it go to the new target at once.

    Parameters
    ----------
    start : float
        where it is at rest at the beginning
    commands : sequence of (float, float)
        when, in s, rising; and where to
    velocity, acceleration : float
        the most of both, above 0
    """
    legs = [Leg(0.0, start, 0.0, 0.0)]
    for time, target in commands:
        here = Motion(legs).leg(time)
        legs = [leg for leg in legs if leg.begin < time]
        legs += move(here, time, target, velocity, acceleration)
    return Motion(legs)


def moves_of(motion: Motion) -> list[tuple[float, float]]:
    """Return from when to when a motion is not at rest, in s; what follows at once is one."""
    found: list[tuple[float, float]] = []
    for leg, following in pairwise(motion.legs):
        if leg.velocity or leg.acceleration:
            begin = found.pop()[0] if found and found[-1][1] == leg.begin else leg.begin
            found.append((begin, following.begin))
    return found
