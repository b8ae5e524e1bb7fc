"""What must hold after every round, whatever was done to it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from donki.section_place import is_below
from helpers.brokers import ApacheBroker
from helpers.chaos.evidence import Note, Run, Step
from helpers.chaos.layout import DIRECTOR, SECTION, player_name
from helpers.chaos.plan import OF_HOSTS, Kind
from helpers.chaos.play import Record
from helpers.chaos.stage import Stage

#: Within what every command is answered, in s.
ANSWER_LIMIT = 3.0

#: How a turn ends that lets the trigger be complete.
FINAL = ("done", "skipped", "disabled")

REFUSED = "Donki_NotAllowedError"

#: What Start says where a Player cannot be asked, or its set-up fails.
UNABLE = ("Donki_DonkiError", "Donki_SetUpError")


class Violation(StrEnum):
    """What can be wrong."""

    HANG = "hang"
    LOST = "trigger or data lost"
    TWICE = "twice without its mark"
    ORDER = "out of order"
    STATE = "wrong state"
    COMMAND = "command"
    TRACE = "traceback"
    CRASH = "ended by a signal that nobody sent"
    LEFT = "left behind"
    HARNESS = "the harness failed"


class Finding(NamedTuple):
    """Something that does not hold."""

    ill: Violation
    text: str

    def __str__(self) -> str:
        return f"{self.ill}: {self.text}"


def findings(stage: Stage, record: Record, runs: list[Run]) -> list[Finding]:
    """Return all that does not hold after a round."""
    found = [*_ended(stage, record), *_commands(record), *_states(record, runs), *_traces(stage)]
    for run in runs:
        if run.conductor == DIRECTOR:
            found += [*_counted(run), *_passed_down(run, runs)]
        found += [
            *_accounted(stage, record, run),
            *_timed(run),
            *_once(run),
            *_in_order(record, run),
            *_stored(stage, record, run),
            *_mastered(record, run),
        ]
    return found


def duplicates(runs: list[Run]) -> int:
    """Return how many turns were acted more than once, each time with another attempt."""
    return sum(
        len({note.attempt for note in notes}) > 1 for run in runs for notes in _by_turn(run, "end").values()
    )


def _ended(stage: Stage, record: Record) -> Iterator[Finding]:
    # The Players of a section that died wait until it takes its run up, as those of a Director do.
    waiting = stage.layout.players_of(SECTION) if record.deaths.get(SECTION) else ()
    if left := [name for name in record.left if name not in waiting]:
        yield Finding(Violation.LEFT, f"still set up after the end: {', '.join(left)}")
    if record.unended:
        yield Finding(Violation.HANG, f"the run did not end: {record.unended}")


def _traces(stage: Stage) -> Iterator[Finding]:
    for name, trace in stage.take_tracebacks():
        yield Finding(Violation.TRACE, f"{name} wrote:\n{trace}")
    for crash in stage.take_crashes():
        yield Finding(Violation.CRASH, crash)


def _commands(record: Record) -> Iterator[Finding]:
    for call in record.answered:
        seconds = (call.returned - call.called) / 1e9
        if seconds > ANSWER_LIMIT:
            yield Finding(Violation.HANG, f"{call.name} took {seconds:.1f} s: {call.said or 'done'}")
        elif call.reason and not _is_fair(record, call.name, call.reason, call.said):
            yield Finding(Violation.COMMAND, f"{call.name}: {call.reason}: {call.said}")


def _is_fair(record: Record, name: str, reason: str, said: str) -> bool:
    """Return whether a command may be refused with these words."""
    if name == "Recover":
        return reason == REFUSED and "no interrupted run" in said
    if _for_want_of_the_database(record, said):
        return True
    if name == "SetPriority":
        if reason == REFUSED and "is being initialised" in said:
            return Kind.INIT in record.plan.kinds
        # A Player that does not run finds it in the database; without one there is nowhere to keep it.
        return reason == "Donki_DonkiError" and bool(
            (OF_HOSTS | {Kind.DATABASE_KILLED, Kind.PLAYER_KILLED, Kind.PLAYER_STOPPED, Kind.SCRIPT_DIES})
            & set(record.plan.kinds)
        )
    if name == "Start":
        return reason == REFUSED or (reason in UNABLE and not record.plan.harmless)
    return reason == REFUSED


def _for_want_of_the_database(record: Record, said: str) -> bool:
    return Kind.DATABASE_KILLED in record.plan.kinds and "Tango database does not answer" in said


def _states(record: Record, runs: list[Run]) -> Iterator[Finding]:
    above = [run for run in runs if run.conductor == DIRECTOR]
    outcome = above[-1].outcome if above else ""
    for run in above:
        if not run.ended and not record.unended:
            yield Finding(Violation.STATE, f"run {run.id} never ended in the journal")
    if record.state not in ("ON", "FAULT"):
        yield Finding(Violation.STATE, f"{record.state} at the end")
    if record.state == "FAULT":
        if not re.match(r"Player (chaos-[abcs]|\(all\)), (trigger \d+|set-up): .", record.last_error):
            yield Finding(Violation.STATE, f"FAULT, and LastError says {record.last_error!r}")
        if outcome != "failed":
            yield Finding(Violation.STATE, f"FAULT, but the journal says {outcome}")
        # Once all are set up, no database is needed.
        is_explained = "every Player is disabled" in record.last_error or (
            "set-up: " in record.last_error and _for_want_of_the_database(record, record.last_error)
        )
        if record.plan.harmless and not is_explained:
            yield Finding(Violation.STATE, f"FAULT though nothing was done to a Player: {record.last_error}")
    elif outcome == "failed" and not _may_have_forgotten(record):
        yield Finding(Violation.STATE, f"ON, but the journal says failed; LastError {record.last_error!r}")


def _may_have_forgotten(record: Record) -> bool:
    """Return whether a Director may be ON after a run that failed."""
    # Init forgets what failed, as it does on every Tango device.
    return Kind.INIT in record.plan.kinds or any(_was_refused(record, name) for name in ("Start", "Recover"))


def _was_refused(record: Record, name: str) -> bool:
    return any(call.reason for call in record.calls if call.name == name)


def _counted(run: Run) -> Iterator[Finding]:
    numbers = list(run.triggers)
    if numbers != list(range(1, len(numbers) + 1)):
        yield Finding(Violation.LOST, f"complete triggers are not consecutive: {numbers}")
    if run.outcome == "done" and len(numbers) != run.wanted:
        yield Finding(Violation.LOST, f"done after {len(numbers)} of {run.wanted} triggers")
    for step in run.steps:
        if step.trigger > len(numbers) + 1:
            yield Finding(Violation.ORDER, f"a turn though only {len(numbers)} triggers are complete: {step}")


def _passed_down(run: Run, runs: list[Run]) -> Iterator[Finding]:
    """What the section has done stands in its own journal."""
    complete = {number for other in runs if is_below(other.id, run.id) for number in other.triggers}
    for step in run.steps:
        if step.player == player_name(SECTION) and step.outcome == "done" and step.trigger not in complete:
            yield Finding(Violation.LOST, f"not in the journal of the section: {step}")


def _accounted(stage: Stage, record: Record, run: Run) -> Iterator[Finding]:
    turns: dict[tuple[str, int], list[Step]] = defaultdict(list)
    for step in run.steps:
        turns[step.player, step.trigger].append(step)
    dropped: set[str] = set()
    for number, sent in run.triggers.items():
        for name in stage.layout.players_of(run.conductor):
            player = player_name(name)
            may = _may_be_enabled(record, name, sent)
            turn = turns.get((player, number), [])
            if may == {False}:
                # What it did when the trigger was sent before the run was taken up.
                turn = [step for step in turn if step.sent >= sent]
            # An attempt that was done is told at a later one: the last in time counts, not the highest.
            last = max(turn, key=lambda step: step.done, default=None)
            if last and last.outcome not in FINAL:
                yield Finding(Violation.LOST, f"{player} at complete trigger {number}: {last}")
            if not turn and may == {True} and player not in dropped:
                yield Finding(Violation.LOST, f"{player} has no turn at complete trigger {number}")
            if turn and may == {False}:
                yield Finding(
                    Violation.ORDER, f"{player} is disabled, and has a turn at trigger {number}: {turn}"
                )
            done = [step for step in turn if step.outcome == "done"]
            if len(done) > 1 and not _was_taken_up(record, run):
                yield Finding(Violation.TWICE, f"{player} is done more than once at trigger {number}: {turn}")
            if last and last.outcome == "disabled":
                dropped.add(player)


def _was_taken_up(record: Record, run: Run) -> bool:
    """Return whether a run may have been taken up; the section does that by itself, or tries again."""
    return bool(record.recovered) or run.conductor == SECTION


def _timed(run: Run) -> Iterator[Finding]:
    if any(later <= earlier for earlier, later in pairwise(run.reference_times)):
        yield Finding(Violation.ORDER, f"reference times do not rise: {run.reference_times}")
    # The reference times of the section are of the Director's clock.
    times = run.reference_times if run.conductor == DIRECTOR else run.triggers.values()
    if run.ended is not None and run.ended < max([run.began, *times]):
        yield Finding(Violation.ORDER, f"ended at {run.ended}, began at {run.began}: {list(times)[-1:]}")


def _mastered(record: Record, run: Run) -> Iterator[Finding]:
    # A Director that dies right after the end leaves the file to `donki report`.
    if run.ended and run.in_master_file != list(run.triggers) and not record.deaths[run.conductor]:
        yield Finding(Violation.LOST, f"the master file has the triggers {run.in_master_file}")


def _may_be_enabled(record: Record, name: str, sent: int) -> set[bool]:
    """Return whether a Player was enabled at a trigger that was sent then; both where it cannot be known."""
    last = record.plan.parts[name].priority >= 0
    if Kind.CLOCK_SET in record.plan.kinds and record.changes:
        # The operator's clock is not the Director's.
        return {True, False}
    possible = {last}
    for change in sorted(record.changes, key=lambda change: change.called):
        if change.player != name or change.called > sent:
            continue
        enabled = change.priority >= 0
        possible = {enabled} if change.returned < sent else possible | {enabled}
    return possible


def _by_turn(run: Run, what: str) -> dict[tuple[str, int], list[Note]]:
    turns: dict[tuple[str, int], list[Note]] = defaultdict(list)
    for note in run.notes:
        if note.what == what:
            turns[note.player, note.trigger].append(note)
    return turns


def _once(run: Run) -> Iterator[Finding]:
    begun = Counter((n.player, n.trigger, n.attempt) for n in run.notes if n.what == "begin")
    ended = Counter((n.player, n.trigger, n.attempt) for n in run.notes if n.what == "end")
    for (player, trigger, attempt), times in begun.items():
        if times > 1:
            yield Finding(
                Violation.TWICE, f"{player} began trigger {trigger}, attempt {attempt}, {times} times"
            )
    for step in run.acted:
        if step.outcome == "done" and ended[step.player, step.trigger, step.attempt] != 1:
            yield Finding(
                Violation.LOST, f"done in the journal, but never ended (or twice) by its script: {step}"
            )


def _in_order(record: Record, run: Run) -> Iterator[Finding]:
    """Levels in order, by the Players' own time: nobody begins before all of the level under it are done.

    What a Player did before its Director and it died, and did again, counts as it was first. Where a run was
    taken up, a Player that was set up again acts at triggers that the others did before and answer from
    memory: what follows its set-up is in order by itself.
    """
    set_up = [note.time for note in run.notes if note.what == "setup"]
    taken_up = max(set_up, default=0) if _was_taken_up(record, run) else 0
    outcomes = {(step.player, step.trigger, step.attempt): step.outcome for step in run.steps}
    begins = {(n.player, n.trigger, n.attempt): n.time for n in run.notes if n.what == "begin"}
    firsts: dict[tuple[str, int], tuple[int, int]] = {}
    for note in sorted((note for note in run.notes if note.what == "end"), key=lambda note: note.time):
        key = (note.player, note.trigger, note.attempt)
        # A Director that dies may not have noted what was done.
        if outcomes.get(key, "done") == "done":
            firsts.setdefault((note.player, note.trigger), (begins[key], note.time))
    for is_after in (False, True):
        spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for (_, trigger), span in firsts.items():
            if (span[0] >= taken_up) is is_after:
                spans[trigger].append(span)
        for number, following in pairwise(sorted(spans)):
            last = max(end for _, end in spans[number])
            first = min(begin for begin, _ in spans[following])
            if number in run.triggers and first < last:
                yield Finding(Violation.ORDER, f"trigger {following} began before {number} was done")


def _stored(stage: Stage, record: Record, run: Run) -> Iterator[Finding]:
    durable = isinstance(stage.broker, ApacheBroker)
    for step in run.acted:
        if step.outcome != "done":
            continue
        pulse = run.pulse(step.player, step.trigger, step.attempt)
        begun = [n.time for n in run.notes if n[:2] == (step.player, "begin") and n[3:5] == pulse[2:]]
        kept = durable or (begun and min(begun) > stage.broker_began)
        if kept and run.in_kafka[pulse] != 1:
            yield Finding(Violation.LOST, f"{run.in_kafka[pulse]} times in Kafka: {step}")
        if run.in_files[pulse] != 1:
            yield Finding(Violation.LOST, f"{run.in_files[pulse]} times in the files: {step}")
    for where, pulses in (("Kafka", run.in_kafka), ("the files", run.in_files)):
        for pulse, times in pulses.items():
            if times > 1:
                yield Finding(Violation.TWICE, f"{times} times in {where}: {pulse}")
    ended = {(note.player, note.trigger, note.attempt) for note in run.notes if note.what == "end"}
    for pulse in run.in_files:
        if (pulse.player, pulse.trigger, pulse.attempt) not in ended:
            yield Finding(Violation.LEFT, f"in the files, though its action did not come to its end: {pulse}")
    for problem in (*run.torn, *run.problems):
        yield Finding(Violation.LOST, problem)
