"""What is set at the Director for its runs; every value is checked where it is set."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from donki.director.rules.pace import SECOND, check_period
from donki.director.rules.sequence_state import check_step, check_triggers
from donki.errors import InputError
from donki.json_text import parse_object
from donki.numeric import read_number, read_whole

#: The most characters of a run's title.
MOST_TITLE = 10_000

#: The seed of a run that draws one when it starts.
DRAWN_SEED = -1


class Settings:
    """The sequence and the identity of the next run.

    Attributes
    ----------
    triggers
        in a sequence, from 1; -1: until Stop
    step
        triggers of one Step, from 1
    period
        from trigger to trigger, in s; `period_ns` is the same in ns
    title
        of the run
    metadata
        JSON object that is kept with the data
    seed
        of the run's random numbers; -1: another at each Start
    """

    def __init__(self) -> None:
        self.triggers = 1
        self.step = 1
        self.period = 0.0
        self.period_ns = 0
        self.title = ""
        self.metadata = "{}"
        self.seed = DRAWN_SEED

    @property
    def from_text(self) -> dict[str, Callable[[str], None]]:
        """By memorized attribute: what takes up its text, or raises an InputError."""
        return {
            "Triggers": lambda text: self.set_triggers(read_whole(text)),
            "Period": lambda text: self.set_period(read_number(text)),
        }

    def set_triggers(self, triggers: int) -> None:
        """Set how many triggers a sequence has; InputError unless from 1, or -1."""
        self.triggers = check_triggers(triggers)

    def set_step(self, triggers: int) -> None:
        """Set how many triggers one Step has; InputError unless from 1."""
        self.step = check_step(triggers)

    def set_period(self, period: float) -> None:
        """Set the time from trigger to trigger in s, to the ns; InputError as of `check_period`."""
        self.period_ns = check_period(period)
        self.period = self.period_ns / SECOND

    def set_title(self, title: str) -> None:
        """Set the title; InputError where it is longer than `MOST_TITLE`."""
        if len(title) > MOST_TITLE:
            raise InputError(f"RunTitle: at most {MOST_TITLE} characters; got {len(title)}")
        self.title = title

    def set_metadata(self, text: str) -> None:
        """Set the metadata; InputError unless it is a JSON object that `parse_json` takes."""
        parse_object("RunMetadata", text, '{"sample": "ice"}')
        self.metadata = text

    def set_seed(self, seed: int) -> None:
        """Set the seed; InputError unless from 0, or `DRAWN_SEED`."""
        if seed < DRAWN_SEED:
            raise InputError(f"RunSeed: a whole number from 0, or -1 to draw one at each Start; got {seed}")
        self.seed = seed

    def read_metadata(self) -> dict[str, Any]:
        """Return the metadata as an object."""
        metadata: dict[str, Any] = json.loads(self.metadata)
        return metadata
