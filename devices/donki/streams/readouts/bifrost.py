"""The front ends of BIFROST: triplets of helium tubes, read out by CAEN's digitisers.

Which ring and group reads which tube out, and how two amplitudes tell tube and place, is what the event
formation unit takes (ess-dmsc/event-formation-unit, ``src/modules/bifrost/geometry``, with the calibration
that corrects nothing, ``configs/bifrostnullcalib.json``).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from donki.streams.readouts.caen import FIELDS
from donki.streams.readouts.front_end import FrontEnd

_PLACES = 100
_TUBES = 3  # of a triplet, one behind the other
_TRIPLETS = 3  # of an arc in a ring
_RINGS = 3
_ARCS = 5
_WIDTH = _RINGS * _TRIPLETS * _PLACES
#: The two amplitudes add up to this; what tells the ends of the tubes below is a whole number of it.
_TOTAL = 30_000
#: Where each tube of a triplet begins and ends, as parts of the total.
_ENDS = np.array([(0.0, 0.333), (0.334, 0.667), (0.668, 1.0)])


class BifrostFrontEnd(FrontEnd):
    """Reads out the 45 triplets of BIFROST, with 100 pixels along a tube."""

    name = "bifrost"
    does = "BIFROST: CAEN, triplets of helium tubes by two amplitudes; 45 triplets, 100 pixels a tube"
    unit_files = "``bifrost.json``, ``bifrostnullcalib.json``"
    detector_type = 0x34
    pixels = (1, _WIDTH * _ARCS * _TUBES)
    record = np.dtype([*FIELDS])

    @classmethod
    def read_out(cls, pixel_id: NDArray[np.int32], records: NDArray[np.void]) -> None:
        """Fill in ring, triplet and amplitudes."""
        row, across = np.divmod(pixel_id - 1, _WIDTH)
        column, place = np.divmod(across, _PLACES)
        ring, triplet = np.divmod(column, _TRIPLETS)
        arc, tube = np.divmod(row, _TUBES)
        records["fiber"] = 2 * ring
        records["group"] = _TRIPLETS * arc + triplet
        records["amplitudes"] = _amplitudes().take(tube * _PLACES + place, axis=0)


@cache
def _amplitudes() -> NDArray[np.int16]:
    """Return the amplitudes A to D by tube and place, shape (3 · 100, 4).

    A of A + B tells the place, as its middle; C and D are nothing.
    The unit cuts off what is after the point of 99 times the place in the tube, from 0 to 1: of the last
    pixel, there is nothing but its very end.
    """
    middle = np.minimum(np.arange(_PLACES) + 0.5, _PLACES - 1) / (_PLACES - 1)
    first, last = _ENDS[:, :1], _ENDS[:, 1:]
    charge = np.round((first + middle * (last - first)) * _TOTAL).astype(np.int16)
    nothing = np.zeros_like(charge)
    return np.stack((charge, _TOTAL - charge, nothing, nothing), axis=-1).reshape(-1, 4)
