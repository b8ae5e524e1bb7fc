"""Where simulated data come from.

A reader turns a file into a `Monitor` (a histogram) or an `EventList` (rays). A source draws from them the
events of one pulse after another::

    panel = HistogramSource(read_mcstas("tof.dat"), pixels=read_mcstas("psd.dat"))
    time_of_flight, pixel_id = panel.sample(rng, events=12_000)
"""

from donki.sources.event_list import EventList
from donki.sources.event_list_source import EventListSource
from donki.sources.events import Events, Source
from donki.sources.histogram_source import HistogramSource
from donki.sources.mcpl import read_mcpl
from donki.sources.mcstas import read_mcstas
from donki.sources.monitor import Axis, Monitor
from donki.sources.nexus_replay import NexusReplay
from donki.sources.panel import Panel
from donki.sources.pulse import Pulse
from donki.sources.recording import Message, Recording
from donki.sources.topic_replay import TopicReplay

__all__ = [
    "Axis",
    "EventList",
    "EventListSource",
    "Events",
    "HistogramSource",
    "Message",
    "Monitor",
    "NexusReplay",
    "Panel",
    "Pulse",
    "Recording",
    "Source",
    "TopicReplay",
    "read_mcpl",
    "read_mcstas",
]
