"""Numbers of a file as integers, and which of them are not integers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def whole_numbers(
    values: NDArray[Any], factor: float, low: int, high: int, *, exact: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Multiply numbers and round them to integers.

    Parameters
    ----------
    values : ndarray of integers or floats
    factor : float
        a whole number, 1 at least
    low, high : int
        the least and the greatest that the products may be; at most 2^62 in size
    exact : bool
        whether a product that is not whole is refused, not rounded

    Returns
    -------
    whole : ndarray of int64, shape as values
        0 where the product is refused
    refused : ndarray of bool, shape as values
        where it is out of range or no number
    """
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            product = values.astype(np.float64) * factor
        whole = np.rint(product)
        # What is not a number compares false.
        refused = ~((whole >= low) & (whole <= high))
        if exact:
            refused |= whole != product
        return np.where(refused, 0, whole).astype(np.int64), refused
    # Compared before they are multiplied or made int64, so that nothing wraps around.
    times = int(factor)
    refused = (values < -(-low // times)) | (values > high // times)
    return np.where(refused, 0, values).astype(np.int64) * times, refused
