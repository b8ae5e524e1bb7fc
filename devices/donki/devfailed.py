"""Between our errors and Tango's: what a command raises, and what a caught DevFailed says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tango

from donki.errors import DonkiError

_UNREACHABLE = {
    "API_CantConnectToDevice",
    "API_CantConnectToDatabase",
    "API_CorbaException",
    "API_DeviceNotExported",
    "API_ServerNotRunning",
    "API_TangoHostNotSet",
    "DB_DeviceNotDefined",
}


@contextmanager
def as_dev_failed(origin: str) -> Iterator[None]:
    """Raise a DonkiError as a DevFailed: reason ``Donki_`` and its kind, desc its message."""
    try:
        yield
    except DonkiError as error:
        tango.Except.throw_exception(f"Donki_{type(error).__name__}", str(error), origin)


def is_lost(error: tango.DevFailed) -> bool:
    """Return whether a device was not there, or a Player there was not set up for the run."""
    root = error.args[0]
    return (
        root.reason in _UNREACHABLE
        or root.reason == "Donki_NotSetUpError"
        or "TRANSIENT" in root.desc
        or "COMM_FAILURE" in root.desc
        or ("imeout" in root.desc and root.reason.startswith("API_"))
    )


def message_of(error: tango.DevFailed) -> str:
    """Return what a DevFailed says, in one line: our own message as it was raised, others by their root."""
    root = error.args[0]
    if root.reason == "API_DeviceTimedOut" or "Timeout" in root.desc:
        return "does not answer (timed out)"
    if root.reason in _UNREACHABLE or "TRANSIENT" in root.desc or "COMM_FAILURE" in root.desc:
        return "cannot be reached: its server does not run or has died"
    return " ".join(str(root.desc).split())
