"""What a Player did: at a trigger, and outside of triggers."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from donki.streams.manifest import Manifest
from donki.streams.manifest_builder import NOTHING


class Report(NamedTuple):
    """What a Player did at a trigger; the duration in s, the events, messages and bytes of this trigger.

    What was delivered is listed in the manifest.
    """

    trigger: int
    attempt: int
    duration: float
    events: int
    messages: int
    bytes: int
    manifest: Manifest = NOTHING

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object; without a manifest where nothing was sent."""
        manifest = self.manifest.as_dict()
        said = self._asdict()
        del said["manifest"]
        return said | {"manifest": manifest} if manifest else said


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
