"""Digitisers: at each trigger a trace of pulses in each channel (se00).

Parameters: ``digitisers``, an object with one for each digitiser, by its name::

    {"digitisers": {"adc": {"topic": "loki_digitiser", "source": "adc", "channels": 2}}}

topic, source
    where its messages go and the name that they carry; with several channels ``source_0``, ``source_1``
channels, samples
    how many, 1 by default; how many samples a trace has, 1000 by default
sample_interval_ns
    8 by default
units
    of the samples; they are steps of the converter
rate
    pulses a second, 10000 by default
rise_ns, decay_ns
    time constants of a pulse, 50 and 500 by default
height, base, noise
    of a pulse on average, of the base line, and the standard deviation of that; 1000, 100 and 3 steps by
    default
bits
    of the converter, 2 to 16, 14 by default
"""

from donki.instrument.parameters import DigitisersParameters, read_parameters
from donki.instrument.playing import PlayedDigitiser, make_devices

digitisers = ()


def setup(player):
    global digitisers
    asked = read_parameters(DigitisersParameters, player.parameters)
    digitisers = make_devices(PlayedDigitiser, "digitisers", asked.digitisers, player)


def action(trigger):
    for digitiser in digitisers:
        digitiser.act(trigger)
