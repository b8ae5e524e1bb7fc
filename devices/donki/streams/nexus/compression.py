"""Compressed HDF5 files: how a file that is finished is compressed.

A file is compressed when it is finished, not while it grows: what comes trigger by trigger, is never to
be lost and is read meanwhile would have to be compressed again with each trigger, and HDF5 could not use
the room of what that replaces.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py

from donki.streams.nexus.compression_names import OWN, PLUGINS
from donki.streams.nexus.swmr_file import SharedFile

_SCALE_ATTRIBUTES = {"CLASS", "NAME", "DIMENSION_LIST", "DIMENSION_LABELS", "REFERENCE_LIST"}


def compress(path: Path, name: str) -> None:
    """Put a compressed file in the place of a finished one; whoever has it open goes on reading the old.

    Parameters
    ----------
    path
        of the file
    name
        of the compression, from those of `check_compression`

    Raises
    ------
    OSError
        when the compressed file cannot be written; the file is as it was then
    """
    options = OWN[name] if name in OWN else _plugin_options(name)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        with h5py.File(path, locking=False) as file, SharedFile(part) as compressed:
            _copy_attributes(file, compressed.root)
            _copy(file, compressed.root, options)
            _attach_scales(file, compressed.root)
            compressed.publish()
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _plugin_options(name: str) -> dict[str, Any]:
    options = dict(getattr(import_module("hdf5plugin"), PLUGINS[name])())
    # The others shuffle by themselves.
    return options | {"shuffle": name in ("lz4", "zstd")}


def _copy(source: h5py.Group, target: h5py.Group, options: dict[str, Any]) -> None:
    for name, item in source.items():
        if isinstance(link := source.get(name, getlink=True), h5py.SoftLink):
            target[name] = h5py.SoftLink(link.path)
            continue
        if isinstance(item, h5py.Group):
            _copy(item, target.create_group(name), options)
        elif item.chunks is None or item.dtype.kind == "O":
            source.copy(item, target, name, without_attrs=True)
        else:
            _copy_chunks(item, target, name, options)
        _copy_attributes(item, target[name])


def _copy_chunks(source: h5py.Dataset, target: h5py.Group, name: str, options: dict[str, Any]) -> None:
    rows = source.chunks[0]
    dataset = target.create_dataset(
        name,
        source.shape,
        source.dtype,
        # A chunk is never larger than what there is.
        chunks=(max(1, min(rows, len(source))), *source.chunks[1:]),
        maxshape=source.maxshape,
        **options,
    )
    for first in range(0, len(source), rows):
        dataset[first : first + rows] = source[first : first + rows]


def _copy_attributes(source: h5py.HLObject, target: h5py.HLObject) -> None:
    for name in source.attrs.keys() - _SCALE_ATTRIBUTES:
        target.attrs[name] = source.attrs[name]


def _attach_scales(source: h5py.File, target: h5py.File) -> None:
    """Make the dimension scales again: they are references, which hold in one file."""

    def attach(name: str, item: h5py.HLObject) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        for number, dimension in enumerate(item.dims):
            if dimension.label:
                target[name].dims[number].label = dimension.label
            for label, scale in dimension.items():
                copy = target[scale.name]
                if not copy.is_scale:
                    copy.make_scale(label)
                target[name].dims[number].attach_scale(copy)

    source.visititems(attach)
