"""Reading MCPL files: lists of particles as McStas, Geant4, PHITS and others exchange them."""

from __future__ import annotations

import gzip
import logging
import struct
import zlib
from collections.abc import Sequence
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError, SourceError
from donki.sources.damage import Damage, OnDamage
from donki.sources.mcstas.event_list import EventList
from donki.sources.neutron import MILLIELECTRONVOLT, NEUTRON_MASS

COLUMNS = ("p", "x", "y", "z", "vx", "vy", "vz", "t")
"""What a particle of an MCPL file has, by McStas' names."""

_NEUTRON = 2112  # by the numbering of the Particle Data Group
_BLOCK = 100_000  # particles read at once
_DAMAGED = (OSError, EOFError, ValueError, LookupError, TypeError, ArithmeticError, MemoryError, zlib.error)
_METRES, _SECONDS, _MEGAELECTRONVOLT = 1e-2, 1e-3, 1e9 * MILLIELECTRONVOLT  # of cm, ms, MeV


def read_mcpl(
    path: str | PathLike[str],
    columns: Sequence[str] = COLUMNS,
    *,
    on_damage: OnDamage = "refuse",
    log: logging.Logger | None = None,
) -> EventList:
    """Read the neutrons of an MCPL file; other particles are left out.

    Needs the package mcpl.

    Parameters
    ----------
    path
        an MCPL file, compressed by gzip (``.mcpl.gz``) or not
    columns
        what to keep, of p (weight), x y z (m), vx vy vz (m/s), t (s), and id (the user flags); a large file
        takes 8 bytes of memory for each and every particle. An `EventListSource` needs p, x, y and t, or p, t
        and id.
    on_damage : str
        ``"refuse"``, or ``"skip"`` to take what there is of a file that was not closed, as its writer died
    log : logging.Logger
        is told of that: ``player.log``

    Returns
    -------
    EventList
        the neutrons in the order of the file

    Raises
    ------
    SourceError
        when the file cannot be read, is damaged, cut short or not closed, or holds no neutron; when the
        package mcpl is missing
    InputError
        when a column is another one, or `on_damage` is neither

    References
    ----------
    T. Kittelmann et al., Computer Physics Communications 218 (2017) 17; https://mctools.github.io/mcpl
    """
    unknown = [column for column in columns if column not in (*COLUMNS, "id")]
    if unknown:
        raise InputError(f"read_mcpl: column {unknown[0]!r} is none of {' '.join(COLUMNS)} id")
    try:
        mcpl = import_module("mcpl")
    except ImportError:
        raise SourceError(
            f"{path}: reading it needs the package mcpl, which is missing; install it: pip install mcpl"
        ) from None
    damage = Damage(f"{path}", on_damage, log)
    others: set[int] = set()
    # A damaged file makes numpy's buffers and shapes fail in the package, by these.
    try:
        # What is not a number comes out as NaN, without a warning of numpy's.
        with np.errstate(all="ignore"), mcpl.MCPLFile(path, blocklength=_BLOCK) as file:
            _check_size(Path(path), file, damage)
            if "id" in columns and not file.opt_userflags:
                raise SourceError(f"{path}: expected user flags for the column id, found none in the file")
            title = f"{file.sourcename}"
            rows = np.empty((len(columns), file.nparticles))
            filled = 0
            while (block := file.read_block()) is not None:
                neutron = block.pdgcode == _NEUTRON
                others.update(np.unique(block.pdgcode[~neutron]).tolist())
                end = filled + int(np.count_nonzero(neutron))
                for row, column in zip(rows, columns, strict=True):
                    row[filled:end] = _column(block, column)[neutron]
                filled = end
    except (mcpl.MCPLError, *_DAMAGED) as error:
        raise SourceError(
            f"{path}: expected an MCPL file, found {error or 'something else'};"
            " is the path right? It may be damaged or cut short: copy it again"
        ) from None
    if not filled:
        found = f"particles of the PDG codes {sorted(others)}" if others else "no particle at all"
        raise SourceError(f"{path}: expected neutrons (PDG code {_NEUTRON}), found {found}")
    damage.tell()
    return EventList(str(path), title, tuple(columns), rows[:, :filled].T)


def _check_size(path: Path, file: Any, damage: Damage) -> None:
    """Refuse a file that does not hold just the particles that its header tells of."""
    with path.open("rb") as raw:
        is_compressed = raw.read(2) == b"\x1f\x8b"
    with gzip.open(path) if is_compressed else path.open("rb") as raw:
        order = "<" if raw.read(8).endswith(b"L") else ">"
        (told,) = struct.unpack(f"{order}Q", raw.read(8))
        size = 16
        while block := raw.read(1 << 20):
            size += len(block)
    number = 4 if file.opt_singleprec else 8
    numbers = 7 + 3 * file.opt_polarisation + (not file.opt_universalweight)
    row = numbers * number + 4 * ((not file.opt_universalpdgcode) + file.opt_userflags)
    there, rest = divmod(size - file.headersize, row)
    if row != file.particlesize:
        raise SourceError(
            f"{path}: expected {row} bytes a particle, as its other settings are, found {file.particlesize};"
            " it is damaged: copy it again"
        )
    if told == 0 and there > 0:
        damage.found(
            SourceError(
                f"{path}: it was not closed, its writer may have died; there are {there} particles."
                " To take them: on_damage='skip'"
            ),
            **{"file not closed": 1},
        )
    elif there != told or (told and rest):
        raise SourceError(
            f"{path}: expected {told} particles, as its header says, found {there} and {rest} bytes;"
            " it may be damaged or cut short: copy it again"
        )


def _column(block: Any, column: str) -> NDArray[np.float64]:
    values: NDArray[np.float64]
    match column:
        case "p":
            values = block.weight
        case "t":
            values = block.time * _SECONDS
        case "id":
            values = block.userflags
        case "x" | "y" | "z":
            values = getattr(block, column) * _METRES
        case _:
            speed = np.sqrt(2 * _MEGAELECTRONVOLT / NEUTRON_MASS * block.ekin)
            values = speed * getattr(block, f"u{column[1]}")
    return values
