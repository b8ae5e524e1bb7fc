"""A bank of detector pixels around a sample."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.sources.geometry import pixel_numbers
from donki.sources.number_checks import check_length, check_pixels
from donki.sources.synthetic.pixels import Pixels


@dataclass(frozen=True)
class Bank(Pixels):
    """Pixels in rows and columns.

    They are numbered ``first_pixel + row * columns + column``, row 0 the lowest, the column rising with the
    scattering angle.

    Attributes
    ----------
    positions : ndarray of float64, shape (rows, columns, 3)
        the middle of each pixel in m
    solid_angle : ndarray of float64, shape (rows, columns)
        of each pixel seen from the sample, sr
    first_pixel : int
    """

    detector_number: NDArray[np.int32] = field(init=False, repr=False)
    positions: NDArray[np.float64]
    solid_angle: NDArray[np.float64]
    first_pixel: int = 1

    def __post_init__(self) -> None:
        numbers = pixel_numbers(self.first_pixel, self.solid_angle.shape)
        object.__setattr__(self, "detector_number", numbers)
        super().__post_init__()

    @classmethod
    def flat(
        cls,
        width: float,
        height: float,
        columns: int,
        rows: int,
        *,
        distance: float,
        two_theta: float,
        first_pixel: int = 1,
    ) -> Bank:
        """Make a flat panel that faces the sample.

        Parameters
        ----------
        width, height : float
            in m
        columns, rows : int
        distance : float
            from the sample to the middle of the panel, in m
        two_theta : float
            scattering angle of the middle, in degrees, in the horizontal plane towards x
        first_pixel : int

        Raises
        ------
        InputError
            when a length or a count is not positive, or the numbers do not fit into int32
        """
        _check(rows, columns, width=width, height=height, distance=distance)
        _check_angles(two_theta)
        angle = np.radians(two_theta)
        along = np.array([np.cos(angle), 0, -np.sin(angle)])
        middle = distance * np.array([np.sin(angle), 0, np.cos(angle)])
        across, up = _middles(width, columns), _middles(height, rows)
        positions = middle + across[None, :, None] * along + up[:, None, None] * np.array([0, 1, 0])
        area = width * height / (columns * rows)
        return cls(positions, _solid_angle(positions, area, distance), first_pixel)

    @classmethod
    def cylinder(
        cls,
        radius: float,
        height: float,
        columns: int,
        rows: int,
        *,
        two_theta: tuple[float, float],
        first_pixel: int = 1,
    ) -> Bank:
        """Make a part of an upright cylinder around the sample.

        Parameters
        ----------
        radius, height : float
            in m
        columns, rows : int
        two_theta : (float, float)
            first and last scattering angle in degrees, in the horizontal plane towards x
        first_pixel : int

        Raises
        ------
        InputError
            when a length or a count is not positive, the angles do not rise, or the numbers do not fit into
            int32
        """
        _check(rows, columns, radius=radius, height=height)
        _check_angles(*two_theta)
        if not two_theta[0] < two_theta[1]:
            raise InputError(f"a bank's angles must rise, not go from {two_theta[0]:g} to {two_theta[1]:g}")
        begin, end = np.radians(two_theta)
        angle = (begin + end) / 2 + _middles(end - begin, columns)
        positions = np.empty((rows, columns, 3))
        positions[..., 0], positions[..., 2] = radius * np.sin(angle), radius * np.cos(angle)
        positions[..., 1] = _middles(height, rows)[:, None]
        area = radius * (end - begin) * height / (columns * rows)
        return cls(positions, _solid_angle(positions, area, radius), first_pixel)


def _middles(length: float, parts: int) -> NDArray[np.float64]:
    return ((np.arange(parts) + 0.5) / parts - 0.5) * length


def _solid_angle(positions: NDArray[np.float64], area: float, perpendicular: float) -> NDArray[np.float64]:
    """Return area cos γ / r², where the pixel's normal is γ off the line to the sample."""
    solid_angle: NDArray[np.float64] = area * perpendicular / (positions**2).sum(axis=-1) ** 1.5
    return solid_angle


def _check(rows: int, columns: int, **lengths: float) -> None:
    for name, length in lengths.items():
        check_length(f"a bank's {name}", length)
    check_pixels("a bank's", rows, columns)


def _check_angles(*degrees: float) -> None:
    for angle in degrees:
        if not -360 <= angle <= 360:
            raise InputError(f"a bank's angles are degrees from -360 to 360, not {angle}")
