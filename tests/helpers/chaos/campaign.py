"""Many rounds on one stage, and what came of them."""

from __future__ import annotations

import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import psutil

from donki_client.address import Address
from helpers.chaos.evidence import Pulses, Run, runs_of
from helpers.chaos.invariants import Finding, Violation, duplicates, findings
from helpers.chaos.layout import DIRECTOR
from helpers.chaos.plan import Kind, Plan, draw
from helpers.chaos.play import Record, Round
from helpers.chaos.stage import Size, Stage

#: By how many threads and open files a server may grow after its first round: the ORB and the pools keep some.
MORE_THREADS = 12
MORE_FILES = 20


@dataclass
class Result:
    """What came of one round."""

    plan: Plan
    record: Record
    runs: list[Run]
    found: list[Finding]

    def __str__(self) -> str:
        """Tell all that is needed to understand a round that failed."""
        began = self.record.began
        lines = [str(self.plan), f"  at the end {self.record.state} {self.record.last_error}"]
        lines += [
            f"  run {run.id} of {run.conductor}: {run.outcome or 'unended'}, {len(run.triggers)} of {run.wanted} triggers; "
            + (", ".join(str(tuple(step[:4])) for step in run.steps if step.outcome != "done") or "all done")
            for run in self.runs
        ]
        lines += [
            f"  {(call.called - began) / 1e9:.3f} to {(call.returned - began) / 1e9:.3f} s: {call.name}"
            f" {call.reason} {call.said}".rstrip()
            for call in self.record.calls
            if call.name != "State" or call.reason
        ]
        return "\n".join([*lines, *(f"  >> {finding}" for finding in self.found)])


@dataclass
class Tally:
    """What came of all rounds.

    Attributes
    ----------
    tried, survived
        rounds by the faults in them; survived are those in which everything held
    ills
        by what was wrong: how often
    marked
        turns that were acted more than once, each time with another attempt
    failed
        the rounds in which something did not hold
    leaks
        what was left behind by all of them
    """

    tried: Counter[Kind] = field(default_factory=Counter)
    survived: Counter[Kind] = field(default_factory=Counter)
    ills: Counter[Violation] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    triggers: int = 0
    recovered: int = 0
    marked: int = 0
    commands: int = 0
    slowest: float = 0.0
    failed: list[Result] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)

    def take(self, result: Result) -> None:
        """Count a round."""
        record, runs = result.record, result.runs
        kinds = set(result.plan.kinds)
        self.rounds += 1
        self.tried.update(kinds)
        self.survived.update(() if result.found else kinds)
        self.ills.update(finding.ill for finding in result.found)
        above = [run for run in runs if run.conductor == DIRECTOR]
        self.outcomes.update(run.outcome for run in above)
        self.triggers += sum(len(run.triggers) for run in above)
        self.recovered += record.recovered
        self.marked += duplicates(runs)
        answered = [(call.returned - call.called) / 1e9 for call in record.answered]
        self.commands += len(answered)
        self.slowest = max(self.slowest, *answered, 0.0)
        if result.found:
            self.failed.append(result)


def play_rounds(
    stage: Stage,
    seed: int,
    numbers: Iterable[int],
    kinds: Sequence[Kind],
    tell: Callable[[Result], None],
) -> Tally:
    """Play rounds one after another on one stage, and look for what is left when it is gone.

    Parameters
    ----------
    stage
        not entered yet, with a broker that runs; what a round that held left behind is removed
    seed, numbers
        which rounds
    kinds
        the faults to choose from
    tell
        is told of each round
    """
    tally = Tally()
    threads = set(threading.enumerate())
    broker = stage.broker
    with stage:
        pulses = Pulses(stage)
        sizes: dict[int, Size] = {}
        for number in numbers:
            result = _play(stage, draw(seed, number, kinds, stage.layout), pulses, sizes)
            tally.take(result)
            tell(result)
        pulses.close()
        processes = [stage.pid(name) for name in (*stage.servers, "database")]
        database = stage.database
    broker_pid, broker_address = broker.pid, broker.address
    broker.kill()
    tally.leaks += [f"process {pid} still runs" for pid in (*processes, broker_pid) if psutil.pid_exists(pid)]
    tally.leaks += [
        f"something still listens at {address}"
        for address in (database, Address.parse(broker_address))
        if address.is_listening(0.5)
    ]
    tally.leaks += [
        f"thread {thread.name} of this process" for thread in set(threading.enumerate()) - threads
    ]
    return tally


def _play(stage: Stage, plan: Plan, pulses: Pulses, sizes: dict[int, Size]) -> Result:
    result = Result(plan, Record(plan), [], [])
    try:
        stage.mend()
        stage.prepare(plan)
        Round(stage, plan, result.record).play()
        result.runs = runs_of(stage, plan, pulses)
        result.found = [*findings(stage, result.record, result.runs), *_growth(stage, sizes)]
        if not result.found:
            stage.clear(plan, [run.id for run in result.runs])
    except Exception:  # noqa: BLE001 - the next rounds are played all the same
        result.found.append(Finding(Violation.HARNESS, traceback.format_exc()))
    return result


def _growth(stage: Stage, first: dict[int, Size]) -> list[Finding]:
    """Compare what each server holds to what it held after its first round."""
    found = []
    for name, size in stage.sizes().items():
        before = first.setdefault(size.pid, size)
        if size.threads > before.threads + MORE_THREADS or size.files > before.files + MORE_FILES:
            found.append(Finding(Violation.LEFT, f"{name} grows: {before} after its first round, {size} now"))
    return found
