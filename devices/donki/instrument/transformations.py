"""Where a component is: the chain of transformations that its ``depends_on`` begins.

References
----------
https://manual.nexusformat.org/classes/base_classes/NXtransformations.html. Where that leaves a choice, it is
taken as scippnexus takes it, which reduces the data: a vector is not normalised, and the offset of a rotation
is rotated with what depends on it.
"""

from __future__ import annotations

import posixpath

import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError
from donki.instrument.nodes import Dataset, Group
from donki.instrument.units import lengths, metres, numbers, radians, unit_or

_ORIGIN = "."


def pose(component: Group, assumed: list[str]) -> NDArray[np.float64]:
    """Return the transformation from the coordinates of a component to those of the instrument.

    Parameters
    ----------
    component
        with a data set ``depends_on``; without, its ``distance`` counts, along the beam, or else it is at the
        origin
    assumed
        is told what the description leaves open, and how it was taken

    Returns
    -------
    ndarray of float64, shape (4, 4)
        of homogeneous coordinates, in m

    Raises
    ------
    SourceError
        when the chain leads nowhere or round in a circle, or a transformation is not sound; names it
    """
    start = component.datasets.get("depends_on")
    if start is None:
        return _distance(component, assumed)
    whole = np.eye(4)
    base, target = component.path, _text(start.read(), start.path)
    visited: list[str] = []
    while target not in ("", _ORIGIN):
        node = component.root.find(posixpath.join(base, target))
        if node is None:
            where = visited[-1] if visited else start.path
            raise SourceError(
                f"{where}: depends on {target!r:.200}, where nothing is: mend its depends_on;"
                " '.' is the origin"
            )
        if node.path in visited:
            chain = " → ".join([*visited[visited.index(node.path) :], node.path])
            raise SourceError(f"{component.path}: its depends_on leads round in a circle: {chain}; mend one")
        visited.append(node.path)
        whole = _matrix(node, assumed) @ whole
        base, target = posixpath.dirname(node.path), _text(node.attributes.get("depends_on", ""), node.path)
    return whole


def is_placed(component: Group) -> bool:
    """Return whether the description says where a component is."""
    return any(name in component.datasets for name in ("depends_on", "distance"))


def _distance(component: Group, assumed: list[str]) -> NDArray[np.float64]:
    whole = np.eye(4)
    distance = component.datasets.get("distance")
    if distance is not None:
        along = lengths(distance, assumed)
        if along.size != 1:
            raise SourceError(f"{distance.path}: expected one distance, found {along.size}")
        # A source is upstream; some files have that as a negative distance, some have not.
        whole[2, 3] = (
            -abs(along.item()) if component.nx_class in ("NXsource", "NXmoderator") else along.item()
        )
    return whole


def _matrix(node: Group | Dataset, assumed: list[str]) -> NDArray[np.float64]:
    kind = node.attributes.get("transformation_type")
    if kind not in ("translation", "rotation"):
        raise SourceError(
            f"{node.path}: expected a transformation, with the attribute transformation_type: translation or"
            f" rotation; found {kind!r:.80}"
        )
    vector = _vector(node, "vector")
    value, unit = _value(node, "m" if kind == "translation" else "deg", assumed)
    matrix = np.eye(4)
    if kind == "translation":
        matrix[:3, 3] = value * metres(unit, node.path) * vector
    else:
        matrix[:3, :3] = _rotation(value * radians(unit, node.path) * vector)
    if "offset" in node.attributes:
        told = node.attributes.get("offset_units")
        unit = unit_or(told if isinstance(told, str) else None, "m", f"{node.path}@offset", assumed)
        shift = np.eye(4)
        shift[:3, 3] = _vector(node, "offset") * metres(unit, f"{node.path}@offset")
        matrix = matrix @ shift
    return matrix


def _value(node: Group | Dataset, usual: str, assumed: list[str]) -> tuple[float, str]:
    """Return the value of a transformation and its unit; of a log, the last one."""
    holder = node if isinstance(node, Dataset) else _logged(node)
    if holder is None or 0 in holder.shape:
        assumed.append(f"{node.path} has no value: taken as 0")
        return 0.0, usual
    values = numbers(holder, holder.path)
    if values.size > 1:
        assumed.append(f"{node.path} has {values.size} values: the last one counts, {values.flat[-1]:g}")
    unit = holder.units or node.attributes.get("units")
    return float(values.flat[-1]), unit_or(unit if isinstance(unit, str) else None, usual, node.path, assumed)


def _logged(log: Group) -> Dataset | None:
    """Return the values of an NXlog; the file writer may have put them into a log of their own inside."""
    inner = log.groups.get("value")
    return (inner or log).datasets.get("value")


def _vector(node: Group | Dataset, name: str) -> NDArray[np.float64]:
    given = np.asarray(node.attributes.get(name))
    if given.dtype.kind not in "iuf" or given.size != 3 or not np.isfinite(given).all():
        raise SourceError(f"{node.path}: expected x, y and z as the attribute {name}, found {given!s:.80}")
    vector: NDArray[np.float64] = given.astype(np.float64).ravel()
    return vector


def _rotation(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix of a rotation about a vector, by its length in rad: Rodrigues' formula."""
    angle = float(np.linalg.norm(vector))
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turned: NDArray[np.float64] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turned


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise SourceError(f"{where}: expected a path as depends_on, found {value!r:.80}")
    return value.strip()
