"""A fault that was injected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What was done to one message.

    Attributes
    ----------
    trigger
        at which the stream sent it
    kind
        of the fault, as `donki.streams.faults.kind.KINDS` has it
    topic, source
        the stream
    message
        its number among those that the stream sent at the trigger, from 1
    detail
        what was done, in words
    checksum
        CRC-32C of what reaches Kafka in its place; where nothing does, of what does not
    """

    trigger: int
    kind: str
    topic: str
    source: str
    message: int
    detail: str
    checksum: int
