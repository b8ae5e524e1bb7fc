"""One Player's part in a run, as the Director has it: who calls it, and what it answers."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import NamedTuple

import tango

from donki.devfailed import is_lost, message_of
from donki.director.effects import Ask, Task
from donki.director.proxies import call, open_proxy, read_attributes, write_attribute
from donki.director.roster import Entry
from donki.director.run_record import RunRecord
from donki.errors import NotAllowedError
from donki.run import Run


class Answer(NamedTuple):
    """What a Player answered to a ticket.

    Attributes
    ----------
    error
        what went wrong; None where it did as asked
    lost
        whether it must be found again before it is asked anything
    report
        of a trigger: what it did, in JSON
    """

    player: str
    ticket: int
    error: str | None = None
    lost: bool = False
    report: str | None = None


class Part:
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

    Attributes
    ----------
    entry
        as given
    """

    def __init__(
        self,
        entry: Entry,
        run: Run,
        answered: Callable[[Answer], None],
        record: RunRecord,
    ) -> None:
        self.entry = entry
        self._run = run
        self._answered = answered
        self._record = record
        self._asks: queue.SimpleQueue[tuple[Ask, str] | None] = queue.SimpleQueue()
        self._told_to_give_up = threading.Event()
        self._proxy: tango.DeviceProxy | None = None
        threading.Thread(target=self._work, name=f"player {entry.name}", daemon=True).start()

    def ask(self, ask: Ask, argument: str = "") -> None:
        """Have the Player do something, with an argument in JSON; its answer comes when it is done."""
        self._asks.put((ask, argument))

    def give_up(self) -> Part:
        """Tell the Player to give up, past the call it is busy with; return the part that takes over."""
        self._told_to_give_up.set()
        threading.Thread(target=self._abort, name=f"abort {self.entry.name}", daemon=True).start()
        self.end()
        return Part(self.entry, self._run, self._answered, self._record)

    def end(self) -> None:
        """Let the thread end when it has done what it was asked."""
        self._asks.put(None)

    def _work(self) -> None:
        with tango.EnsureOmniThread():
            while task := self._asks.get():
                ask, argument = task
                try:
                    report = self._call(ask.task, argument)
                except tango.DevFailed as failed:
                    if lost := is_lost(failed):
                        self._proxy = None
                    answer = Answer(self.entry.name, ask.ticket, message_of(failed), lost)
                except NotAllowedError as refused:
                    answer = Answer(self.entry.name, ask.ticket, str(refused))
                else:
                    answer = Answer(self.entry.name, ask.ticket, report=report)
                self._answered(answer)

    def _call(self, task: Task, argument: str) -> str | None:
        self._proxy = proxy = self._proxy or self._connect()
        if task is Task.TRIGGER:
            return call(proxy, task.value, argument)
        if task is Task.START:
            self._set_up(proxy)
        else:
            proxy.command_inout(task.value)
            files, remainder = read_attributes(proxy, ("Files", "Remainder"))
            self._record.leave(self.entry.name, files or (), remainder)
        return None

    def _set_up(self, proxy: tango.DeviceProxy) -> None:
        write_attribute(proxy, "Run", self._run.to_json())
        if self._told_to_give_up.is_set():
            # What told it so may not have come through.
            return
        proxy.command_inout("Start")
        if self._told_to_give_up.is_set():
            # A silent Player may carry out what it was asked in another order.
            proxy.command_inout("Stop")
            return
        files, streams, run = read_attributes(proxy, ("Files", "Streams", "Run"))
        self._refuse_another(Run.from_json(run))
        self._record.introduce(self.entry.name, files or (), streams)

    def _refuse_another(self, run: Run) -> None:
        """Raise where another Director has written its run between our run and our Start."""
        if run.id != self._run.id:
            raise NotAllowedError(f"it plays run {run.id} of {run.director or 'another client'}; Stop it")

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
