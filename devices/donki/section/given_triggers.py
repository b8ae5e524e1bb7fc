"""The triggers that the Director above gives a section, and what it answers to each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import cast

import tango

from donki.device.calls import open_proxy, read_attributes
from donki.director.conducting.conductor import Conductor
from donki.director.rules.conducted import ConductedSequence, GivenTrigger
from donki.director.rules.effects import Failure
from donki.director.rules.sequence import Sequence
from donki.director.rules.sequence_state import check_triggers
from donki.director.rules.states import OVER, Phase
from donki.errors import BusyError, DonkiError, NotAllowedError, NotSetUpError
from donki.player.report import Report
from donki.player.runs.report_cache import Answers
from donki.player.settings import Settings
from donki.player.trigger import Trigger

#: How often the Director above is asked how many triggers there are to be, in s, and for how long.
INTERVAL = 1.0
PATIENCE = 0.8

#: How much longer than its Timeout a section waits for its Players, in s: the Director above gives up first.
SLACK = 5.0


class GivenTriggers:
    """Has one trigger after the other played, and remembers the answers.

    Parameters
    ----------
    name
        of the section
    settings
        what is set of it as a Player
    """

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._settings = settings
        self._answers = Answers()
        self._playing = threading.Lock()
        self._moved = threading.Condition()

    def forget(self) -> None:
        """Forget the answers: another run begins."""
        self._answers.clear()

    def look(self, sequence: Sequence | None) -> None:
        """Take that the sequence in progress has moved."""
        if sequence and sequence.phase is not Phase.ACTING:
            with self._moved:
                self._moved.notify_all()

    def play(
        self, conducted: Callable[[], Conductor | None], trigger: Trigger, other_run: str | None
    ) -> Report:
        """Have a trigger played; return what the Players did when all have done it.

        A trigger that was done is answered without asking them again, whatever the attempt; an attempt that
        failed, by its failure; one that is being made is waited for.

        Parameters
        ----------
        conducted
            gives the conductor of the run of the Director above; None where none is in progress
        trigger
            the trigger
        other_run
            the run it belongs to, where that is not the one that the section plays, or played last

        Raises
        ------
        NotSetUpError, BusyError
            where the section does not play that run; while it plays another trigger
        DonkiError
            what failed, and at which Player
        """
        if not self._playing.acquire(timeout=self._settings.timeout + SLACK):
            raise BusyError(f"Player {self._name} is busy: its Players act; try again")
        try:
            conductor = conducted()
            if conductor is None or conductor.sequence.phase in OVER or other_run is not None:
                raise self._not_set_up()
            if report := self._answers.recall(trigger):
                return report
            try:
                report = self._perform(conductor, trigger)
            except NotAllowedError:
                raise
            except DonkiError as failure:
                self._answers.failed(trigger, failure)
                raise
            self._answers.done(trigger, report)
            return report
        finally:
            self._playing.release()

    def _perform(self, conductor: Conductor, trigger: Trigger) -> Report:
        sequence = cast("ConductedSequence", conductor.sequence)
        given = GivenTrigger(int(trigger), trigger.reference_time, trigger.period)
        began = time.perf_counter()
        try:
            conductor.change(lambda _sequence: sequence.give(given))
        except NotAllowedError:
            raise self._not_set_up() from None
        with self._moved:
            is_over = self._moved.wait_for(
                lambda: sequence.result is not None or sequence.phase in OVER, self._settings.timeout + SLACK
            )
        result = sequence.result
        if not is_over:
            raise BusyError(f"Player {self._name} is busy: its Players act at trigger {trigger}")
        if result is None and sequence.given is not None:
            # It was told to stop before this one began.
            raise self._not_set_up()
        if result is None:
            raise DonkiError(f"Player {self._name} gave up trigger {trigger}: it was told to abort")
        if isinstance(result, Failure):
            who = "" if result.player.startswith("(") else f"its Player {result.player}: "
            raise DonkiError(f"{who}{result.message}")
        events, messages, size = (
            sum(report[count] for report in result.by_player.values())
            for count in ("events", "messages", "bytes")
        )
        taken = time.perf_counter() - began
        return Report(int(trigger), trigger.attempt, taken, events, messages, size)

    def _not_set_up(self) -> NotSetUpError:
        return NotSetUpError(
            f"Player {self._name} is not set up, or was stopped or restarted since; "
            "Begin comes before Trigger"
        )


def follow_triggers(conductor: Conductor, director: str) -> None:
    """Learn from the Director above how many triggers there are to be, again and again until the run ends."""
    with tango.EnsureOmniThread():
        learn_triggers(conductor, director)
        while not conductor.wait_ended(INTERVAL):
            learn_triggers(conductor, director)


def learn_triggers(conductor: Conductor, director: str) -> None:
    """Learn from the Director above how many triggers there are to be, for Progress and RemainingTime.

    Where it does not answer, what was known of it stays.
    """
    if not director:
        return
    with suppress(tango.DevFailed, DonkiError):
        told = read_attributes(open_proxy(director, PATIENCE), ("Triggers",))
        triggers = check_triggers(int(told["Triggers"]))
        if triggers != conductor.sequence.triggers:
            conductor.change_if_in_progress(partial(_want, triggers))


def _want(triggers: int, sequence: Sequence) -> None:
    sequence.triggers = triggers
