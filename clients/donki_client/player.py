"""What a Player tells of itself."""

from __future__ import annotations

from dataclasses import dataclass

import tango

from donki_client.errors import translated


@dataclass(frozen=True)
class Sent:
    """What a Player has done in its run: its last trigger, and the events, messages and bytes it sent."""

    last_trigger: int
    events: int
    messages: int
    bytes: int


def read_sent(device: str) -> Sent:
    """Ask a Player what it has sent.

    Parameters
    ----------
    device
        its name in the Tango database, or a full ``tango://host:port/...`` name

    Raises
    ------
    UnreachableError
        when it does not answer
    """
    names = ["LastTrigger", "EventsSent", "MessagesSent", "BytesSent"]
    with translated(device):
        return Sent(*(int(answer.value) for answer in tango.DeviceProxy(device).read_attributes(names)))
