"""Whether a source is connected."""

from __future__ import annotations

import numpy as np
from streaming_data_types import serialise_ep01
from streaming_data_types.epics_connection_ep01 import ConnectionInfo

from donki.errors import InputError
from donki.streams.message_stream import MessageStream
from donki.streams.nexus import NexusFile
from donki.streams.reference_time import Timed, as_reference_time
from donki.streams.row_group import SINCE_1970, Layout
from donki.streams.sink import Sink


class ConnectionStream(MessageStream):
    """Sends the status of a connection to Kafka as ep01, and to the file beside the series of the source."""

    schema = "ep01"
    what = "connection"

    def __init__(self, topic: str, source: str, sink: Sink, file: NexusFile | None) -> None:
        columns = {"connection_status": {}, "connection_status_time": SINCE_1970}
        super().__init__(topic, source, sink, file, Layout("NXlog", columns))

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
        BrokerError
            when this message or an earlier one could not be delivered
        FileError
            when the file cannot be written
        """
        time = as_reference_time(trigger, reference_time, self)
        if status not in ConnectionInfo.__members__:
            raise InputError(
                f"{self}: a status is one of {', '.join(ConnectionInfo.__members__)}; got {status!r}"
            )
        rows = {
            "connection_status": np.array([status], object),
            "connection_status_time": np.array([time]),
        }
        self._send(serialise_ep01(time, ConnectionInfo[status], self.source), time, rows)
