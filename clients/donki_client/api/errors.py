"""What can go wrong between a client and the devices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tango

from donki import errors
from donki.errors import DonkiError, InputError, NotAllowedError


class UnreachableError(DonkiError):
    """A device that does not answer; names it and the remedy."""


class SequenceError(DonkiError):
    """A sequence that failed; the message is the Director's LastError.

    Attributes
    ----------
    player
        whose action or set-up failed; None where it was nobody's alone
    trigger
        at which; 0 at the set-up, None where that is not known
    attempt
        which attempt at the trigger; None where that is not known
    reason
        what the Player said
    """

    def __init__(self, message: str, failure: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        known = failure or {}
        self.player: str | None = known.get("player")
        self.trigger: int | None = known.get("trigger")
        self.attempt: int | None = known.get("attempt")
        self.reason: str = known.get("reason") or message


#: The kind of an error by the reason of its DevFailed: what our devices raise, what Tango refuses for them.
KINDS: dict[str, type[DonkiError]] = {
    f"Donki_{name}": kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, DonkiError)
} | {
    "API_CommandNotAllowed": NotAllowedError,
    "API_AttrNotAllowed": NotAllowedError,
    "API_WAttrOutsideLimit": InputError,
}

#: Reasons of a DevFailed that mean that no server answers for a device.
SILENT = {"API_CantConnectToDevice", "API_CorbaException", "API_DeviceNotExported", "API_ServerNotRunning"}


def from_tango(failed: tango.DevFailed, device: str) -> DonkiError:
    """Return the error that a DevFailed stands for, with the device's own words and no stack.

    Parameters
    ----------
    failed
        what a Tango call raised
    device
        the device that was asked, for the message
    """
    first = failed.args[0]
    reasons = {entry.reason for entry in failed.args}
    if "API_DeviceTimedOut" in reasons:
        return UnreachableError(f"{device} did not answer in time; its server may hang: restart it")
    if "API_TangoHostNotSet" in reasons:
        return InputError(
            f"{device}: no Tango database is named; give HOST:PORT, or set TANGO_HOST in the environment"
        )
    if "API_CantConnectToDatabase" in reasons:
        return UnreachableError(
            f"{device}: no Tango database answers there; start one (donki director HOST:PORT) "
            "or name another (--database, TANGO_HOST)"
        )
    if "DB_DeviceNotDefined" in reasons:
        return UnreachableError(f"{device} is not in that Tango database; register it, or correct the name")
    if reasons & SILENT:
        return UnreachableError(f"{device} does not answer; start its server, or correct the name")
    return KINDS.get(first.reason, DonkiError)(first.desc.strip())


@contextmanager
def translated(device: str) -> Iterator[None]:
    """Raise a DevFailed as the error that it stands for."""
    try:
        yield
    except tango.DevFailed as failed:
        raise from_tango(failed, device) from None
