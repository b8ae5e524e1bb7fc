"""Whether a source is connected."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import h5py
import numpy as np
from streaming_data_types import serialise_ep01
from streaming_data_types.epics_connection_ep01 import ConnectionInfo

from donki.errors import InputError, shown
from donki.streams.nexus.row_group import SINCE_1970
from donki.streams.schemas.encoding.flatbuffer import TimeField
from donki.streams.schemas.encoding.reference_time import Timed, as_reference_time
from donki.streams.schemas.files.stored import StoredMessage, no_message, rows
from donki.streams.schemas.message_stream import MessageStream


class ConnectionStream(MessageStream):
    """Sends the status of a connection to Kafka as ep01, and to the file beside the series of the source."""

    schema = "ep01"
    method = "connection"
    what = "connection"
    takes = "a state of connection"
    kept = "beside the series: connection_status, connection_status_time"
    file_writer: ClassVar = {}
    time = TimeField(0)
    joins = True
    time_column = "connection_status_time"
    columns: ClassVar = {"connection_status": {}, "connection_status_time": SINCE_1970}

    @classmethod
    def stored(cls, source: str, group: h5py.Group, most_events: int) -> Iterator[StoredMessage]:  # noqa: ARG003
        """Yield the states of connection that a Player's file tells of."""
        for time, (status,) in rows(group["connection_status_time"], group["connection_status"]):
            encode = partial(_encode, source, time, str(status))
            yield StoredMessage(time, encode if str(status) in ConnectionInfo.__members__ else no_message)

    def send(self, trigger: Timed, status: str, *, reference_time: int | None = None) -> None:
        """Send one status; it has arrived when the Player's trigger is done.

        Parameters
        ----------
        trigger
            whose reference time is that of the status
        status
            UNKNOWN, NEVER_CONNECTED, CONNECTED, DISCONNECTED, DESTROYED, CANCELLED, FINISHED or REMOTE_ERROR
        reference_time
            of the status, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when there is no such status; nothing is sent
        BrokerError, FileError
            when this message or an earlier one could not be delivered or written
        """
        time = as_reference_time(trigger, reference_time, self)
        if not isinstance(status, str) or status not in ConnectionInfo.__members__:
            raise InputError(
                f"{self}: a status is one of {', '.join(ConnectionInfo.__members__)}; got {shown(status)}"
            )
        status = str(status)
        row = {
            "connection_status": np.array([status], object),
            "connection_status_time": np.array([time]),
        }
        with self._transaction:
            self._send(_encode(self.source, time, status), time, row)


def _encode(source: str, time: int, status: str, _number: int = 0) -> bytes:
    return bytes(serialise_ep01(time, ConnectionInfo[status], source))
