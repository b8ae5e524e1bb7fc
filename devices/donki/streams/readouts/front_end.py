"""The kinds of front ends whose readouts can be sent, each a class, by name."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError, shown
from donki.registry import Registry

RECORD_HEAD = (
    ("fiber", "u1"),
    ("fen", "u1"),
    ("length", "<u2"),
    ("time_high", "<u4"),
    ("time_low", "<u4"),
)
"""How every record begins, for `numpy.dtype`: ring and front end, its length in bytes, and when it was."""


class FrontEnd:
    """The front ends of one instrument: what they send for an event in a pixel.

    Attributes
    ----------
    name
        how scripts call it
    does
        which detectors and which pixels they are, for the documentation
    unit_files
        the topology and the calibration with which an event formation unit gets the pixel back
    detector_type
        the number by which an event formation unit knows its instrument
    pixels
        the first and the last pixel id that they read out; all between are read out too
    record
        of one readout: a packed little-endian dtype that begins with `RECORD_HEAD`
    """

    name: ClassVar[str]
    does: ClassVar[str]
    unit_files: ClassVar[str] = ""
    detector_type: ClassVar[int]
    pixels: ClassVar[tuple[int, int]]
    record: ClassVar[np.dtype[Any]]

    @classmethod
    def read_out(cls, pixel_id: NDArray[np.int32], records: NDArray[np.void]) -> None:
        """Fill in from which fiber and front end a record comes, and all else that tells the pixel.

        Parameters
        ----------
        pixel_id
            each of `pixels`, shape (n,)
        records
            of `record`, shape (n,), zero where nothing is filled in; length and times are filled in by others
        """
        raise NotImplementedError


FRONT_ENDS: Registry[type[FrontEnd]] = Registry("kind of front end")
"""The kinds by name."""


def register(front_end: type[FrontEnd]) -> None:
    """Make a kind of front end known.

    Raises
    ------
    ValueError
        when another module has one of that name
    """
    FRONT_ENDS.add(front_end.name, front_end)


def find_front_end(name: object, stream: str) -> type[FrontEnd] | None:
    """Return the kind of that name; None for an empty name.

    Parameters
    ----------
    name
        as a script gave it
    stream
        what to call the stream in an error

    Raises
    ------
    InputError
        when there is none
    """
    if isinstance(name, str) and not name:
        return None
    found = FRONT_ENDS.find(name) if isinstance(name, str) else None
    if found is None:
        raise InputError(f"{stream}: readout is one of {', '.join(FRONT_ENDS)}; got {shown(name)}")
    return found
