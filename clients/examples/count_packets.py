"""Count the packets of raw readouts that come, and those missing: ``python count_packets.py [PORT]``.

Needs nothing but Python; ends when nothing has come for five seconds.
"""

import collections
import socket
import struct
import sys

#: Where a packet of the ESS readout system has its output queue and, in that queue, its number.
QUEUE, NUMBER = struct.Struct("8x B"), struct.Struct("< 26x I")


def main(port: str = "9000") -> int:
    """Return 0 where none is missing."""
    came = missing = 0
    expected: collections.Counter[int] = collections.Counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        receiver.bind(("", int(port)))
        print(f"waiting at port {port}", flush=True)
        receiver.recv(1, socket.MSG_PEEK)
        receiver.settimeout(5)
        try:
            while True:
                packet = receiver.recv(9000)
                (queue,), (number,) = QUEUE.unpack_from(packet), NUMBER.unpack_from(packet)
                came += 1
                if number:  # 0: a run begins
                    missing += number - expected[queue]
                expected[queue] = number + 1
        except TimeoutError:
            print(f"{came} packets came, {missing} are missing")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
