"""What scripts hand in: taken in the type it is kept in, or refused by name before anything is sent."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.ma  # numpy would do so at the first trigger
from numpy.typing import NDArray

from donki.errors import InputError, shown


def as_text(value: object, name: str) -> str:
    """Return a text that Kafka and HDF5 can both keep.

    Parameters
    ----------
    value
        a text
    name
        what to call it in an error

    Raises
    ------
    InputError
        when it is not a text, or has a NUL or half of a surrogate pair in it
    """
    if not isinstance(value, str):
        raise InputError(f"{name}: a text is expected; got {shown(value)}")
    # Of a subclass, what it holds, whatever its methods say.
    text = str.__str__(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{name}: a text has no half of a surrogate pair, as a file name that is not in UTF-8 gives;"
            f" got {shown(text)}"
        ) from None
    if "\0" in text:
        raise InputError(f"{name}: a text has no NUL, which HDF5 would end it at; got {shown(text)}")
    return text


def as_label(value: object, name: str) -> str:
    """Return a text that names something: as `as_text`, and not empty."""
    text = as_text(value, name)
    if not text:
        raise InputError(f"{name}: a name is expected; got an empty text")
    return text


def as_flag(value: object, name: str) -> bool:
    """Return a bool of Python's or numpy's as Python's; InputError for anything else."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name}: True or False is expected; got {shown(value)}")
    return bool(value)


def as_choice(value: object, known: Collection[str], name: str) -> str:
    """Return a text that is one of those that are known; InputError for anything else."""
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{name} is one of {', '.join(known)}; got {shown(value)}")
    return value


def as_array(values: object, name: str) -> NDArray[Any]:
    """Return an array or a list as an array, what is masked as NaN; an array that is plain as it is.

    Parameters
    ----------
    values
        what `numpy.asarray` takes; its type is not looked at
    name
        what to call it in an error

    Raises
    ------
    InputError
        when the parts of a list differ in length, or something is masked that is not a float
    """
    if type(values) is np.ndarray:
        return values
    if _holds_masked(values):
        values = _without_masks(values, name)
    try:
        array = np.asanyarray(values)
    except ValueError:
        if not isinstance(values, list | tuple):
            raise
        raise InputError(f"{name} is a list whose parts differ in length; pad them, or name each") from None
    return _filled(array, name) if isinstance(array, np.ma.MaskedArray) else np.asarray(array)


def _filled(array: np.ma.MaskedArray[Any, Any], name: str) -> NDArray[Any]:
    """Return an array with NaN where it is masked."""
    data, mask = np.ma.getdata(array), np.ma.getmaskarray(array)
    if data.dtype.names or not mask.any():
        return np.asarray(data)
    if data.dtype.kind != "f":
        raise InputError(
            f"{name} is masked in part, and {data.dtype} has no NaN to say so; fill it, leave the masked out,"
            " or give floats"
        )
    return np.where(mask, data.dtype.type(np.nan), data)


def _without_masks(values: Any, name: str) -> Any:
    """Return a list, as it is but for what is masked: numpy.asarray would take what lies beneath."""
    if isinstance(values, np.ma.MaskedArray):
        return _filled(values, name)
    if isinstance(values, list | tuple):
        return [_without_masks(value, name) for value in values]
    return values


def _holds_masked(values: object) -> bool:
    """Return whether there is something with a mask in a list, at any depth."""
    within, seen = [values], set()
    while within:
        values = within.pop()
        if isinstance(values, np.ma.MaskedArray):
            return True
        if not isinstance(values, list | tuple) or id(values) in seen:
            continue
        seen.add(id(values))
        # Most lists are numbers of one type.
        kinds = set(map(type, values))
        if any(issubclass(kind, list | tuple | np.ma.MaskedArray) for kind in kinds):
            within.extend(values)
    return False
