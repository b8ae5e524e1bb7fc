"""Device properties: a wrong one is said by the device, and does not keep it from starting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tango
from tango.server import Device

from donki.device.stored import stored_properties
from donki.errors import DonkiError, InputError
from donki.numeric import read_whole


def read_properties(device: Device, rules: Mapping[str, Callable[[Any], object]]) -> dict[str, str]:
    """Apply the properties of a device; one that is wrong has its default.

    Where the database does not answer, as it may at the command Init, the properties are as they were.

    Parameters
    ----------
    device
        the device, in its `init_device`
    rules
        by property name, what raises a DonkiError for a value that is not what it should be

    Returns
    -------
    dict
        by property name: what is wrong with it, and the remedy; under no name, that of the database
    """
    names = list(device.get_device_class().device_property_list)
    try:
        stored = stored_properties(device.get_name(), names)
    except DonkiError as error:
        for name in names:
            if getattr(device, name) is None:
                setattr(device, name, getattr(type(device), name).default_value)
        return {"": str(error)}
    problems = {}
    for name in names:
        declared = getattr(type(device), name)
        value, texts = declared.default_value, stored.get(name)
        try:
            if texts:
                taken = _convert(declared.dtype, texts)
                rules.get(name, str)(taken)
                value = taken
        except DonkiError as error:
            problems[name] = property_problem(name, error)
        setattr(device, name, value)
    return problems


def property_problem(name: str, error: DonkiError) -> str:
    """Return what is wrong with a property, and the remedy."""
    said = str(error).removeprefix(f"{name}: ")
    return f"the property {name}: {said}; mend it, then Init"


def _convert(kind: tango.CmdArgType, texts: Sequence[str]) -> Any:
    if kind == tango.DevVarStringArray:
        return list(texts)
    if len(texts) > 1:
        # Not shown: it may be a secret.
        raise InputError(f"one line is expected; got {len(texts)}")
    (text,) = texts
    if kind == tango.DevLong64:
        return read_whole(text)
    return text
