"""What a detector sees of the beam that goes through the sample, or past it."""

from __future__ import annotations

import numpy as np

from donki.errors import InputError, SourceError
from donki.sources.synthetic.beam import Beam
from donki.sources.synthetic.pixels import Pixels
from donki.sources.synthetic.white_beam import WhiteBeamSource, wavelengths

_REACH = 5.0  # standard deviations


class DirectBeamSource(WhiteBeamSource):
    """Pulses of the beam itself: a spot on the pixels behind the sample, with the spectrum of the beam.

    The spot is a Gaussian around the beam's axis, as wide at all distances; a pixel sees what its area, as
    seen from the sample, cuts out of it.

    Parameters
    ----------
    pixels : Pixels
    beam : Beam
    width : float
        standard deviation of the spot along x and along y, in m

    Raises
    ------
    InputError
        when `width` is out of range
    SourceError
        when no pixel behind the sample is within 5 widths of the axis; as `WhiteBeamSource`
    """

    def __init__(self, pixels: Pixels, beam: Beam, *, width: float = 5e-3) -> None:
        if not 1e-6 <= width <= 10:
            raise InputError(f"width={width!r:.80} of the beam's spot is in m, from 1e-6 to 10")
        x, y, z = np.moveaxis(pixels.positions.reshape(-1, 3), -1, 0)
        off_axis = np.where(z > 0, np.hypot(x, y), np.inf)
        nearest = float(off_axis.min())
        if nearest > _REACH * width:
            off = (
                f"the nearest pixel is {nearest:.4g} m off"
                if nearest < np.inf
                else "none is behind the sample"
            )
            raise SourceError(
                f"the direct beam, a spot of {width:g} m, meets no pixel: {off}; widen it, or take another"
                " detector"
            )
        with np.errstate(under="ignore"):
            spot = np.exp(-((off_axis / width) ** 2) / 2)
        area = (pixels.solid_angle * pixels.distance**2).ravel()
        spectrum = beam.flux(wavelengths(beam))[None]
        super().__init__(pixels, beam, spot * area, spectrum, np.zeros(area.size, np.intp), "direct beam")
