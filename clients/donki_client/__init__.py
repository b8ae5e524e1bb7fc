"""What people use: the donki command, the Python API and the local facility."""

from donki_client.director import Director, PlayerStatus, Snapshot
from donki_client.errors import SequenceError, UnreachableError

__all__ = ["Director", "PlayerStatus", "SequenceError", "Snapshot", "UnreachableError"]
