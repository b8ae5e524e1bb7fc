"""One Player's part in a run, as the Director has it: who calls it, and what it answers."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from typing import NamedTuple

import tango

from donki.device.calls import call, open_proxy, read_attributes
from donki.device.errors import has_no_answer, is_elsewhere, is_unreachable, message_of
from donki.director.conducting.answer import Answer, Given
from donki.director.output.run_record import RunRecord
from donki.director.players.answers import Output, Report, read_output, read_report, unknown_keys
from donki.director.players.attributes import read_run
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Ask, Task
from donki.errors import AnswerError, DonkiError
from donki.run import Run
from donki.threads import Threads


class _Task(NamedTuple):
    """What a Player is to be asked, or has been asked and has answered."""

    ask: Ask
    argument: str
    context: Context
    given: Given | None = None


class PlayerWorker:
    """One Player's part in a run: a proxy, and the thread that calls it.

    A call that never returns blocks this thread alone; it ends with the call. A Player that shares its server
    is called together with its neighbours, and what it answers is taken here: the thread is started where
    there is more to ask it.

    Parameters
    ----------
    entry
        the Player
    run
        the identity of the run
    answered
        takes each answer, in the thread of this part; returns at once
    record
        of the run
    threads
        where what goes wrong in its threads is said
    is_alone
        whether it is called by itself, for it is no longer in the server of its neighbours

    Attributes
    ----------
    entry, is_alone
        as given
    """

    def __init__(
        self,
        entry: RosterEntry,
        run: Run,
        answered: Callable[[Answer], None],
        record: RunRecord,
        threads: Threads,
        *,
        is_alone: bool = False,
    ) -> None:
        self.entry = entry
        self.is_alone = is_alone
        self._run = run
        self._answered = answered
        self._record = record
        self._threads = threads
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._has_thread = self._has_ended = False
        self._unanswered = 0
        self._last: Ask | None = None
        self._told_to_give_up = threading.Event()
        self._has_named_unknown = self._has_heard = self._is_lost = False
        self._proxy: tango.DeviceProxy | None = None

    def ask(self, ask: Ask, argument: str = "") -> None:
        """Have the Player do something, with an argument in JSON; its answer comes when it is done.

        It is asked in the context of this thread, where a trace may go on.
        """
        self.expect(ask)
        self._hand_over(_Task(ask, argument, copy_context()))

    def expect(self, ask: Ask) -> None:
        """Expect that the Player's answer is given to `take`."""
        with self._lock:
            self._unanswered += 1
            self._last = ask

    def take(self, ask: Ask, argument: str, given: Given) -> None:
        """Take what the Player answered to a call for several, with that argument; in any thread."""
        task = _Task(ask, argument, copy_context(), given)
        if given.error is None and not self._told_to_give_up.is_set():
            self._answer(self._carry_out(task))
        elif isinstance(given.error, tango.DevFailed) and is_elsewhere(given.error):
            self.is_alone = True
            self._hand_over(task._replace(given=None))
        else:
            # It may have to be asked for more.
            self._hand_over(task)

    def give_up(self, *, tells: bool = True) -> PlayerWorker:
        """Tell the Player to give up, past the call it is busy with; return the part that takes over.

        Parameters
        ----------
        tells
            whether it is told; else somebody else tells it
        """
        self._told_to_give_up.set()
        if tells:
            name = f"abort {self.entry.name}"
            self._threads.start(name, partial(copy_context().run, self.abort), lambda _problem: None)
        self.end()
        return PlayerWorker(
            self.entry, self._run, self._answered, self._record, self._threads, is_alone=self.is_alone
        )

    def end(self) -> None:
        """Let the thread end when the Player has answered all that it was asked."""
        with self._lock:
            self._has_ended = True
            is_over = not self._unanswered
        if is_over:
            self._finish()

    def abort(self) -> None:
        """Tell the Player to give up."""
        with tango.EnsureOmniThread():
            try:
                # The present proxy needs no database, should that be dead too.
                (self._proxy or self._connect()).command_inout("Abort")
            except tango.DevFailed:
                # It is being given up: who does not answer is named when the sequence ends.
                return

    def _hand_over(self, task: _Task | None) -> None:
        self._tasks.put(task)
        with self._lock:
            has_thread, self._has_thread = self._has_thread, True
        if not has_thread:
            self._threads.start(f"player {self.entry.name}", self._work)

    def _work(self) -> None:
        with tango.EnsureOmniThread():
            while task := self._tasks.get():
                answer = task.context.run(self._carry_out, task)
                self._hear_the_rest(task.ask)
                self._answer(answer)
            # It may have been told to give up just after it had answered.
            if self._last:
                self._hear_the_rest(self._last)

    def _answer(self, answer: Answer) -> None:
        self._answered(answer)
        with self._lock:
            self._unanswered -= 1
            is_over = self._has_ended and not self._unanswered
        if is_over:
            self._finish()

    def _finish(self) -> None:
        if self._has_thread or self._told_to_give_up.is_set():
            self._hand_over(None)

    def _carry_out(self, task: _Task) -> Answer:
        name, ticket = self.entry.name, task.ask.ticket
        error, unreachable, report = None, False, None
        try:
            report = self._call(task)
        except tango.DevFailed as failed:
            if has_no_answer(failed):
                self._proxy, self._is_lost = None, True
            error, unreachable = message_of(failed), is_unreachable(failed)
        except DonkiError as refused:
            error = str(refused)
        except BaseException as wrong:  # noqa: BLE001 - the conductor waits for an answer
            error = f"the Director failed at it: {self._threads.caught(f'player {name}', wrong)}"
        at = task.given.at if task.given else time.monotonic_ns()
        return Answer(name, ticket, at, error, unreachable, report)

    def _call(self, task: _Task) -> Report | None:
        match task.ask.task:
            case Task.TRIGGER:
                report = read_report(self._first_answer(task, "Trigger", task.argument), task.ask.trigger)
                self._name_unknown("Trigger", report)
                return report
            case Task.START:
                self._begin(task)
            case Task.STOP:
                self._end(task)
        return None

    def _first_answer(self, task: _Task, command: str, argument: str | None = None) -> str:
        """Return what the Player answers to a task, or has answered to it."""
        if task.given is None:
            return call(self._reach(), command, argument)
        if task.given.error:
            raise task.given.error
        return task.given.text

    def _reach(self) -> tango.DeviceProxy:
        self._proxy = proxy = self._proxy or self._connect()
        return proxy

    def _hear_the_rest(self, ask: Ask) -> None:
        """Hear, once, what a Player delivered last that was told to give up a trigger."""
        is_wanted = ask.task is Task.TRIGGER and self._told_to_give_up.is_set()
        if not is_wanted or self._has_heard or self._is_lost:
            return
        self._has_heard = True
        # What cannot be heard is not known; what it answered to the trigger counts all the same.
        with suppress(tango.DevFailed, DonkiError):
            told = read_attributes(self._reach(), ("Run",))
            # Where it is late, the next run has the Player already.
            if read_run(told["Run"]).id == self._run.id:
                # What told it so may not have come through yet.
                self._end(_Task(ask, "", copy_context()))

    def _begin(self, task: _Task) -> None:
        if task.given is None:
            self._reach()
            if self._told_to_give_up.is_set():
                # What told it so may not have come through.
                return
        try:
            output = read_output("Begin", self._first_answer(task, "Begin", task.argument))
        except AnswerError:
            # What it tells then is remarked.
            with suppress(AnswerError):
                self._end(task._replace(given=None))
            raise
        self._name_unknown("Begin", output)
        if self._told_to_give_up.is_set():
            # A silent Player may carry out what it was asked in another order.
            self._end(task._replace(given=None))
        else:
            self._record.introduce(self.entry.name, output)

    def _end(self, task: _Task) -> None:
        try:
            self._leave(task)
        except tango.DevFailed as failed:
            if not is_unreachable(failed):
                self._record.remark(f"Player {self.entry.name}, End: {message_of(failed)}")
                # It has left the run all the same, and tells of it now.
                self._leave(task._replace(given=None))
            raise

    def _leave(self, task: _Task) -> None:
        """Have the Player leave the run; note what it tells, unless it never was in this run."""
        try:
            output = read_output("End", self._first_answer(task, "End"))
        except AnswerError as error:
            self._record.remark(f"Player {self.entry.name}, after End: {error}")
            raise
        if output["run"] == self._run.id:
            self._name_unknown("End", output)
            self._record.leave(self.entry.name, output)

    def _name_unknown(self, command: str, said: Report | Output) -> None:
        """Remark, once, what a Player of a later version tells that is not known here."""
        unknown = unknown_keys(command, said)
        if unknown and not self._has_named_unknown:
            self._has_named_unknown = True
            self._record.remark(
                f"Player {self.entry.name}: its {command} tells what only a later version of DonkiOrchestra "
                f"knows; passed over: {', '.join(unknown)}"
            )

    def _connect(self) -> tango.DeviceProxy:
        # The driving thread keeps the time; this lets the thread end some time after a Player fell silent.
        return open_proxy(self.entry.device, self.entry.timeout + 5)
