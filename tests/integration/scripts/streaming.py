"""Streams three events and returns a value at each trigger; fails at the trigger `fail_at` (attempt 1).

Parameters: `topic`, `source`, `fail_at`, `sleep` (s), `frame` ("wrap": the last event comes in a later one),
`profile`.
"""

import time

import numpy as np


def open_events(player):
    asked = player.parameters
    settings = {name: asked[name] for name in ("frame", "profile") if name in asked}
    return player.events(asked["topic"], asked["source"], **settings)


def setup(player):
    open_events(player)


def action(trigger, player):
    time.sleep(player.parameters.get("sleep", 0))
    if trigger == player.parameters.get("fail_at") and trigger.attempt == 1:
        raise ValueError("no beam")
    slowest = 2 * 10**9 if "frame" in player.parameters else 3000
    open_events(player).send(trigger, np.array([1000, 2000, slowest]), np.array([1, 2, 3]))
    return {"number": int(trigger)}
