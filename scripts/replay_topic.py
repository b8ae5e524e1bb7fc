"""A detector: at each trigger the next pulse of a topic that `donki record` stored, over and over.

Parameters: file; recorded_topic and source, where the file holds several.
"""

from donki.sources import TopicReplay

replay = None
stream = None


def setup(player):
    global replay, stream
    asked = player.parameters
    replay = TopicReplay(asked["file"], asked.get("recorded_topic"), asked.get("source"), loop=True)
    stream = player.events(asked.get("topic", "test-replay"), source=asked.get("source", "panel"))


def action(trigger, player):
    pulse = replay.pulse(trigger)
    stream.send(trigger, pulse.time_of_flight, pulse.pixel_id)
    return {"playerlog": f"trigger {trigger}: {len(pulse.pixel_id)} neutrons"}


def stop():
    replay.close()
