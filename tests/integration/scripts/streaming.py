"""Streams three events and returns a value at each trigger; fails at the trigger `fail_at` (attempt 1).

Parameters: `topic`, `source`, `fail_at`, `sleep` (s).
"""

import time

import numpy as np


def open_events(player):
    return player.events(player.parameters["topic"], player.parameters["source"])


def setup(player):
    open_events(player)


def action(trigger, player):
    time.sleep(player.parameters.get("sleep", 0))
    if trigger == player.parameters.get("fail_at") and trigger.attempt == 1:
        raise ValueError("no beam")
    open_events(player).send(trigger, np.array([1000, 2000, 3000]), np.array([1, 2, 3]))
    return {"number": int(trigger)}
