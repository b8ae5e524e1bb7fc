"""A line of the Director's attribute FileWriterState: a job at the file writers."""

from __future__ import annotations

from donki.director.rules.writer_jobs import OPEN, JobState


def state_of(line: str) -> str:
    """Return the state of a job, a word of `JobState`."""
    return line.partition(":")[0]


def is_open(line: str) -> bool:
    """Whether something is still to come of a job."""
    return state_of(line) in {state.value for state in OPEN}


def is_written(line: str) -> bool:
    """Whether a file writer says that the file is there."""
    return state_of(line) == JobState.WRITTEN.value
