"""Numbers, whoever made them: their smallest and their largest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.numeric import highest, lowest


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.uint32, np.int64, np.uint64, ">i4"])
@given(data=st.data())
def test_smallest_and_largest_of_arrays_of_any_layout(dtype: object, data: st.DataObject) -> None:
    """They are those of Python's min and max, whether the numbers lie one after the other or not."""
    kind = np.iinfo(np.dtype(dtype))
    numbers = data.draw(st.lists(st.integers(int(kind.min), int(kind.max)), min_size=1, max_size=80))
    step = data.draw(st.sampled_from([-3, -1, 1, 2, 7]))
    array = np.array(numbers, dtype)[::step]
    assert (lowest(array), highest(array)) == (min(numbers[::step]), max(numbers[::step]))
