"""A detector panel: at each trigger a pulse of neutrons, drawn from a McStas TOF monitor and a PSD."""

from pathlib import Path

from donki.sources import HistogramSource, read_mcstas

MCSTAS = Path(__file__).parent / "mcstas"
panel = HistogramSource(read_mcstas(MCSTAS / "tof.dat"), pixels=read_mcstas(MCSTAS / "psd.dat"))
stream = None


def setup(player):
    global stream
    topic = player.parameters.get("topic", "test-topic-0")
    geometry = {**panel.geometry, "position": (0, 0, 5)}  # m behind the sample
    readout = player.parameters.get("readout", "")  # as which front ends send it, see ReadoutAddress
    stream = player.events(topic, source="panel_0", frame="wrap", readout=readout, **geometry)


def action(trigger, player):
    pulse = panel.sample(player.rng(trigger), events=player.parameters.get("events", 12_000))
    stream.send(trigger, pulse.time_of_flight, pulse.pixel_id)
    return {"playerlog": f"trigger {trigger}: {len(pulse.pixel_id)} neutrons"}
