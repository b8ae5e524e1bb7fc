"""Bears witness: writes down each trigger it begins and ends, and streams a pulse that says which it was.

Parameters: `notes` (file), `topic`, `sleep` (s), and `mishaps`, a list of [trigger, kind, attempts, s]:
at the trigger, up to that many attempts, the action raises (`RAISED`), gives what cannot be kept after it has sent
its pulse (`BAD`), takes that much longer ("slow": heeds Abort, "deaf": does not), logs letters that Tango cannot
carry, sends from a thread of its own from then on, has the Player answer what is no report, or ends its own process
before or after the pulse was sent ("die", "die sent").
"""

import asyncio
import itertools
import json
import os
import threading
import time
import zlib

import numpy as np

from donki.errors import DonkiError
from donki.player.report import Report


class MuteError(Exception):
    """Cannot say what it is."""

    def __str__(self):
        raise RuntimeError("no words")


#: By kind: what is raised.
RAISED = {
    "raise": ValueError("a mishap"),
    "cancelled": asyncio.CancelledError(),
    "interrupted": KeyboardInterrupt(),
    "exit": GeneratorExit(),
    "group": BaseExceptionGroup("two", [ValueError("one"), KeyboardInterrupt()]),
    "mute": MuteError(),
}

#: By kind: what the player is given that it cannot keep, or what the action returns.
BAD = {
    "text": lambda player, trigger: {"said": "a\0b"},
    "surrogate": lambda player, trigger: {"said": "\ud800"},
    "masked": lambda player, trigger: {"count": np.ma.masked_array([1, 2], [False, True])},
    "object": lambda player, trigger: {"thing": object()},
    "alarm": lambda player, trigger: alarm(player).send(trigger, "MAJOR", "a\0b"),
    "unit": lambda player, trigger: player.series(player.parameters["topic"], "unit", unit=object()),
}

stopped = threading.Event()
threads = []


def answer_malformed():
    """Have the next report of this Player, which is of this trigger, be none."""
    true = Report.as_dict

    def as_dict(self):
        Report.as_dict = true
        return {"trigger": [2**70], "attempt": None, "manifest": "none"}

    Report.as_dict = as_dict


def alarm(player):
    return player.alarm(player.parameters["topic"] + "-log", player.name)


def count(player, trigger):
    """Send numbers in order until the run ends."""
    try:
        # Each thread has a source of its own: of two, the numbers would not rise.
        source = f"{player.name}-{int(trigger)}-{trigger.attempt}-thread"
        series = player.series(player.parameters["topic"] + "-log", source)
        for number in itertools.count(1):
            if stopped.wait(0.001):
                return
            series.send(trigger, number)
    except DonkiError as error:
        player.log.info("the thread ends: %s", error)


def note(player, what, **more):
    line = {"player": player.name, "run": player.run.id, "what": what, **more, "time": time.time_ns()}
    with open(player.parameters["notes"], "a") as file:
        file.write(json.dumps(line) + "\n")


def setup(player):
    stopped.clear()
    note(player, "setup")
    player.events(player.parameters["topic"], player.name)


def action(trigger, player):
    kind, seconds = mishap(trigger, player.parameters)
    note(player, "begin", trigger=trigger, attempt=trigger.attempt)
    if kind in RAISED and trigger % 2:
        raise RAISED[kind]
    if kind == "die":
        os._exit(1)
    send(trigger, player)
    if kind in RAISED:
        raise RAISED[kind]
    if kind in BAD:
        return BAD[kind](player, trigger)
    if kind == "odd log":
        player.log.info("\N{GREEK SMALL LETTER LAMDA} \ud800 20 \N{DEGREE SIGN}C \x1b[31m\nERROR \0")
    if kind == "malformed":
        answer_malformed()
    if kind == "thread":
        threads.append(threading.Thread(target=count, args=(player, trigger)))
        threads[-1].start()
    if kind == "die sent":
        os._exit(1)
    player.wait(player.parameters["sleep"] + (seconds if kind == "slow" else 0))
    if kind == "deaf":
        time.sleep(seconds)
    note(player, "end", trigger=trigger, attempt=trigger.attempt, aborted=player.aborted)
    return None


def stop(player):
    stopped.set()
    while threads:
        threads.pop().join()
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
