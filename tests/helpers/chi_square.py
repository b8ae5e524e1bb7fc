"""Whether counts follow a distribution."""

from __future__ import annotations

from math import sqrt

import numpy as np


def assert_counts_follow(counts, expected):
    """Pearson's chi-square test, at a level that fails once in 16,000 true cases; `expected` in any scale.

    The Wilson-Hilferty approximation makes chi-square a normal deviate. Too good a fit fails as well.
    """
    counts = np.ravel(counts)
    expected = np.ravel(expected) / np.sum(expected) * np.sum(counts)
    assert not counts[expected == 0].any()
    counts, expected = counts[expected > 0], expected[expected > 0]
    assert expected.min() > 10
    freedom = len(counts) - 1
    chi_square = np.sum((counts - expected) ** 2 / expected)
    spread = 2 / (9 * freedom)
    assert abs((chi_square / freedom) ** (1 / 3) - (1 - spread)) / sqrt(spread) < 4
