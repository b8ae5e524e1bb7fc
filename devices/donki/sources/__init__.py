"""Where simulated data come from.

A reader turns a file into a `Monitor` (a histogram) or an `EventList` (rays). A source draws from them the
events of one pulse after another::

    panel = HistogramSource(read_mcstas("tof.dat"), pixels=read_mcstas("psd.dat"))
    time_of_flight, pixel_id = panel.sample(rng, events=12_000)

A `PowderSource` or a `SmallAngleSource` draws them from what is known of an instrument and its sample. A
replay returns those of a NeXus file or of recorded Kafka topics, pulse by pulse::

    replay = NexusReplay("run.nxs", loop=True)
    time_of_flight, pixel_id, offset = replay.pulse(trigger)

A `Log` tells of a signal as a control system does; a `Motor` and a `Chopper` have signals of their own. All
are functions of the time of a run::

    heating = Log(RampSignal(300, 400, duration=60), period=SECOND)
    for reading in heating.readings(begin, end): ...
"""

from donki.sources.drawn_source import DrawnSource
from donki.sources.events import Events, Source
from donki.sources.geometry import Geometry
from donki.sources.mcstas.event_list import EventList
from donki.sources.mcstas.event_list_source import EventListSource
from donki.sources.mcstas.histogram_source import HistogramSource
from donki.sources.mcstas.mcpl import read_mcpl
from donki.sources.mcstas.monitor import Axis, Monitor
from donki.sources.mcstas.panel import Panel
from donki.sources.mcstas.text import read_mcstas
from donki.sources.recorded.nexus_replay import NexusReplay
from donki.sources.recorded.partition import Message
from donki.sources.recorded.pulse import Pulse
from donki.sources.recorded.recording import Recording
from donki.sources.recorded.topic_replay import TopicReplay
from donki.sources.slow_control.alarm import Alarm, alarm_changes
from donki.sources.slow_control.chopper import Chopper
from donki.sources.slow_control.disc import Command
from donki.sources.slow_control.log import Log, Reading
from donki.sources.slow_control.motor import Motor
from donki.sources.slow_control.signal import SECOND, RampSignal, Signal, Sine, Steps
from donki.sources.slow_control.walk import Walk
from donki.sources.synthetic.bank import Bank
from donki.sources.synthetic.beam import Beam
from donki.sources.synthetic.diffraction_image import DiffractionImage
from donki.sources.synthetic.direct_beam import DirectBeamSource
from donki.sources.synthetic.elastic import ElasticSource
from donki.sources.synthetic.peaks import Peaks
from donki.sources.synthetic.pixels import Pixels
from donki.sources.synthetic.powder import PowderSource
from donki.sources.synthetic.ramp import Ramp
from donki.sources.synthetic.small_angle import FormFactor, Guinier, PowerLaw, SmallAngleSource, Sphere
from donki.sources.synthetic.spot_image import SpotImage
from donki.sources.synthetic.trace import PulseTrace
from donki.sources.synthetic.white_beam import FlatSource, WhiteBeamSource

__all__ = [
    "SECOND",
    "Alarm",
    "Axis",
    "Bank",
    "Beam",
    "Chopper",
    "Command",
    "DiffractionImage",
    "DirectBeamSource",
    "DrawnSource",
    "ElasticSource",
    "EventList",
    "EventListSource",
    "Events",
    "FlatSource",
    "FormFactor",
    "Geometry",
    "Guinier",
    "HistogramSource",
    "Log",
    "Message",
    "Monitor",
    "Motor",
    "NexusReplay",
    "Panel",
    "Peaks",
    "Pixels",
    "PowderSource",
    "PowerLaw",
    "Pulse",
    "PulseTrace",
    "Ramp",
    "RampSignal",
    "Reading",
    "Recording",
    "Signal",
    "Sine",
    "SmallAngleSource",
    "Source",
    "Sphere",
    "SpotImage",
    "Steps",
    "TopicReplay",
    "Walk",
    "WhiteBeamSource",
    "alarm_changes",
    "read_mcpl",
    "read_mcstas",
]
