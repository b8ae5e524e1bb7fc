"""The window bounds what is under way, and no wait is without a limit."""

import threading
import time
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import BrokerError
from donki.streams.kafka.window import Window


def sleep(seconds, _for_all):
    time.sleep(min(seconds, 0.001))


def in_thread(work):
    errors = []

    def run():
        try:
            work()
        except BrokerError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


@given(st.lists(st.integers(1, 150), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_never_more_is_under_way_than_the_window_holds(sizes, rng):
    under_way = deque()

    def acknowledge_some(_seconds, for_all):
        for _ in range(len(under_way) if for_all else rng.randint(0, len(under_way))):
            window.leave("topic", under_way.popleft())

    window = Window(100, 5, "broker", acknowledge_some)
    for size in sizes:
        window.enter("topic", size)
        under_way.append(size)
        assert sum(under_way) <= 100 or len(under_way) == 1
        assert window.queue == (len(under_way), sum(under_way))
    window.drain(5)
    assert not under_way
    assert window.queue == (0, 0)


def test_a_message_larger_than_the_window_passes_alone():
    window = Window(100, 5, "broker", sleep)
    window.enter("topic", 1000)
    window.leave("topic", 1000)
    window.drain(0.1)


def test_a_full_window_makes_the_sender_wait_until_there_is_room():
    window = Window(100, 5, "broker", sleep)
    window.enter("topic", 80)
    sender, errors = in_thread(lambda: window.enter("topic", 80))
    sender.join(0.05)
    assert sender.is_alive()
    window.leave("topic", 80)
    sender.join(5)
    assert not sender.is_alive()
    assert not errors


def test_without_any_acknowledgement_a_wait_ends_and_says_what_is_missing():
    window = Window(100, 0.05, "broker:9092", sleep)
    window.enter("detector", 60)
    window.enter("monitor", 20)
    with pytest.raises(
        BrokerError, match=r"broker:9092.*1 messages to topic detector, 1 messages to topic monitor"
    ):
        window.enter("detector", 60)


def test_every_acknowledgement_renews_the_patience():
    window = Window(10_000, 0.3, "broker", sleep)
    for _ in range(5):
        window.enter("topic", 1)
    drain, errors = in_thread(lambda: window.drain(10))
    began = time.monotonic()
    for _ in range(5):
        drain.join(0.15)
        window.leave("topic", 1)
    drain.join(5)
    assert not errors
    assert time.monotonic() - began > 0.3


def test_drain_gives_up_after_its_timeout_though_the_broker_goes_on():
    window = Window(10_000, 60, "broker", sleep)
    window.enter("topic", 1)
    with pytest.raises(BrokerError, match="1 messages to topic topic"):
        window.drain(0.05)


def test_a_failure_ends_every_wait_and_stays():
    window = Window(100, 60, "broker", sleep)
    window.enter("topic", 80)
    waits = [in_thread(lambda: window.enter("topic", 80)), in_thread(lambda: window.drain(60))]
    window.fail("the broker said no")
    window.fail("and more")
    for thread, errors in waits:
        thread.join(5)
        assert errors == ["the broker said no"]
    window.leave("topic", 80)
    for late in (lambda: window.enter("topic", 1), lambda: window.drain(1)):
        with pytest.raises(BrokerError, match="the broker said no"):
            late()


def test_a_client_that_must_be_polled_is_while_the_window_waits():
    window = Window(100, 5, "broker", lambda *_: window.leave("topic", 80))
    for _ in range(3):
        window.enter("topic", 80)
    window.drain(5)
