"""Record batches: kept as they came, all but the header left unread."""

from __future__ import annotations

import struct
from typing import NamedTuple

from kafka.errors import (
    CorruptRecordError,
    InvalidRecordError,
    InvalidTxnStateError,
    UnsupportedForMessageFormatError,
)
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import calc_crc32c

_HEADER: struct.Struct = DefaultRecordBatch.HEADER_STRUCT
_BEFORE_LENGTH_COUNTS = DefaultRecordBatch.AFTER_LEN_OFFSET
_CRC_COVERS_FROM = DefaultRecordBatch.ATTRIBUTES_OFFSET


class Header(NamedTuple):
    """The header of a record batch, format 2 (source: Apache Kafka, "Message Format")."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    records: int


class Batch(NamedTuple):
    """A record batch in its place in a partition.

    Attributes
    ----------
    base_offset, next_offset
        offset of its first record, and the one after its last
    latest
        the latest time stamp, in ms since 1970, of this batch and all before it
    data
        the batch as consumers get it
    """

    base_offset: int
    next_offset: int
    latest: int
    data: bytes

    @classmethod
    def place(cls, records: bytes, header: Header, base_offset: int, latest: int) -> Batch:
        """Give a checked batch its place; the base offset lies outside the checksum."""
        return cls(
            base_offset,
            base_offset + header.records,
            max(latest, header.max_timestamp),
            b"".join((struct.pack(">q", base_offset), memoryview(records)[8:])),
        )

    @property
    def max_timestamp(self) -> int:
        """The latest time stamp of this batch alone, in ms since 1970."""
        return Header._make(_HEADER.unpack_from(self.data)).max_timestamp

    def offset_at(self, timestamp: int) -> tuple[int, int]:
        """Return offset and time stamp of the first record of `timestamp` (ms since 1970) or later.

        Raises
        ------
        kafka.errors.CorruptRecordError
            when the producer sent records that cannot be read
        """
        try:
            for record in DefaultRecordBatch(self.data):
                if record.timestamp >= timestamp:
                    return record.offset, record.timestamp
        except CorruptRecordError:
            raise
        except Exception as error:  # noqa: BLE001 - each codec's library has errors of its own
            raise CorruptRecordError(f"the record batch cannot be unpacked: {error}") from None
        return self.base_offset, Header._make(_HEADER.unpack_from(self.data)).first_timestamp


def check(records: bytes) -> Header:
    """Return the header of the one batch that `records` must be.

    Raises
    ------
    kafka.errors.BrokerResponseError
        the subclass that Apache Kafka answers with for the same fault
    """
    if len(records) < _HEADER.size:
        raise InvalidRecordError("expected one record batch of format 2")
    header = Header._make(_HEADER.unpack_from(records))
    if header.magic != 2:
        raise UnsupportedForMessageFormatError(
            f"expected record batches of format 2, got format {header.magic}"
        )
    if header.length != len(records) - _BEFORE_LENGTH_COUNTS:
        raise InvalidRecordError("expected exactly one record batch for a partition in a request")
    if header.records < 1 or header.last_offset_delta != header.records - 1:
        raise InvalidRecordError("expected as many records in the batch as its offsets say")
    if header.attributes & (DefaultRecordBatch.TRANSACTIONAL_MASK | DefaultRecordBatch.CONTROL_MASK):
        raise InvalidTxnStateError("the in-memory broker has no transactions")
    if calc_crc32c(memoryview(records)[_CRC_COVERS_FROM:]) != header.crc:
        raise CorruptRecordError("the record batch does not match its checksum")
    return header
