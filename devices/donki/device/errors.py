"""Between our errors and Tango's: what a command raises, and what a caught DevFailed says."""

from __future__ import annotations

import traceback
from contextlib import AbstractContextManager

import tango

from donki.device.tango_text import carried
from donki.errors import NOT_IN_SERVER, DonkiError, shortened
from donki.threads import describe

_UNREACHABLE = {
    "API_CantConnectToDevice",
    "API_CorbaException",
    "API_DeviceNotExported",
    "API_ServerNotRunning",
    "DB_DeviceNotDefined",
}

_NO_DATABASE = {"API_CantConnectToDatabase", "API_TangoHostNotSet"}
_DATABASE = "sys/database/"


def dev_failed(reason: str, text: str, origin: str) -> tango.DevFailed:
    """Return a DevFailed whose text arrives as Tango can carry it."""
    error = tango.DevError()
    error.reason = carried(reason)
    error.desc = carried(text)
    error.origin = carried(origin)
    error.severity = tango.ErrSeverity.ERR
    return tango.DevFailed(error)


def as_dev_failed(origin: str) -> AbstractContextManager[None]:
    """Raise whatever is raised as a DevFailed.

    Of a DonkiError, the reason is ``Donki_`` and its kind, the desc its message; of what nobody expected, the
    reason is Tango's own, and the origin has the traceback.
    """
    return _AsDevFailed(origin)


class _AsDevFailed:
    """Does what `as_dev_failed` says; a class, for it is entered at every trigger."""

    __slots__ = ("_origin",)

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, tango.DevFailed):
            return
        if isinstance(error, DonkiError):
            raise dev_failed(f"Donki_{type(error).__name__}", str(error), self._origin) from None
        # PyTango would send a text that no client can read.
        place = "".join(traceback.format_exception(error))
        raise dev_failed("PyDs_PythonError", describe(error), place) from None


def is_unreachable(error: tango.DevFailed) -> bool:
    """Return whether a Player must be found again: not there, silent, not set up for the run, or busy."""
    must_be_found = {"Donki_NotSetUpError", "Donki_BusyError", NOT_IN_SERVER}
    return _root(error).reason in must_be_found or has_no_answer(error)


def is_elsewhere(error: tango.DevFailed) -> bool:
    """Return whether a Player is not in the server that was called for it."""
    return bool(_root(error).reason == NOT_IN_SERVER)


def has_no_answer(error: tango.DevFailed) -> bool:
    """Return whether a call came back without the device's own word: it is not there, or silent."""
    return _cannot_connect(error) or timed_out(error)


def timed_out(error: tango.DevFailed) -> bool:
    """Return whether a device took a call and did not answer in time."""
    root = _root(error)
    return root.reason.startswith("API_") and ("imeout" in root.desc or "imedout" in root.desc)


def message_of(error: tango.DevFailed) -> str:
    """Return what a DevFailed says, in one line: our own message as it was raised, others by their root."""
    if _has_no_database(error):
        return "cannot be looked up: the Tango database does not answer"
    if timed_out(error):
        return "does not answer (timed out)"
    if _was_not_tried(error):
        return "cannot be reached: its server, or the Tango database does not answer"
    if _cannot_connect(error):
        return "cannot be reached: its server does not run or has died"
    said = " ".join(_root(error).desc.split())
    return shortened(said) or "it gave no reason"


def _root(error: tango.DevFailed) -> tango.DevError:
    # A server may raise one that has no error in it.
    return error.args[0] if error.args else tango.DevError()


def _cannot_connect(error: tango.DevFailed) -> bool:
    # A script may have met such an error too; what it says is its own.
    root = _root(error)
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
