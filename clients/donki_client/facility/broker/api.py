"""Which requests the broker serves, in which versions, and who answers them.

Versions end before Kafka's "flexible" encoding, but for requests in which clients ask for the versions and
for the states of groups, and before static group membership and leader epochs, which one broker in memory has
no use for.
"""

from __future__ import annotations

import inspect
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from kafka.errors import UnsupportedVersionError
from kafka.protocol.admin import (
    CreateTopicsRequest,
    DeleteTopicsRequest,
    DescribeConfigsRequest,
    DescribeGroupsRequest,
    ListGroupsRequest,
)
from kafka.protocol.consumer import (
    FetchRequest,
    HeartbeatRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    ListOffsetsRequest,
    OffsetCommitRequest,
    OffsetFetchRequest,
    SyncGroupRequest,
)
from kafka.protocol.metadata import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    FindCoordinatorRequest,
    MetadataRequest,
)
from kafka.protocol.producer import InitProducerIdRequest, ProduceRequest

from donki_client.facility.broker.admin import Admin
from donki_client.facility.broker.connection import Buffer, MalformedRequestError
from donki_client.facility.broker.coordinator import Coordinator
from donki_client.facility.broker.fetched import Fetched
from donki_client.facility.broker.records import NO_ERROR, Records
from donki_client.facility.broker.topics import Topics


class _Served(NamedTuple):
    request: Any
    lowest: int
    highest: int
    answer: Callable[[Any], Any]


class Api:
    """Decodes requests, has them answered, and encodes the responses."""

    def __init__(self, topics: Topics, host: str, port: int) -> None:
        admin = Admin(topics, host, port)
        records = Records(topics)
        groups = Coordinator(topics, host, port)
        self._served = {
            served.request.API_KEY: served
            for served in (
                _Served(ApiVersionsRequest, 0, 3, self._versions),
                _Served(MetadataRequest, 0, 6, admin.metadata),
                _Served(CreateTopicsRequest, 2, 4, admin.create_topics),
                _Served(DeleteTopicsRequest, 1, 3, admin.delete_topics),
                _Served(DescribeConfigsRequest, 1, 3, admin.describe_configs),
                _Served(ProduceRequest, 3, 8, records.produce),
                _Served(FetchRequest, Fetched.LOWEST, Fetched.HIGHEST, records.fetch),
                _Served(ListOffsetsRequest, 1, 5, records.list_offsets),
                _Served(InitProducerIdRequest, 0, 1, records.init_producer_id),
                _Served(FindCoordinatorRequest, 0, 2, groups.find),
                _Served(JoinGroupRequest, 0, 4, groups.join),
                _Served(SyncGroupRequest, 0, 2, groups.sync),
                _Served(HeartbeatRequest, 0, 2, groups.heartbeat),
                _Served(LeaveGroupRequest, 0, 2, groups.leave),
                _Served(OffsetCommitRequest, 2, 6, groups.commit),
                _Served(OffsetFetchRequest, 1, 5, groups.offsets),
                _Served(ListGroupsRequest, 0, 5, groups.list_groups),
                _Served(DescribeGroupsRequest, 0, 4, groups.describe_groups),
            )
        }

    async def answer(self, frame: memoryview) -> list[Buffer]:
        """Return the framed response to a request, in pieces; none where no response is due.

        Raises
        ------
        MalformedRequestError
            when the bytes are not a request that is served
        """
        try:
            served, version, correlation, request = self._decode(frame)
        except (ValueError, IndexError, struct.error) as error:
            raise MalformedRequestError(str(error)) from error
        response = served.answer(request)
        if inspect.isawaitable(response):
            response = await response
        if response is None:
            return []
        if isinstance(response, Fetched):
            return response.encode(correlation)
        response.API_VERSION = version
        response.with_header(correlation)
        return [response.encode(header=True, framed=True)]

    def _decode(self, frame: memoryview) -> tuple[_Served, int, int, Any]:
        key, version, correlation, client_id = struct.unpack_from(">hhih", frame)
        if key not in self._served:
            raise MalformedRequestError(f"request {key} is not served")
        served = self._served[key]
        if served.lowest <= version <= served.highest:
            body = 10 + max(client_id, 0)
            if served.request.flexible_version_q(version):
                body += 1  # the count of tagged fields in the header: no client has any
            request = served.request.decode(frame[body:], version=version)
            _check_nulls(request, version)
            request.with_header(correlation, bytes(frame[10 : 10 + max(client_id, 0)]).decode())
            return served, version, correlation, request
        if served.request is ApiVersionsRequest:
            return served._replace(answer=self._other_versions), 0, correlation, None
        raise MalformedRequestError(f"{served.request.name} version {version} is not served")

    def _versions(self, _request: Any) -> Any:
        return ApiVersionsResponse(
            error_code=NO_ERROR,
            api_keys=[
                ApiVersionsResponse.ApiVersion(
                    api_key=key, min_version=served.lowest, max_version=served.highest
                )
                for key, served in self._served.items()
            ],
        )

    def _other_versions(self, request: Any) -> Any:
        response = self._versions(request)
        response.error_code = UnsupportedVersionError.errno
        return response


def _check_nulls(message: Any, version: int) -> None:
    """Refuse a null where the protocol allows none; kafka-python's decoder does not."""
    for name, field in message.fields.items():
        if not field.for_version_q(version):
            continue
        value = getattr(message, name)
        if value is None:
            if not field.nullable_for_version_q(version):
                raise MalformedRequestError(f"{type(message).__name__}: {name} is null")
        elif field.is_struct_array():
            for element in value:
                _check_nulls(element, version)
