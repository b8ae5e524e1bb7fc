"""What a Player tells of what it sends in a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from operator import add
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Counts:
    """What was sent in a run.

    Attributes
    ----------
    events, messages, bytes
        what the broker has acknowledged, without what failed attempts have left there
    packets, readouts
        what was sent as raw readouts, also by failed attempts; nobody acknowledges it
    """

    events: int = 0
    messages: int = 0
    bytes: int = 0
    packets: int = 0
    readouts: int = 0

    def __add__(self, more: Counts) -> Counts:
        """Return what was sent in both."""
        return Counts(*map(add, astuple(self), astuple(more)))


class Stream(NamedTuple):
    """What stands where in Kafka: messages of a schema (ev44, f144, …) from a source, in a topic.

    Attributes
    ----------
    layout
        where it is known: what a file writer must be told that no message tells, or none before the first
    """

    schema: str
    topic: str
    source: str
    layout: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {name: value for name, value in self._asdict().items() if value is not None}
