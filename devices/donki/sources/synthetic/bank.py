"""A bank of detector pixels around a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.sources.geometry import Geometry, pixel_numbers
from donki.sources.number_checks import LONGEST, check_length, check_pixel_numbers, check_pixels


@dataclass(frozen=True)
class Bank:
    """Pixels in rows and columns, at places known from the sample.

    The sample is at the origin, the beam runs along z, y is up and x to the left of the beam, as in McStas
    and NeXus. Pixels are numbered ``first_pixel + row * columns + column``, row 0 the lowest, the column
    rising with the scattering angle.

    Attributes
    ----------
    positions : ndarray of float64, shape (rows, columns, 3)
        the middle of each pixel in m
    solid_angle : ndarray of float64, shape (rows, columns)
        of each pixel seen from the sample, sr
    first_pixel : int
    """

    positions: NDArray[np.float64]
    solid_angle: NDArray[np.float64]
    first_pixel: int = 1

    def __post_init__(self) -> None:
        if self.positions.shape != (*self.solid_angle.shape, 3):
            raise InputError(
                f"a bank has a place x, y, z and a solid angle of each pixel: shapes {self.positions.shape},"
                f" {self.solid_angle.shape}"
            )
        # Not a number compares false.
        if not (np.all(np.abs(self.positions) <= LONGEST) and np.all(self.solid_angle >= 0)):
            raise InputError("a bank's positions are in m, its solid angles in sr, not below 0")
        if not np.all(self.solid_angle <= 4 * np.pi):
            raise InputError("a bank's solid angles are at most 4 π sr each")
        check_pixel_numbers(self.first_pixel, self.solid_angle.size)

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

    @property
    def geometry(self) -> Geometry:
        """The pixels and their places seen from the sample, for the settings of ``player.events``."""
        x, y, z = np.moveaxis(self.positions, -1, 0)
        return Geometry(
            detector_number=pixel_numbers(self.first_pixel, x.shape),
            x_pixel_offset=x,
            y_pixel_offset=y,
            z_pixel_offset=z,
            unit="m",
        )

    @property
    def distance(self) -> NDArray[np.float64]:
        """From the sample to each pixel in m, shape (rows, columns)."""
        distance: NDArray[np.float64] = np.sqrt((self.positions**2).sum(axis=-1))
        return distance

    @property
    def two_theta(self) -> NDArray[np.float64]:
        """Scattering angle of each pixel in rad, shape (rows, columns)."""
        return np.arctan2(np.hypot(self.positions[..., 0], self.positions[..., 1]), self.positions[..., 2])


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
