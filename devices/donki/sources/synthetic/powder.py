"""Events of a powder diffractometer: Bragg peaks and background in time of flight."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError, SourceError
from donki.sources.alias import AliasTable
from donki.sources.drawn_source import DrawnSource
from donki.sources.events import MAX_TIME_OF_FLIGHT, Events
from donki.sources.neutron import wavelength_to_time
from donki.sources.synthetic.beam import Beam
from donki.sources.synthetic.peaks import Peaks
from donki.sources.synthetic.pixels import Pixels

# A peak is drawn as a histogram of its Gaussian, the background as one of the flux: as many cells in all as
# stay in a core's cache.
_PEAK_BINS, _PEAK_REACH = 24, 4.0  # bins; standard deviations to each side
_BACKGROUND_BINS = 48
_CELLS = 1 << 14


class PowderSource(DrawnSource):
    """Pulses that a bank of pixels sees of a powder in a white beam.

    A neutron of wavelength λ that is scattered by planes of spacing d into the angle 2θ, by Bragg's law
    λ = 2 d sin θ, arrives after t = (m_n / h) L 2 d sin θ, L being the flight path from the moderator over
    the sample to the pixel. How many do, goes by the flux at λ, the pixel's solid angle, the peak's strength
    and the Lorentz factor of time-of-flight diffraction, d⁴ sin θ [Larson2004]_. Background is the same in
    all directions and has the spectrum of the flux.

    The weights are taken at the mean angle of each of up to 64 groups of pixels of like angle, which share
    their group's events alike, and for the temperature of the peaks; times are those of each pixel, to 2^-24
    of themselves (4 ns in 70 ms). Events come in no order.

    Parameters
    ----------
    bank : Pixels
        a `Bank`, or pixels wherever they are
    beam : Beam
    peaks : Peaks
    resolution : float
        standard deviation of a peak in d, as a share of d
    background : float
        share of the events that are background, from 0 to 1

    Attributes
    ----------
    geometry : Geometry
        of the bank, for the settings of ``player.events``

    Raises
    ------
    InputError
        when `resolution` or `background` is out of range
    SourceError
        when no peak lies in the band at the angles of the bank, or neutrons come later than 2.147 s

    References
    ----------
    .. [Larson2004] A. C. Larson, R. B. Von Dreele, General Structure Analysis System, Los Alamos Report
       LAUR 86-748 (2004)
    """

    def __init__(
        self, bank: Pixels, beam: Beam, peaks: Peaks, *, resolution: float = 2e-3, background: float = 0.2
    ) -> None:
        if not (0 < resolution < 0.1 and 0 <= background <= 1):
            raise InputError(
                f"resolution={resolution:g} must be above 0 and below 0.1,"
                f" background={background:g} from 0 to 1"
            )
        self.geometry = bank.geometry
        self._peaks = peaks
        theta = bank.two_theta.ravel() / 2
        order = np.argsort(theta, kind="stable")
        theta = theta[order]
        per_wavelength = wavelength_to_time(beam.flight_path + bank.distance.ravel()[order], 1.0) * 1e9
        latest = per_wavelength.max() * beam.band[1]
        if latest > MAX_TIME_OF_FLIGHT:
            raise SourceError(
                f"neutrons of {beam.band[1]:g} Å come {latest * 1e-9:g} s after the pulse, an event holds"
                " 2.147 s at most: narrow the band or shorten the flight path"
            )
        self._pixel = bank.detector_number.ravel()[order]
        self._per_d = per_wavelength * 2 * np.sin(theta)
        self._per_wavelength = per_wavelength

        cells = len(peaks.d) * _PEAK_BINS + _BACKGROUND_BINS
        groups = max(1, min(64, _CELLS // cells, len(order)))
        begins = np.arange(groups) * len(order) // groups
        sizes = np.diff(np.append(begins, len(order)))
        angle = np.add.reduceat(theta, begins) / sizes
        solid_angle = np.add.reduceat(bank.solid_angle.ravel()[order], begins)

        bragg = _bragg_weights(beam, peaks, angle) * solid_angle[:, None]
        if not bragg.any() and background < 1:
            raise SourceError(
                f"no peak from {peaks.d.min():g} to {peaks.d.max():g} Å scatters neutrons of"
                f" {beam.band[0]:g} to {beam.band[1]:g} Å by {2 * np.degrees(theta[0]):g} to"
                f" {2 * np.degrees(theta[-1]):g} degrees: move the bank or change the band"
            )
        edges = np.linspace(*beam.band, _BACKGROUND_BINS + 1)
        flat = np.outer(solid_angle, beam.flux((edges[1:] + edges[:-1]) / 2))
        profile, profile_edges = _gaussian()
        weights = np.concatenate(
            [
                (_share(bragg, 1 - background)[:, :, None] * profile).reshape(groups, -1),
                _share(flat, background),
            ],
            axis=1,
        )
        begin = np.concatenate([np.outer(peaks.d, 1 + resolution * profile_edges[:-1]).ravel(), edges[:-1]])
        end = np.concatenate([np.outer(peaks.d, 1 + resolution * profile_edges[1:]).ravel(), edges[1:]])
        is_background = np.arange(cells) >= len(peaks.d) * _PEAK_BINS

        self._table = AliasTable(weights.ravel(), "synthetic powder: weights")
        first = begins[:, None] + len(order) * is_background
        self._first = self._table.by_slot(first.ravel().astype(np.int32))
        self._size = self._table.by_slot(np.repeat(sizes, cells).astype(np.float32))
        self._begin = self._table.by_slot(np.tile(begin, groups).astype(np.float32))
        self._width = self._table.by_slot(np.tile(end - begin, groups).astype(np.float32))
        self._pixels_twice = np.concatenate([self._pixel, self._pixel])
        self._scale = math.nan
        seen = peaks.d[bragg.any(axis=0)]
        self._latest = (
            float(self._per_d.max() * seen.max() * (1 + _PEAK_REACH * resolution)) if len(seen) else 0.0
        )
        self._heat(1.0)

    def sample(
        self,
        rng: np.random.Generator,
        *,
        events: int | None = None,
        rate: float | None = None,
        temperature: float | None = None,
    ) -> Events:
        """Draw one pulse, as `DrawnSource.sample` does.

        Parameters
        ----------
        rng, events, rate
            as there
        temperature : float
            of the powder in K, which moves the peaks; that of the `Peaks` where none is given
        """
        self._heat(self._peaks.scale(temperature))
        return super().sample(rng, events=events, rate=rate)

    def _draw(self, rng: np.random.Generator, block: Events) -> None:
        slot = self._table.draw(rng, len(block.pixel_id))
        inside = rng.random(len(slot), dtype=np.float32)
        inside *= self._size.take(slot)
        place = inside.astype(np.int32)
        place += self._first.take(slot)
        length = rng.random(len(slot), dtype=np.float32)
        length *= self._width.take(slot)
        length += self._begin.take(slot)
        length *= self._per_length.take(place)
        np.copyto(block.time_of_flight, length, casting="unsafe")
        block.pixel_id[:] = self._pixels_twice.take(place)

    def _heat(self, scale: float) -> None:
        """Set ns per Å, of d for each pixel and then of wavelength, where the lattice is so much larger."""
        if scale != self._scale:
            if not self._latest * scale <= MAX_TIME_OF_FLIGHT:
                raise SourceError(
                    f"neutrons come {self._latest * scale * 1e-9:g} s after the pulse, an event holds 2.147 s"
                    " at most: narrow the band, shorten the flight path or heat less"
                )
            self._per_length = np.concatenate([self._per_d * scale, self._per_wavelength]).astype(np.float32)
            self._scale = scale


def _bragg_weights(beam: Beam, peaks: Peaks, theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many neutrons each peak scatters into a solid angle at θ (rad), shape (angles, peaks)."""
    sine = np.sin(theta)[:, None]
    return beam.flux(2 * peaks.d * sine) * peaks.strength * peaks.d**4 * sine


def _gaussian() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of a normal distribution in each bin, and the edges of the bins."""
    edges = np.linspace(-_PEAK_REACH, _PEAK_REACH, _PEAK_BINS + 1)
    below = np.array([math.erf(edge / math.sqrt(2)) for edge in edges])
    return np.diff(below) / (below[-1] - below[0]), edges


def _share(weights: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    total = weights.sum()
    return weights / total * share if total > 0 else weights
