"""Events of neutrons that a sample scatters elastically."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from donki.sources.synthetic.beam import Beam
from donki.sources.synthetic.pixels import Pixels
from donki.sources.synthetic.white_beam import WhiteBeamSource, wavelengths

Intensity = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]

# Groups of like angle, whose spectra stay in a core's cache; angles at which the intensity is worked out; the
# smallest angle that has a group of its own, as a share of the largest.
_GROUPS, _ANGLES, _SMALLEST = 512, 4096, 1e-3


class ElasticSource(WhiteBeamSource):
    """Pulses of a white beam that a sample scatters without a change of energy.

    How many neutrons of wavelength λ come to a pixel at 2θ, goes by the flux at λ, the intensity at 2θ and λ,
    and the pixel's solid angle, for each pixel by itself; spectra are those of 512 groups of like angle, in
    256 bins of the band.

    Parameters
    ----------
    pixels : Pixels
    beam : Beam
    intensity : callable
        takes 2θ in rad, shape (n, 1), and wavelengths in Å, shape (bins,), and returns what is scattered into
        a solid angle of as many neutrons that come, in any scale, shape (n, bins)
    name : str
        what is simulated, for messages

    Raises
    ------
    SourceError
        as `WhiteBeamSource`
    """

    def __init__(
        self, pixels: Pixels, beam: Beam, intensity: Intensity, *, name: str = "elastic scattering"
    ) -> None:
        two_theta = pixels.two_theta.ravel()
        wavelength = wavelengths(beam)
        flux = beam.flux(wavelength)
        edges, known = _angles(two_theta, _GROUPS), _angles(two_theta, _ANGLES)
        group = np.clip(np.searchsorted(edges, two_theta, side="right") - 1, 0, _GROUPS - 1)
        with np.errstate(under="ignore"):
            scattered = intensity(known[:, None], wavelength) @ flux
            spectra = intensity(np.sqrt(edges[1:] * edges[:-1])[:, None], wavelength) * flux
        shares = np.interp(two_theta, known, scattered) * pixels.solid_angle.ravel()
        super().__init__(pixels, beam, shares, spectra, group, name)


def _angles(two_theta: NDArray[np.float64], parts: int) -> NDArray[np.float64]:
    """Return angles from the smallest to the largest that is seen, each larger by the same factor."""
    largest = max(two_theta.max(), 1e-6)
    smallest = np.clip(two_theta.min(), largest * _SMALLEST, largest * (1 - 1e-9))
    return np.geomspace(smallest, largest, parts + 1)
