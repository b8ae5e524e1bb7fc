"""The panel of pixels that a list of neutrons is seen on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from donki.sources.events import MAX_PIXEL_ID
from donki.sources.geometry import Geometry, middles, pixel_numbers
from donki.sources.number_checks import check_length, check_pixel_numbers, check_pixels


@dataclass(frozen=True)
class Panel:
    """A flat rectangular detector, centred on the origin of x and y.

    Its pixels are numbered by rows from the lower left: ``first_pixel + row * columns + column``, the column
    rising with x, the row with y.

    Parameters
    ----------
    width, height : float
        in m, along x and y
    columns, rows : int
        pixels along x and y
    first_pixel : int
        the number of the pixel at the lowest x and y

    Raises
    ------
    InputError
        when a length or a count is not positive, or the pixel numbers are not whole or do not fit into int32
    """

    width: float
    height: float
    columns: int
    rows: int
    first_pixel: int = 1

    def __post_init__(self) -> None:
        check_length("a panel's width", self.width)
        check_length("a panel's height", self.height)
        check_pixels("a panel's", self.rows, self.columns, MAX_PIXEL_ID)
        check_pixel_numbers(self.first_pixel, self.columns * self.rows)

    @property
    def geometry(self) -> Geometry:
        """The pixels and their places, shape (rows, columns), for the settings of ``player.events``.

        The position is that of the panel's middle: the panel does not know it, the script does.
        """
        x = middles(np.linspace(-self.width / 2, self.width / 2, self.columns + 1))
        y = middles(np.linspace(-self.height / 2, self.height / 2, self.rows + 1))
        y_offset, x_offset = np.meshgrid(y, x, indexing="ij")
        numbers = pixel_numbers(self.first_pixel, x_offset.shape)
        return Geometry(detector_number=numbers, x_pixel_offset=x_offset, y_pixel_offset=y_offset, unit="m")

    def pixel_ids(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return the pixel that each position (m) falls on, shape as x; -1 beside the panel."""
        with np.errstate(invalid="ignore", over="ignore"):
            column = np.floor((x / self.width + 0.5) * self.columns)
            row = np.floor((y / self.height + 0.5) * self.rows)
            inside = (column >= 0) & (column < self.columns) & (row >= 0) & (row < self.rows)
            pixel = np.where(inside, self.first_pixel + row * self.columns + column, -1)
        return pixel.astype(np.int32)
