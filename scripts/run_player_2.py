"""A detector panel: at each trigger the next rays of a McStas event list, over and over."""

from pathlib import Path

from donki.sources import EventListSource, Panel, read_mcstas

MCSTAS = Path(__file__).parent / "mcstas"
panel = Panel(width=1.0, height=1.0, columns=64, rows=64)
rays = EventListSource(read_mcstas(MCSTAS / "events.dat"), panel)
stream = None


def setup(player):
    global stream
    topic = player.parameters.get("topic", "test-topic-2")
    geometry = {**panel.geometry, "position": (0, 0, 5)}  # m behind the sample
    stream = player.events(topic, source="panel_2", frame="wrap", **geometry)


def action(trigger, player):
    pulse = rays.replay(trigger, events=player.parameters.get("events", 12_000))
    stream.send(trigger, pulse.time_of_flight, pulse.pixel_id)
    return {"playerlog": f"trigger {trigger}: {len(pulse.pixel_id)} neutrons"}
