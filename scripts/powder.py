"""A powder diffractometer: aluminium that is heated, on a bank of pixels and in a beam monitor.

Parameters: rate, events/s on the bank (DREAM at full power: 75000000).
"""

from donki.sources import Bank, Beam, Peaks, PowderSource, Ramp

PULSES_A_SECOND = 14
beam = Beam(flight_path=76.55, band=(0.8, 2.6))
monitor = beam.monitor(distance=71.8)
bank = Bank.cylinder(radius=1.1, height=1.0, columns=256, rows=128, two_theta=(30, 150))
powder = PowderSource(bank, beam, Peaks.cubic(4.046, "F", shortest=0.5, expansion=2.3e-5))
temperature = Ramp(start=300, end=800, duration=60, noise=0.2)  # K, s
streams = ()


def setup(player):
    global streams
    topic = player.parameters.get("topic", "test-powder")
    streams = (
        player.events(f"{topic}_detector", source="bank", frame="wrap", **bank.geometry),
        player.events(f"{topic}_monitor", source="m1", frame="wrap", **monitor.geometry),
    )


def action(trigger, player):
    rng, seconds = player.rng(trigger), (trigger - 1) / PULSES_A_SECOND
    rate = player.parameters.get("rate", 100_000) / PULSES_A_SECOND
    scattered = powder.sample(rng, rate=rate, temperature=float(temperature.at(seconds)))
    streams[0].send(trigger, *scattered)
    streams[1].send(trigger, *monitor.sample(rng, rate=rate / 100))
    return {"temperature": float(temperature.sample(rng, seconds))}


def get_data_names():
    return ["temperature"]
