"""What another package may add, each in one class and one call: `docs/extending.rst` shows it."""

from __future__ import annotations

import os
import struct
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from donki.sources import Events
from donki.streams.faults.kind import FaultKind, whole
from donki.streams.faults.kind import register as register_fault
from donki.streams.kafka.clients import KafkaClient
from donki.streams.kafka.clients import register as register_client
from donki.streams.kafka.clients.kafka_python import KafkaPythonProducer
from donki.streams.nexus.row_group import SINCE_1970
from donki.streams.readouts.front_end import RECORD_HEAD, FrontEnd
from donki.streams.readouts.front_end import register as register_front_end
from donki.streams.schemas import MessageStream, register
from donki.streams.schemas.encoding.reference_time import as_reference_time
from donki.streams.schemas.files.stored import StoredMessage, rows


class Counter(MessageStream):
    """Sends how often something happened: the size, "cnt0", the time, the count and the source."""

    schema = "cnt0"
    method = "counter"
    what = "counts"
    takes = "how often something happened since the trigger before"
    kept = "``/entry/instrument/SOURCE`` (NXlog): count, time"
    columns = MappingProxyType({"count": {}, "time": SINCE_1970})

    def send(self, trigger, count, *, reference_time=None):
        """Send one count."""
        time = as_reference_time(trigger, reference_time, self)
        row = {"count": np.array([count]), "time": np.array([time])}
        with self._transaction:
            self._send(encode(self.source, time, count), time, row)

    @classmethod
    def times(cls, message):
        return np.frombuffer(message, "<i8", 1, 8)

    @classmethod
    def source_of(cls, message):
        return message[24:].decode()

    @classmethod
    def stored(cls, source, group, most_events):
        for time, (count,) in rows(group["time"], group["count"]):
            yield StoredMessage(time, partial(encode, source, time, count))


def encode(source, time, count, _number=0):
    name = source.encode()
    return struct.pack("<I4sqq", 20 + len(name), b"cnt0", time, count) + name


register(Counter)
# end of the schema


class Miscount(FaultKind):
    """Has a counter count more than there was."""

    name = "miscount"
    does = "its count is higher"
    accepted = MappingProxyType({"by": whole(1, 1000, 1)})

    def apply(self, message, occasion):
        more = int(self.settings["by"])
        if message.payload[4:8] != b"cnt0":
            return message, ""
        np.frombuffer(message.payload, "<i8", 1, 16)[:] += more
        return message, f"{more} more"


register_fault(Miscount)
# end of the kind of fault


class Strip(FrontEnd):
    """Reads out a strip of 100 pixels: one fiber, and a channel for each pixel."""

    name = "strip"
    does = "a strip of 100 channels"
    detector_type = 0x7F
    pixels = (1, 100)
    record = np.dtype([*RECORD_HEAD, ("channel", "<u4")])

    @classmethod
    def read_out(cls, pixel_id, records):
        records["fiber"] = 4
        records["channel"] = pixel_id - 1


register_front_end(Strip)
# end of the front end


class Lamp:
    """A source whose neutrons all come at once."""

    def sample(self, rng, *, events=None, rate=None):
        size = rng.poisson(rate) if events is None else events
        return Events(np.full(size, 1000, np.int32), rng.integers(1, 10, size, dtype=np.int32))


# end of the source


class NotingProducer(KafkaPythonProducer):
    """Notes in a file to which topics it sends."""

    def send(self, topic, key, message, timestamp, delivery):
        with Path(os.environ["TOY_NOTES"]).open("a") as notes:
            notes.write(f"{topic}\n")
        super().send(topic, key, message, timestamp, delivery)


register_client(KafkaClient("noting", "toy_plugin:NotingProducer", note="which notes what it sends"))
# end of the Kafka client
