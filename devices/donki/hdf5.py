"""HDF5 files that are read: their compressions, their attributes, what is wrong with them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from importlib.util import find_spec
from os import PathLike
from typing import Any

import h5py
import numpy as np

from donki.errors import SourceError
from donki.texts import decoded

with contextlib.suppress(ImportError):
    import hdf5plugin  # noqa: F401 - registers its filters

#: What h5py passes on of errors of HDF5 and numpy, depending on where a file is damaged.
DAMAGED = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    MemoryError,
    SystemError,
)

# A data set that claims to be larger than this, and than so many times what is stored of it, is damaged.
_MOST_BYTES, _MOST_UNPACKED = 1 << 30, 10_000
_MISSING_FILTER = re.compile(r"filter|plugin", re.IGNORECASE)


def open_to_read(path: str | PathLike[str]) -> h5py.File:
    """Open an HDF5 file for reading; every reader of ours opens its files here.

    Raises
    ------
    OSError
        when it cannot be opened
    """
    return h5py.File(path, "r")


def reason(error: Exception) -> str:
    """Return why HDF5 cannot read something, and what to install where that helps."""
    said = str(error).strip("'\"")
    if find_spec("hdf5plugin") is None and _MISSING_FILTER.search(said):
        return f"needs the package hdf5plugin: pip install 'donkiorchestra[compression]' ({said})"
    return said or type(error).__name__


@contextlib.contextmanager
def reading(where: object, what: str = "an HDF5 (NeXus) file") -> Iterator[None]:
    """Turn whatever h5py raises for a file that is damaged or cut short into a `SourceError`.

    Parameters
    ----------
    where
        the path of the file, for the message
    what
        is read from it
    """
    try:
        yield
    except DAMAGED as error:
        raise SourceError(
            f"{where}: cannot read {what}: {reason(error)}; is the path right, is the file whole?"
        ) from None


def attribute_text(item: h5py.HLObject, name: str) -> str:
    """Return an attribute that is a text, in whichever of HDF5's ways it was written.

    A text of fixed or variable length, in ASCII, UTF-8 or Latin-1, padded with NUL or blanks, alone or as an
    array; several are joined by a blank. Empty where there is no such attribute, or it is no text.
    """
    value = item.attrs.get(name)
    if value is None or isinstance(value, h5py.Empty):
        return ""
    return " ".join(filter(None, (_text(part) for part in np.ravel(np.asarray(value, dtype=object)))))


def attribute_number(item: h5py.HLObject, name: str) -> float | None:
    """Return an attribute that is one number, alone, in an array or as a text; None where it is none."""
    value = item.attrs.get(name)
    if value is None or isinstance(value, h5py.Empty) or np.size(value) != 1:
        return None
    part = np.ravel(np.asarray(value, dtype=object))[0]
    try:
        return float(_text(part) or part)
    except (TypeError, ValueError):
        return None


def plain_value(value: Any) -> Any:
    """Return the value of an attribute or a data set in one form, in whichever of its ways it was written.

    Parameters
    ----------
    value
        as h5py returns it: texts of fixed or variable length in ASCII, UTF-8 or Latin-1, padded with NUL or
        blanks, numbers, each alone or as an array

    Returns
    -------
    str, list of str, int, float, bool, ndarray or None
        an array of one text or one number is that; None for what is empty
    """
    if value is None or isinstance(value, h5py.Empty):
        return None
    array = np.asarray(value)
    if array.dtype.kind in "OSU":
        texts = [_text(part) for part in array.ravel().tolist()]
        return texts[0] if len(texts) == 1 else texts
    return array.item() if array.size == 1 else array


def _text(value: Any) -> str:
    if isinstance(value, str):
        # What is no UTF-8 comes from h5py with surrogates in place of its bytes.
        value = value.encode(errors="surrogateescape")
    return decoded(value).replace("\0", "").strip() if isinstance(value, bytes) else ""


def check_size(dataset: h5py.Dataset, where: object) -> None:
    """Refuse a data set that claims to be larger than what is stored of it can be.

    Parameters
    ----------
    dataset
        of any kind
    where
        the path of the file, for the message

    Raises
    ------
    SourceError
        when it does
    """
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > max(_MOST_BYTES, stored * _MOST_UNPACKED):
        raise SourceError(
            f"{where}, {dataset.name}: expected what {stored} bytes can hold, found the shape"
            f" {dataset.shape}; the file is damaged"
        )
