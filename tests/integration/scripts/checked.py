"""Streams events, a log, a value and messages outside of triggers; fails at some triggers after it has sent.

Parameters: `topic`, `failures` (how many attempts fail, by trigger).
"""

import time

from donki.player.trigger import Trigger


def setup(player):
    player.series(player.parameters["topic"], "T").send(now(), 1.5)


def now():
    # A time of its own: Kafka deletes what is older than it retains by its time stamp.
    return Trigger(1, time.time_ns())


def action(trigger, player):
    rng = player.rng(trigger)
    topic = player.parameters["topic"]
    panel = player.events(topic, "panel", events_per_message=50)
    for pulse in range(2):
        columns = rng.integers(1, 1000, (2, 120)), trigger.reference_time + pulse
        panel.send(trigger, *columns[0], reference_time=columns[1])
    if trigger.attempt <= player.parameters.get("failures", {}).get(str(int(trigger)), 0):
        raise RuntimeError("after the fact")
    player.series(topic, "T").send(trigger, float(rng.normal(300)))
    return {"number": float(trigger)}


def stop(player):
    player.series(player.parameters["topic"], "T").send(now(), 2.5)
