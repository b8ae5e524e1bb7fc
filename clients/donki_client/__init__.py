"""What people use: the donki command, the Python API and the local facility."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from donki.errors import DonkiError
    from donki_client.api.async_director import AsyncDirector
    from donki_client.api.director import Director
    from donki_client.api.errors import SequenceError, UnreachableError
    from donki_client.api.snapshot import PlayerStatus, Snapshot
    from donki_client.api.trigger_events import TriggerEvents
    from donki_client.api.waiting import IfInterrupted

__all__ = [
    "AsyncDirector",
    "Director",
    "DonkiError",
    "IfInterrupted",
    "PlayerStatus",
    "SequenceError",
    "Snapshot",
    "TriggerEvents",
    "UnreachableError",
]

_MODULES = {
    "AsyncDirector": "donki_client.api.async_director",
    "Director": "donki_client.api.director",
    "DonkiError": "donki.errors",
    "IfInterrupted": "donki_client.api.waiting",
    "PlayerStatus": "donki_client.api.snapshot",
    "SequenceError": "donki_client.api.errors",
    "Snapshot": "donki_client.api.snapshot",
    "TriggerEvents": "donki_client.api.trigger_events",
    "UnreachableError": "donki_client.api.errors",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: PyTango takes half a second, and the broker does not need it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
