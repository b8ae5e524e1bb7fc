"""Where simulated data come from.

A reader turns a file into a `Monitor` (a histogram) or an `EventList` (rays). A source draws from them the
events of one pulse after another::

    panel = HistogramSource(read_mcstas("tof.dat"), pixels=read_mcstas("psd.dat"))
    time_of_flight, pixel_id = panel.sample(rng, events=12_000)

A `PowderSource` draws them from what is known of an instrument and its sample. A replay returns those of a
NeXus file or of recorded Kafka topics, pulse by pulse::

    replay = NexusReplay("run.nxs", loop=True)
    time_of_flight, pixel_id, offset = replay.pulse(trigger)
"""

from donki.sources.bank import Bank
from donki.sources.beam import Beam
from donki.sources.diffraction_image import DiffractionImage
from donki.sources.event_list import EventList
from donki.sources.event_list_source import EventListSource
from donki.sources.events import Events, Source
from donki.sources.histogram_source import HistogramSource
from donki.sources.mcpl import read_mcpl
from donki.sources.mcstas import read_mcstas
from donki.sources.monitor import Axis, Monitor
from donki.sources.nexus_replay import NexusReplay
from donki.sources.panel import Panel
from donki.sources.peaks import Peaks
from donki.sources.powder_source import PowderSource
from donki.sources.pulse import Pulse
from donki.sources.ramp import Ramp
from donki.sources.recording import Message, Recording
from donki.sources.topic_replay import TopicReplay

__all__ = [
    "Axis",
    "Bank",
    "Beam",
    "DiffractionImage",
    "EventList",
    "EventListSource",
    "Events",
    "HistogramSource",
    "Message",
    "Monitor",
    "NexusReplay",
    "Panel",
    "Peaks",
    "PowderSource",
    "Pulse",
    "Ramp",
    "Recording",
    "Source",
    "TopicReplay",
    "read_mcpl",
    "read_mcstas",
]
