"""The middles of pixels whose shapes are all that a description tells of them.

References
----------
https://manual.nexusformat.org/classes/base_classes/NXoff_geometry.html and NXcylindrical_geometry
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError
from donki.instrument.nodes import Dataset, Group
from donki.instrument.units import lengths

_KINDS = ("NXoff_geometry", "NXcylindrical_geometry")


def shape_of(detector: Group) -> Group | None:
    """Return the shape that tells where the pixels of a detector are; None where none does."""
    for group in detector.groups.values():
        is_faces = group.nx_class == _KINDS[0] and "detector_faces" in group.datasets
        # What is the shape of one pixel says nothing of where each is.
        if is_faces or (group.nx_class == _KINDS[1] and _size(group.datasets.get("cylinders")) > 1):
            return group
    return None


def middles_of(shape: Group, numbers: NDArray[np.int64], assumed: list[str]) -> NDArray[np.float64]:
    """Return the middle of each pixel.

    Parameters
    ----------
    shape
        as `shape_of` returns it
    numbers : ndarray of int64, shape (n,)
        of the pixels
    assumed
        is told what the description leaves open, and how it was taken

    Returns
    -------
    ndarray of float64, shape (n, 3)
        in m, in the coordinates of the detector

    Raises
    ------
    SourceError
        when a pixel has no face or cylinder, or what the shape consists of does not fit together
    """
    vertices = lengths(_part(shape, "vertices"), assumed)
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise SourceError(
            f"{shape.path}/vertices: expected x, y and z of each, found the shape {vertices.shape}"
        )
    if shape.nx_class == _KINDS[0]:
        return _of_faces(shape, vertices, numbers)
    return _of_cylinders(shape, vertices, numbers)


def faces_numbers(shape: Group) -> NDArray[np.int64]:
    """Return the numbers of the pixels that have faces, rising."""
    return np.unique(_whole(shape, "detector_faces", columns=2)[:, 1])


def _of_faces(shape: Group, vertices: NDArray[np.float64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    corners, begins = _whole(shape, "winding_order"), _whole(shape, "faces")
    _check(shape, "winding_order", corners, len(vertices))
    _check(shape, "faces", begins, len(corners))
    if np.any(np.diff(begins) <= 0):
        raise SourceError(f"{shape.path}/faces: expected where in winding_order each begins, rising")
    sizes = np.diff(np.append(begins, len(corners)))
    face_middles = np.add.reduceat(vertices[corners], begins) / sizes[:, None]
    face, pixel = _whole(shape, "detector_faces", columns=2).T
    _check(shape, "detector_faces", face, len(begins))
    order = np.argsort(numbers)
    place = np.searchsorted(numbers, pixel, sorter=order)
    is_known = place < len(numbers)
    index = order[np.where(is_known, place, 0)]
    is_known &= numbers[index] == pixel
    faces = np.bincount(index[is_known], minlength=len(numbers))
    if not faces.all():
        raise SourceError(
            f"{shape.path}/detector_faces: {np.count_nonzero(faces == 0)} of {len(numbers)} pixels have no"
            f" face, the first is {numbers[np.argmin(faces)]}"
        )
    middles = [
        np.bincount(index[is_known], face_middles[face[is_known], axis], len(numbers)) / faces
        for axis in range(3)
    ]
    return np.stack(middles, axis=-1)


def _of_cylinders(
    shape: Group, vertices: NDArray[np.float64], numbers: NDArray[np.int64]
) -> NDArray[np.float64]:
    cylinders = _whole(shape, "cylinders", columns=3)
    _check(shape, "cylinders", cylinders, len(vertices))
    # The middles of both ends, between which is a point of the rim.
    middles = (vertices[cylinders[:, 0]] + vertices[cylinders[:, 2]]) / 2
    if "detector_number" not in shape.datasets:
        if len(middles) != len(numbers):
            raise SourceError(
                f"{shape.path}: {len(middles)} cylinders for {len(numbers)} pixels; expected one each, or"
                " their detector_number"
            )
        return middles
    told = _whole(shape, "detector_number").ravel()
    # Files, and scippnexus, have there the cylinder of each pixel; the manual the pixel of each cylinder.
    if len(told) == len(numbers) and told.min() >= 0 and told.max() < len(middles):
        return middles[told]
    order = np.argsort(told)
    index = order[np.minimum(np.searchsorted(told, numbers, sorter=order), len(told) - 1)]
    if len(told) != len(middles) or np.any(told[index] != numbers):
        raise SourceError(
            f"{shape.path}/detector_number: expected the cylinder of each pixel, by its place from 0, or the"
            " pixel of each cylinder"
        )
    return middles[index]


def _part(shape: Group, name: str) -> Dataset:
    found = shape.datasets.get(name)
    if found is None:
        raise SourceError(f"{shape.path}: an {shape.nx_class} has a data set {name}, this one has none")
    return found


def _whole(shape: Group, name: str, columns: int = 0) -> NDArray[np.int64]:
    values = np.asarray(_part(shape, name).read())
    expected = f"integers, shape (n, {columns})" if columns else "integers"
    fits = values.ndim == 2 and values.shape[1] == columns if columns else values.ndim == 1
    if values.dtype.kind not in "iu" or not values.size or not fits:
        raise SourceError(f"{shape.path}/{name}: expected {expected}, found {values.dtype} of {values.shape}")
    return values.astype(np.int64)


def _check(shape: Group, name: str, values: NDArray[np.int64], size: int) -> None:
    if values.min() < 0 or values.max() >= size:
        raise SourceError(
            f"{shape.path}/{name}: expected places from 0 to {size - 1}, found {values.min()} to"
            f" {values.max()}"
        )


def _size(dataset: Dataset | None) -> int:
    return dataset.shape[0] if dataset is not None and dataset.shape else 0
