"""Attributes and commands of our devices: texts arrive as Tango can carry them, what changed is pushed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import tango
import tango.server

from donki.device.errors import as_dev_failed
from donki.device.tango_text import carried


def attribute(
    fget: Callable[[Any], Any], fset: Callable[[Any, Any], None] | None = None, **options: Any
) -> Any:
    """Make a Tango attribute.

    Parameters
    ----------
    fget
        returns its value
    fset
        takes another value
    **options
        those of `tango.server.attribute`
    """

    @functools.wraps(fget)
    def read(device: Any) -> Any:
        with as_dev_failed(options["label"]):
            return carried(fget(device))

    if fset:
        options["fset"] = _changing(fset)
    return tango.server.attribute(fget=read, **options)


def settable(name: str, fget: Callable[[Any], Any], fset: Callable[[Any, Any], None], **options: Any) -> Any:
    """Make a Tango attribute that a user sets, which mends a memorized value that was refused.

    Parameters
    ----------
    name
        of the attribute
    fget
        returns its value
    fset
        takes another value; a DonkiError where it is wrong
    **options
        those of `tango.server.attribute`
    """

    def write(device: Any, value: Any) -> None:
        with device.setting(name):
            fset(device, value)

    return attribute(fget, write, **{"access": tango.AttrWriteType.READ_WRITE, **options})


def readers(device: Any) -> dict[str, Callable[[], Any]]:
    """Return what reads each attribute that a device's class declares, by its name."""
    return {name: functools.partial(made.fget.__wrapped__, device) for name, made in _declared(device)}


def set_points(device: Any, *names: str) -> dict[str, Any]:
    """Return the present values of all attributes that can be written, or of some, as Tango carries them."""
    read_write = tango.AttrWriteType.READ_WRITE
    return {
        name: carried(made.fget.__wrapped__(device))
        for name, made in _declared(device)
        if made.attr_write == read_write and (name in names or not names)
    }


def command(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a method a Tango command; where it takes nothing, its docstring is shown as the argument's.

    Tango itself keeps words for the arguments alone.

    Parameters
    ----------
    **options
        those of `tango.server.command`
    """

    def describe(method: Callable[..., Any]) -> Any:
        words = inspect.cleandoc(method.__doc__ or "")
        if "dtype_in" not in options:
            options["doc_in"] = words
        if "dtype_out" not in options:
            return tango.server.command(_changing(method), **options)

        @functools.wraps(method)
        def carry_out(*arguments: Any) -> Any:
            return carried(method(*arguments))

        return tango.server.command(_changing(carry_out), **options)

    return describe


def _declared(device: Any) -> Iterable[tuple[str, Any]]:
    return type(device).TangoClassClass.attr_list.items()  # type: ignore[no-any-return]


def _changing(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let the device's publisher look when a request has been carried out, or has failed."""

    @functools.wraps(method)
    def carry_out(device: Any, *arguments: Any) -> Any:
        try:
            return method(device, *arguments)
        finally:
            device.changed.set()

    return carry_out
