"""Sends a random number of events at each trigger, and writes down how many.

Parameters: `notes` (file to write to: a line of JSON for each trigger), `fail_at` (trigger).
"""

import json


def open_events(player):
    return player.events(player.name, source="counted")


def setup(player):
    open_events(player)


def action(trigger, player):
    if trigger == player.parameters.get("fail_at"):
        raise ValueError("no neutrons")
    events = int(player.rng(trigger).integers(1, 2000))
    open_events(player).send(trigger, range(events), range(events))
    if notes := player.parameters.get("notes"):
        with open(notes, "a") as file:
            line = {"player": player.name, "run": player.run.id, "trigger": trigger, "events": events}
            file.write(json.dumps(line) + "\n")
