"""How the Director conducts: one thread drives the sequence, and one thread for each Player calls it.

The driving thread never waits inside a call, so it keeps its own clock whatever a Player does: commands of
the user, answers of the Players and the passing of time reach it through one queue.
"""

from __future__ import annotations

import json
import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

from donki.director.conducting.answer import Answer
from donki.director.conducting.durations import Durations
from donki.director.conducting.event_counts import EventCounts
from donki.director.conducting.player_calls import PlayerCalls
from donki.director.log import RunLog
from donki.director.output.run_record import RunRecord
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Ask, Attempt, Cancel, Effect, Outcome, PlayerState, Task
from donki.director.rules.pace import SECOND
from donki.director.rules.sequence import Sequence
from donki.director.rules.states import IN_PROGRESS, Command, Phase
from donki.director.telemetry.observer import RunObserver
from donki.errors import DonkiError, NotAllowedError
from donki.run import Run
from donki.threads import Threads

#: Who misses a deadline by more than this, in ns, was itself stopped: a laptop asleep, a virtual machine that
#: moves. For as long as HEARING, in ns, it hears what the Players answered meanwhile before it blames any.
STALL = 100_000_000
HEARING = 200_000_000


def member_of(entry: RosterEntry, attempts: Mapping[int, int] | None = None) -> PlayerState:
    """Return a Player of the roster as the sequence sees it."""
    timeout = round(entry.timeout * SECOND)
    return PlayerState(
        entry.name, entry.priority, timeout, entry.on_error, entry.retries, attempts=attempts or {}
    )


@dataclass(frozen=True)
class Request:
    """A command of the user, and the Future that tells how it was taken."""

    carry_out: Callable[[int], list[Effect]]
    taken: Future[None]


