"""The neutrons of a described instrument: what its detectors and its monitors see at each trigger."""

from donki.instrument.neutrons.detector import DetectorEvents
from donki.instrument.neutrons.monitors import BeamMonitor, beam_monitors

__all__ = ["BeamMonitor", "DetectorEvents", "beam_monitors"]
