r"""Texts on their way into Tango, which cannot carry all of them: what it cannot is replaced by ``?``.

What PyTango 10.3 does with a text, found by trial:

- values of attributes, read or in events, and results of commands: Latin-1, both ways; any other letter makes
  the request fail;
- the error of a command or an attribute: Latin-1 where it is raised as `tango.DevFailed`; UTF-8, which
  clients read as Latin-1, out of ``tango.Except.throw_exception`` and where any other exception escapes;
- Status: UTF-8, which ``DeviceProxy.status()`` reads as such and the attribute's events as Latin-1, so that
  ASCII alone reads right by both;
- log streams: UTF-8, as a terminal reads it; a surrogate is an error;
- everywhere: what follows a NUL is cut off.
"""

from __future__ import annotations

from typing import Any, TypeVar

Value = TypeVar("Value")


def carried(value: Value) -> Value:
    """Return a value of an attribute, a result of a command or the text of an error as Tango can carry it.

    Texts are those of Latin-1, also in a list; what is neither is returned as it is.
    """
    result: Any = value
    if isinstance(value, str):
        result = _replaced(value, "latin-1")
    elif isinstance(value, list | tuple):
        result = [carried(item) for item in value]
    return result  # type: ignore[no-any-return]


def carried_status(text: str) -> str:
    """Return a Status as every client reads it."""
    return _replaced(text, "ascii")


def carried_line(text: str) -> str:
    """Return a line for a log stream."""
    return _replaced(text, "utf-8")


def _replaced(text: str, encoding: str) -> str:
    if not text.isascii():
        text = text.encode(encoding, "replace").decode(encoding)
    return text.replace("\0", "?")
