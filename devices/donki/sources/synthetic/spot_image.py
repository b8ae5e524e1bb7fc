"""Images of an area detector: a spot that moves, or nothing but even light."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.sources.number_checks import check_counts, check_pixels


class SpotImage:
    """Frames with a Gaussian spot on an even background.

    The spot goes along a figure of eight through the middle of the frame, whose size is half the frame's:
    x = sin ωt, y = sin 2ωt. Counts are Poisson distributed.

    Parameters
    ----------
    rows, columns : int
        pixels along y and x
    width : float
        standard deviation of the spot, in pixels
    cycle : float
        from a place to the same again in s; 0: the spot stays in the middle
    background : float
        share of the counts that are even over all pixels, from 0 to 1; at 1 there is no spot

    Raises
    ------
    InputError
        when a number is not what it should be
    """

    def __init__(
        self, rows: int, columns: int, *, width: float = 5.0, cycle: float = 10.0, background: float = 0.2
    ) -> None:
        check_pixels("a spot image's", rows, columns)
        if not (0 < width < math.inf and 0 <= cycle < math.inf and 0 <= background <= 1):
            raise InputError(
                f"a spot's width={width:g} in pixels is above 0, its cycle={cycle:g} in s from 0, the"
                f" background={background:g} a share from 0 to 1"
            )
        self._sizes, self._width, self._cycle, self._background = (rows, columns), width, cycle, background

    def place(self, seconds: float) -> tuple[float, float]:
        """Return the middle of the spot at a time in s, in rows and columns from 0."""
        angle = 2 * math.pi * (seconds / self._cycle % 1.0) if self._cycle else 0.0
        rows, columns = self._sizes
        return (
            (rows - 1) / 2 + rows / 4 * math.sin(2 * angle),
            (columns - 1) / 2 + columns / 4 * math.sin(angle),
        )

    def sample(self, rng: np.random.Generator, *, counts: float, seconds: float = 0.0) -> NDArray[np.int64]:
        """Draw one frame.

        Parameters
        ----------
        rng : numpy.random.Generator
            decides, alone, what is drawn
        counts : float
            on average in all pixels of a frame
        seconds : float
            when it is taken, in s

        Returns
        -------
        ndarray of int64, shape (rows, columns)
            counts

        Raises
        ------
        InputError
            when `counts` is negative or no number
        """
        check_counts(counts)
        mean = np.full(self._sizes, self._background * counts / math.prod(self._sizes))
        if self._background < 1:
            y, x = (
                np.exp(-(((np.arange(size) - place) / self._width) ** 2) / 2)
                for size, place in zip(self._sizes, self.place(seconds), strict=True)
            )
            spot = np.outer(y, x)
            # A spot far narrower than a pixel, between pixels, falls on none.
            mean += (1 - self._background) * counts * spot / max(spot.sum(), np.finfo(float).tiny)
        return rng.poisson(mean)
