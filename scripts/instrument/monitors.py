"""The beam monitors of a described instrument: events, or histograms of when they arrive in a frame.

Its Parameters are:

file
    the description, under the property DataPath: NeXus, or a ``nexus_structure`` in JSON
beam, profile
    as those of ``detector.py``
monitors
    by name:

    group
        the path of its NXmonitor, which tells where it is
    topic, source
        where its data go in Kafka, and the source name in them; no two have the same source
    sends
        events (ev44), or histogram (da00, its axis ``frame_time`` in ns)
    rate
        neutrons/s; 1,000
    distance
        from the moderator in m; as the description has it
    pixel
        of its events; that of the description, or 1
    bins, frame
        of the histogram: how many (100), of which time from pulse to pulse (71.428571 ms, that of 14 Hz)
"""

from donki.instrument.neutrons import beam_monitors
from donki.instrument.parameters import read_parameters
from donki.instrument.parameters.detector import MonitorsParameters

streams = []


def setup(player):
    global streams
    asked = read_parameters(MonitorsParameters, player.parameters)
    monitors = beam_monitors(asked, player.data_file(asked.file))
    for monitor in monitors:
        for taken in monitor.assumed:
            player.log.info("%s: %s", monitor.name, taken)
    streams = [(monitor, open_stream(monitor, asked.profile, player)) for monitor in monitors]


def open_stream(monitor, profile, player):
    topic, source = monitor.asked.topic, monitor.asked.source
    if monitor.asked.sends == "events":
        return player.events(topic, source=source, frame="wrap", profile=profile, **monitor.geometry)
    shape = {"axes": ["frame_time"], "dtype": "int32", "shape": [monitor.asked.bins]}
    return player.array(
        topic, source=source, unit="counts", coordinates={"frame_time": (monitor.edges, "ns")}, **shape
    )


def action(trigger, player):
    rng = player.rng(trigger)
    for monitor, stream in streams:
        if monitor.asked.sends == "events":
            stream.send(trigger, *monitor.events(rng, trigger))
        else:
            stream.send(trigger, monitor.histogram(rng, trigger))
