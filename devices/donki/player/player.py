"""The player as an action script sees it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.random  # numpy would do so at the first trigger that draws

from donki.errors import NotAllowedError
from donki.player.data_path import find_data
from donki.run import Run
from donki.streams.run_output import RunOutput
from donki.streams.schemas import SCHEMAS, SourceStream, find_method

S = TypeVar("S", bound=SourceStream)

if TYPE_CHECKING:
    from typing import Concatenate, Generic, ParamSpec

    from donki.streams.schemas import (
        AlarmStream,
        ArrayStream,
        ConnectionStream,
        EventStream,
        HistogramStream,
        ImageStream,
        JsonStream,
        PayloadStream,
        Route,
        SampleStream,
        SeriesStream,
        TimestampStream,
    )

    P = ParamSpec("P")

    class _Opens(Generic[P, S]):
        """Takes the settings of a stream beside its topic and source."""

        def __init__(self, _: Callable[Concatenate[Route, P], S]) -> None: ...

        def __call__(self, topic: str, source: str, *_: P.args, **settings: P.kwargs) -> S: ...


class Player:
    """What an action script gets as its last argument.

    Attributes
    ----------
    name
        the Player's name, the last part of its device name
    parameters
        the Player's Parameters, a JSON object
    log
        a logger; its lines go to the device's log streams and to LastLog
    """

    def __init__(self, name: str, data_path: Sequence[Path] = ()) -> None:
        self.name = name
        self._data_path = data_path
        self.parameters: Mapping[str, Any] = {}
        self.log = logging.Logger(f"donki.player.{name}")
        self._run = Run.new()
        self._run_output: RunOutput | None = None
        self._aborted = threading.Event()

    @property
    def run(self) -> Run:
        """The run in progress, or the last one: its id, title, metadata and seed."""
        return self._run

    @property
    def aborted(self) -> bool:
        """True once Abort came: give up and return."""
        return self._aborted.is_set()

    def data_file(self, name: str) -> Path:
        """Return a file to read: what Parameters name, and nobody who may only write Parameters reaches more.

        Parameters
        ----------
        name
            relative to a folder of the property DataPath (by default that of the script), or an absolute name
            inside one

        Raises
        ------
        InputError
            when the name leads outside these folders, by ``..`` or through a link too, or there is no such
            file
        """
        return find_data(self._data_path, name)

    def wait(self, seconds: float) -> bool:
        """Wait, but no longer than until Abort comes; return True if it came."""
        return self._aborted.wait(seconds)

    def rng(self, trigger: int) -> np.random.Generator:
        """Return the random numbers of this trigger.

        They depend on the run's seed, the Player's name and the trigger alone, so that a run can be repeated
        byte for byte; each call restarts them.
        """
        entropy = [self._run.seed, int(trigger), *self.name.encode()]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))

    if TYPE_CHECKING:
        # For editors and type checkers: what `__getattr__` returns for the bundled schemas.
        events = _Opens(EventStream)
        series = _Opens(SeriesStream)
        image = _Opens(ImageStream)
        array = _Opens(ArrayStream)
        histogram = _Opens(HistogramStream)
        alarm = _Opens(AlarmStream)
        connection = _Opens(ConnectionStream)
        timestamps = _Opens(TimestampStream)
        samples = _Opens(SampleStream)
        json = _Opens(JsonStream)
        message = _Opens(PayloadStream)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        """Return what opens a stream, as ``player.events``: there is one for each schema, see `open`."""
        stream = None if method.startswith("_") else find_method(method)
        if stream is None:
            known = ", ".join(stream.method for stream in SCHEMAS.values())
            raise AttributeError(f"a player has no {method}; what opens a stream is {known}")
        return partial(self.open, stream)

    def open(self, stream: type[S], /, topic: str, source: str, **settings: Any) -> S:
        """Open a stream, or return the one that is open: ``player.events`` is it, of an `EventStream`.

        Parameters
        ----------
        stream
            the class of the stream, which says what its settings are
        topic
            the Kafka topic; it is made if it does not exist
        source
            the name of what the data come from
        settings
            of the stream; those of the first call hold

        Raises
        ------
        InputError
            when the source has a stream of another kind or to another topic in this run, or a setting is not
            what it should be
        BrokerError
            if no broker answers or the topic cannot be made
        FileError
            when the file cannot be written
        NotAllowedError
            before Start and after Stop
        """
        if self._run_output is None:
            raise NotAllowedError(f"Player {self.name} has no streams before Start or after Stop")
        return self._run_output.open(stream, topic, source, **settings)

    def begin(self, run: Run, run_output: RunOutput) -> None:
        """Take up a run, before the script's setup."""
        self._run = run
        self._run_output = run_output
        self._aborted.clear()

    def abort(self) -> None:
        """Tell the script to give up."""
        self._aborted.set()

    def end(self) -> None:
        """Leave the run: its streams are no longer there."""
        self._run_output = None
