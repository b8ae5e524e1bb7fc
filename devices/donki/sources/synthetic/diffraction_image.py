"""Images of an area detector behind a powder."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError, SourceError
from donki.sources.number_checks import check_counts, check_length, check_pixels
from donki.sources.synthetic.peaks import Peaks


class DiffractionImage:
    """Frames with the Debye-Scherrer rings of a powder in a beam of one wavelength.

    The detector is flat and upright on the beam, the beam meets its middle. A ring lies where
    r = D tan 2θ, with Bragg's λ = 2 d sin θ. Its intensity goes by the peak's strength and the Lorentz factor
    of a powder, 1 / (sin² θ cos θ) [Warren1969]_; across the ring it is a Gaussian in 2θ. Each pixel sees its
    solid angle, and counts are Poisson distributed.

    Parameters
    ----------
    rows, columns : int
        pixels along y and x
    pixel : float
        width and height of a pixel, in m
    distance : float
        from the sample, in m
    wavelength : float
        in Å
    peaks : Peaks
    width : float
        standard deviation of a ring in 2θ, in degrees
    background : float
        share of the counts that are even over all directions, from 0 to 1

    Raises
    ------
    InputError
        when a size is not positive or `background` out of range
    SourceError
        when no ring falls on the detector

    References
    ----------
    .. [Warren1969] B. E. Warren, X-Ray Diffraction (1969), chapter 4: the powder pattern power theorem
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        *,
        pixel: float,
        distance: float,
        wavelength: float,
        peaks: Peaks,
        width: float = 0.1,
        background: float = 0.2,
    ) -> None:
        check_pixels("a diffraction image's", rows, columns)
        for name, length in {"pixel": pixel, "distance": distance}.items():
            check_length(f"a diffraction image's {name}", length)
        if not (0.001 <= width <= 90 and 1e-6 <= wavelength <= 1e4):
            raise InputError(
                f"a diffraction image's width={width} is in degrees, from 0.001 to 90, its"
                f" wavelength={wavelength} in Å, from 1e-6 to 1e4"
            )
        if not 0 <= background <= 1:
            raise InputError(f"background={background:g} is a share, from 0 to 1")
        y = (np.arange(rows) - (rows - 1) / 2) * pixel
        x = (np.arange(columns) - (columns - 1) / 2) * pixel
        radius = np.hypot(x, y[:, None])
        self._two_theta = np.arctan2(radius, distance)
        self._solid_angle = pixel**2 * distance / (radius**2 + distance**2) ** 1.5
        self._wavelength, self._peaks = wavelength, peaks
        self._width, self._background = math.radians(width), background
        self._scale = math.nan
        self._shares = np.zeros(radius.shape)
        self._mean(1.0)

    def sample(
        self, rng: np.random.Generator, *, counts: float, temperature: float | None = None
    ) -> NDArray[np.uint16]:
        """Draw one frame.

        Parameters
        ----------
        rng : numpy.random.Generator
            decides, alone, what is drawn
        counts : float
            on average in all pixels of a frame
        temperature : float
            of the powder in K, which moves the rings; that of the `Peaks` where none is given

        Returns
        -------
        ndarray of uint16, shape (rows, columns)
            counts, row 0 the lowest; 65,535 is the most that a pixel counts

        Raises
        ------
        InputError
            when `counts` is negative or no number
        """
        check_counts(counts)
        frame = rng.poisson(self._mean(self._peaks.scale(temperature)) * counts)
        return np.minimum(frame, np.iinfo(np.uint16).max).astype(np.uint16)

    def _mean(self, scale: float) -> NDArray[np.float64]:
        """Return the share of the counts in each pixel."""
        if scale != self._scale:
            rings = self._rings(scale) * self._solid_angle
            if not rings.any() and self._background < 1:
                raise SourceError(
                    f"no ring of {self._wavelength:g} Å falls on the detector, which ends at 2θ ="
                    f" {math.degrees(self._two_theta.max()):.3g} degrees: move it, or change the wavelength"
                )
            even = self._solid_angle / self._solid_angle.sum()
            total = rings.sum()
            self._shares = self._background * even
            if total > 0:
                self._shares += (1 - self._background) / total * rings
            self._scale = scale
        return self._shares

    def _rings(self, scale: float) -> NDArray[np.float64]:
        """Return the intensity of the rings in each direction."""
        sine = self._wavelength / (2 * self._peaks.d * scale)
        theta = np.arcsin(sine[sine < 1])
        strength = self._peaks.strength[sine < 1] / (np.sin(theta) ** 2 * np.cos(theta))
        # The rings are tabulated by angle: a few pixels' worth of directions a standard deviation.
        angles = np.arange(0, self._two_theta.max() + self._width, self._width / 8)
        profile = np.zeros(len(angles))
        for angle, height in zip(2 * theta, strength, strict=True):
            near = slice(*np.searchsorted(angles, [angle - 6 * self._width, angle + 6 * self._width]))
            profile[near] += height * np.exp(-(((angles[near] - angle) / self._width) ** 2) / 2)
        rings: NDArray[np.float64] = np.interp(self._two_theta, angles, profile)
        return rings
