"""Does what the Parameters say, and writes down when: one line of JSON for each call of a function.

Parameters: `notes` (file to write to), `sleep` (s), `fail_at` (trigger) and `fails_for` (attempts), `fail_in`
("setup" or "stop"), `listen` (give up when aborted), `deaf_at` (trigger) and `deaf_for` (s more, at the first
attempt), `values` (what action returns), `setup_sleep` (s), `gates` (a folder: who finds a file there that is
called ``setup``, ``stop`` or as the trigger waits until it is gone, but no more than 20 s).
"""

import json
import time
from pathlib import Path

LIMIT = 20.0


def note(player, what, **more):
    path = player.parameters.get("notes")
    if path:
        with open(path, "a") as file:
            line = {"player": player.name, "what": what, "time": time.time_ns(), "run": player.run.id, **more}
            file.write(json.dumps(line) + "\n")


def wait_at_gate(player, name):
    gates = player.parameters.get("gates")
    until = time.monotonic() + LIMIT
    told = False
    while gates and (Path(gates) / str(name)).exists() and time.monotonic() < until:
        if player.aborted and not told:
            told = True
            note(player, "told")
            if player.parameters.get("listen"):
                return
        time.sleep(0.002)


def setup(player):
    note(player, "setup", seed=player.run.seed, title=player.run.title, metadata=player.run.metadata)
    wait_at_gate(player, "setup")
    player.wait(player.parameters.get("setup_sleep", 0))
    if player.parameters.get("fail_in") == "setup":
        raise RuntimeError("no detector")


def action(trigger, player):
    note(
        player,
        "begin",
        trigger=trigger,
        reference_time=trigger.reference_time,
        attempt=trigger.attempt,
        period=trigger.period,
        random=int(player.rng(trigger).integers(2**31)),
    )
    wait_at_gate(player, trigger)
    if trigger == player.parameters.get("fail_at") and trigger.attempt <= player.parameters.get(
        "fails_for", 99
    ):
        raise ValueError(f"the detector of {player.name} is on fire")
    seconds = player.parameters.get("sleep", 0)
    if player.parameters.get("listen"):
        player.wait(seconds)
    else:
        time.sleep(seconds)
    if trigger == player.parameters.get("deaf_at") and trigger.attempt == 1:
        time.sleep(player.parameters["deaf_for"])
    note(player, "end", trigger=trigger, aborted=player.aborted)
    return player.parameters.get("values")


def stop(player):
    note(player, "stop", aborted=player.aborted)
    wait_at_gate(player, "stop")
    if player.parameters.get("fail_in") == "stop":
        raise RuntimeError("cannot stop")
