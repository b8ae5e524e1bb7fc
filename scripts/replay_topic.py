"""A detector: at each trigger the next pulse of a topic that `donki record` stored, over and over.

Parameters: file, under the property DataPath; recorded_topic and source, where the file holds several;
on_damage, "skip" to pass over messages that are damaged.
"""

from donki.sources import TopicReplay

replay = None
stream = None


def setup(player):
    global replay, stream
    asked = player.parameters
    replay = TopicReplay(
        player.data_file(asked.get("file")),
        asked.get("recorded_topic"),
        asked.get("source"),
        loop=True,
        on_damage=asked.get("on_damage", "refuse"),
        log=player.log,
    )
    stream = player.events(asked.get("topic", "test-replay"), source=asked.get("source", "panel"))


def action(trigger, player):
    pulse = replay.pulse(trigger)
    stream.send(trigger, pulse.time_of_flight, pulse.pixel_id)
    return {"playerlog": f"trigger {trigger}: {len(pulse.pixel_id)} neutrons"}


def stop():
    if replay is not None:
        replay.close()
