"""The compressions of HDF5 files, by name."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from donki.errors import InputError

OWN: dict[str, dict[str, Any]] = {
    "gzip": {"compression": "gzip", "shuffle": True},
    "lzf": {"compression": "lzf", "shuffle": True},
}
PLUGINS = {
    "bitshuffle": "Bitshuffle",
    "blosc": "Blosc",
    "blosc2": "Blosc2",
    "lz4": "LZ4",
    "zstd": "Zstd",
}


def check_compression(name: str) -> None:
    """Refuse what is not a compression, or not installed.

    Raises
    ------
    InputError
        saying which there are, or what to install
    """
    if name and name not in OWN and name not in PLUGINS:
        raise InputError(
            f"compression {name!r}: there is {', '.join(OWN)}, with the package hdf5plugin also"
            f" {', '.join(PLUGINS)}; empty for none"
        )
    if name in PLUGINS and find_spec("hdf5plugin") is None:
        raise InputError(
            f"compression {name!r} needs the package hdf5plugin, here and where the files are read:"
            " pip install 'donkiorchestra[compression]'; or take gzip"
        )
