"""What people use: the donki command, the Python API and the local facility."""

from donki.errors import DonkiError
from donki_client.async_director import AsyncDirector
from donki_client.director import Director
from donki_client.errors import SequenceError, UnreachableError
from donki_client.snapshot import PlayerStatus, Snapshot
from donki_client.waiting import IfInterrupted

__all__ = [
    "AsyncDirector",
    "Director",
    "DonkiError",
    "IfInterrupted",
    "PlayerStatus",
    "SequenceError",
    "Snapshot",
    "UnreachableError",
]
