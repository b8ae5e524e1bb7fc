"""How the Director's attributes are declared: by what they show, and what takes another value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from donki.device.commands import attribute, settable
from donki.director.interface.view import View
from donki.director.players.player_table import PlayerRow
from donki.director.rules.sequence import Sequence
from donki.director.runs.runs import Runs
from donki.director.settings import Settings

Value = TypeVar("Value")

#: The most Players that an attribute can list.
MAX_PLAYERS = 4096


class Director(Protocol):
    """What an attribute reads, and changes."""

    @property
    def runs(self) -> Runs:
        """The run in progress, and the way to the next."""

    @property
    def view(self) -> View:
        """What this request looks at."""

    @property
    def run_settings(self) -> Settings:
        """Of the next run."""


def shown(read: Callable[[Director], object], **options: Any) -> Any:
    """Declare an attribute that shows something; `options` are those of `tango.server.attribute`."""
    return attribute(read, **options)


def of_sequence(read: Callable[[Sequence], Value], otherwise: Value, **options: Any) -> Any:
    """Declare an attribute of the run in progress, or of the last one; `otherwise` before the first."""

    def read_sequence(director: Director) -> Value:
        sequence = director.runs.sequence
        return otherwise if sequence is None else read(sequence)

    return attribute(read_sequence, **options)


def of_players(read: Callable[[PlayerRow], object], dtype: type, **options: Any) -> Any:
    """Declare an attribute that lists something of each Player, in the order of Players."""
    return attribute(
        lambda director: [read(row) for row in director.view.players],
        dtype=(dtype,),
        max_dim_x=MAX_PLAYERS,
        **options,
    )


def run_setting(
    name: str,
    read: Callable[[Director], object],
    take: Callable[[Settings, Any], None],
    follow: Callable[[Sequence, Settings], None] | None = None,
    **options: Any,
) -> Any:
    """Declare an attribute that a user sets.

    Parameters
    ----------
    name
        of the attribute
    read
        returns its value
    take
        takes another one into the settings; InputError where it is wrong
    follow
        brings it to the sequence in progress
    **options
        those of `tango.server.attribute`
    """

    def write(director: Director, value: Any) -> None:
        take(director.run_settings, value)
        if follow:
            director.runs.change(lambda sequence: follow(sequence, director.run_settings))

    return settable(name, read, write, **options)
