"""A question to many: who answers in time, who is silent, who is asked again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from donki.director.players.inquiry import Inquiry
from helpers.support import took, wait_until

LIMIT = 0.2


class People:
    """Answer with their own name; the silent ones not before they are told to."""

    def __init__(self):
        self.asked = Counter()
        self.silent = {}

    def __call__(self, name):
        self.asked[name] += 1
        if name in self.silent:
            self.silent[name].wait(10)
        return name.upper()


@pytest.fixture
def people():
    people = People()
    yield people
    for told in people.silent.values():
        told.set()


@pytest.fixture
def inquiry(people):
    inquiry = Inquiry(people, LIMIT)
    yield inquiry
    inquiry.close()


def test_all_that_answer_in_time_are_heard(inquiry):
    assert inquiry(["a", "b"]) == {"a": "A", "b": "B"}
    assert "a" not in inquiry.silent
    assert "never asked" not in inquiry.silent


def test_a_silent_one_is_waited_for_once_and_not_asked_again_before_it_has_answered(people, inquiry):
    people.silent["b"] = told = threading.Event()
    began = time.monotonic()
    assert inquiry(["a", "b"]) == {"a": "A"}
    assert time.monotonic() - began >= LIMIT
    assert "b" in inquiry.silent
    for _ in range(50):
        assert inquiry(["a", "b"]) == {"a": "A"}
    assert took(began) < 50 * LIMIT
    assert people.asked == {"a": 51, "b": 1}
    del people.silent["b"]
    told.set()
    wait_until("b has answered", lambda: "b" not in inquiry.silent)
    assert inquiry(["a", "b"]) == {"a": "A", "b": "B"}
    assert people.asked["b"] == 2


def test_who_is_being_asked_is_not_silent_before_the_limit(people):
    inquiry = Inquiry(people, 10.0)
    people.silent["a"] = told = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(inquiry, ["a"])
        wait_until("it is asked", lambda: people.asked["a"])
        assert "a" not in inquiry.silent
        told.set()
        assert asking.result(5) == {"a": "A"}
    inquiry.close()


def test_the_silence_of_many_keeps_nobody(people, inquiry):
    many = [f"silent {number}" for number in range(60)]
    people.silent = {name: threading.Event() for name in many}
    for _ in range(3):
        assert inquiry([*many, "a"]) == {"a": "A"}


def test_what_a_question_raises_is_raised_to_who_inquires():
    def fail(name):
        raise ValueError(name)

    inquiry = Inquiry(fail, LIMIT)
    with pytest.raises(ValueError, match="a"):
        inquiry(["a"])
    inquiry.close()
