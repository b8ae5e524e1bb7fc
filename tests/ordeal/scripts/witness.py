"""Bears witness: writes down each trigger it begins and ends, and streams a pulse that says which it was.

Parameters: `notes` (file), `topic`, `sleep` (s), and `mishaps`, a list of [trigger, kind, attempts, s]:
at the trigger, up to that many attempts, the action raises, takes that much longer ("slow": heeds Abort, "deaf":
does not), or ends its own process before or after the pulse was sent ("die", "die sent").
"""

import json
import os
import time
import zlib

import numpy as np


def note(player, what, **more):
    line = {"player": player.name, "run": player.run.id, "what": what, **more, "time": time.time_ns()}
    with open(player.parameters["notes"], "a") as file:
        file.write(json.dumps(line) + "\n")


def setup(player):
    note(player, "setup")
    player.events(player.parameters["topic"], player.name)


def action(trigger, player):
    kind, seconds = mishap(trigger, player.parameters)
    note(player, "begin", trigger=trigger, attempt=trigger.attempt)
    if kind == "raise":
        raise ValueError(f"mishap of {player.name}")
    if kind == "die":
        os._exit(1)
    send(trigger, player)
    if kind == "die sent":
        os._exit(1)
    player.wait(player.parameters["sleep"] + (seconds if kind == "slow" else 0))
    if kind == "deaf":
        time.sleep(seconds)
    note(player, "end", trigger=trigger, attempt=trigger.attempt, aborted=player.aborted)


def stop(player):
    note(player, "stop")


def mishap(trigger, parameters):
    for at, kind, attempts, seconds in parameters["mishaps"]:
        if trigger == at and trigger.attempt <= attempts:
            return kind, seconds
    return "", 0


def send(trigger, player):
    """Send one pulse: the run as its times of flight, trigger and attempt as its pixel ids."""
    code = zlib.crc32(player.run.id.encode()) >> 1
    stream = player.events(player.parameters["topic"], player.name)
    stream.send(trigger, np.full(2, code, np.int32), np.array([trigger, trigger.attempt], np.int32))
