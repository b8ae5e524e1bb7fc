"""Requests of consumer groups: find the coordinator, join and leave, commit and fetch offsets, list."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import Any

from kafka.errors import (
    BrokerResponseError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    MemberIdRequiredError,
    OffsetMetadataTooLargeError,
    TransactionalIdAuthorizationFailedError,
)
from kafka.protocol.admin import DescribeGroupsResponse, ListGroupsResponse
from kafka.protocol.consumer import (
    HeartbeatResponse,
    JoinGroupResponse,
    LeaveGroupResponse,
    OffsetCommitResponse,
    OffsetFetchResponse,
    SyncGroupResponse,
)
from kafka.protocol.metadata import CoordinatorType, FindCoordinatorResponse

from donki_client.facility.broker.admin import NODE
from donki_client.facility.broker.group import Group, State
from donki_client.facility.broker.records import NO_ERROR
from donki_client.facility.broker.topics import Topics

_log = logging.getLogger(__name__)

_NO_TRANSACTIONS = (
    "the in-memory broker has no transactions; leave the producer's transactional.id out, or use Apache Kafka"
)
_ANNOUNCED_SINCE = 4  # version of JoinGroup
_SESSION_TIMEOUTS = range(6_000, 1_800_001)  # ms, as in Apache Kafka
_TYPE = "classic"  # of all groups, as opposed to those of KIP-848
_DEAD = "Dead"  # of a group that is not there
_MAX_METADATA = 4096  # as in Apache Kafka


class Coordinator:
    """Answers requests of consumer groups.

    Parameters
    ----------
    host, port
        where clients find the broker
    """

    def __init__(self, topics: Topics, host: str, port: int) -> None:
        self._topics = topics
        self._host = host
        self._port = port
        self._groups: defaultdict[str, Group] = defaultdict(Group)

    def _group(self, name: str) -> Group:
        if not name:
            raise InvalidGroupIdError("expected a group id")
        return self._groups[name]

    def find(self, request: Any) -> Any:
        """Name this broker as the coordinator of any group; of transactions there is none."""
        if request.key_type != CoordinatorType.GROUP:
            _log.warning("refused a producer with transactions: %s", _NO_TRANSACTIONS)
            # Clients take this error as final, where they would ask again after most others.
            return FindCoordinatorResponse(
                error_code=TransactionalIdAuthorizationFailedError.errno,
                error_message=_NO_TRANSACTIONS,
                node_id=-1,
                host="",
                port=-1,
            )
        return FindCoordinatorResponse(
            error_code=NO_ERROR, error_message=None, node_id=NODE, host=self._host, port=self._port
        )

    async def join(self, request: Any) -> Any:
        """Let a member join its group."""
        protocols = {protocol.name: protocol.metadata for protocol in request.protocols}
        response = JoinGroupResponse(
            generation_id=-1, protocol_name="", leader="", member_id=request.member_id, members=[]
        )
        try:
            group = self._group(request.group_id)
            if request.session_timeout_ms not in _SESSION_TIMEOUTS:
                raise InvalidSessionTimeoutError(f"{request.session_timeout_ms} ms")
            if not request.member_id and request.version >= _ANNOUNCED_SINCE:
                response.member_id = group.announce(request.session_timeout_ms / 1000)
                raise MemberIdRequiredError(response.member_id)
            joined = await group.join(
                request.member_id,
                request.header.client_id or "",
                request.protocol_type,
                protocols,
                session_timeout=request.session_timeout_ms / 1000,
                rebalance_timeout=max(request.rebalance_timeout_ms, request.session_timeout_ms) / 1000,
            )
        except BrokerResponseError as error:
            response.error_code = error.errno
            return response
        return JoinGroupResponse(
            error_code=NO_ERROR,
            generation_id=joined.generation,
            protocol_name=joined.protocol,
            leader=joined.leader,
            member_id=joined.member_id,
            members=[
                JoinGroupResponse.JoinGroupResponseMember(member_id=member_id, metadata=metadata)
                for member_id, metadata in joined.members.items()
            ],
        )

    async def sync(self, request: Any) -> Any:
        """Hand a member its assignment."""
        assignments = {given.member_id: given.assignment for given in request.assignments}
        try:
            assignment = await self._group(request.group_id).sync(
                request.member_id, request.generation_id, assignments
            )
        except BrokerResponseError as error:
            return SyncGroupResponse(error_code=error.errno, assignment=b"")
        return SyncGroupResponse(error_code=NO_ERROR, assignment=assignment)

    def heartbeat(self, request: Any) -> Any:
        """Note that a member lives."""
        try:
            self._group(request.group_id).heartbeat(request.member_id, request.generation_id)
        except BrokerResponseError as error:
            return HeartbeatResponse(error_code=error.errno)
        return HeartbeatResponse(error_code=NO_ERROR)

    def leave(self, request: Any) -> Any:
        """Let a member leave its group."""
        try:
            self._group(request.group_id).leave(request.member_id)
        except BrokerResponseError as error:
            return LeaveGroupResponse(error_code=error.errno)
        return LeaveGroupResponse(error_code=NO_ERROR)

    def commit(self, request: Any) -> Any:
        """Keep how far a group came."""
        refused = NO_ERROR
        try:
            group = self._group(request.group_id)
            group.check_commit(request.member_id, request.generation_id_or_member_epoch)
        except BrokerResponseError as error:
            refused = error.errno
        return OffsetCommitResponse(
            topics=[
                OffsetCommitResponse.OffsetCommitResponseTopic(
                    name=topic.name,
                    partitions=[
                        OffsetCommitResponse.OffsetCommitResponseTopic.OffsetCommitResponsePartition(
                            partition_index=wanted.partition_index,
                            error_code=refused or self._commit(group, topic.name, wanted),
                        )
                        for wanted in topic.partitions
                    ],
                )
                for topic in request.topics
            ]
        )

    def _commit(self, group: Group, topic: str, wanted: Any) -> int:
        metadata = wanted.committed_metadata or ""
        try:
            self._topics.partition(topic, wanted.partition_index)
            if len(metadata) > _MAX_METADATA:
                raise OffsetMetadataTooLargeError(
                    f"{len(metadata)} characters, expected up to {_MAX_METADATA}"
                )
        except BrokerResponseError as error:
            return int(error.errno)
        group.offsets[topic, wanted.partition_index] = (wanted.committed_offset, metadata)
        return NO_ERROR

    def offsets(self, request: Any) -> Any:
        """Say how far a group came; -1 for a partition of which it committed nothing."""
        offsets = self._groups[request.group_id].offsets if request.group_id in self._groups else {}
        wanted: dict[str, list[int]] = defaultdict(list)
        if request.topics is None:
            for topic, index in offsets:
                wanted[topic].append(index)
        else:
            for asked in request.topics:
                wanted[asked.name] += asked.partition_indexes
        return OffsetFetchResponse(
            error_code=NO_ERROR,
            topics=[
                OffsetFetchResponse.OffsetFetchResponseTopic(
                    name=topic,
                    partitions=[
                        _committed(index, *offsets.get((topic, index), (-1, ""))) for index in indexes
                    ],
                )
                for topic, indexes in wanted.items()
            ],
        )

    def list_groups(self, request: Any) -> Any:
        """Name the groups that have members, or have committed."""
        # Old versions of the request have no filters.
        states, types = request.states_filter or (), request.types_filter or ()
        return ListGroupsResponse(
            error_code=NO_ERROR,
            groups=[
                ListGroupsResponse.ListedGroup(
                    group_id=name,
                    protocol_type=group.protocol_type,
                    group_state=group.state.value,
                    group_type=_TYPE,
                )
                for name, group in self._groups.items()
                if (group.members or group.offsets)
                and (not states or group.state.value in states)
                and (not types or _TYPE in types)
            ],
        )

    def describe_groups(self, request: Any) -> Any:
        """Say who is in groups, and who of them reads what."""
        return DescribeGroupsResponse(groups=[self._describe(name) for name in request.groups])

    def _describe(self, name: str) -> Any:
        group = self._groups.get(name)
        protocol = group.protocol if group and group.state is State.STABLE else ""
        return DescribeGroupsResponse.DescribedGroup(
            error_code=NO_ERROR,
            group_id=name,
            group_state=group.state.value if group else _DEAD,
            protocol_type=group.protocol_type if group else "",
            protocol_data=protocol,
            members=[
                DescribeGroupsResponse.DescribedGroup.DescribedGroupMember(
                    member_id=member.id,
                    group_instance_id=None,
                    client_id=member.client_id,
                    client_host=f"/{self._host}",
                    member_metadata=member.protocols[protocol] if protocol else b"",
                    member_assignment=member.assignment if protocol else b"",
                )
                for member in (group.members if group else ())
            ],
        )


def _committed(index: int, offset: int, metadata: str) -> Any:
    return OffsetFetchResponse.OffsetFetchResponseTopic.OffsetFetchResponsePartition(
        partition_index=index, committed_offset=offset, metadata=metadata, error_code=NO_ERROR
    )
