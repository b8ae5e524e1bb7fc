"""Detector pixels, wherever they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.sources.events import MAX_PIXEL_ID
from donki.sources.geometry import Geometry
from donki.sources.number_checks import LONGEST


@dataclass(frozen=True)
class Pixels:
    """Pixels at places known from the sample, with any numbers.

    The sample is at the origin, the beam runs along z, y is up and x to the left of the beam, as in McStas
    and NeXus.

    Attributes
    ----------
    detector_number : ndarray of int32, any shape
        of each pixel; no two are alike, and there may be gaps
    positions : ndarray of float64, that shape and 3 places
        the middle of each pixel in m
    solid_angle : ndarray of float64, that shape
        of each pixel seen from the sample, sr

    Raises
    ------
    InputError
        when shapes do not fit, a number is negative, a place or a solid angle is none
    """

    detector_number: NDArray[np.int32]
    positions: NDArray[np.float64]
    solid_angle: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = self.detector_number.shape
        if self.positions.shape != (*shape, 3) or self.solid_angle.shape != shape or not shape:
            raise InputError(
                f"pixels have a place x, y, z and a solid angle each: shapes {shape}, {self.positions.shape},"
                f" {self.solid_angle.shape}"
            )
        if not self.detector_number.size or not (
            np.all(self.detector_number >= 0) and np.all(self.detector_number <= MAX_PIXEL_ID)
        ):
            raise InputError(f"pixels have numbers from 0 to {MAX_PIXEL_ID}, and there is one at least")
        # Not a number compares false.
        if not (np.all(np.abs(self.positions) <= LONGEST) and np.all(self.solid_angle >= 0)):
            raise InputError("the positions of pixels are in m, their solid angles in sr, not below 0")
        if not np.all(self.solid_angle <= 4 * np.pi):
            raise InputError("the solid angles of pixels are at most 4 π sr each")

    @classmethod
    def alike(
        cls, detector_number: NDArray[np.int32], positions: NDArray[np.float64], *, area: float = 1e-6
    ) -> Self:
        """Return pixels that are all of one size and face the sample: their solid angles go by 1 / r².

        Parameters
        ----------
        detector_number, positions
            as above
        area : float
            of each, in m²

        Raises
        ------
        InputError
            as above, and when a pixel is where the sample is
        """
        square = (positions**2).sum(axis=-1)
        if not np.all(square * 4 * np.pi >= area):
            raise InputError("a pixel is where the sample is; pixels are at a distance from it")
        return cls(detector_number, positions, area / square)

    @property
    def geometry(self) -> Geometry:
        """The pixels and their places seen from the sample, for the settings of ``player.events``."""
        x, y, z = np.moveaxis(self.positions, -1, 0)
        return Geometry(
            detector_number=self.detector_number,
            x_pixel_offset=x,
            y_pixel_offset=y,
            z_pixel_offset=z,
            unit="m",
        )

    @property
    def distance(self) -> NDArray[np.float64]:
        """From the sample to each pixel in m, shape as detector_number."""
        distance: NDArray[np.float64] = np.sqrt((self.positions**2).sum(axis=-1))
        return distance

    @property
    def two_theta(self) -> NDArray[np.float64]:
        """Scattering angle of each pixel in rad, shape as detector_number."""
        return np.arctan2(np.hypot(self.positions[..., 0], self.positions[..., 1]), self.positions[..., 2])
