"""The times at which something happens again and again: the top dead centre of a chopper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray
from streaming_data_types import serialise_tdct

from donki.errors import InputError
from donki.streams.inputs import as_array
from donki.streams.nexus.row_group import CUES, SINCE_1970
from donki.streams.schemas.encoding.flatbuffer import TimeField
from donki.streams.schemas.encoding.reference_time import Timed, as_reference_time
from donki.streams.schemas.files.stored import StoredMessage, cued, no_message
from donki.streams.schemas.files.structure import group, text
from donki.streams.schemas.message_stream import MessageStream
from donki.streams.schemas.stream import StoredCount

LOG = "top_dead_center"
"""What NeXus calls the times in a chopper."""


class TimestampStream(MessageStream):
    """Sends times to Kafka as tdct, and to the Player's file as the log of a chopper, with cues."""

    schema = "tdct"
    method = "timestamps"
    what = "time stamps"
    takes = "times in ns: a chopper's top dead centre"
    kept = "``/entry/instrument/SOURCE/top_dead_center`` (NXlog in an NXdisk_chopper): time alone"
    file_writer: ClassVar = {}
    time = TimeField(1, is_vector=True)
    takes_joined = True
    nx_class = "NXdisk_chopper"
    columns: ClassVar = {**CUES, "time": SINCE_1970}
    log = LOG

    @classmethod
    def file_writer_group(
        cls,
        name: str,
        config: Mapping[str, str],
        layout: Mapping[str, Any] | None,  # noqa: ARG003 - there is none
    ) -> dict[str, Any]:
        """Return the chopper, in which the file writer makes the group of the times."""
        module = {"module": cls.schema, "config": dict(config)}
        return group(name, cls.nx_class, [group(LOG, "NXlog", [module]), text("depends_on", ".")])

    @classmethod
    def stored(cls, source: str, group: h5py.Group, most_events: int) -> Iterator[StoredMessage]:  # noqa: ARG003
        """Yield the messages that a Player's file tells of."""
        log = _log(group)
        for begin, part in cued(log, "time"):
            times = log["time"][part]
            is_whole = len(times) and times[0] == begin
            encode = partial(_encode, source, times) if is_whole else no_message
            yield StoredMessage(begin, encode, is_numbered=True)

    @classmethod
    def count_stored(cls, source: str, group: h5py.Group) -> StoredCount:
        """Return how many times a Player's file holds."""
        return super().count_stored(source, _log(group))

    def send(self, trigger: Timed, times: ArrayLike) -> None:
        """Send the times since the last message; they have arrived when the Player's trigger is done.

        Parameters
        ----------
        trigger
            whose reference time is that of the Kafka record
        times
            integers, ns since 1970 UTC, shape (n,), n at least 1

        Raises
        ------
        InputError
            when they are not such times; nothing is sent
        BrokerError, FileError
            when this message or an earlier one could not be delivered or written
        """
        reference = as_reference_time(trigger, None, self)
        given = as_array(times, f"{self}: times")
        whole = given.ndim == 1 and given.size > 0 and given.dtype.kind in "iu"
        if not whole or int(given.min()) < 0 or int(given.max()) >= 2**63:
            raise InputError(
                f"{self}: expected a one-dimensional array of integers, ns since 1970 UTC, not empty;"
                f" got {given.dtype}, shape {given.shape}"
            )
        given = given.astype(np.int64)
        with self._transaction:
            message = _encode(self.source, given, self._message_id)
            self._send(message, reference, {"time": given})


def _log(group: h5py.Group) -> h5py.Group:
    """Return where the times of a chopper are; files of version 1.0.0.dev0 have them in its group itself."""
    return group.get(LOG, group)


def _encode(source: str, times: NDArray[np.int64], number: int) -> bytes:
    return bytes(serialise_tdct(source, times, number))
