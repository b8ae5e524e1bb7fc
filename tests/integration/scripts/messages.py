"""Sends messages whose bytes it makes itself, of schemas and of none, and JSON objects.

Parameters: `topic`.
"""

import json

from streaming_data_types import serialise_ev44, serialise_f144


def action(trigger, player):
    rng = player.rng(trigger)
    topic, time = player.parameters["topic"], trigger.reference_time
    columns = rng.integers(0, 10**7, 30), rng.integers(1, 100, 30)
    player.message(topic, "panel").send(trigger, serialise_ev44("panel", trigger, [time], [0], *columns))
    player.message(topic, "T").send(trigger, serialise_f144("T", rng.normal(300), time))
    player.message(topic, "commands").send(trigger, json.dumps({"cmd": "stop", "at": trigger}).encode())
    player.message(topic, "raw").send(trigger, rng.bytes(100))
    player.json(topic, "status").send(trigger, {"state": "warm", "trigger": int(trigger)})
