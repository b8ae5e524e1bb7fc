"""What a Director shows of itself: State, LastError and Status, all of one moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from donki.director.rules.effects import Failure
from donki.director.rules.sequence import Sequence
from donki.director.rules.states import Heading, State

_THEN = {None: "", Heading.PAUSE: "it pauses then", Heading.END: "it ends then", Heading.ENDED: ""}


@dataclass(frozen=True)
class Standing:
    """What a Director shows of itself at one moment.

    Attributes
    ----------
    state
        what it is doing
    last_error
        what ended the last sequence, or kept it from starting; never empty in FAULT
    status
        what the state means, and all that is not as it should be, in lines
    failure
        what `last_error` says, for programs; None where it says something else, or nothing
    """

    state: State
    last_error: str
    status: str
    failure: Failure | None = None

    @property
    def last_failure(self) -> dict[str, Any]:
        """The JSON object of LastFailure: why it is FAULT or did not start; empty where there is no error."""
        if self.failure:
            return self.failure.as_dict()
        return Failure("(none)", 0, self.last_error).as_dict() if self.last_error else {}


def standing_of(
    sequence: Sequence | None, refusal: str, ready: Iterable[str], problems: Iterable[str]
) -> Standing:
    """Return what is to be shown, whatever another thread does to the sequence meanwhile.

    Parameters
    ----------
    sequence
        the one in progress, or the last one; None before the first
    refusal
        what kept the last sequence from starting, if anything did
    ready
        what to say while none is in progress
    problems
        what to say at any time
    """
    if sequence is None:
        return Standing(State.ON, refusal, _lines(*ready, *problems))
    failure, state = sequence.failure, sequence.state
    while (state is State.FAULT) != (failure is not None):
        # It failed, or was reset, between the two.
        failure, state = sequence.failure, sequence.state
    if failure is not None:
        error = describe_failure(failure, sequence.silent)
        return Standing(state, error, _lines(error, *problems), failure)
    if state is State.ON:
        return Standing(state, refusal, _lines(*ready, _missed(sequence), *problems))
    return Standing(state, refusal, _lines(_progress(sequence), _missed(sequence), *problems))


def describe_failure(failure: Failure, silent: Iterable[str]) -> str:
    """Return the text of LastError: what failed, and who did not answer until the end."""
    names = ", ".join(silent)
    return f"{failure}; given up waiting for {names}" if names else str(failure)


def _progress(sequence: Sequence) -> str:
    many = "endless" if sequence.triggers < 0 else f"of {sequence.triggers}"
    line = f"{sequence.phase.name.lower().replace('_', ' ')}: trigger {sequence.trigger} {many}"
    acting = ", ".join(sorted(sequence.acting))
    now = [line, f"waiting for {acting}" if acting else "", _THEN[sequence.heading]]
    return "; ".join(filter(None, now))


def _missed(sequence: Sequence) -> str:
    """Name the Players that were skipped or disabled in this run, or the last one."""
    members = sequence.members.values()
    skipped = ", ".join(f"{member.name} {member.skipped}" for member in members if member.skipped)
    disabled = [f"{member.name} is left out for the rest of the run" for member in members if member.disabled]
    return "; ".join([f"triggers missed: {skipped}", *disabled] if skipped else disabled)


def _lines(*lines: str) -> str:
    return "\n".join(filter(None, lines))
