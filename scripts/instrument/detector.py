"""A detector of a described instrument: its pixels, and neutrons by the physics that is stated.

Its pixels are those of ``detector_number``; where they are, their offsets or shapes and ``depends_on`` tell.
Its Parameters are:

file
    the description, under the property DataPath: NeXus, or a ``nexus_structure`` in JSON
detector
    the path of its NXdetector, as ``/entry/instrument/bank0``
topic, source
    where its events go in Kafka, and the source name in them
rate
    events/s; 10,000, and for a replay as many as were recorded
beam
    ``flight_path`` to the sample in m (that of the description), ``band``: the shortest and the longest
    wavelength in Å (from 1 Å on what fits between two pulses of 14 Hz, to 20), ``moderator`` in K (50)
profile
    plain; or efu, to send messages as the ESS event formation unit does
physics
    ``kind``, and what belongs to it:

    flat
        the same in all directions
    powder
        ``lattice`` (F; or P, I, D), ``a`` (4.046 Å), ``shortest`` d (0.5 Å), ``resolution`` (0.002),
        ``background`` (0.2 of the events), ``temperature`` (300 K), ``expansion`` (2.3e-5 / K)
    sans
        ``form``: sphere or guinier with ``radius`` (50 Å), or power_law with ``exponent`` (4) and
        ``crossover`` (0.005 / Å); ``background`` (0.001 of the intensity at Q = 0)
    direct
        ``width`` of the spot (0.005 m), ``transmission`` of the sample (1)
    mcstas
        ``file``, under DataPath: what McStas wrote, or MCPL; ``monitor``, where it holds several;
        ``pixels``, a second file; ``panel``: [width, height in m, columns, rows] that x and y of a list are
        on; ``first_pixel``; ``flight_path`` in m, for wavelengths
    replay
        the events in the file; ``group``, where the detector has several; ``units``, where it has none;
        ``on_damage``: skip, to pass over what is damaged
"""

from donki.instrument.neutrons import DetectorEvents
from donki.instrument.parameters import read_parameters
from donki.instrument.parameters.detector import DetectorParameters

detector = None
stream = None


def setup(player):
    global detector, stream
    asked = read_parameters(DetectorParameters, player.parameters)
    detector = DetectorEvents(asked, player.data_file(asked.file), player.data_file, player.log)
    for taken in detector.assumed:
        player.log.info("%s", taken)
    stream = player.events(
        asked.topic, source=asked.source, frame="wrap", profile=asked.profile, **detector.geometry
    )


def action(trigger, player):
    stream.send(trigger, *detector.pulse(player.rng(trigger), trigger))


def stop():
    if detector is not None:
        detector.close()
