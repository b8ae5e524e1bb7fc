"""Streams events of four banks and a log to two topics. Parameter: `topic`, `events` in a message."""

import numpy as np

BANKS = 4


def action(trigger, player):
    topic, count = player.parameters["topic"], player.parameters.get("events", 100)
    rng = player.rng(trigger)
    for number in range(BANKS):
        # Which Player sent it is in the name: sources of one topic differ.
        bank = player.events(topic, f"{player.name}-bank{number}", events_per_message=count)
        columns = rng.integers(1, 1000, (2, 2 * count), dtype=np.int32)
        bank.send(trigger, *columns)
    player.series(f"{topic}-logs", f"{player.name}-T").send(trigger, float(rng.normal(300)))
