"""What becomes of a job at the file writers: any answers, from anybody, in any order, at any time."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from donki.director.rules.writer_jobs import (
    ENDED,
    GRACE,
    HELD,
    OPEN,
    SECOND,
    USUAL_INTERVAL,
    Answer,
    JobState,
    Says,
    WriterJob,
)

PATIENCE = 10 * SECOND


def asked():
    job = WriterJob("job", "run.nxs", PATIENCE)
    job.asked(0)
    return job


def answer(says, writer="a", text="", **more):
    return Answer(says, "job", writer, text, **more)


answers = st.builds(
    answer,
    st.sampled_from(Says),
    st.sampled_from("ab"),
    st.sampled_from(["", "no"]),
    file=st.sampled_from(["", "/run.nxs"]),
    interval=st.integers(0, 2**40),
)
events = st.lists(st.one_of(answers, st.just("stop"), st.just("silence")), max_size=12)


@given(events)
def test_whatever_comes_a_job_is_held_by_one_writer_and_its_last_word_is_kept(events):
    job, now = asked(), 0
    for event in events:
        before, writer, file = job.state, job.writer, job.file
        now += SECOND
        if event == "stop":
            job.stop(now)
            continue
        if event == "silence":
            if job.is_due(now + 10**15):
                job.fall_silent()
                assert job.state is (JobState.REFUSED if before is JobState.REFUSED else JobState.SILENT)
                assert job.trouble
            continue
        shown = str(job)
        changed = job.take(event, now)
        assert changed == (str(job) != shown)
        if before in HELD:
            assert job.writer == writer
        if before in ENDED:
            assert (job.state, job.writer, job.file) == (before, writer, file)
        if job.state in OPEN:
            assert not job.is_due(now)
            assert job.is_due(now + 10**15)
        assert job.is_over(now, 0) or job.state not in ENDED
        if job.state in (JobState.FAILED, JobState.SILENT):
            assert job.trouble
        if job.state is JobState.REFUSED:
            assert not job.is_over(now, 0)
            assert job.trouble or job.is_due(now + GRACE)


def test_a_job_that_is_not_asked_for_yet_is_never_due():
    job = WriterJob("job", "run.nxs", PATIENCE)
    job.excuse(5)
    assert not job.is_due(10**18)
    assert job.overdue(10**18) == 0


def test_a_writer_is_silent_when_its_own_interval_and_the_patience_have_passed():
    job = asked()
    assert job.take(answer(Says.ACCEPTS), 3 * SECOND)
    # The time to the next message is known from the first one that tells it.
    assert not job.is_due(3 * SECOND + PATIENCE + USUAL_INTERVAL - 1)
    job.take(answer(Says.WRITES, interval=5 * SECOND), 4 * SECOND)
    assert not job.is_due(4 * SECOND + PATIENCE + 5 * SECOND - 1)
    assert job.is_due(4 * SECOND + PATIENCE + 5 * SECOND)
    job.fall_silent()
    assert job.trouble == "a: nothing was heard for 15 s"
    assert job.take(answer(Says.WRITES), 40 * SECOND)
    assert (job.state, job.trouble) == (JobState.WRITING, "")


@given(
    st.permutations([answer(Says.REFUSES, "a", "busy"), answer(Says.REFUSES, "c"), answer(Says.ACCEPTS, "b")])
)
def test_who_refuses_does_not_matter_where_another_takes_the_job(answers):
    job = asked()
    for number, said in enumerate(answers):
        job.take(said, number)
        assert job.trouble == ""
        assert not job.is_over(number + GRACE, 0)
    assert (job.state, job.writer, job.trouble) == (JobState.ACCEPTED, "b", "")
    # The one that has it is not refused its own job, as where it reads the echo of the start.
    assert not job.take(answer(Says.REFUSES, "b", "busy"), 0)


def test_a_refusal_counts_when_nobody_has_taken_the_job_for_a_while():
    job = asked()
    job.take(answer(Says.REFUSES, "a", "busy"), SECOND)
    assert (job.state, job.trouble, job.said) == (JobState.REFUSED, "", "refused the job: busy")
    assert not job.is_due(SECOND + GRACE - 1)
    assert job.is_due(SECOND + GRACE)
    job.fall_silent()
    assert (job.state, job.trouble) == (JobState.REFUSED, "a: refused the job: busy")
    assert job.is_over(SECOND + GRACE, 0)
    assert not job.is_due(10**18)


def test_a_silent_job_is_heard_for_a_while_after_its_end():
    job = asked()
    job.fall_silent()
    assert not job.is_over(10**18, 60 * SECOND)
    job.stop(0)
    assert not job.is_over(PATIENCE + 59 * SECOND, 60 * SECOND)
    assert job.is_over(PATIENCE + 61 * SECOND, 60 * SECOND)
    assert math.isfinite(job.overdue(10**18))


def test_the_line_of_a_job_begins_with_its_state():
    job = asked()
    assert str(job) == "asked: run.nxs, job job"
    job.take(answer(Says.HAS_FAILED, "w", "disk full", file="/data/run.nxs"), 0)
    assert str(job) == "failed: /data/run.nxs, by w, job job: failed: disk full"
