"""Sends one message a trigger by each kind of stream, alarms to a topic of their own.

Parameters: `topic`.
"""

import numpy as np


def action(trigger, player):
    rng = player.rng(trigger)
    topic = player.parameters["topic"]
    time = trigger.reference_time
    player.events(topic, "panel").send(trigger, rng.integers(0, 10**7, 30), rng.integers(1, 100, 30))
    player.series(topic, "T", unit="K").send(trigger, rng.normal(300))
    player.alarm(f"{topic}-alarms", "T").send(trigger, "MINOR", "warm")
    player.connection(topic, "T").send(trigger, "CONNECTED")
    player.image(topic, "camera").send(trigger, rng.integers(0, 100, (4, 3), dtype=np.uint16))
    tof = np.arange(5.0), "us"
    player.array(topic, "spectrum", axes=["tof"], coordinates={"tof": tof}).send(trigger, rng.poisson(3, 4))
    player.timestamps(topic, "chopper").send(trigger, time + np.arange(3) * 71_428_571)
    player.samples(topic, "adc", interval=1000, unit="V").send(trigger, rng.normal(size=50))
    player.json(topic, "status").send(trigger, {"state": "warm", "trigger": int(trigger)})
    player.message(topic, "other").send(trigger, rng.bytes(50))
    return {"number": float(trigger)}
