"""Sends by each kind of stream, also in setup and stop, and returns each kind of value; fails on demand.

Parameters: `topic`, `failures` (how many attempts fail, by trigger), `wait` (s at the end of each action).
"""

import time

import numpy as np

from donki.player.trigger import Trigger


def now():
    # A time of its own: Kafka deletes what is older than it retains by its time stamp.
    return Trigger(1, time.time_ns())


def setup(player):
    player.series(player.parameters["topic"], "T").send(now(), 1.5)


def action(trigger, player):
    rng = player.rng(trigger)
    topic = player.parameters["topic"]
    reference = trigger.reference_time
    panel = player.events(topic, "panel", events_per_message=20)
    panel.send(trigger, rng.integers(0, 10**7, 30), rng.integers(1, 100, 30))
    bank = player.events(topic, "bank", profile="efu", events_per_message=20)
    bank.send(trigger, rng.integers(0, 10**7, 30), rng.integers(1, 100, 30))
    player.series(topic, "T").send(trigger, float(rng.normal(300)))
    player.alarm(f"{topic}-alarms", "T").send(trigger, "MINOR", f"warm at {int(trigger)}")
    player.connection(topic, "T").send(trigger, "CONNECTED")
    player.image(topic, "camera").send(trigger, rng.integers(0, 100, (4, 3), dtype=np.uint16))
    if trigger.attempt <= player.parameters.get("failures", {}).get(str(int(trigger)), 0):
        raise RuntimeError("after the fact")
    tof = np.arange(5.0), "us"
    player.array(topic, "spectrum", axes=["tof"], coordinates={"tof": tof}).send(trigger, rng.poisson(3, 4))
    player.timestamps(topic, "chopper").send(trigger, reference + np.arange(3) * 71_428_571)
    player.samples(topic, "adc", interval=1000, unit="V").send(trigger, rng.normal(size=20))
    player.wait(player.parameters.get("wait", 0))
    return {"number": float(rng.normal()), "text": f"at {int(trigger)}", "array": rng.integers(0, 9, 3)}


def stop(player):
    player.series(player.parameters["topic"], "T").send(now(), 2.5)
