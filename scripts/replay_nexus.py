"""A detector panel: at each trigger the next pulse of a NeXus file, over and over."""

from pathlib import Path

from donki.sources import NexusReplay

SAMPLE = Path(__file__).parent / "recorded" / "sans.nxs"
replay = None
stream = None


def setup(player):
    global replay, stream
    replay = NexusReplay(player.parameters.get("file", SAMPLE), player.parameters.get("group"), loop=True)
    stream = player.events(player.parameters.get("topic", "test-replay"), source="panel")


def action(trigger, player):
    pulse = replay.pulse(trigger)
    stream.send(trigger, pulse.time_of_flight, pulse.pixel_id)
    return {"playerlog": f"trigger {trigger}: {len(pulse.pixel_id)} neutrons"}


def stop():
    replay.close()
