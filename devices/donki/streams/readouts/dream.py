"""The front ends of DREAM: CDT's boron detectors, of which anode and cathode tell the place.

Which ring and front end reads which module out, and how anode and cathode tell the pixel, is what the event
formation unit takes (ess-dmsc/event-formation-unit, ``src/modules/dream``: ``readout/DataParser.h``,
``geometry``, with the topology of ``configs/DreamInst.json``). Its high-resolution and small-angle detectors
are not there: that topology has no place for half of their modules.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from donki.streams.readouts.front_end import RECORD_HEAD, FrontEnd

#: The last pixel of each detector, which begins after the one before: both end-caps and the mantle.
_FORWARD, _BACKWARD, _MANTLE = 71_680, 229_376, 720_896
_SECTORS = 6  # of an end-cap in a ring
_WIRES = 16  # of a counter in an end-cap
_MANTLE_WIRES = 32
_STRIPS = 256  # of the mantle
_UNITS = 5  # of the mantle
_CASSETTES = 6  # of a unit
#: Two units share the last ring of the mantle.
_MANTLE_RING, _LAST_MANTLE_RING = 3, 6

#: What tells a pixel.
_TOLD = ("fiber", "fen", "unit", "cathode", "anode")


class _Columns(NamedTuple):
    """By column of a sector of an end-cap: who reads it out, and where; shape (56,) each."""

    fen: NDArray[np.uint8]
    sumo: NDArray[np.uint8]
    anode: NDArray[np.uint8]
    cathode: NDArray[np.uint8]


class DreamFrontEnd(FrontEnd):
    """Reads out the end-caps and the mantle of DREAM."""

    name = "dream"
    does = "DREAM: CDT, by anode and cathode; forward end-cap, backward end-cap and mantle"
    unit_files = "``DreamInst.json``"
    detector_type = 0x60
    pixels = (1, _MANTLE)
    record = np.dtype([*RECORD_HEAD, ("flags", "u1"), ("unit", "u1"), ("cathode", "u1"), ("anode", "u1")])

    @classmethod
    def read_out(cls, pixel_id: NDArray[np.int32], records: NDArray[np.void]) -> None:
        """Fill in ring, front end, module, anode and cathode."""
        told = _table().take(pixel_id - 1, axis=0)
        for column, name in enumerate(_TOLD):
            records[name] = told[:, column]


@cache
def _table() -> NDArray[np.uint8]:
    """Return what tells each pixel, `_TOLD`, shape (pixels, 5): 3.6 MB, for what takes long to be found."""
    pixel = np.arange(_MANTLE)
    parts = (
        _end_cap(pixel[:_FORWARD], sectors=5, ring=2),
        _end_cap(pixel[_FORWARD:_BACKWARD] - _FORWARD, sectors=11, ring=0),
        _mantle(pixel[_BACKWARD:] - _BACKWARD),
    )
    return np.vstack(parts)


def _end_cap(pixel: NDArray[np.int_], sectors: int, ring: int) -> NDArray[np.uint8]:
    columns = _columns()
    row, across = np.divmod(pixel, sectors * len(columns.fen))
    sector, column = np.divmod(across, len(columns.fen))
    strip, wire = np.divmod(row, _WIRES)
    more, sector = np.divmod(sector, _SECTORS)
    anode, cathode = columns.anode[column] + wire, columns.cathode[column] + strip
    return _rows(2 * (ring + more), 2 * sector + columns.fen[column], columns.sumo[column], cathode, anode)


def _mantle(pixel: NDArray[np.int_]) -> NDArray[np.uint8]:
    row, strip = np.divmod(pixel, _STRIPS)
    wire, module = np.divmod(row, _UNITS * _CASSETTES * 2)
    cassette, counter = np.divmod(module, 2)
    unit, cassette = np.divmod(cassette, _CASSETTES)
    ring = np.minimum(_MANTLE_RING + unit, _LAST_MANTLE_RING)
    fen = cassette + _CASSETTES * (_MANTLE_RING + unit - ring)
    return _rows(2 * ring, fen, np.zeros_like(fen), strip, _MANTLE_WIRES * counter + wire)


def _rows(*columns: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    return np.column_stack([column.astype(np.uint8) for column in columns])


@cache
def _columns() -> _Columns:
    """Return who reads out each column of a sector: four modules, called SUMO 6 to 3, of 10 to 4 cassettes.

    A cassette has two counters of 16 wires, and 16 strips. Cassettes are paired: cathodes tell which pair,
    anodes which of the two. In SUMO 6 and 4 the first pair has one cassette alone.
    """
    rows = []
    for sumo, cassettes, shift, spread in ((6, 10, 0, 16), (5, 8, 0, 16), (4, 6, 1, 16), (3, 4, 0, 32)):
        for cassette in range(cassettes):
            pair, block = divmod(cassette + shift, 2)
            if sumo == 6:
                pair += block  # it counts the other way round
            for counter in range(2):
                anode = 2 * _WIRES * block + _WIRES * counter
                rows.append((sumo in (4, 3), sumo, anode, spread * pair))
    return _Columns(*np.array(rows, np.uint8).T.copy())
