"""Area detectors: frames (ad00) with a spot that moves, the rings of a powder, or even light.

Parameters: ``images``, an object with one for each detector, by its name::

    {"images": {"camera": {"topic": "odin_area_detector", "source": "orca", "shape": [512, 512], "rate": 2}}}

topic, source
    where its messages go and the name that they carry
shape, dtype, units
    rows and columns; the numpy type of the pixels, ``uint16`` by default; their unit, ``counts`` by
    default
pattern
    ``moving`` (default): a spot goes along a figure of eight in a ``cycle`` of so many s, 10 by default;
    ``rings``: those of aluminium powder; ``flat``: even light
rate
    frames a second, 1 by default
counts
    on average in all pixels of a frame, 100000 by default
width
    standard deviation of the spot in pixels, or of a ring in degrees
"""

from donki.instrument.parameters import ImagesParameters, read_parameters
from donki.instrument.playing import PlayedImages, make_devices

detectors = ()


def setup(player):
    global detectors
    asked = read_parameters(ImagesParameters, player.parameters)
    detectors = make_devices(PlayedImages, "images", asked.images, player)


def action(trigger):
    for detector in detectors:
        detector.act(trigger)
