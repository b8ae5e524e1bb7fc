"""What a simulated monitor or detector counted: intensities over one or more axes."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.sources.geometry import middles
from donki.sources.neutron import energy_to_time, wavelength_to_time

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "mu-s": 1e-6, r"\gms": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_METRES = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}
_ANGSTROM = {"AA", "Angs", "angs", "Angstrom", "angstrom", "Å"}


# What Monitor_nD puts behind the unit: absolute values, logarithms.
_OPTIONS = r"(?:\s*\((?:abs|log)\))*\s*"


@dataclass(frozen=True)
class Axis:
    """One axis of a monitor.

    Attributes
    ----------
    label : str
        as McStas writes it, the unit in brackets: ``Wavelength [AA]``
    edges : ndarray of float64, shape (bins + 1,)
        rising, in that unit; decimal logarithms of it where the label ends with ``(log)``

    Raises
    ------
    InputError
        when the edges are fewer than two, not finite, or do not rise
    """

    label: str
    edges: NDArray[np.float64]

    def __post_init__(self) -> None:
        edges = np.asarray(self.edges)
        if edges.ndim != 1 or len(edges) < 2 or not (np.isfinite(edges).all() and np.all(np.diff(edges) > 0)):
            raise InputError(f"axis {self.label!r}: edges are two or more finite numbers that rise")

    @property
    def unit(self) -> str:
        """The unit, as McStas writes it; empty where there is none."""
        found = re.search(rf"\[([^\]]*)\]{_OPTIONS}$", self.label)
        return found[1].strip() if found else ""

    @property
    def is_logarithmic(self) -> bool:
        """Whether the edges are decimal logarithms, as Monitor_nD's option *log* makes them."""
        return bool(re.search(rf"\(log\){_OPTIONS}$", self.label))

    @property
    def is_time(self) -> bool:
        """Whether this axis is a time of flight."""
        return self.unit in _SECONDS

    @property
    def is_speed(self) -> bool:
        """Whether this axis says how fast the neutrons were: a wavelength or an energy."""
        label = self.label.lower()
        wavelength = self.unit in _ANGSTROM and ("wavelength" in label or "lambda" in label)
        return wavelength or (self.unit == "meV" and label.startswith("energy ["))

    @property
    def direction(self) -> str:
        """Which of x, y and z this axis is a position along; empty for none."""
        name = re.match(r"[xyz]\b", self.label.strip().lower())
        return name[0] if name and self.unit in _METRES and not self.is_logarithmic else ""

    def places(self) -> NDArray[np.float64]:
        """Return the middles of the bins of a position, in m."""
        return middles(self.edges) * _METRES[self.unit]

    def times(self, flight_path: float | None = None) -> NDArray[np.float64]:
        """Return the edges as times of flight in s, rising or (for energies) falling.

        Parameters
        ----------
        flight_path : float
            in m, from where the time is zero to the detector; for wavelengths and energies

        Raises
        ------
        InputError
            when the flight path is missing, not positive, or given for an axis that already is a time
        """
        with np.errstate(over="ignore"):
            edges: NDArray[np.float64] = 10.0**self.edges if self.is_logarithmic else self.edges
        if self.is_time:
            if flight_path is not None:
                raise InputError(
                    f"flight_path={flight_path} has no use: the axis {self.label!r} is a time already"
                )
            return edges * _SECONDS[self.unit]
        if flight_path is None or not 0 < flight_path < np.inf:
            raise InputError(
                f"the axis {self.label!r} gives times of flight only with the length of the flight path: "
                f"flight_path= metres, above 0, not {flight_path}"
            )
        convert = wavelength_to_time if self.unit in _ANGSTROM else energy_to_time
        return convert(edges, flight_path)


@dataclass(frozen=True)
class Monitor:
    """A histogram of intensity.

    Attributes
    ----------
    name : str
        where it comes from, for messages: the path of its file
    title : str
    axes : tuple of Axis
        one for each dimension of `intensity`; for a position-sensitive detector (y, x)
    intensity : ndarray of float64, shape (bins of axes[0], …)
        summed weight of the rays in each bin
    error : ndarray of float64, same shape
        one standard deviation of `intensity`
    rays : ndarray of float64, same shape
        how many simulated rays fell into each bin

    Raises
    ------
    InputError
        when the shapes do not fit to the axes
    """

    name: str
    title: str
    axes: tuple[Axis, ...]
    intensity: NDArray[np.float64]
    error: NDArray[np.float64]
    rays: NDArray[np.float64]

    def __post_init__(self) -> None:
        bins = tuple(len(axis.edges) - 1 for axis in self.axes)
        shapes = [np.shape(values) for values in (self.intensity, self.error, self.rays)]
        if any(shape != bins for shape in shapes):
            raise InputError(f"{self.name}: axes of {bins} bins, but intensity, error and rays of {shapes}")
