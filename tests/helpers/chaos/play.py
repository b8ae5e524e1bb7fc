"""Plays a round: starts the sequence, inflicts the faults at their moments, sees the run to its end."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

import tango

from helpers.chaos.layout import DIRECTOR, player_name
from helpers.chaos.plan import Fault, Kind, Plan
from helpers.chaos.stage import GOING_ON, Stage

#: Until when a run must have ended, in s; a Player may use up its Timeout and its retries several times.
RUN_LIMIT = 45.0

#: How long a Player may stay set up after the end of its run, when everything works again, in s.
LEAVING_LIMIT = 2.0


class Call(NamedTuple):
    """A command of the operator and what became of it; the times in ns since 1970, no reason where it was done."""

    name: str
    called: int
    returned: int
    reason: str = ""
    said: str = ""


class Change(NamedTuple):
    """A priority that was set between two times, in ns since 1970."""

    player: str
    priority: int
    called: int
    returned: int


@dataclass
class Record:
    """What happened in a round, as the operator saw it.

    Attributes
    ----------
    began, ended
        ns since 1970
    calls, changes
        what the operator asked for
    down
        spans of time in which the Director was dead or silent
    state, last_error
        at the end
    recovered
        how often the run was taken up
    deaths
        how often each server died
    left
        the Players that were still set up some time after the end
    unended
        what the Director said of itself when it did not end in time
    """

    plan: Plan
    began: int = 0
    ended: int = 0
    calls: list[Call] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    down: list[tuple[int, int]] = field(default_factory=list)
    state: str = ""
    last_error: str = ""
    recovered: int = 0
    deaths: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    unended: str = ""

    @property
    def answered(self) -> list[Call]:
        """The calls that nothing kept the Director from answering."""
        return [
            call
            for call in self.calls
            if not any(call.called < end and begin < call.returned for begin, end in self.down)
        ]


class Operator:
    """Calls the Director from threads of its own, so that a call that hangs keeps nobody."""

    def __init__(self, stage: Stage, record: Record) -> None:
        self.proxy = stage.proxy(DIRECTOR)
        self._record = record
        self._pool = ThreadPoolExecutor(8, "operator")
        self._calls: list[Future[object]] = []

    def call(self, name: str, work: Callable[[], object]) -> Future[object]:
        """Have a call made; it is noted when it has returned, and gives None where it failed."""
        call = self._pool.submit(self._call, name, work)
        self._calls.append(call)
        return call

    def command(self, name: str, times: int = 1) -> None:
        for _ in range(times):
            self.call(name, lambda: self.proxy.command_inout(name))

    def recover(self) -> None:
        def work() -> None:
            try:
                self.proxy.Recover()
            except tango.DevFailed as failed:
                # A Stop that comes meanwhile withdraws it, and the run is still interrupted.
                if "withdrawn" not in failed.args[0].desc:
                    raise
                self.proxy.Recover()

        self.call("Recover", work)

    def set_priority(self, player: str, priority: int) -> None:
        called = time.time_ns()

        def work() -> None:
            try:
                self.proxy.SetPriority([[priority], [player_name(player)]])
            finally:
                self._record.changes.append(Change(player, priority, called, time.time_ns()))

        self.call("SetPriority", work)

    @property
    def busy(self) -> bool:
        self._calls = [call for call in self._calls if not call.done()]
        return bool(self._calls)

    def close(self) -> None:
        self._pool.shutdown()

    def _call(self, name: str, work: Callable[[], object]) -> object:
        called = time.time_ns()
        result, reason, said = None, "", ""
        with tango.EnsureOmniThread():
            try:
                result = work()
            except tango.DevFailed as failed:
                reason, said = failed.args[0].reason, failed.args[0].desc
        self._record.calls.append(Call(name, called, time.time_ns(), reason, said))
        return result


class Round:
    """One round on the stage."""

    def __init__(self, stage: Stage, plan: Plan, record: Record) -> None:
        self.stage = stage
        self.plan = plan
        self.record = record
        self.operator = Operator(stage, self.record)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._state: Future[object] | None = None
        self._down_since = 0
        self._deaths = dict(stage.deaths)
        self._mended = not plan.mend

    def play(self) -> None:
        """Play it to its end."""
        try:
            self._play()
        finally:
            self.operator.close()

    def _play(self) -> None:
        record = self.record
        record.began = time.time_ns()
        self._begin = time.monotonic()
        for fault in self.plan.faults:
            self._at(fault.at, lambda fault=fault: self._inflict(fault))
        self.operator.command("Start")
        while not self._is_over():
            if self._elapsed() > RUN_LIMIT:
                record.unended = self._describe()
                break
            if self._agenda and self._agenda[0][0] <= self._elapsed():
                heapq.heappop(self._agenda)[2]()
            else:
                time.sleep(0.002)
        self.operator.close()
        self.stage.mend()
        self._note_the_end()
        record.deaths = {name: died - self._deaths[name] for name, died in self.stage.deaths.items()}

    def _note_the_end(self) -> None:
        director = self.stage.proxy(DIRECTOR)
        self.record.ended = time.time_ns()
        self.record.state = str(director.State())
        self.record.last_error = director.LastError
        if self.record.state in GOING_ON:
            director.Abort()
        if self.record.state == "FAULT":
            director.Reset()
        self.record.left = self.stage.stop_players(LEAVING_LIMIT)

    def _elapsed(self) -> float:
        return time.monotonic() - self._begin

    def _at(self, moment: float, work: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._order), work))

    def _after(self, seconds: float, work: Callable[[], None]) -> None:
        self._at(self._elapsed() + seconds, work)

    def _is_over(self) -> bool:
        """Look at the state, without waiting for it; see to what must be done before the run can end."""
        if self._agenda or self.operator.busy or self._down_since:
            return False
        if self._state is None:
            self._state = self.operator.call("State", lambda: str(self.operator.proxy.State()))
            return False
        state, self._state = self._state.result(), None
        if state == "STANDBY":
            self.operator.command("Resume")
            return False
        if state == "FAULT" and not self._mended:
            self._mended = True
            self.stage.mend()
            self._recover()
            return False
        return state is not None and state not in GOING_ON

    def _describe(self) -> str:
        director = self.stage.proxy(DIRECTOR)
        return f"{director.State()}: {director.Status()}"

    def _recover(self) -> None:
        self.record.recovered += 1
        self.operator.recover()

    def _inflict(self, fault: Fault) -> None:
        operator, stage = self.operator, self.stage
        match fault.kind:
            case Kind.PLAYER_KILLED:
                stage.kill(fault.target)
                self._after(fault.length, lambda: self._restart(fault.target))
            case Kind.PLAYER_STOPPED:
                if stage.is_alive(fault.target):
                    stage.silence(fault.target)
                    self._after(fault.length, lambda: stage.resume(fault.target))
            case Kind.CABLE_CUT:
                cable = stage.host(fault.target).network
                cable.cut()
                self._after(fault.length, cable.mend)
            case Kind.HOST_KILLED:
                stage.kill_host(fault.target)
                self._after(fault.length, lambda: self._restart(fault.target))
            case Kind.DATABASE_KILLED:
                stage.kill("database")
                self._after(fault.length, lambda: self._restart("database"))
            case Kind.DIRECTOR_KILLED:
                self._down_since = self._down_since or time.time_ns()
                stage.kill(DIRECTOR)
                self._after(fault.length, self._restart_director)
            case Kind.DIRECTOR_STOPPED:
                if stage.is_alive(DIRECTOR) and not self._down_since:
                    self._down_since = time.time_ns()
                    stage.silence(DIRECTOR)
                    self._after(fault.length, self._resume_director)
            case Kind.BROKER_KILLED:
                stage.kill("broker")
                self._after(fault.length, lambda: self._restart("broker"))
            case Kind.BROKER_PAUSED:
                if stage.is_alive("broker"):
                    stage.silence("broker")
                    self._after(fault.length, lambda: stage.resume("broker"))
            case Kind.DISK_FULL:
                stage.limit_disk(fault.target, fault.value)
                self._after(fault.length, lambda: stage.limit_disk(fault.target, None))
            case Kind.CLOCK_SET:
                stage.set_clock(fault.value)
            case Kind.JOURNAL_DELETED:
                stage.delete_journal()
            case Kind.INIT:
                operator.command("Init", times=3)
            case Kind.PAUSE:
                operator.command("Pause")
                self._after(fault.length, lambda: operator.command("Resume"))
            case Kind.STEP:
                operator.command("Pause")
                for step in range(fault.value):
                    self._after((step + 1) * fault.length, lambda: operator.command("Step"))
                self._after((fault.value + 1) * fault.length, lambda: operator.command("Resume"))
            case Kind.STOP:
                operator.command("Stop")
            case Kind.ABORT:
                operator.command("Abort")
            case Kind.START_AGAIN:
                operator.command("Start")
            case Kind.PRIORITY:
                operator.set_priority(fault.target, fault.value)

    def _restart(self, name: str) -> None:
        if not self.stage.is_alive(name):
            self.stage.start(name)

    def _restart_director(self) -> None:
        if self.stage.is_alive(DIRECTOR):
            return
        if not self.stage.is_alive("database"):
            self.stage.start("database")
        self.stage.wait_ready("database")
        self.stage.start(DIRECTOR)
        self.stage.wait_ready(DIRECTOR)
        self._director_is_back()
        self.stage.mend()
        self.operator.proxy = self.stage.proxy(DIRECTOR)
        self._recover()

    def _resume_director(self) -> None:
        self.stage.resume(DIRECTOR)
        if self.stage.is_alive(DIRECTOR):
            self._director_is_back()

    def _director_is_back(self) -> None:
        self.record.down.append((self._down_since, time.time_ns()))
        self._down_since = 0
