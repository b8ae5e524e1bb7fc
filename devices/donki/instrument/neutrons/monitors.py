"""The beam monitors of a described instrument: what they see at each trigger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError, SourceError
from donki.instrument.geometry import group_at, pixel_numbers_of
from donki.instrument.neutrons.beam import beam_of, frame_length
from donki.instrument.nodes import Group
from donki.instrument.parameters.detector import MonitorParameters, MonitorsParameters
from donki.instrument.places import distance_from_source, position_of
from donki.instrument.transformations import is_placed
from donki.instrument.tree import open_description
from donki.player.trigger import Trigger
from donki.sources import Beam, Events, HistogramSource
from donki.sources.geometry import Geometry


@dataclass(frozen=True)
class BeamMonitor:
    """A beam monitor, which sees the beam as it is at its distance from the moderator.

    Attributes
    ----------
    name : str
    asked : MonitorParameters
    source : HistogramSource
        draws its neutrons
    geometry : Geometry
        where it is, for the settings of ``player.events``
    assumed : tuple of str
        what the description leaves open and how it was taken, a line each
    """

    name: str
    asked: MonitorParameters
    source: HistogramSource
    geometry: Geometry
    assumed: tuple[str, ...]

    def events(self, rng: np.random.Generator, trigger: Trigger) -> Events:
        """Return the events of a trigger: those of the rate in its period, 1/14 s where it has none."""
        return self.source.sample(rng, rate=self.asked.rate * frame_length(trigger) * 1e-9)

    def histogram(self, rng: np.random.Generator, trigger: Trigger) -> NDArray[np.int32]:
        """Return how many neutrons of a trigger arrive in each part of a frame, shape (bins,).

        What arrives in a later frame counts in the same part of this one: pulse after pulse is alike.
        """
        time = self.events(rng, trigger).time_of_flight.astype(np.int64) % self._frame
        # In integers, so that a neutron on an edge is in the bin that begins there.
        part = time * self.asked.bins // self._frame
        return np.bincount(part, minlength=self.asked.bins).astype(np.int32)

    @property
    def edges(self) -> NDArray[np.float64]:
        """The edges of the bins of a histogram in ns since the pulse, shape (bins + 1,)."""
        return np.linspace(0.0, self._frame, self.asked.bins + 1)

    @property
    def _frame(self) -> int:
        return round(self.asked.frame * 1e6)


def beam_monitors(asked: MonitorsParameters, description: Path) -> list[BeamMonitor]:
    """Return the beam monitors of an instrument, in the order of the Parameters.

    Parameters
    ----------
    asked
        the Parameters
    description
        the file that they name

    Raises
    ------
    InputError, SourceError
        when the Parameters do not fit the description, or it cannot be read; names the monitor
    """
    with open_description(description) as root:
        return list(_monitors(asked, root))


def _monitors(asked: MonitorsParameters, root: Group) -> Iterator[BeamMonitor]:
    for name, monitor in asked.monitors.items():
        assumed: list[str] = []
        try:
            group = root if monitor.group is None else group_at(root, monitor.group)
            beam = beam_of(asked.beam, _entry(root) if group is root else group, assumed)
            yield _monitor(name, monitor, group, beam, assumed)
        except (InputError, SourceError) as error:
            raise type(error)(f"monitors.{name}: {error}") from None


def _monitor(
    name: str, asked: MonitorParameters, group: Group, beam: Beam, assumed: list[str]
) -> BeamMonitor:
    distance = distance_from_source(group, assumed) if asked.distance is None else asked.distance
    source = beam.monitor(distance, pixel=_pixel(asked, group))
    geometry = source.geometry.copy()
    if asked.group is not None and asked.distance is None and is_placed(group):
        x, y, z = position_of(group).tolist()
        geometry["position"] = x, y, z
    return BeamMonitor(name, asked, source, geometry, tuple(dict.fromkeys(assumed)))


def _pixel(asked: MonitorParameters, group: Group) -> int:
    if asked.pixel is not None:
        return asked.pixel
    numbers = pixel_numbers_of(group)
    return 1 if numbers is None else int(numbers.flat[0])


def _entry(root: Group) -> Group:
    return next(iter(root.groups.values()), root)
