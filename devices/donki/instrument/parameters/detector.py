"""The Parameters of ``detector.py`` and ``monitors.py``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from donki.errors import InputError
from donki.instrument.parameters.beam import BeamParameters
from donki.instrument.parameters.physics import Flat, Physics
from donki.instrument.parameters.reading import Section
from donki.streams.schemas.events.profile import Profile

Rate = Annotated[float, Field(ge=0)]


class DetectorParameters(Section):
    """A detector that sends events."""

    file: str
    "The description, NeXus or a nexus_structure in JSON, under the property DataPath."
    detector: str
    "The path of its NXdetector in the description."
    topic: str
    "The Kafka topic that its events go to."
    source: str
    "The source name in them."
    rate: Rate | None = None
    "Events/s; without it 10,000, and for a replay as many as were recorded."
    physics: Physics = Flat(kind="flat")
    "Where its neutrons go."
    beam: BeamParameters = BeamParameters()
    "The beam of the instrument."
    profile: Profile = "plain"
    "As whom events are sent."


class MonitorParameters(Section):
    """A beam monitor."""

    topic: str
    "The Kafka topic that its data go to."
    source: str
    "The source name in them."
    group: str | None = None
    "The path of its NXmonitor in the description, which tells where it is."
    sends: Literal["events", "histogram"] = "events"
    "Events (ev44), or a histogram of their times in the frame (da00) at each trigger."
    rate: Rate = 1000.0
    "Neutrons/s."
    distance: Annotated[float, Field(gt=0)] | None = None
    "From the moderator, in m; without it as far as the description has it from the source."
    pixel: Annotated[int, Field(ge=0)] | None = None
    "The pixel of its events; without it that of the description, or 1."
    bins: Annotated[int, Field(gt=0, le=100_000)] = 100
    "Of the histogram: equal parts of the frame."
    frame: Annotated[float, Field(ge=1e-3, le=2000)] = 71.428571
    "The time from pulse to pulse that the histogram shows, in ms; of 14 Hz."

    def check(self) -> None:
        """Refuse a monitor of which nobody says where it is."""
        if self.group is None and self.distance is None:
            raise InputError("expected its group in the description, or its distance from the moderator in m")


class MonitorsParameters(Section):
    """The beam monitors of an instrument."""

    file: str
    "The description, NeXus or a nexus_structure in JSON, under the property DataPath."
    monitors: dict[str, MonitorParameters]
    "The monitors, by name."
    beam: BeamParameters = BeamParameters()
    "The beam of the instrument."
    profile: Profile = "plain"
    "As whom events are sent."

    def check(self) -> None:
        """Refuse two monitors with one source: a Player has one stream of each."""
        names: dict[str, str] = {}
        for name, monitor in self.monitors.items():
            if monitor.source in names:
                raise InputError(
                    f"monitors.{name}: has the source {monitor.source} of {names[monitor.source]}; give one"
                    " of them a Player of its own"
                )
            names[monitor.source] = name
