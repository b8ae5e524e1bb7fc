"""Events drawn from what simulated monitors counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError, SourceError
from donki.sources.alias import AliasTable
from donki.sources.drawn_source import DrawnSource
from donki.sources.events import MAX_TIME_OF_FLIGHT, Events
from donki.sources.geometry import Geometry, one_pixel, pixel_numbers
from donki.sources.mcstas.monitor import Axis, Monitor


class HistogramSource(DrawnSource):
    """Pulses of independent events, drawn from one histogram or from two.

    An event falls into a bin with a probability proportional to the bin's intensity, and anywhere inside the
    bin alike (for a wavelength or an energy: alike in time), to 2^-24 of its width. Events come in no order.

    Parameters
    ----------
    times : Monitor
        its axis of time of flight, or else of wavelength or energy, gives the times; another axis, where it
        has one, the pixels together with them. A wavelength or an energy beside a time is not a pixel: all
        of it counts.
    pixels : Monitor, optional
        gives the pixels, independently of the times. Without it, and without another axis of `times`, all
        events are on `first_pixel`, as in a beam monitor.
    flight_path : float, optional
        in m, from where the time is zero to the detector; for wavelengths and energies, where t = L / v
    first_pixel : int
        the number of the first pixel. Pixels are numbered as a McStas file lists them: the x of a PSD is the
        fast axis, ``first_pixel + row * columns + column``, row 0 the lowest y.

    Attributes
    ----------
    geometry : Geometry
        of the pixels, for the settings of ``player.events``: their numbers, and where axes are positions x, y
        or z, the offsets from the middle of the monitor's own coordinates

    Raises
    ------
    SourceError
        when a monitor cannot be drawn from: no time axis or several; intensities negative, not finite or all
        zero; intensity at times of flight below 0 or over 2.147 s (what int32 ns can hold)
    InputError
        when `flight_path` or `first_pixel` does not fit, both monitors give pixels, or one is not a Monitor
    """

    def __init__(
        self,
        times: Monitor,
        pixels: Monitor | None = None,
        *,
        flight_path: float | None = None,
        first_pixel: int = 1,
    ) -> None:
        times = _seen(times)
        axis = _time_axis(times)
        intensity = np.moveaxis(times.intensity, axis, -1)
        bins = intensity.shape[-1]
        rows = intensity.size // bins
        used = np.any(intensity.reshape(rows, bins) != 0, axis=0)
        begin, width = _time_bins(times, axis, flight_path, used)

        self._table = AliasTable(intensity.ravel(), f"{times.name}: intensities")
        self._begin = self._table.by_slot(np.tile(begin, rows))
        self._width = self._table.by_slot(np.tile(width, rows))
        if pixels is None:
            self._pixel_table = None
            self.geometry = _geometry(times.axes[:axis] + times.axes[axis + 1 :], first_pixel)
            self._pixel = self._table.by_slot(np.repeat(self._numbers, bins))
        else:
            _check_pixels(pixels, times)
            self._pixel_table = AliasTable(pixels.intensity.ravel(), f"{pixels.name}: intensities")
            self.geometry = _geometry(pixels.axes, first_pixel)
            self._pixel = self._pixel_table.by_slot(self._numbers)

    @property
    def _numbers(self) -> NDArray[np.int32]:
        return self.geometry["detector_number"].ravel()

    def _draw(self, rng: np.random.Generator, block: Events) -> None:
        slot = self._table.draw(rng, len(block.pixel_id))
        inside = rng.random(len(slot), dtype=np.float32)
        inside *= self._width.take(slot)
        np.add(self._begin.take(slot), inside.astype(np.int32), out=block.time_of_flight)
        if self._pixel_table is not None:
            slot = self._pixel_table.draw(rng, len(slot))
        block.pixel_id[:] = self._pixel.take(slot)


def _check_is_monitor(monitor: Monitor) -> None:
    if not isinstance(monitor, Monitor):
        raise InputError(
            f"a HistogramSource takes Monitors, not the {type(monitor).__name__} "
            f"{getattr(monitor, 'name', monitor)}; a list of events goes into an EventListSource"
        )


def _labels(monitor: Monitor) -> str:
    return " and ".join(repr(axis.label) for axis in monitor.axes)


def _seen(monitor: Monitor) -> Monitor:
    """Return what a detector sees of a monitor of times: those of neutrons of all wavelengths or energies."""
    _check_is_monitor(monitor)
    hidden = tuple(index for index, axis in enumerate(monitor.axes) if axis.is_speed)
    if not hidden or not any(axis.is_time for axis in monitor.axes):
        return monitor
    axes = tuple(axis for axis in monitor.axes if not axis.is_speed)
    with np.errstate(over="ignore", invalid="ignore"):
        intensity, rays = (values.sum(axis=hidden) for values in (monitor.intensity, monitor.rays))
        error = np.sqrt((monitor.error**2).sum(axis=hidden))
    return Monitor(monitor.name, monitor.title, axes, intensity, error, rays)


def _time_axis(monitor: Monitor) -> int:
    found = [index for index, axis in enumerate(monitor.axes) if axis.is_time or axis.is_speed]
    if len(found) != 1:
        raise SourceError(
            f"{monitor.name} has the axis {_labels(monitor)}, but times of flight need exactly one that is a "
            f"time ([s], [ms], [us], [\\gms]), a wavelength ([AA], [Angs]) or an energy ([meV])"
        )
    return found[0]


def _check_pixels(pixels: Monitor, times: Monitor) -> None:
    _check_is_monitor(pixels)
    if any(axis.is_time or axis.is_speed for axis in pixels.axes):
        raise SourceError(f"{pixels.name} has the axis {_labels(pixels)}: pixels need positions or angles")
    if len(times.axes) > 1:
        raise InputError(
            f"{times.name} has the axes {_labels(times)}, so it gives pixels as well: leave {pixels.name} "
            f"out, or take a monitor of times alone"
        )


def _time_bins(
    monitor: Monitor, axis: int, flight_path: float | None, used: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the begin and the width of each time bin in whole ns; 0 for unused bins."""
    try:
        with np.errstate(over="ignore"):
            edges = np.rint(monitor.axes[axis].times(flight_path) * 1e9)
    except InputError as error:
        raise InputError(f"{monitor.name}: {error}") from None
    begin, end = np.minimum(edges[:-1], edges[1:]), np.maximum(edges[:-1], edges[1:])
    limits = (
        (~(begin >= 0), "below 0"),
        (~(end <= MAX_TIME_OF_FLIGHT), "over 2.147 s, the most that an event holds"),
    )
    for refused, limit in limits:
        if (refused & used).any():
            first = np.flatnonzero(refused & used)[0]
            raise SourceError(
                f"{monitor.name}: there is intensity at times of flight from {begin[first] * 1e-9:g} to "
                f"{end[first] * 1e-9:g} s, {limit}; narrow the range of the monitor"
                + ("" if flight_path is None else f" or check the flight path of {flight_path:g} m")
            )
    # A float32 below 1 times a width is a unit in the last place below it, or more: no event leaves its bin.
    with np.errstate(invalid="ignore"):
        width = np.where(used, end - begin, 0).astype(np.float32)
    return np.where(used, begin, 0).astype(np.int32), width


def _geometry(axes: tuple[Axis, ...], first_pixel: int) -> Geometry:
    """Return the pixels of a monitor with these axes, all but that of times."""
    if not axes:
        return one_pixel(first_pixel)
    shape = tuple(len(axis.edges) - 1 for axis in axes)
    geometry = Geometry(detector_number=pixel_numbers(first_pixel, shape), unit="m")
    for number, axis in enumerate(axes):
        along = [-1 if other == number else 1 for other in range(len(axes))]
        match axis.direction:
            case "x":
                geometry["x_pixel_offset"] = np.broadcast_to(axis.places().reshape(along), shape)
            case "y":
                geometry["y_pixel_offset"] = np.broadcast_to(axis.places().reshape(along), shape)
            case "z":
                geometry["z_pixel_offset"] = np.broadcast_to(axis.places().reshape(along), shape)
    return geometry
