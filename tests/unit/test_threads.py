"""Threads of ours: whatever is raised in one is logged and shown, and nothing stops for it."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from donki.threads import Threads, describe
from helpers.support import wait_until


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


ERRORS = [
    ValueError("wrong\nvalue"),
    KeyboardInterrupt(),
    SystemExit(3),
    GeneratorExit(),
    asyncio.CancelledError(),
    ExceptionGroup("both", [ValueError("a"), TypeError("b")]),
    MuteError(),
    ValueError("a\ud800b"),
]


@pytest.fixture
def log():
    return logging.Logger("a/b/c")


@pytest.fixture
def lines(log):
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log.addHandler(handler)
    return lines


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_thread_goes_on_after_whatever_was_raised(error, log, lines):
    threads = Threads(log)
    raised = iter([error])

    def work():
        for one in raised:
            raise one

    thread = threads.start("worker", work)
    thread.join(5)
    assert not thread.is_alive()
    [problem] = threads.problems
    assert problem == f"worker: {describe(error)}; see the log"
    assert "\n" not in problem
    assert "in work" in lines[0]
    threads.forget()
    assert not threads.problems


def test_work_that_cannot_be_taken_up_is_told_and_ends(log):
    threads = Threads(log)
    told = []
    thread = threads.start("worker", lambda: 1 / 0, told.append)
    thread.join(5)
    assert told == ["ZeroDivisionError: division by zero"]


def test_what_fails_in_telling_is_a_problem_too(log, lines):
    threads = Threads(log)

    def failed(_text):
        raise ValueError("nobody listens")

    threads.start("worker", lambda: 1 / 0, failed).join(5)
    assert "nobody listens" in threads.problems[0]
    assert len(lines) == 2


def test_the_same_problem_again_is_not_logged_again(log, lines):
    threads = Threads(log)
    for _ in range(3):
        with threads.guard("events"):
            raise ValueError("wrong")
    assert threads.problems == ["events: ValueError: wrong; see the log"]
    assert len(lines) == 1


def test_a_timer_is_guarded_too(log):
    threads = Threads(log)
    threads.start_after(0.001, "timer", lambda: 1 / 0)
    wait_until("it has failed", lambda: threads.problems)
    done = threading.Event()
    threads.start_after(60, "never", done.set).cancel()
    assert threading.active_count() < 50
    assert not done.is_set()
