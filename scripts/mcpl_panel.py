"""A detector panel: at each trigger neutrons drawn from an MCPL file; needs the package mcpl."""

from pathlib import Path

from donki.sources import EventListSource, Panel, read_mcpl

panel = Panel(width=1.0, height=1.0, columns=64, rows=64)
rays = EventListSource(read_mcpl(Path(__file__).parent / "recorded" / "sans.mcpl"), panel)
stream = None


def setup(player):
    global stream
    topic = player.parameters.get("topic", "test-mcpl")
    geometry = {**panel.geometry, "position": (0, 0, 5)}  # m behind the sample
    stream = player.events(topic, source="panel", frame="wrap", **geometry)


def action(trigger, player):
    pulse = rays.sample(player.rng(trigger), rate=player.parameters.get("events", 12_000))
    stream.send(trigger, pulse.time_of_flight, pulse.pixel_id)
    return {"playerlog": f"trigger {trigger}: {len(pulse.pixel_id)} neutrons"}
