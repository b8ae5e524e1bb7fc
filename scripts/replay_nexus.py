"""A detector panel: at each trigger the next pulse of a NeXus file, over and over.

Parameters: file, under the property DataPath; group, where the file holds several; units, where it has none
("ISIS", or {"event_time_offset": "us", "event_time_zero": "s"}); on_damage, "skip" to pass over what is
damaged.
"""

from pathlib import Path

from donki.sources import NexusReplay, Panel

SAMPLE = Path(__file__).parent / "recorded" / "sans.nxs"
panel = Panel(width=1.0, height=1.0, columns=64, rows=64)  # that of the sample file
replay = None
stream = None


def setup(player):
    global replay, stream
    asked = player.parameters
    replay = NexusReplay(
        player.data_file(asked["file"]) if "file" in asked else SAMPLE,
        asked.get("group"),
        loop=True,
        units=asked.get("units"),
        on_damage=asked.get("on_damage", "refuse"),
        log=player.log,
    )
    geometry = {} if "file" in asked else {**panel.geometry, "position": (0, 0, 5)}  # m behind the sample
    stream = player.events(asked.get("topic", "test-replay"), source="panel", **geometry)


def action(trigger, player):
    pulse = replay.pulse(trigger)
    stream.send(trigger, pulse.time_of_flight, pulse.pixel_id)
    return {"playerlog": f"trigger {trigger}: {len(pulse.pixel_id)} neutrons"}


def stop():
    if replay is not None:
        replay.close()
