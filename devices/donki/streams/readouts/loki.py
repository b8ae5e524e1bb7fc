"""The front ends of LoKI: straws in helium tubes, read out by CAEN's digitisers.

Which ring, front end and group reads which straw out, and how the four amplitudes tell straw and place, is
what the event formation unit takes (ess-dmsc/event-formation-unit, ``src/modules/loki/geometry``, with the
topology of ``configs/LokiFull.json`` and the calibration that corrects nothing, ``lokinullcalib.json``).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from donki.streams.readouts.caen import FIELDS
from donki.streams.readouts.front_end import FrontEnd

_PLACES = 512
_STRAWS = 7  # in a tube, which is a group
_LAYERS = 4
#: By bank: the tubes in a layer. The banks follow one another, and so do the layers of a bank.
_TUBES = (56, 16, 12, 16, 12, 28, 32, 20, 32)
#: Front ends of a ring; the first bank has two rings, the second of which begins where this one is full.
_MOST_FRONT_ENDS = 16
#: The four amplitudes add up to this.
_TOTAL = 20_000


class _Straws(NamedTuple):
    """By straw, in the order of pixel ids: who reads it out, shape (straws,) each."""

    fiber: NDArray[np.uint8]
    fen: NDArray[np.uint8]
    group: NDArray[np.uint8]


class LokiFrontEnd(FrontEnd):
    """Reads out the nine banks of LoKI, with 512 pixels along a straw."""

    name = "loki"
    does = "LoKI: CAEN, helium tubes of seven straws by four amplitudes; nine banks, 512 pixels a straw"
    unit_files = "``LokiFull.json``, ``lokinullcalib.json``"
    detector_type = 0x30
    pixels = (1, sum(_TUBES) * _LAYERS * _STRAWS * _PLACES)
    record = np.dtype([*FIELDS])

    @classmethod
    def read_out(cls, pixel_id: NDArray[np.int32], records: NDArray[np.void]) -> None:
        """Fill in ring, front end, tube and amplitudes."""
        straw, place = np.divmod(pixel_id - 1, _PLACES)
        straws = _straws()
        records["fiber"], records["fen"] = straws.fiber[straw], straws.fen[straw]
        records["group"] = straws.group[straw]
        records["amplitudes"] = _amplitudes().take(straw % _STRAWS * _PLACES + place, axis=0)


@cache
def _straws() -> _Straws:
    """Return who reads each straw out.

    A front end has two tubes beside each other in each of the four layers.
    """
    rows = []
    for bank, tubes in enumerate(_TUBES):
        for layer in range(_LAYERS):
            for tube in range(tubes):
                fen, upper = divmod(tube, 2)
                overflow, fen = divmod(fen, _MOST_FRONT_ENDS)
                ring = bank + (bank > 0) + overflow
                rows += [(2 * ring, fen, _LAYERS * upper + layer)] * _STRAWS
    return _Straws(*np.array(rows, np.uint8).T.copy())


@cache
def _amplitudes() -> NDArray[np.int16]:
    """Return the amplitudes A to D by straw of the tube and place along it, shape (7 · 512, 4).

    A + B of all tells the place, B + D the straw: as its middle, away from where the next one begins.
    """
    along = np.round(np.arange(_PLACES) / (_PLACES - 1) * _TOTAL).astype(int)[np.newaxis, :]
    across = np.round((np.arange(_STRAWS) + 0.5) / _STRAWS * _TOTAL).astype(int)[:, np.newaxis]
    both = along * across // _TOTAL
    charges = along - both, both, _TOTAL - along - across + both, across - both
    return np.stack(charges, axis=-1).astype(np.int16).reshape(-1, 4)
