"""What an action script may import: the types of what it gets, and the errors it may catch.

A script needs none of it to run; with annotations, editors complete and type checkers check::

    from donki.scripting import Player, Trigger

    def action(trigger: Trigger, player: Player) -> None: ...
"""

from donki.errors import (
    BrokerError,
    DonkiError,
    FileError,
    InputError,
    NotAllowedError,
    ReadoutError,
    SourceError,
)
from donki.player.player import Player
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.schemas import (
    AlarmStream,
    ArrayStream,
    ConnectionStream,
    EventStream,
    HistogramStream,
    ImageStream,
    JsonStream,
    PayloadStream,
    SampleStream,
    SeriesStream,
    TimestampStream,
)

__all__ = [
    "AlarmStream",
    "ArrayStream",
    "BrokerError",
    "ConnectionStream",
    "DonkiError",
    "EventStream",
    "FileError",
    "HistogramStream",
    "ImageStream",
    "InputError",
    "JsonStream",
    "NotAllowedError",
    "PayloadStream",
    "Player",
    "ReadoutError",
    "Run",
    "SampleStream",
    "SeriesStream",
    "SourceError",
    "TimestampStream",
    "Trigger",
]
