"""The player as an action script sees it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from donki.errors import NotAllowedError
from donki.run import Run
from donki.streams.events import EventStream
from donki.streams.outlet import Outlet


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

    def __init__(self, name: str) -> None:
        self.name = name
        self.parameters: Mapping[str, Any] = {}
        self.log = logging.Logger(f"donki.player.{name}")
        self._run = Run.new()
        self._outlet: Outlet | None = None
        self._aborted = threading.Event()

    @property
    def run(self) -> Run:
        """The run in progress, or the last one: its id, title, metadata and seed."""
        return self._run

    @property
    def aborted(self) -> bool:
        """True once Abort came: give up and return."""
        return self._aborted.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait, but no longer than until Abort comes; return True if it came."""
        return self._aborted.wait(seconds)

    def rng(self, trigger: int) -> np.random.Generator:
        """Return the random numbers of this trigger.

        They depend on the run's seed, the Player's name and the trigger alone, so that a run can be repeated
        byte for byte; each call starts them anew.
        """
        entropy = [self._run.seed, int(trigger), *self.name.encode()]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))

    def events(self, topic: str, source: str) -> EventStream:
        """Open a stream of neutron events, or return the one that is open.

        Parameters
        ----------
        topic
            the Kafka topic
        source
            the name of the detector or monitor that the events come from

        Raises
        ------
        BrokerError
            if no broker answers or the topic cannot be made
        """
        if self._outlet is None:
            raise NotAllowedError(f"Player {self.name} has no streams before Start or after Stop")
        return self._outlet.events(topic, source)

    def begin(self, run: Run, outlet: Outlet) -> None:
        """Take up a run, before the script's setup."""
        self._run = run
        self._outlet = outlet
        self._aborted.clear()

    def abort(self) -> None:
        """Tell the script to give up."""
        self._aborted.set()

    def end(self) -> None:
        """Leave the run: its streams are no longer there."""
        self._outlet = None
