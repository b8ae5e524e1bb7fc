"""Where the pixels of a detector are, as files tell it."""

from __future__ import annotations

from typing import NotRequired

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from donki.sources.number_checks import check_pixel_numbers


class Geometry(TypedDict):
    """The pixels of a detector, by the names of the settings of ``player.events`` that take them.

    Attributes
    ----------
    detector_number : ndarray of int32
        of each pixel, any shape
    x_pixel_offset, y_pixel_offset, z_pixel_offset : ndarray of float64
        the middle of each pixel, of that shape, as far as it is known
    unit : str
        of lengths
    position : (float, float, float)
        of the detector, seen from the sample; where there is none, that is not known, or the offsets are seen
        from the sample
    """

    detector_number: NDArray[np.int32]
    x_pixel_offset: NotRequired[NDArray[np.float64]]
    y_pixel_offset: NotRequired[NDArray[np.float64]]
    z_pixel_offset: NotRequired[NDArray[np.float64]]
    unit: NotRequired[str]
    position: NotRequired[tuple[float, float, float]]


def pixel_numbers(first_pixel: int, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return the numbers of pixels, the last axis of the shape the fastest.

    Raises
    ------
    InputError
        unless they are whole and fit into int32, from 0
    """
    count = int(np.prod(shape))
    check_pixel_numbers(first_pixel, count)
    return np.arange(first_pixel, first_pixel + count, dtype=np.int32).reshape(shape)


def middles(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middles of bins or pixels, shape (n,), from their edges, shape (n + 1,)."""
    middle: NDArray[np.float64] = (edges[1:] + edges[:-1]) / 2
    return middle


def one_pixel(number: int) -> Geometry:
    """Return a detector of one pixel, as a beam monitor."""
    offset = np.zeros(1)
    pixel = pixel_numbers(number, (1,))
    return Geometry(detector_number=pixel, x_pixel_offset=offset, y_pixel_offset=offset, unit="m")