class Conductor:
    """Conducts one run from its first set-up to its end, in a thread of its own.

    Parameters
    ----------
    run
        the identity of the run
    entries
        the Players, disabled ones too
    sequence
        the rules of this run, not begun
    record
        of this run
    log
        says what happens
    ended
        called in the conducting thread when the run has ended
    threads
        where what goes wrong in its threads is said
    changed
        is called when the sequence has changed
    observers
        are told what is done

    Attributes
    ----------
    run, sequence, record
        as given; while it conducts, no other thread changes the sequence
    events
        how many the Players sent at the last triggers
    """

    def __init__(
        self,
        run: Run,
        entries: Iterable[RosterEntry],
        sequence: Sequence,
        record: RunRecord,
        log: RunLog,
        ended: Callable[[], None],
        threads: Threads,
        changed: Callable[[], None],
        observers: Iterable[RunObserver] = (),
    ) -> None:
        self._changed = changed
        self._observers = tuple(observers)
        self.run = run
        self.sequence = sequence
        self.record = record
        self._log = log
        self._run_id = json.dumps(run.id)
        self._begin = run.to_json()
        self._inbox: queue.SimpleQueue[Answer | Request] = queue.SimpleQueue()
        self._calls = PlayerCalls(entries, run, self._inbox.put, record, threads)
        self._durations = {player: Durations() for player in self._calls.players}
        self.events = EventCounts(self._calls.players, sequence.completed)
        self._ended = ended
        self._heard_until = 0
        self._armed = threading.Event()
        self._over = threading.Event()
        self._first = self.sequence.begin(time.monotonic_ns())
        self._threads = threads

    def conducts(self, entry: RosterEntry) -> bool:
        """Return whether that device plays in this run, and not another of its name."""
        return self._calls.device(entry.name) == entry.device

    def start(self) -> None:
        """Begin to conduct."""
        self._threads.start("conductor", self._conduct, self._break_off)

    def wait_armed(self, seconds: float) -> bool:
        """Wait until the Players are set up or could not be; return False where that takes longer."""
        return self._armed.wait(seconds)

    def wait_ended(self, seconds: float) -> bool:
        """Wait until the run has ended; return False where that takes longer."""
        return self._over.wait(seconds)

    def request(self, command: Command) -> None:
        """Obey a command of the user, or raise NotAllowedError."""
        self._carry_out(lambda now: self.sequence.request(command, now))

    def found(self, player: str) -> None:
        """Tell the sequence that a Player is there and idle."""
        self._carry_out(lambda now: self.sequence.found(player, now))

    def writer_took(self) -> None:
        """Tell the sequence that a file writer has the run."""
        with suppress(NotAllowedError):
            self._carry_out(self.sequence.writer_took)

    def writer_failed(self, trouble: str) -> None:
        """Tell the sequence that the run is not written."""
        with suppress(NotAllowedError):
            self._carry_out(lambda now: self.sequence.writer_failed(trouble, now))

    def change(self, change: Callable[[Sequence], None]) -> None:
        """Change the rules of the sequence between two of its events; NotAllowedError once it has ended."""

        def carry_out(_now: int) -> list[Effect]:
            change(self.sequence)
            return []

        self._carry_out(carry_out)

    def change_if_in_progress(self, change: Callable[[Sequence], None]) -> None:
        """Change the rules of the sequence if it is in progress; else there is nothing to change."""
        if self.sequence.state in IN_PROGRESS:
            # It may end at this very moment.
            with suppress(NotAllowedError):
                self.change(change)

    def times(self, player: str) -> tuple[float, float]:
        """Return the median and the 99 % time of a Player's last triggers in s; NaN before the first."""
        return self._durations[player].median_and_p99() if player in self._durations else (math.nan, math.nan)

    def _carry_out(self, carry_out: Callable[[int], list[Effect]]) -> None:
        request = Request(carry_out, Future())
        self._inbox.put(request)
        if self._over.is_set():
            self._refuse_the_rest()
        try:
            request.taken.result(timeout=2)
        except TimeoutError:
            raise DonkiError("the conducting thread does not answer; see the Director's log") from None

    def _conduct(self) -> None:
        self._perform(self._first)
        while self.sequence.phase is not Phase.ENDED:
            self._perform(self._next())
            self._changed()
            if not self._armed.is_set():
                self._see_how_far()
        self._leave()

    def _see_how_far(self) -> None:
        """Tell when all Players are set up, and when nothing keeps the triggers back any more."""
        phase = self.sequence.phase
        if phase in (Phase.SETTING_UP, Phase.ENDING):
            return
        self.record.armed()
        if phase is not Phase.AWAITING_WRITER:
            self._armed.set()

    def _break_off(self, problem: str) -> None:
        """End the run where the conducting thread failed: whoever plays is told to give up."""
        self.sequence.break_off(f"the conducting thread failed: {problem}; see the Director's log")
        self._calls.give_up(
            name
            for name, member in self.sequence.members.items()
            if member.set_up or name in self.sequence.acting
        )
        self._leave()

    def _leave(self) -> None:
        self._calls.end()
        for observer in self._observers:
            with self._threads.guard("telemetry"):
                observer.ended()
        # Whoever waited for the end finds it in the journal.
        with self._threads.guard("end of the run"):
            self._ended()
        self._over.set()
        self._refuse_the_rest()
        self._armed.set()
        self._changed()

    def _refuse_the_rest(self) -> None:
        while True:
            try:
                event = self._inbox.get_nowait()
            except queue.Empty:
                return
            if isinstance(event, Request):
                event.taken.set_exception(NotAllowedError("the sequence has just ended"))

    def _next(self) -> list[Effect]:
        """Wait for the next event of the sequence, and return its effects."""
        deadline = self.sequence.deadline
        if deadline is not None and self.sequence.acting:
            deadline = max(deadline, self._heard_until)
        wait = None if deadline is None else max(0, deadline - time.monotonic_ns()) / SECOND
        try:
            event = self._inbox.get(timeout=wait)
        except queue.Empty:
            now = time.monotonic_ns()
            if self.sequence.acting and deadline is not None and now - deadline > STALL:
                self._heard_until = now + HEARING
                return []
            return self.sequence.tick(now)
        if isinstance(event, Answer):
            player, ticket, given, error, unreachable, report = event
            now = time.monotonic_ns()
            return self.sequence.replied(
                player, ticket, now, error, unreachable=unreachable, report=report, given=given
            )
        try:
            effects = event.carry_out(time.monotonic_ns())
        except DonkiError as error:
            event.taken.set_exception(error)
            return []
        except BaseException:
            event.taken.set_exception(DonkiError("the conducting thread failed; see the Director's log"))
            raise
        event.taken.set_result(None)
        return effects

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            for observer in self._observers:
                with self._threads.guard("telemetry"):
                    observer.note(effect)
            match effect:
                case Ask(task=Task.TRIGGER):
                    self.record.sending(effect.trigger, effect.reference_time)
                    self._calls.ask(effect, self._argument(effect))
                case Ask():
                    self._calls.ask(effect, self._begin if effect.task is Task.START else "")
                case Cancel():
                    self._calls.give_up(effect.players)
                case _:
                    if isinstance(effect, Attempt) and effect.outcome is Outcome.DONE:
                        self._durations[effect.player].add((effect.done - effect.sent) / SECOND)
                    self.events.note(effect)
                    self.record.note(effect)
                    self._log.note(effect)

    def _argument(self, ask: Ask) -> str:
        # A sixth of what json.dumps takes for whole numbers, at every trigger.
        return (
            f'{{"run": {self._run_id}, "trigger": {ask.trigger}, '
            f'"reference_time": {ask.reference_time}, "attempt": {ask.attempt}, "period": {ask.period}}}'
        )
