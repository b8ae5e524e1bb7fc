"""As whom a stream of events sends: what differs from one producer of ev44 to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Profile = Literal["plain", "efu"]
"""As whom a stream of events sends."""


@dataclass(frozen=True)
class EventProfile:
    """What a producer of ev44 does in its own way.

    Attributes
    ----------
    name
        as `player.events` takes it
    first_message_id
        the id of a source's first message
    sends_empty_pulses
        whether a pulse without events is a message
    stamps_by_wall_clock
        whether the Kafka time stamp is when the message was sent; else it is the reference time
    fills_buffers
        whether every message has the size of the largest: its vectors are shorter, their room is not
    """

    name: Profile
    first_message_id: int = 0
    sends_empty_pulses: bool = True
    stamps_by_wall_clock: bool = False
    fills_buffers: bool = False


#: By name. That of the event formation unit (EFU) is read from its sources, https://github.com/ess-dmsc/
#: event-formation-unit at commit 8b399165 (2026-03-20), src/common/kafka/EV44Serializer.cpp and .h.
PROFILES: dict[str, EventProfile] = {
    profile.name: profile
    for profile in (
        EventProfile("plain"),
        EventProfile(
            "efu",
            first_message_id=1,
            sends_empty_pulses=False,
            stamps_by_wall_clock=True,
            fills_buffers=True,
        ),
    )
}
