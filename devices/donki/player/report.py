"""What a Player did: at a trigger, and outside of triggers."""

from __future__ import annotations

import json
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

    def as_json(self) -> str:
        """Return it as a JSON object; without a manifest where nothing was sent."""
        # A fifth of what json.dumps takes for numbers, at every trigger.
        manifest = self.manifest.as_dict()
        return (
            f'{{"trigger": {self.trigger}, "attempt": {self.attempt}, "duration": {self.duration}, '
            f'"events": {self.events}, "messages": {self.messages}, "bytes": {self.bytes}'
            + (f', "manifest": {json.dumps(manifest)}}}' if manifest else "}")
        )


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
