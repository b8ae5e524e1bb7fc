"""Between our errors and Tango's: what a command raises, and what a caught DevFailed says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tango

from donki.errors import DonkiError

_UNREACHABLE = {
    "API_CantConnectToDevice",
    "API_CorbaException",
    "API_DeviceNotExported",
    "API_ServerNotRunning",
    "DB_DeviceNotDefined",
}

_NO_DATABASE = {"API_CantConnectToDatabase", "API_TangoHostNotSet"}
_DATABASE = "sys/database/"


@contextmanager
def as_dev_failed(origin: str) -> Iterator[None]:
    """Raise a DonkiError as a DevFailed: reason ``Donki_`` and its kind, desc its message."""
    try:
        yield
    except DonkiError as error:
        tango.Except.throw_exception(f"Donki_{type(error).__name__}", str(error), origin)


def is_lost(error: tango.DevFailed) -> bool:
    """Return whether a Player must be found again: not there, silent, not set up for the run, or busy."""
    must_be_found = {"Donki_NotSetUpError", "Donki_BusyError"}
    return error.args[0].reason in must_be_found or _is_unreachable(error) or timed_out(error)


def timed_out(error: tango.DevFailed) -> bool:
    """Return whether a device took a call and did not answer in time."""
    root = error.args[0]
    return root.reason.startswith("API_") and ("imeout" in root.desc or "imedout" in root.desc)


def message_of(error: tango.DevFailed) -> str:
    """Return what a DevFailed says, in one line: our own message as it was raised, others by their root."""
    if _has_no_database(error):
        return "cannot be looked up: the Tango database does not answer"
    if timed_out(error):
        return "does not answer (timed out)"
    if _was_not_tried(error):
        return "cannot be reached: its server, or the Tango database does not answer"
    if _is_unreachable(error):
        return "cannot be reached: its server does not run or has died"
    return " ".join(str(error.args[0].desc).split())


def _is_unreachable(error: tango.DevFailed) -> bool:
    # A script may have met such an error too; what it says is its own.
    root = error.args[0]
    broken = root.reason.startswith("API_") and ("TRANSIENT" in root.desc or "COMM_FAILURE" in root.desc)
    return broken or root.reason in _UNREACHABLE or _has_no_database(error)


def _was_not_tried(error: tango.DevFailed) -> bool:
    # Tango refuses a second connection within a second of one that failed, for whatever reason.
    return any("connection request was delayed" in level.desc for level in error.args)


def _has_no_database(error: tango.DevFailed) -> bool:
    return any(
        level.reason in _NO_DATABASE or (level.reason.startswith("API_") and _DATABASE in level.desc)
        for level in error.args
    )
