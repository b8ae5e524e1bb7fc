"""Set points: what a panel shows beside a value, before anybody has written it."""

from __future__ import annotations

from collections.abc import Mapping

from tango.server import Device


def show_set_points(device: Device, values: Mapping[str, bool | int | float | str]) -> None:
    """Give writable attributes their present values as set points.

    Tango's own are 0 and ``Not initialised``, which a panel would offer to write. Tango writes what is
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
