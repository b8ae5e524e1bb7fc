"""The Tango database of the local facility: PyTango's own on SQLite."""

from __future__ import annotations

import socket
import struct
import sys
from pathlib import Path

from donki_client.address import Address
from donki_client.facility.processes import Processes
from donki_client.facility.starting import Starting


def answers(address: Address, timeout: float = 2.0) -> bool:
    """Return whether a Tango database answers at an address, within `timeout` s.

    Tango's own client takes 9 s to give up on a program that accepts a connection and says nothing. So the
    question is asked in the ORB's protocol: a GIOP 1.2 LocateRequest for the object ``database``, to be
    answered by a LocateReply with the status OBJECT_HERE (CORBA 3.3, part 2, 9.4.5 and 9.4.6).

    Raises
    ------
    InputError
        when the host name is not known
    """
    key = b"database"
    request = struct.pack("<IHxxI", 1, 0, len(key)) + key
    header = b"GIOP\x01\x02\x01\x03" + struct.pack("<I", len(request))
    reply = b""
    try:
        with socket.create_connection((address.ip, address.port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(header + request)
            while len(reply) < 20 and (received := connection.recv(20 - len(reply))):
                reply += received
    except OSError:
        return False
    if len(reply) < 20 or not reply.startswith(b"GIOP"):
        return False
    byte_order = "<" if reply[6] & 1 else ">"
    kind, object_here = reply[7], struct.unpack(byte_order + "I", reply[16:20])[0]
    return kind == 4 and object_here == 1


def start_database(processes: Processes, folder: Path | None, address: Address | None = None) -> Starting:
    """Start a database that keeps its content in `folder`, or in memory until it ends.

    Parameters
    ----------
    processes
        whose child it becomes
    folder
        holds, or will hold, its file ``tango_database.db``; None: in memory, where a device is registered and
        started three times as fast, as nothing waits for the disk
    address
        where it is to listen; by default a free port of 127.0.0.1

    Raises
    ------
    DonkiError
        when it cannot listen there
    """
    if address is not None:
        address.check_free()
    host, port = (address.ip, address.port) if address else ("127.0.0.1", 0)
    content = str(folder / "tango_database.db") if folder else ":memory:"
    command = [sys.executable, "-m", "tango.databaseds.database", "--print-host-port"]
    child = processes.start(
        "TangoDatabase",
        [*command, "--host", host, "--port", str(port), "2"],
        {"PYTANGO_DATABASE_NAME": content, "TANGO_HOST": f"{host}:{port}"},
    )
    return Starting(child, r"listening on: host=(\S+), port=(\d+)")
