"""The in-memory broker as a null sink: it acknowledges records, and neither checks nor keeps them.

python benchmarks/null_broker.py
"""

import struct

from donki_client.facility.broker import MemoryBroker, topics
from donki_client.facility.broker.partition import Partition

RECORDS = 57  # where a batch of format 2 says how many records it has


class NullPartition(Partition):
    def append(self, records: bytes, max_message_bytes: int) -> int:  # noqa: ARG002
        (count,) = struct.unpack_from(">i", records, RECORDS)
        self.end += count
        return self.end - count


if __name__ == "__main__":
    topics.Partition = NullPartition
    broker = MemoryBroker()
    broker.run(lambda: print(f"listening on {broker.address}", flush=True))
