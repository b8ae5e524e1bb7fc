"""A detector of a described instrument: what it sees at each trigger."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from donki.instrument.geometry import detector_geometry, group_at
from donki.instrument.neutrons.beam import beam_of, frame_length
from donki.instrument.neutrons.physics import DataFile, Simulated, simulated
from donki.instrument.neutrons.replay import ScaledReplay, open_replay
from donki.instrument.parameters.detector import DetectorParameters
from donki.instrument.parameters.physics import Replay
from donki.instrument.tree import open_description
from donki.player.trigger import Trigger
from donki.sources import Events

RATE = 10_000.0
"""Events/s of a detector, where nobody says how many."""


class DetectorEvents:
    """The events of a detector.

    Parameters
    ----------
    asked : DetectorParameters
    description : Path
        the file that they name
    data_file : callable
        returns other files that they name
    log : logging.Logger
        is told what is damaged and skipped

    Attributes
    ----------
    geometry : Geometry
        of its pixels, for the settings of ``player.events``
    assumed : sequence of str
        what the description leaves open and how it was taken, a line each

    Raises
    ------
    InputError, SourceError
        when the Parameters do not fit the description, or it cannot be read
    """

    def __init__(
        self,
        asked: DetectorParameters,
        description: Path,
        data_file: DataFile,
        log: logging.Logger | None = None,
    ) -> None:
        self._rate = asked.rate
        with open_description(description) as root:
            group = group_at(root, asked.detector)
            located = detector_geometry(group)
            assumed = list(located.assumed)
            self.geometry = located.pixels.geometry
            self._pulses: Simulated | ScaledReplay
            if isinstance(asked.physics, Replay):
                self._pulses = ScaledReplay(open_replay(asked.physics, description, group, log))
            else:
                beam = beam_of(asked.beam, group, assumed)
                self._pulses = simulated(asked.physics, located.pixels, beam, data_file)
        self.assumed: Sequence[str] = tuple(dict.fromkeys(assumed))

    def pulse(self, rng: np.random.Generator, trigger: Trigger) -> Events:
        """Return the events of a trigger: those of the rate in its period, 1/14 s where it has none.

        Parameters
        ----------
        rng
            decides, alone, what is drawn
        trigger
            which pulse it is

        Raises
        ------
        SourceError
            when recorded events cannot be read
        """
        seconds = frame_length(trigger) * 1e-9
        if isinstance(self._pulses, ScaledReplay):
            mean = None if self._rate is None else self._rate * seconds
            return self._pulses.pulse(rng, trigger, mean)
        return self._pulses.pulse(rng, (RATE if self._rate is None else self._rate) * seconds)

    def close(self) -> None:
        """Close the file that is replayed, if one is."""
        if isinstance(self._pulses, ScaledReplay):
            self._pulses.close()
