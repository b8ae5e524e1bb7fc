"""Drawing from a discrete distribution in constant time: Walker's alias method, in numpy."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError

_Value = TypeVar("_Value", bound=np.generic)

# Up to here 32 random bits leave at least 16 for the choice inside a cell; above it, 64-bit words are drawn.
_NARROW_CELLS = 1 << 16


class AliasTable:
    """Outcomes 0 … n-1 with probabilities proportional to their weights.

    The probabilities are rounded to multiples of 2^-32 (2^-52 above 65,536 outcomes) that sum to one exactly;
    an outcome of weight zero never comes.

    A draw yields *slots*, two for each cell of the table; `by_slot` arranges the value of each outcome by
    slot, so that ``by_slot(values)[draw(rng, n)]`` are n drawn values.

    Parameters
    ----------
    weights : ndarray of float64, shape (n,)
        finite, not negative, at least one positive
    name : str
        what they are, for messages: ``tof.dat: intensities``

    Raises
    ------
    SourceError
        when the weights are not probabilities

    Notes
    -----
    A. J. Walker, ACM Trans. Math. Softw. 3 (1977) 253; the construction is the sweep of L. Hübschle-Schneider
    and P. Sanders, "Parallel Weighted Random Sampling", ESA 2019, in exact integers on prefix sums.
    """

    def __init__(self, weights: NDArray[np.float64], name: str) -> None:
        _check(weights, name)
        n = len(weights)
        cell_bits = max(1, (n - 1).bit_length())
        cells = 1 << cell_bits
        self._word: type[np.uint32 | np.uint64] = np.uint32 if cells <= _NARROW_CELLS else np.uint64
        word_bits, bits = (32, 32) if cells <= _NARROW_CELLS else (64, 52)
        capacity = 1 << (bits - cell_bits)
        share = np.zeros(cells, np.int64)
        share[:n] = _integer_shares(weights, 1 << bits)

        light = np.flatnonzero(share < capacity)
        heavy = np.flatnonzero(share >= capacity)
        lacking = np.concatenate([[0], np.cumsum(capacity - share[light])])
        to_spare = np.cumsum(share[heavy] - capacity)
        # A light cell is filled up by the heavy outcome whose turn it is. That may leave it below its
        # own capacity, and is then filled up by the next heavy one.
        partner = np.empty(cells, np.int64)
        partner[light] = heavy[np.searchsorted(to_spare, lacking[:-1], side="right")]
        partner[heavy] = np.append(heavy[1:], heavy[-1])
        own = share.copy()
        own[heavy] = capacity + to_spare - lacking[np.searchsorted(lacking[:-1], to_spare, side="left")]

        self._own: NDArray[np.unsignedinteger[Any]] = own.astype(self._word)
        self._shift = self._word(word_bits - cell_bits)
        self._mask = self._word(capacity - 1)
        self._outcome = np.stack([partner, np.arange(cells)], axis=1).ravel()
        # The second slot of a cell beyond the last outcome, which is never drawn, must still be an index.
        self._outcome[self._outcome >= n] = 0

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.intp]:
        """Return n slots, independent of each other."""
        word = rng.integers(0, np.iinfo(self._word).max, size=n, dtype=self._word, endpoint=True)
        slot = np.empty(n, np.intp)
        np.right_shift(word, self._shift, out=slot, casting="unsafe")
        word &= self._mask
        own = word < self._own.take(slot)
        slot += slot
        slot += own
        return slot

    def by_slot(self, values: NDArray[_Value]) -> NDArray[_Value]:
        """Arrange one value for each outcome by slot."""
        return values[self._outcome]


class AliasRows:
    """As many distributions of the outcomes 0 … n-1 as there are rows of weights, for draws from any of them.

    As `AliasTable`, with probabilities to 2^-16 of 1 / n: what the random numbers of 24 bits leave of a few
    hundred outcomes.

    Parameters
    ----------
    weights : ndarray of float64, shape (rows, n)
        finite, not negative; of a row that is all zero nothing may be drawn
    """

    def __init__(self, weights: NDArray[np.float64]) -> None:
        self.rows, self._n = weights.shape
        own = np.ones(weights.shape, np.float32)
        partner = np.tile(np.arange(self._n, dtype=np.int32), (self.rows, 1))
        for row, of in enumerate(weights):
            if (total := of.sum()) > 0:
                _share_cells(of * (self._n / total), own[row], partner[row])
        self._own, self._partner = own.ravel(), partner.ravel()

    def draw(self, rng: np.random.Generator, row: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return an outcome of each of the rows that are named, independent of each other."""
        inside = rng.random(len(row), dtype=np.float32)
        inside *= self._n
        outcome = inside.astype(np.int32)
        inside -= outcome
        cell = row * np.int32(self._n)
        cell += outcome
        np.copyto(outcome, self._partner.take(cell), where=inside >= self._own.take(cell))
        return outcome


def _share_cells(share: NDArray[np.float64], own: NDArray[np.float32], partner: NDArray[np.int32]) -> None:
    """Set what each of n cells keeps for its own outcome, and whose the rest is; shares sum to n."""
    light, heavy = np.flatnonzero(share < 1), np.flatnonzero(share >= 1)
    if not len(light) or not len(heavy):
        return
    lacking = np.concatenate([[0.0], np.cumsum(1 - share[light])])
    to_spare = np.cumsum(share[heavy] - 1)
    # Rounding leaves the last of them a little more or less than is lacking.
    to_spare[-1] = max(to_spare[-1], lacking[-1])
    turn = np.minimum(np.searchsorted(to_spare, lacking[:-1], side="right"), len(heavy) - 1)
    partner[light] = heavy[turn]
    partner[heavy] = np.append(heavy[1:], heavy[-1])
    own[light] = share[light]
    given = lacking[np.searchsorted(lacking[:-1], to_spare, side="left")]
    own[heavy] = np.clip(1 + to_spare - given, 0, 1)


def _check(weights: NDArray[np.float64], name: str) -> None:
    for refused, what in ((~np.isfinite(weights), "not finite"), (weights < 0, "negative")):
        if refused.any():
            first = np.flatnonzero(refused)[0]
            raise SourceError(
                f"{name}: {np.count_nonzero(refused)} of {len(weights)} are {what}, the first is number "
                f"{first + 1}, {weights[first]:g}; take data that count neutrons"
            )
    if not weights.any():
        raise SourceError(
            f"{name}: all {len(weights)} are 0, so there is nothing to draw; simulate more rays"
        )


def _integer_shares(weights: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Return integers that sum to `total`, proportional to the weights to within one; zero stays zero."""
    # Scaled first, so that the sum of very large or very small weights is finite and not zero.
    until = np.cumsum(weights / weights.max())
    share: NDArray[np.int64] = np.diff(np.rint(until / until[-1] * total).astype(np.int64), prepend=0)
    return share
