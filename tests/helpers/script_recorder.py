"""The instrument's scripts without servers: what they send is noted."""

from __future__ import annotations

import inspect
import logging
import runpy
from functools import partial
from pathlib import Path

import numpy as np

from donki.player.data_path import find_data
from donki.player.trigger import Trigger

SCRIPTS = Path(__file__).parents[2] / "scripts" / "instrument"
START, PERIOD = 1_700_000_000_000_000_000, 71_428_571
STREAMS = ("series", "alarm", "connection", "image", "timestamps", "samples", "events", "array")


class Recorder:
    """A player that notes what is sent, and streams that note it there."""

    def __init__(self, told, data=SCRIPTS, seed=1):
        self.parameters, self.sent, self.seed = told, [], seed
        self.data_file = partial(find_data, [data])
        self.log = logging.getLogger(__name__)

    def rng(self, number):
        return np.random.default_rng([self.seed, number])

    def __getattr__(self, method):
        if method not in STREAMS:
            raise AttributeError(method)

        def opened(topic, source, **settings):
            def send(trigger, *values, **times):
                given = [value.tolist() if hasattr(value, "tolist") else value for value in values]
                self.sent.append((method, source, int(trigger), given, times))

            return type("Stream", (), {"send": staticmethod(send)})

        return opened


def act(script, triggers, told, *, period=PERIOD, pause=0, **recorder):
    """Return what a script sends: method, source, trigger, values and times."""
    player = Recorder(told, **recorder)
    loaded = runpy.run_path(str(SCRIPTS / f"{script}.py"))
    loaded["setup"](player)
    takes_player = "player" in inspect.signature(loaded["action"]).parameters
    for number in triggers:
        reference = START + (number - 1) * (period or 1_000_000) + (pause if number > 20 else 0)
        trigger = Trigger(number, reference, 1, period)
        loaded["action"](*((trigger, player) if takes_player else (trigger,)))
    return player.sent
