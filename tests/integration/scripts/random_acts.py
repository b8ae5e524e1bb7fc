"""Sends, returns and raises at random; the parameter seed, the Player, trigger and attempt decide what."""

import asyncio
import random
import threading
from contextlib import suppress

from donki.errors import InputError
from donki.player.trigger import Trigger


class MuteError(Exception):
    """Cannot say what it is."""

    def __str__(self):
        raise KeyboardInterrupt


RAISED = [
    asyncio.CancelledError,
    KeyboardInterrupt,
    GeneratorExit,
    SystemExit,
    StopIteration,
    MuteError,
    MemoryError,
    lambda: BaseExceptionGroup("several", [KeyboardInterrupt(), MuteError()]),
    lambda: UnicodeEncodeError("utf-8", "\udce9", 0, 1, "surrogate"),
]
BAD = [
    {"note": "a\0b"},
    {"note": "caf\udce9"},
    {"note": 3},
    {"number": 1j},
    {"playerlog": MuteError()},
    {"": 1},
]


def plan(parameters, name, number, attempt):
    """Return what is done: steps, and what is raised and returned then; nothing fails at the last attempt."""
    rng = random.Random(f"{parameters['seed']} {name} {number} {attempt}")
    kinds = rng.choices(["events", "series", "alarm", "refused"], k=rng.randint(0, 5))
    steps = [(kind, rng.randint(1, 9)) for kind in kinds]
    fails = rng.random() < parameters["fails"] and attempt <= parameters["failures"]
    raised = rng.choice(RAISED) if fails and rng.random() < 0.7 else None
    bad = rng.choice(BAD) if fails and raised is None else {}
    return steps, raised, bad


def setup(player):
    player.events("random", f"{player.name}_bank")
    player.series("random", f"{player.name}_T")


def action(trigger, player):
    steps, raised, bad = plan(player.parameters, player.name, int(trigger), trigger.attempt)
    for kind, count in steps:
        sender = threading.Thread(target=send, args=(kind, count, trigger, player))
        sender.start()
        sender.join()
    if raised is not None:
        raise raised()
    return {"number": int(trigger), "note": f"trigger {trigger}"} | bad


def send(kind, count, trigger, player):
    if kind == "events":
        player.events("random", f"{player.name}_bank").send(trigger, [int(trigger)] * count, range(count))
    elif kind == "series":
        player.series("random", f"{player.name}_T").send(trigger, float(trigger))
    elif kind == "alarm":
        player.alarm("random", f"{player.name}_T").send(trigger, "MINOR", f"trigger {trigger}")
    else:
        with suppress(InputError):
            player.alarm("random", f"{player.name}_T").send(trigger, "MAJOR", "gauge\0 off")


def stop(player):
    player.series("random", f"{player.name}_T").send(Trigger(1, 1_800_000_000_000_000_000), -1.0)
