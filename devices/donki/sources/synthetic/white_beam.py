"""Events of a white beam in pixels, wherever these are: what each pixel sees, and with which spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError
from donki.sources.alias import AliasRows, AliasTable
from donki.sources.drawn_source import DrawnSource
from donki.sources.events import MAX_TIME_OF_FLIGHT, Events
from donki.sources.neutron import wavelength_to_time
from donki.sources.synthetic.beam import Beam
from donki.sources.synthetic.pixels import Pixels

_BINS = 256


class WhiteBeamSource(DrawnSource):
    """Pulses of a white beam, of which each pixel sees its share.

    A neutron of wavelength λ arrives after t = (m_n / h) L λ, L being the flight path from the moderator over
    the sample to the pixel; nothing changes its energy. Times are those of each pixel, to 2^-24 of themselves
    (4 ns in 70 ms). Events come in no order.

    Parameters
    ----------
    pixels : Pixels
    beam : Beam
    shares : ndarray of float64, shape (n,)
        how many neutrons each pixel sees, in any scale
    spectra : ndarray of float64, shape (groups, 256)
        how many of them have their wavelength in each of the bins of `wavelengths`, in any scale
    group : ndarray of int, shape (n,)
        whose spectrum that of each pixel is
    name : str
        what is simulated, for messages

    Attributes
    ----------
    geometry : Geometry
        of the pixels, for the settings of ``player.events``

    Raises
    ------
    SourceError
        when no pixel sees anything, or neutrons come later than 2.147 s
    """

    def __init__(
        self,
        pixels: Pixels,
        beam: Beam,
        shares: NDArray[np.float64],
        spectra: NDArray[np.float64],
        group: NDArray[np.intp],
        name: str,
    ) -> None:
        per_wavelength = wavelength_to_time(beam.flight_path + pixels.distance.ravel(), 1.0) * 1e9
        latest = per_wavelength.max() * beam.band[1]
        if latest > MAX_TIME_OF_FLIGHT:
            raise SourceError(
                f"{name}: neutrons of {beam.band[1]:g} Å come {latest * 1e-9:g} s after the pulse, an event"
                " holds 2.147 s at most: narrow the band or shorten the flight path"
            )
        if not shares.any():
            raise SourceError(
                f"{name}: nothing of {beam.band[0]:g} to {beam.band[1]:g} Å comes to any of the {shares.size}"
                " pixels; change the band, what is simulated, or where the pixels are"
            )
        self.geometry = pixels.geometry
        self._pixels = AliasTable(shares, f"{name}: what the pixels see")
        self._number = self._pixels.by_slot(pixels.detector_number.ravel())
        self._group = self._pixels.by_slot(group.astype(np.int32))
        self._per_wavelength = self._pixels.by_slot(per_wavelength.astype(np.float32))
        self._spectra = AliasRows(spectra)
        self._shortest = np.float32(beam.band[0])
        self._width = np.float32((beam.band[1] - beam.band[0]) / _BINS)

    def _draw(self, rng: np.random.Generator, block: Events) -> None:
        slot = self._pixels.draw(rng, len(block.pixel_id))
        length = rng.random(len(slot), dtype=np.float32)
        length += self._spectra.draw(rng, self._group.take(slot))
        length *= self._width
        length += self._shortest
        length *= self._per_wavelength.take(slot)
        np.copyto(block.time_of_flight, length, casting="unsafe")
        block.pixel_id[:] = self._number.take(slot)


def wavelengths(beam: Beam) -> NDArray[np.float64]:
    """Return the middles of the bins of the spectra, in Å, shape (256,): the band in equal parts."""
    shortest, longest = beam.band
    middles: NDArray[np.float64] = shortest + (np.arange(_BINS) + 0.5) / _BINS * (longest - shortest)
    return middles


class FlatSource(WhiteBeamSource):
    """Pulses that are the same in all directions: pixels by their solid angles, the beam's spectrum.

    Parameters
    ----------
    pixels : Pixels
    beam : Beam

    Raises
    ------
    SourceError
        as `WhiteBeamSource`
    """

    def __init__(self, pixels: Pixels, beam: Beam) -> None:
        shares = pixels.solid_angle.ravel()
        spectrum = beam.flux(wavelengths(beam))[None]
        super().__init__(pixels, beam, shares, spectrum, np.zeros(shares.size, np.intp), "flat background")
