"""What a Player tells of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from donki.streams.listing import Stream
from donki_client.api.proxy import Proxy


@dataclass(frozen=True)
class Sent:
    """What a Player has done in its run, or the last one.

    Attributes
    ----------
    last_trigger
        the last that was done; 0 before the first
    events, messages, bytes
        what the Kafka broker has acknowledged
    packets, readouts
        the UDP packets of raw readouts that it sent, and the readouts in them; nobody acknowledges them
    streams
        where the messages went, as far as their streams were opened
    files
        the NeXus files that it wrote, as paths on its machine
    """

    last_trigger: int
    events: int
    messages: int
    bytes: int
    packets: int = 0
    readouts: int = 0
    streams: tuple[Stream, ...] = ()
    files: tuple[Path, ...] = ()


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
    numbers = "LastTrigger", "EventsSent", "MessagesSent", "BytesSent", "PacketsSent", "ReadoutsSent"
    *counts, streams, files = Proxy(device).read(*numbers, "Streams", "Files")
    trigger, events, messages, size, packets, readouts = map(int, counts)
    return Sent(
        trigger,
        events,
        messages,
        size,
        packets,
        readouts,
        streams=tuple(Stream(**stream) for stream in json.loads(streams)),
        files=tuple(map(Path, files)),
    )
