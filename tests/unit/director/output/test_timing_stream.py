"""The times of triggers on their way to Kafka, where something unexpected is raised on that way."""

from __future__ import annotations

import pytest

from donki.director.output.timing_stream import TimingStream
from donki.director.rules.effects import Attempt, Outcome, TriggerDone
from donki.threads import Threads
from helpers.support import wait_until


class Sink:
    """Takes messages; raises what it is told to, once."""

    def __init__(self):
        self.sent = []
        self.raises = None
        self.closed = False

    def open_topic(self, _topic):
        pass

    def send(self, _topic, _key, message, _stamp):
        error, self.raises = self.raises, None
        if error:
            raise error
        self.sent.append(message)

    def deliver(self, _limit):
        pass

    def discard(self):
        pass

    def close(self):
        self.closed = True


class Encoder:
    """Makes a text of a trigger; fails at what is named."""

    fails_at = 0

    def encode(self, done, steps):
        if done.trigger == self.fails_at:
            raise KeyError("x")
        return f"{done.trigger}: {len(steps)}"


@pytest.fixture
def remarks():
    return []


@pytest.fixture
def threads():
    return Threads()


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def encoder():
    return Encoder()


@pytest.fixture
def stream(sink, encoder, remarks, threads):
    return TimingStream("timing", "donki/director/1", sink, encoder, remarks.append, threads)


def play(stream, *triggers):
    for trigger in triggers:
        stream.note(Attempt(trigger, "x", 1, Outcome.DONE, 1, 2))
        stream.note(TriggerDone(trigger, 1, 1, 1, 2))


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt(), SystemExit(1)])
def test_what_cannot_be_sent_is_given_up_and_the_next_is_sent(stream, sink, remarks, threads, error):
    sink.raises = error
    play(stream, 1, 2)
    wait_until("it has failed", lambda: threads.problems)
    play(stream, 3)
    wait_until("the next is sent", lambda: sink.sent == ["3: 1"])
    assert stream.problem == ""
    stream.end()
    stream.wait()
    assert sink.closed
    assert remarks == ["the times of 2 triggers were not sent to topic timing"]
    assert type(error).__name__ in threads.problems[0]


def test_what_cannot_be_encoded_is_said_and_counted(stream, encoder, sink, remarks, threads):
    encoder.fails_at = 2
    play(stream, 1, 2, 3)
    stream.end()
    stream.wait()
    assert sink.sent == ["1: 1", "3: 1"]
    assert "timing to timing: KeyError" in threads.problems[0]
    assert remarks == ["the times of 1 triggers were not sent to topic timing"]
