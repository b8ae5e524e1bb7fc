"""A recorded pulse."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Pulse(NamedTuple):
    """The events of one pulse, and when it came.

    Attributes
    ----------
    time_of_flight : ndarray of int32, shape (n,)
        ns since the reference time of the pulse
    pixel_id : ndarray of int32, shape (n,)
    offset : int
        ns from the reference time of the recording's first pulse to this one's; in a loop it goes on
    """

    time_of_flight: NDArray[np.int32]
    pixel_id: NDArray[np.int32]
    offset: int
