"""Set points: what a panel shows beside a value, and what is memorized of them in the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tango
from tango.server import Device

from donki.device.stored import memorized_values
from donki.errors import DonkiError, InputError

#: What makes an attribute's set point be kept in the database. The device takes it up itself, by `restore`:
#: Tango would drop one that it cannot parse, and refuse to read an attribute whose value was refused.
MEMORIZED: dict[str, Any] = {"access": tango.AttrWriteType.READ_WRITE, "memorized": True}


def show_set_points(device: Device, values: Mapping[str, bool | int | float | str]) -> None:
    """Give writable attributes their present values as set points.

    Tango's own are 0 and ``Not initialised``, which a panel would offer to write. Tango shows what is
    memorized later, which replaces them.

    Parameters
    ----------
    device
        the device, in its `init_device`
    values
        by attribute name
    """
    attributes = device.get_device_attr()
    for name, value in values.items():
        attributes.get_w_attr_by_name(name).set_write_value(value)


def restore(device: Device, setters: Mapping[str, Callable[[str], object]]) -> dict[str, str]:
    """Restore what is memorized of attributes; one whose value is refused keeps the value that it has.

    Parameters
    ----------
    device
        the device, in its `init_device`
    setters
        by attribute name, what takes a memorized text or raises an InputError

    Returns
    -------
    dict
        by attribute name: what is wrong with the memorized value, and the remedy; under no name, with the
        database
    """
    try:
        memorized = memorized_values(device.get_name(), list(setters))
    except DonkiError as error:
        return {"": str(error)}
    problems = {}
    for name, texts in memorized.items():
        try:
            setters[name](",".join(texts))  # as Tango does with several
        except InputError as error:
            said = str(error).removeprefix(f"{name}: ")
            problems[name] = f"{name}: the memorized value is refused: {said}; write {name}"
    return problems
