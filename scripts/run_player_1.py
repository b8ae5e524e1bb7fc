"""A beam monitor: a Poisson number of neutrons a pulse, flown from the wavelengths of a McStas L_monitor."""

from pathlib import Path

from donki.sources import HistogramSource, read_mcstas

MCSTAS = Path(__file__).parent / "mcstas"
monitor = HistogramSource(read_mcstas(MCSTAS / "lambda.dat"), flight_path=28.5)
stream = None


def setup(player):
    global stream
    topic = player.parameters.get("topic", "test-topic-1")
    geometry = {**monitor.geometry, "position": (0, 0, 5)}  # m behind the sample
    stream = player.events(topic, source="monitor_1", frame="wrap", **geometry)


def action(trigger, player):
    pulse = monitor.sample(player.rng(trigger), rate=player.parameters.get("events", 12_000))
    stream.send(trigger, pulse.time_of_flight, pulse.pixel_id)
    return {"playerlog": f"trigger {trigger}: {len(pulse.pixel_id)} neutrons"}
