"""One Player's part in a run, as the Director has it: who calls it, and what it answers."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from typing import NamedTuple

import tango

from donki.device.calls import call, open_proxy, read_attributes
from donki.device.errors import has_no_answer, is_unreachable, message_of
from donki.director.output.run_record import RunRecord
from donki.director.players.answers import Output, Report, read_output, read_report, read_run, unknown_keys
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Ask, Task
from donki.errors import AnswerError, DonkiError
from donki.run import Run
from donki.threads import Threads


class Answer(NamedTuple):
    """What a Player answered to a ticket.

    Attributes
    ----------
    error
        what went wrong; None where it did as asked
    unreachable
        whether it must be found again before it is asked anything
    report
        of a trigger: what it did
    """

    player: str
    ticket: int
    error: str | None = None
    unreachable: bool = False
    report: Report | None = None


class PlayerWorker:
    """One Player's part in a run: a proxy, and the thread that calls it.

    A call that never returns blocks this thread alone; it ends with the call.

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

    Attributes
    ----------
    entry
        as given
    """

    def __init__(
        self,
        entry: RosterEntry,
        run: Run,
        answered: Callable[[Answer], None],
        record: RunRecord,
        threads: Threads,
    ) -> None:
        self.entry = entry
        self._run = run
        self._answered = answered
        self._record = record
        self._threads = threads
        self._asks: queue.SimpleQueue[tuple[Ask, str, Context] | None] = queue.SimpleQueue()
        self._told_to_give_up = threading.Event()
        self._has_named_unknown = False
        self._proxy: tango.DeviceProxy | None = None
        threads.start(f"player {entry.name}", self._work)

    def ask(self, ask: Ask, argument: str = "") -> None:
        """Have the Player do something, with an argument in JSON; its answer comes when it is done.

        It is asked in the context of this thread, where a trace may go on.
        """
        self._asks.put((ask, argument, copy_context()))

    def give_up(self) -> PlayerWorker:
        """Tell the Player to give up, past the call it is busy with; return the part that takes over."""
        self._told_to_give_up.set()
        name = f"abort {self.entry.name}"
        self._threads.start(name, partial(copy_context().run, self._abort), lambda _problem: None)
        self.end()
        return PlayerWorker(self.entry, self._run, self._answered, self._record, self._threads)

    def end(self) -> None:
        """Let the thread end when it has done what it was asked."""
        self._asks.put(None)

    def _work(self) -> None:
        with tango.EnsureOmniThread():
            ask, has_heard = None, False
            while task := self._asks.get():
                ask, argument, context = task
                try:
                    report = context.run(self._call, ask, argument)
                except tango.DevFailed as failed:
                    if has_no_answer(failed):
                        self._proxy = None
                    why = message_of(failed)
                    answer = Answer(self.entry.name, ask.ticket, why, is_unreachable(failed))
                except DonkiError as refused:
                    answer = Answer(self.entry.name, ask.ticket, str(refused))
                except BaseException as error:  # noqa: BLE001 - the conductor waits for an answer
                    why = self._threads.caught(f"player {self.entry.name}", error)
                    answer = Answer(self.entry.name, ask.ticket, f"the Director failed at it: {why}")
                else:
                    answer = Answer(self.entry.name, ask.ticket, report=report)
                has_heard = self._hear_the_rest(ask)
                self._answered(answer)
            if ask and not has_heard:
                # It may have been told to give up just after it had answered.
                self._hear_the_rest(ask)

    def _call(self, ask: Ask, argument: str) -> Report | None:
        self._proxy = proxy = self._proxy or self._connect()
        if ask.task is Task.TRIGGER:
            report = read_report(call(proxy, "Trigger", argument), ask.trigger)
            self._name_unknown("Trigger", report)
            return report
        if ask.task is Task.START:
            self._begin(proxy)
        else:
            self._end(proxy)
        return None

    def _hear_the_rest(self, ask: Ask) -> bool:
        """Hear what a Player delivered last that was told to give up a trigger; return whether it was."""
        if ask.task is not Task.TRIGGER or not self._told_to_give_up.is_set():
            return False
        proxy = self._proxy
        if proxy is None:
            return True
        # What cannot be heard is not known; what it answered to the trigger counts all the same.
        with suppress(tango.DevFailed, DonkiError):
            told = read_attributes(proxy, ("Run",))
            if read_run(told["Run"]).id != self._run.id:
                # It is late: the next run has the Player already.
                return True
            # What told it so may not have come through yet.
            self._end(proxy)
        return True

    def _begin(self, proxy: tango.DeviceProxy) -> None:
        if self._told_to_give_up.is_set():
            # What told it so may not have come through.
            return
        try:
            output = read_output("Begin", call(proxy, "Begin", self._run.to_json()))
        except AnswerError:
            # What it tells then is remarked.
            with suppress(AnswerError):
                self._end(proxy)
            raise
        self._name_unknown("Begin", output)
        if self._told_to_give_up.is_set():
            # A silent Player may carry out what it was asked in another order.
            self._end(proxy)
        else:
            self._record.introduce(self.entry.name, output)

    def _end(self, proxy: tango.DeviceProxy) -> None:
        try:
            self._leave(proxy)
        except tango.DevFailed as failed:
            if not is_unreachable(failed):
                self._record.remark(f"Player {self.entry.name}, End: {message_of(failed)}")
                # It has left the run all the same, and tells of it now.
                self._leave(proxy)
            raise

    def _leave(self, proxy: tango.DeviceProxy) -> None:
        """Have the Player leave the run; note what it tells, unless it never was in this run."""
        try:
            output = read_output("End", call(proxy, "End"))
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

    def _abort(self) -> None:
        with tango.EnsureOmniThread():
            try:
                # The present proxy needs no database, should that be dead too.
                (self._proxy or self._connect()).command_inout("Abort")
            except tango.DevFailed:
                # It is being given up: who does not answer is named when the sequence ends.
                return
