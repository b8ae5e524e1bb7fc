"""What a Player did: at a trigger, and outside of triggers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from donki.streams.manifest import Manifest


@dataclass(frozen=True)
class Report:
    """What a Player did at a trigger; the duration in s, the events, messages and bytes of this trigger.

    What was delivered is listed in the manifest.
    """

    trigger: int
    attempt: int
    duration: float
    events: int
    messages: int
    bytes: int
    manifest: Manifest = field(default_factory=Manifest)

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object; without a manifest where nothing was sent."""
        manifest = self.manifest.as_dict()
        counts = {name: value for name, value in vars(self).items() if name != "manifest"}
        return counts | {"manifest": manifest} if manifest else counts


def report_of(trigger: int, attempt: int, duration: float, manifest: Manifest) -> Report:
    """Report a trigger at which the manifest was delivered."""
    events = messages = size = 0
    for tally in manifest.sent:
        events += tally.events
        messages += tally.messages
        size += tally.size
    return Report(trigger, attempt, duration, events, messages, size, manifest)


def remainder_of(manifest: Manifest) -> dict[str, Any]:
    """Return what was delivered outside of triggers, as a JSON object; empty for nothing.

    The time when it was made, ``taken`` in ns since 1970 UTC, tells it from what comes later.
    """
    said = manifest.as_dict()
    return said | {"taken": time.time_ns()} if said else said
