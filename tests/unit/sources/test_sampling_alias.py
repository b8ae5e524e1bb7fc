"""The alias table gives each outcome the share of its weight, exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import SourceError
from donki.sources.alias import AliasTable


class Every:
    """Stands in for a Generator that yields given words, so that outcomes are counted and not estimated."""

    def __init__(self, words):
        self.words = words

    def integers(self, low, high, size, dtype, endpoint):
        assert (low, high, endpoint) == (0, np.iinfo(dtype).max, True)
        return self.words.astype(dtype)


def shares(table, cells, capacity, shift):
    """Count the words that lead to each outcome, from the draws at both ends of each cell's own part."""
    cell = np.arange(cells, dtype=np.uint64) << np.uint64(shift)
    own = table._own.astype(np.uint64)
    counts = np.zeros(cells, np.int64)
    for low, weight in ((np.zeros_like(own), own), (own, capacity - own.astype(np.int64))):
        inside = weight > 0
        outcome = table.by_slot(np.arange(cells))[table.draw(Every((cell + low)[inside]), inside.sum())]
        np.add.at(counts, outcome, weight[inside].astype(np.int64))
    return counts


weights = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-300, 1e300), st.just(1.7e308), st.floats(0.5, 1.0), st.just(1.0)),
    min_size=1,
    max_size=64,
).filter(any)


@given(weights)
def test_the_share_of_each_outcome_is_its_weight_to_2_to_the_minus_32(weights):
    weights = np.array(weights)
    n = len(weights)
    bits = max(1, (n - 1).bit_length())
    padded = AliasTable(np.concatenate([weights, np.zeros((1 << bits) - n)]), "weights")
    counts = shares(padded, 1 << bits, 1 << (32 - bits), 32 - bits)
    assert counts.sum() == 1 << 32
    assert not counts[n:].any()
    assert not counts[:n][weights == 0].any()
    expected = weights / weights.max()
    np.testing.assert_allclose(counts[:n], expected / expected.sum() * 2.0**32, rtol=0, atol=1.001)


def test_above_65536_outcomes_the_share_is_its_weight_to_2_to_the_minus_52():
    weights = np.random.default_rng(1).pareto(0.5, 1 << 17)
    counts = shares(AliasTable(weights, "weights"), 1 << 17, 1 << (52 - 17), 64 - 17)
    assert counts.sum() == 1 << 52
    np.testing.assert_allclose(counts, weights / weights.sum() * 2.0**52, rtol=1e-9, atol=64)


@given(weights, st.integers(0, 1000))
def test_an_outcome_without_weight_never_comes(weights, seed):
    table = AliasTable(np.array(weights), "weights")
    drawn = table.by_slot(np.array(weights))[table.draw(np.random.default_rng(seed), 200)]
    assert (drawn > 0).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -2.0, -3.0], "tof.dat: intensities: 2 of 3 are negative, the first is number 2, -2"),
        ([1.0, np.nan], "tof.dat: intensities: 1 of 2 are not finite, the first is number 2, nan"),
        ([1.0, np.inf], "tof.dat: intensities: 1 of 2 are not finite, the first is number 2, inf"),
        ([0.0, 0.0], "tof.dat: intensities: all 2 are 0"),
    ],
)
def test_weights_that_are_no_probabilities_are_refused(weights, message):
    with pytest.raises(SourceError) as caught:
        AliasTable(np.array(weights), "tof.dat: intensities")
    assert str(caught.value).startswith(message)
