"""A consumer group: its members, who of them reads what, and how far they came.

The classic protocol (source: Apache Kafka, KIP-62): members join, the first to join assigns the partitions,
all learn their part when they sync; whoever joins, leaves or falls silent starts this over.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from kafka.errors import (
    IllegalGenerationError,
    InconsistentGroupProtocolError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


class State(Enum):
    """What a group is doing, as Apache Kafka calls it."""

    EMPTY = "Empty"
    JOINING = "PreparingRebalance"
    SYNCING = "CompletingRebalance"
    STABLE = "Stable"


class Joined(NamedTuple):
    """What a member learns when all have joined; only the leader is told the members and their data."""

    generation: int
    protocol: str
    leader: str
    member_id: str
    members: dict[str, bytes]


@dataclass(eq=False)
class Member:
    """A member of a group.

    Attributes
    ----------
    id, client_id
        given by the broker, and by the client itself
    protocols
        ways to assign partitions that it knows, with its data for each
    assignment
        what it reads, as the leader said
    """

    id: str
    client_id: str
    protocols: Mapping[str, bytes]
    session_timeout: float
    rebalance_timeout: float
    assignment: bytes = b""
    joined: asyncio.Future[Joined] | None = None
    synced: asyncio.Future[bytes] | None = None
    expiry: asyncio.TimerHandle | None = None


class Group:
    """One consumer group.

    Attributes
    ----------
    offsets
        (topic, partition) → committed offset and the text committed with it
    state, protocol_type, protocol
        what it does, and by which kind of members and which way to assign partitions

    Errors are those of `kafka.errors` that a member is told; it knows what to do next from them.
    """

    def __init__(self) -> None:
        self.offsets: dict[tuple[str, int], tuple[int, str]] = {}
        self.state = State.EMPTY
        self._generation = 0
        self.protocol_type = ""
        self.protocol = ""
        self._leader = ""
        self._members: dict[str, Member] = {}
        self._announced: set[str] = set()
        self._join_deadline: asyncio.TimerHandle | None = None

    @property
    def members(self) -> list[Member]:
        """Who is in it."""
        return list(self._members.values())

    def announce(self, session_timeout: float) -> str:
        """Give a member an id to join with, good for `session_timeout` seconds."""
        member_id = str(uuid.uuid4())
        self._announced.add(member_id)
        asyncio.get_running_loop().call_later(session_timeout, self._announced.discard, member_id)
        return member_id

    async def join(
        self,
        member_id: str,
        client_id: str,
        protocol_type: str,
        protocols: Mapping[str, bytes],
        *,
        session_timeout: float,
        rebalance_timeout: float,
    ) -> Joined:
        """Join, or join again, and wait for all members to do so.

        Parameters
        ----------
        member_id
            as announced; empty for a client that does not know of announcements
        client_id
            what the client calls itself
        protocols
            ways to assign partitions that the member knows, best first, with its data for each
        session_timeout, rebalance_timeout
            s; how long the member may be silent, and how long the others wait for it to join again
        """
        if member_id and member_id not in self._members and member_id not in self._announced:
            raise UnknownMemberIdError(member_id)
        others = [member for member in self._members.values() if member.id != member_id]
        common = set(protocols).intersection(*(member.protocols for member in others))
        if not common or (others and protocol_type != self.protocol_type):
            raise InconsistentGroupProtocolError(f"{protocol_type} {', '.join(protocols)}")
        self.protocol_type = protocol_type
        member = self._members.get(member_id)
        if member is None:
            self._announced.discard(member_id)
            new_id = member_id or str(uuid.uuid4())
            member = Member(new_id, client_id, protocols, session_timeout, rebalance_timeout)
            self._members[member.id] = member
        elif self._settled(member, protocols):
            self._touch(member)
            return self._joined(member)
        member.protocols = protocols
        if member.joined and not member.joined.done():
            member.joined.set_exception(RebalanceInProgressError("the member joined again"))
        joined: asyncio.Future[Joined] = asyncio.get_running_loop().create_future()
        member.joined = joined
        self._touch(member)
        self._begin_joining()
        return await joined

    def _settled(self, member: Member, protocols: Mapping[str, bytes]) -> bool:
        """Whether a member that joins again only missed the answer; a leader means to reassign."""
        if member.protocols != protocols:
            return False
        return self.state is State.SYNCING or (self.state is State.STABLE and member.id != self._leader)

    def _begin_joining(self) -> None:
        if self.state is not State.JOINING:
            self.state = State.JOINING
            for member in self._members.values():
                if member.synced and not member.synced.done():
                    member.synced.set_exception(RebalanceInProgressError("a member joined or left"))
                member.synced = None
            longest = max(member.rebalance_timeout for member in self._members.values())
            self._join_deadline = asyncio.get_running_loop().call_later(longest, self._finish_joining)
        if all(member.joined for member in self._members.values()):
            self._finish_joining()

    def _finish_joining(self) -> None:
        if self._join_deadline:
            self._join_deadline.cancel()
        for member in [member for member in self._members.values() if not member.joined]:
            self._forget(member)
        if not self._members:
            self.state = State.EMPTY
            return
        self.state = State.SYNCING
        self._generation += 1
        common = set.intersection(*(set(member.protocols) for member in self._members.values()))
        first = next(iter(self._members.values()))
        self.protocol = next(name for name in first.protocols if name in common)
        if self._leader not in self._members:
            self._leader = first.id
        for member in self._members.values():
            if member.joined and not member.joined.done():
                member.joined.set_result(self._joined(member))
            member.joined = None
            self._touch(member)

    def _joined(self, member: Member) -> Joined:
        told = self._members.values() if member.id == self._leader else ()
        members = {other.id: other.protocols[self.protocol] for other in told}
        return Joined(self._generation, self.protocol, self._leader, member.id, members)

    async def sync(self, member_id: str, generation: int, assignments: Mapping[str, bytes]) -> bytes:
        """Return the member's assignment; wait for the leader, who brings those of all."""
        member = self._current(member_id, generation)
        if self.state is State.JOINING:
            raise RebalanceInProgressError("join again")
        self._touch(member)
        if self.state is State.SYNCING and member_id == self._leader:
            self.state = State.STABLE
            for other in self._members.values():
                other.assignment = assignments.get(other.id, b"")
                if other.synced and not other.synced.done():
                    other.synced.set_result(other.assignment)
                other.synced = None
        if self.state is State.STABLE:
            return member.assignment
        member.synced = asyncio.get_running_loop().create_future()
        return await member.synced

    def heartbeat(self, member_id: str, generation: int) -> None:
        """Note that a member lives, and tell it to join again where that is due."""
        self._touch(self._current(member_id, generation))
        if self.state is State.JOINING:
            raise RebalanceInProgressError("join again")

    def leave(self, member_id: str) -> None:
        """Let a member go."""
        if member_id in self._announced:
            self._announced.discard(member_id)
        elif member_id in self._members:
            self._remove(self._members[member_id])
        else:
            raise UnknownMemberIdError(member_id)

    def check_commit(self, member_id: str, generation: int) -> None:
        """Raise unless this member may commit now; without members, anybody may who claims no generation."""
        if generation < 0 and not self._members:
            return
        self._touch(self._current(member_id, generation))
        if self.state is State.SYNCING:
            raise RebalanceInProgressError("sync first")

    def _current(self, member_id: str, generation: int) -> Member:
        member = self._members.get(member_id)
        if member is None:
            raise UnknownMemberIdError(member_id)
        if generation != self._generation:
            raise IllegalGenerationError(f"generation {generation}, now {self._generation}")
        return member

    def _touch(self, member: Member) -> None:
        if member.expiry:
            member.expiry.cancel()
        loop = asyncio.get_running_loop()
        member.expiry = loop.call_later(member.session_timeout, self._expire, member)

    def _expire(self, member: Member) -> None:
        if member.joined or member.synced:
            self._touch(member)  # it waits for others
        else:
            self._remove(member)

    def _remove(self, member: Member) -> None:
        self._forget(member)
        if self._members:
            self._begin_joining()
        elif self.state is State.JOINING:
            self._finish_joining()
        else:
            self.state = State.EMPTY

    def _forget(self, member: Member) -> None:
        del self._members[member.id]
        if member.expiry:
            member.expiry.cancel()
        for waiting in (member.joined, member.synced):
            if waiting and not waiting.done():
                waiting.set_exception(UnknownMemberIdError(member.id))
