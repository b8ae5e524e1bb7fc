"""The pixel offsets and sizes of a detector, and the axes along which they are told."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError
from donki.instrument.nodes import Group
from donki.instrument.units import lengths

NAMES = ("x_pixel_offset", "y_pixel_offset", "z_pixel_offset")

#: The axis that an offset of one dimension is along, where several are as long as it: detector_number is by
#: rows (y) and columns (x), as in the manual's NXdetector.
_USUAL_AXIS = {
    **{"x_pixel_offset": -1, "y_pixel_offset": -2, "z_pixel_offset": 0},
    **{"x_pixel_size": -1, "y_pixel_size": -2},
}


def has_offsets(detector: Group) -> bool:
    """Return whether a detector tells of its pixels by their offsets."""
    return any(name in detector.datasets for name in NAMES)


def offsets_of(detector: Group, shape: tuple[int, ...], assumed: list[str]) -> NDArray[np.float64]:
    """Return where the pixels of a detector are in its own coordinates; what is not told is 0.

    Parameters
    ----------
    detector
        with at least one of ``x_pixel_offset``, ``y_pixel_offset`` and ``z_pixel_offset``
    shape
        of its ``detector_number``
    assumed
        is told what the description leaves open, and how it was taken

    Returns
    -------
    ndarray of float64, that shape and 3 places
        in m

    Raises
    ------
    SourceError
        when offsets do not fit the shape of the pixels; names both
    """
    told = {name: lengths(detector.datasets[name], assumed) for name in NAMES if name in detector.datasets}
    flat = [values.size for values in told.values() if values.ndim == 1 and values.size > 1]
    if len(shape) == 1 and len(flat) > 1 and shape[0] not in flat and np.prod(flat) == shape[0]:
        # Numbered one after the other, x the fastest, and each offset along an axis of its own.
        inner = tuple(told[name].size for name in reversed(NAMES) if name in told and told[name].size > 1)
        return _by_axes(detector, told, inner).reshape(*shape, 3)
    return _by_axes(detector, told, shape)


def areas_of(detector: Group, shape: tuple[int, ...], assumed: list[str]) -> NDArray[np.float64] | None:
    """Return the area of each pixel in m², by ``x_pixel_size`` and ``y_pixel_size``; None without both.

    Parameters
    ----------
    detector, shape, assumed
        as `offsets_of` takes them; sizes that do not fit, or are not above 0, are told there and not used
    """
    names = ("x_pixel_size", "y_pixel_size")
    if not all(name in detector.datasets for name in names):
        return None
    try:
        width, height = (
            _by_pixel(detector, name, lengths(detector.datasets[name], assumed), shape) for name in names
        )
    except SourceError as error:
        assumed.append(f"{error}; its pixels are taken as alike")
        return None
    if not (np.all(width > 0) and np.all(height > 0)):
        assumed.append(f"{detector.path}: sizes of pixels that are not above 0; they are taken as alike")
        return None
    area: NDArray[np.float64] = width * height
    return area


def _by_axes(
    detector: Group, told: dict[str, NDArray[np.float64]], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return offsets in m, of whatever dimension each was told, by pixel: that shape and 3 places."""
    whole = np.zeros((*shape, 3))
    for name, values in told.items():
        whole[..., NAMES.index(name)] = _by_pixel(detector, name, values, shape)
    return whole


def _by_pixel(
    detector: Group, name: str, values: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    if values.size == 1:
        return np.broadcast_to(values.ravel()[0], shape)
    if values.size == np.prod(shape):
        return values.reshape(shape)
    axes = _axes(detector, name, values.shape, shape)
    if tuple(shape[axis] for axis in axes) != values.shape:
        raise SourceError(
            f"{detector.path}/{name}: its shape {values.shape} does not fit that of detector_number, {shape};"
            f" expected the same, or that of some of its axes, which the attribute {name}_indices of"
            f" {detector.path} may name"
        )
    return np.broadcast_to(
        values.reshape([size if axis in axes else 1 for axis, size in enumerate(shape)]), shape
    )


def _axes(detector: Group, name: str, sizes: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes of the pixels along which an offset is told, rising; none where that is not clear."""
    told = detector.attributes.get(f"{name}_indices")
    if told is not None:
        indices = np.atleast_1d(np.asarray(told))
        if indices.dtype.kind in "iu" and np.all((indices >= 0) & (indices < len(shape))):
            return tuple(np.unique(indices).tolist())
    named = detector.attributes.get("axes")
    if len(sizes) == 1 and isinstance(named, list) and len(named) == len(shape) and name in named:
        return (named.index(name),)
    candidates = [axis for axis, size in enumerate(shape) if sizes == (size,)]
    usual = _USUAL_AXIS[name] % len(shape) if len(shape) > 1 else 0
    if usual in candidates:
        return (usual,)
    if candidates:
        return (candidates[0],)
    # Of more dimensions: the axes next to each other that it fits.
    for first in range(len(shape) - len(sizes) + 1):
        if shape[first : first + len(sizes)] == sizes:
            return tuple(range(first, first + len(sizes)))
    return ()
