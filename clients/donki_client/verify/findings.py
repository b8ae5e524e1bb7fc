"""The result of comparing what was found of a stream with what was noted."""

from __future__ import annotations

from dataclasses import dataclass, field

from donki_client.verify.noted_messages import Message


@dataclass
class Findings:
    """The result of a comparison.

    Attributes
    ----------
    noted, matched
        messages that were noted, and those of them that were found
    missing, late
        noted messages that were not found, and those that came after later ones; the first of each
    missing_count, late_count
        how many there are of each
    replaced
        those of the missing in whose place another one was found
    twice, unknown
        messages that were found once more than noted, and those that are not noted at all
    deleted
        how many messages the broker deleted before they were read
    deleted_from, deleted_to
        the first and the last of them
    left_over
        messages that actions had sent which then failed, or came after one of which nothing is known
    extra
        checksums of all that was found and not noted, as far as they are kept
    after, where
        the trigger after which the first of them was found, and its place
    """

    noted: int = 0
    matched: int = 0
    missing: list[Message] = field(default_factory=list)
    late: list[Message] = field(default_factory=list)
    missing_count: int = 0
    late_count: int = 0
    twice: int = 0
    unknown: int = 0
    deleted: int = 0
    deleted_from: Message | None = None
    deleted_to: Message | None = None
    left_over: int = 0
    extra: set[int] = field(default_factory=set)
    after: int | None = None
    where: str = ""
    replaced: set[Message] = field(default_factory=set)

    @property
    def agrees(self) -> bool:
        """Whether everything is where it belongs."""
        return not (self.missing_count or self.late_count or self.twice or self.unknown or self.deleted)
