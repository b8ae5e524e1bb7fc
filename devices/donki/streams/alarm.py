"""The alarms of a source."""

from __future__ import annotations

import numpy as np
from streaming_data_types import serialise_al00
from streaming_data_types.alarm_al00 import Severity

from donki.errors import InputError
from donki.streams.message_stream import MessageStream
from donki.streams.nexus import NexusFile
from donki.streams.reference_time import Timed, as_reference_time
from donki.streams.row_group import SINCE_1970, Layout
from donki.streams.sink import Sink


class AlarmStream(MessageStream):
    """Sends alarms to Kafka as al00, and to the Player's file beside the series of the source."""

    schema = "al00"
    what = "alarms"

    def __init__(self, topic: str, source: str, sink: Sink, file: NexusFile | None) -> None:
        columns = {"alarm_severity": {}, "alarm_message": {}, "alarm_time": SINCE_1970}
        super().__init__(topic, source, sink, file, Layout("NXlog", columns))

    def send(
        self, trigger: Timed, severity: str, message: str = "", *, reference_time: int | None = None
    ) -> None:
        """Send one alarm; it has arrived when the Player's trigger is done.

        Parameters
        ----------
        trigger
            whose reference time is the alarm's
        severity
            OK, MINOR, MAJOR or INVALID
        message
            free text
        reference_time
            of the alarm, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when there is no such severity; nothing is sent
        BrokerError
            when this message or an earlier one could not be delivered
        FileError
            when the file cannot be written
        """
        time = as_reference_time(trigger, reference_time, self)
        if severity not in Severity.__members__:
            raise InputError(
                f"{self}: a severity is one of {', '.join(Severity.__members__)}; got {severity!r}"
            )
        rows = {
            "alarm_severity": np.array([severity], object),
            "alarm_message": np.array([message], object),
            "alarm_time": np.array([time]),
        }
        self._send(serialise_al00(self.source, time, Severity[severity], message), time, rows)
