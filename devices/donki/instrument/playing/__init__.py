"""How scripts play the devices of an instrument: in the time of a run, from streams that they open."""

from donki.instrument.playing.choppers import PlayedChopper
from donki.instrument.playing.devices import make_devices
from donki.instrument.playing.digitisers import PlayedDigitiser
from donki.instrument.playing.images import PlayedImages
from donki.instrument.playing.logs import PlayedLog
from donki.instrument.playing.motors import PlayedMotor
from donki.instrument.playing.run_time import Window, begin_of, random_numbers

__all__ = [
    "PlayedChopper",
    "PlayedDigitiser",
    "PlayedImages",
    "PlayedLog",
    "PlayedMotor",
    "Window",
    "begin_of",
    "make_devices",
    "random_numbers",
]
