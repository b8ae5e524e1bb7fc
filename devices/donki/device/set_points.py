"""Set points: what a panel lets people write and shows beside a value, and what is memorized of them."""

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


def whole_numbers(least: int, most: int) -> dict[str, Any]:
    """Return the options of an attribute of whole numbers: its range, and a format as wide as the largest.

    The wheel on which ATKPanel has people write a number has the digits of the format: five for ``%d``, and
    what is larger loses its first ones.
    """
    return {"dtype": int, "min_value": least, "max_value": most, "format": f"%{len(str(most))}d"}


def rounded_numbers(least: float, most: int, decimals: int) -> dict[str, Any]:
    """Return the options of an attribute of numbers that are kept to so many decimals, as `whole_numbers`.

    ATK takes the width for the number of all digits, the point not counted.
    """
    width = len(str(most)) + decimals
    return {"dtype": float, "min_value": least, "max_value": most, "format": f"%{width}.{decimals}f"}


def show_set_points(device: Device, values: Mapping[str, bool | int | float | str]) -> None:
    """Give writable attributes their present values as set points.

    Tango's own are 0 and ``Not initialised``, or the text that is memorized, or what a client wrote before it
    was rounded: a panel would offer to write them, and Taurus take them for an edit that was never sent.

    Parameters
    ----------
    device
        whose attributes they are
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
