"""The alarms of a source."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import h5py
import numpy as np
from streaming_data_types import serialise_al00
from streaming_data_types.alarm_al00 import Severity

from donki.errors import InputError, shown
from donki.streams.inputs import as_text
from donki.streams.nexus.row_group import SINCE_1970
from donki.streams.schemas.encoding.flatbuffer import TimeField
from donki.streams.schemas.encoding.reference_time import Timed, as_reference_time
from donki.streams.schemas.files.stored import StoredMessage, no_message, rows
from donki.streams.schemas.message_stream import MessageStream


class AlarmStream(MessageStream):
    """Sends alarms to Kafka as al00, and to the Player's file beside the series of the source."""

    schema = "al00"
    method = "alarm"
    what = "alarms"
    takes = "a severity and a message"
    kept = "beside the series: alarm_severity, alarm_message, alarm_time"
    file_writer: ClassVar = {}
    time = TimeField(1)
    joins = True
    time_column = "alarm_time"
    columns: ClassVar = {"alarm_severity": {}, "alarm_message": {}, "alarm_time": SINCE_1970}

    @classmethod
    def stored(cls, source: str, group: h5py.Group, most_events: int) -> Iterator[StoredMessage]:  # noqa: ARG003
        """Yield the alarms that a Player's file tells of."""
        texts = group["alarm_severity"], group["alarm_message"]
        for time, (severity, message) in rows(group["alarm_time"], *texts):
            encode = partial(_encode, source, time, str(severity), str(message))
            yield StoredMessage(time, encode if str(severity) in Severity.__members__ else no_message)

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
            free text, without NUL
        reference_time
            of the alarm, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when there is no such severity, or the message is no such text; nothing is sent
        BrokerError, FileError
            when this message or an earlier one could not be delivered or written
        """
        time = as_reference_time(trigger, reference_time, self)
        if not isinstance(severity, str) or severity not in Severity.__members__:
            raise InputError(
                f"{self}: a severity is one of {', '.join(Severity.__members__)}; got {shown(severity)}"
            )
        severity, message = str(severity), as_text(message, f"{self}: message")
        row = {
            "alarm_severity": np.array([severity], object),
            "alarm_message": np.array([message], object),
            "alarm_time": np.array([time]),
        }
        with self._transaction:
            self._send(_encode(self.source, time, severity, message), time, row)


def _encode(source: str, time: int, severity: str, message: str, _number: int = 0) -> bytes:
    return bytes(serialise_al00(source, time, Severity[severity], message))
