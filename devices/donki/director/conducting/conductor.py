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
from dataclasses import dataclass

from donki.director.durations import Durations
from donki.director.effects import Ask, Effect, GiveUp, Member, Outcome, Step, Task
from donki.director.pace import SECOND
from donki.director.part import Answer, Part
from donki.director.roster import Entry
from donki.director.run_log import RunLog
from donki.director.run_record import RunRecord
from donki.director.sequence import Sequence
from donki.director.states import Command, Phase
from donki.errors import DonkiError, NotAllowedError
from donki.run import Run

#: Who misses a deadline by more than this, in ns, was itself stopped: a laptop asleep, a virtual machine that
#: moves. For as long as HEARING, in ns, it hears what the Players answered meanwhile before it blames any.
STALL = 100_000_000
HEARING = 200_000_000


def epoch() -> int:
    """Return ns since 1970 UTC at the zero of the monotonic clock."""
    return time.time_ns() - time.monotonic_ns()


def member_of(entry: Entry, attempts: Mapping[int, int] | None = None) -> Member:
    """Return a Player of the roster as the sequence sees it."""
    timeout = round(entry.timeout * SECOND)
    return Member(entry.name, entry.priority, timeout, entry.on_error, entry.retries, attempts=attempts or {})


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

    Attributes
    ----------
    run, sequence
        as given; while it conducts, no other thread changes the sequence
    """

    def __init__(
        self,
        run: Run,
        entries: Iterable[Entry],
        sequence: Sequence,
        record: RunRecord,
        log: RunLog,
        ended: Callable[[], None],
    ) -> None:
        self.run = run
        self.sequence = sequence
        self._record = record
        self._log = log
        self._inbox: queue.SimpleQueue[Answer | Request] = queue.SimpleQueue()
        self._parts = {entry.name: Part(entry, run, self._inbox.put, record) for entry in entries}
        self._durations = {player: Durations() for player in self._parts}
        self._ended = ended
        self._heard_until = 0
        self._armed = threading.Event()
        self._over = threading.Event()
        self._first = self.sequence.begin(time.monotonic_ns())
        self._thread = threading.Thread(target=self._conduct, name="conductor", daemon=True)

    def conducts(self, entry: Entry) -> bool:
        """Return whether that device plays in this run, and not another of its name."""
        part = self._parts.get(entry.name)
        return part is not None and part.entry.device == entry.device

    def start(self) -> None:
        """Begin to conduct."""
        self._thread.start()

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

    def change(self, change: Callable[[Sequence], None]) -> None:
        """Change the rules of the sequence between two of its events; NotAllowedError once it has ended."""

        def carry_out(_now: int) -> list[Effect]:
            change(self.sequence)
            return []

        self._carry_out(carry_out)

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
        try:
            self._perform(self._first)
            while self.sequence.phase is not Phase.ENDED:
                self._perform(self._next())
                if not self._armed.is_set() and self.sequence.phase not in (Phase.SETTING_UP, Phase.ENDING):
                    self._record.armed()
                    self._armed.set()
        finally:
            self.sequence.break_off("the conducting thread failed; see the Director's log")
            for part in self._parts.values():
                part.end()
            # Whoever waited for the end finds it in the journal.
            self._ended()
            self._over.set()
            self._refuse_the_rest()
            self._armed.set()

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
            player, ticket, error, lost, report = event
            now = time.monotonic_ns()
            return self.sequence.replied(player, ticket, now, error, lost=lost, report=report)
        try:
            effects = event.carry_out(time.monotonic_ns())
        except DonkiError as error:
            event.taken.set_exception(error)
            return []
        event.taken.set_result(None)
        return effects

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Ask(task=Task.TRIGGER):
                    self._record.sending(effect.trigger)
                    argument = self._argument(effect)
                    for player in effect.players:
                        self._parts[player].ask(effect, argument)
                case Ask():
                    for player in effect.players:
                        self._parts[player].ask(effect)
                case GiveUp():
                    for player in effect.players:
                        self._parts[player] = self._parts[player].give_up()
                case _:
                    if isinstance(effect, Step) and effect.outcome is Outcome.DONE:
                        self._durations[effect.player].add((effect.done - effect.sent) / SECOND)
                    self._record.note(effect)
                    self._log.note(effect)

    def _argument(self, ask: Ask) -> str:
        trigger = {
            "run": self.run.id,
            "trigger": ask.trigger,
            "reference_time": ask.reference_time,
            "attempt": ask.attempt,
        }
        return json.dumps(trigger)
