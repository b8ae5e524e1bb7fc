"""The devices of one kind that a script plays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from donki.errors import InputError, SourceError
from donki.player.player import Player
from donki.player.trigger import Trigger

Asked = TypeVar("Asked")
Played = TypeVar("Played")


class PlayedDevice(ABC, Generic[Asked]):
    """A device of an instrument and its streams.

    Parameters
    ----------
    name
        of the device
    asked
        what it is
    player
        opens its streams

    Raises
    ------
    InputError, SourceError
        when another source has the name of one of its sources, or it cannot be what is asked for
    BrokerError, FileError
        when a stream cannot be opened
    """

    @abstractmethod
    def __init__(self, name: str, asked: Asked, player: Player) -> None: ...

    @abstractmethod
    def act(self, trigger: Trigger) -> None:
        """Send what is told in the time of a trigger.

        Raises
        ------
        BrokerError, FileError
            when a message could not be delivered or written
        """


def make_devices(
    make: Callable[[str, Asked, Player], Played], key: str, asked: Mapping[str, Asked], player: Player
) -> list[Played]:
    """Return a device for each that the Parameters have under a key.

    Parameters
    ----------
    make
        makes one of its name and what it is
    key
        where they stand, for messages
    asked
        by name
    player
        opens their streams

    Raises
    ------
    InputError, SourceError
        naming the device, where it cannot be what is asked for
    BrokerError, FileError
        when a stream cannot be opened
    """
    made = []
    for name, one in asked.items():
        try:
            made.append(make(name, one, player))
        except (InputError, SourceError) as error:
            raise type(error)(f"Parameters: {key}.{name}: {error}") from None
    return made
