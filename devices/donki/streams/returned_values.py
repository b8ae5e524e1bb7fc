"""The values that actions return, on their way to Kafka and to the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from donki.errors import InputError
from donki.streams.aliases import renamed
from donki.streams.inputs import as_label
from donki.streams.kafka.producer import MOST_PAYLOAD
from donki.streams.manifest_builder import ManifestBuilder
from donki.streams.nexus.file import NexusFile
from donki.streams.schemas.encoding.flatbuffer import schema
from donki.streams.transaction import Transaction
from donki.streams.values import Value, as_value, encode_value


class _Kind(NamedTuple):
    """The type of a value, as numpy calls it or text, and its shape."""

    name: str
    shape: tuple[int, ...]

    def fits(self, first: _Kind) -> bool:
        """Whether a value of this kind can be kept as one of the first kind, and nothing of it is lost."""
        is_text = _TEXT in (self, first)
        return not is_text and self.shape == first.shape and np.can_cast(self.name, first.name, "safe")

    def __str__(self) -> str:
        return f"{self.name} of shape {self.shape}" if self.shape else self.name


_TEXT = _Kind("text", ())


def _kind(value: Value) -> _Kind:
    return _TEXT if isinstance(value, str) else _Kind(value.dtype.name, value.shape)


class ReturnedValues:
    """Sends the values of one Player; each has the type and shape of the first of its name.

    Parameters
    ----------
    player
        the Player's name
    topic
        where they go in Kafka; empty for nowhere
    aliases
        what they are called, by the names that actions return
    manifest
        takes the messages, and what stands in the file
    file
        the Player's file, if there is one
    transaction
        that what is sent belongs to

    Attributes
    ----------
    schemas
        of the values that went to Kafka, or are to come, by source: ``player/name``
    """

    def __init__(
        self,
        player: str,
        topic: str,
        aliases: Mapping[str, str],
        manifest: ManifestBuilder,
        file: NexusFile | None,
        transaction: Transaction,
    ) -> None:
        self.schemas: dict[str, str] = {}
        self._player = player
        self._topic = topic
        self._aliases = dict(aliases)
        self._manifest = manifest
        self._file = file
        self._transaction = transaction
        self._kinds: dict[str, _Kind] = {}
        self._new: set[str] = set()

    def expect(self, names: Iterable[str]) -> None:
        """Take the names of values to come; their schema is that of a number until they are sent."""
        for name in renamed(dict.fromkeys(names), self._aliases, self._player):
            self.schemas[self._source(name)] = "f144"

    def send(self, trigger: int, reference_time: int, values: Mapping[str, object]) -> None:
        """Send what an action returned.

        To Kafka, where there is a topic for values, numbers go as f144, arrays and texts as da00; the source
        name is ``player/name``. To the file they go as ``/player/name``, with the trigger as first axis. In
        both the name is the alias where there is one.

        Parameters
        ----------
        trigger
            the number of the trigger
        reference_time
            its time, ns since 1970 UTC
        values
            by name

        Raises
        ------
        InputError
            when a value cannot be kept, or changed its type or shape; nothing is sent then
        BrokerError, FileError
            when a message could not be sent, or the file cannot be written
        """
        named = renamed(values, self._aliases, self._player)
        for name in named:
            as_label(name, f"the name of a value of Player {self._player}")
        given = {name: as_value(value, self._source(name)) for name, value in named.items()}
        with self._transaction:
            taken = {name: self._as_first(name, value) for name, value in given.items()}
            messages = self._encode(taken, reference_time) if self._topic else {}
            if self._file is not None:
                self._manifest.add_rows(self._file.append_values(trigger, taken))
            for name, value in taken.items():
                if name not in self._kinds:
                    self._kinds[name] = _kind(value)
                    self._new.add(name)
            for source, message in messages.items():
                self.schemas[source] = schema(message)
                self._manifest.measured.send(self._topic, source, message, reference_time)

    def commit(self) -> None:
        """Note that what was sent so far is delivered."""
        self._new.clear()

    def discard(self) -> None:
        """Forget what was first of its name and not delivered."""
        for name in self._new:
            del self._kinds[name]
        self._new.clear()

    def _source(self, name: str) -> str:
        return f"{self._player}/{name}"

    def _as_first(self, name: str, value: Value) -> Value:
        """Return a value in the type that the first of its name had.

        Raises
        ------
        InputError
            naming the value, what it was and what it is
        """
        kind, first = _kind(value), self._kinds.get(name)
        if first is None or kind == first:
            return value
        if kind.fits(first):
            return np.asarray(value, first.name)
        raise InputError(
            f"the value {self._source(name)} was {first} at first and is {kind} now;"
            " return one type and shape throughout a run"
        )

    def _encode(self, values: Mapping[str, Value], reference_time: int) -> dict[str, bytes]:
        """Return the messages of values, by source; InputError where one is too large."""
        messages = {}
        for name, value in values.items():
            source = self._source(name)
            messages[source] = message = encode_value(source, value, reference_time)
            if len(message) > MOST_PAYLOAD:
                raise InputError(
                    f"the value {source} makes a message of {len(message)} bytes;"
                    f" expected at most {MOST_PAYLOAD}: return less"
                )
        return messages
