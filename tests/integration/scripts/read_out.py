"""Sends random pulses of two banks of LoKI, and of a monitor without readouts; a failure comes after that.

Parameters: `topic`, `fail_at` (the trigger whose first attempt fails).
"""

BANKS = {"bank0": (1, 802_816), "bank1": (802_817, 1_032_192)}
PULSE = 71_428_571
streams = {}


def setup(player):
    topic = player.parameters["topic"]
    for source in BANKS:
        streams[source] = player.events(topic, source, readout="loki", frame="wrap")
    streams["monitor"] = player.events(topic, "monitor")


def action(trigger, player):
    rng = player.rng(trigger)
    for source, (first, last) in BANKS.items():
        size = rng.poisson(300)
        pixel = rng.integers(first, last, size, endpoint=True)
        streams[source].send(trigger, rng.integers(0, 2 * PULSE, size), pixel)
    streams["monitor"].send(trigger, [1], [1])
    if trigger == player.parameters.get("fail_at") and trigger.attempt == 1:
        raise ValueError("no beam")
