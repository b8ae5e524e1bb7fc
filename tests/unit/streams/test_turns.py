"""One thread at a time sends, delivers or takes back, whichever comes when."""

import threading
from contextlib import contextmanager

import pytest

from donki.errors import InputError, NotAllowedError
from donki.streams.transaction import Transaction


@contextmanager
def running(act, threads):
    """Have threads act again and again without a pause."""
    end = threading.Event()

    def work():
        while not end.is_set():
            act()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        end.set()
        for worker in workers:
            worker.join()


@pytest.mark.parametrize("senders", [1, 3])
def test_whoever_sends_without_a_pause_keeps_nobody_from_a_delivery(senders):
    transaction = Transaction()
    inside, sends, overlaps = [], [0], []

    def send():
        with transaction:
            inside.append(1)
            sends[0] += 1
            overlaps.extend(inside[1:])
            inside.clear()

    with running(send, senders):
        for _ in range(20):
            assert transaction.take(10)
            overlaps.extend(inside)
            before = sends[0]
            threading.Event().wait(0.0001)
            assert sends[0] == before
            transaction.give()
    assert not overlaps
    assert sends[0]


def test_a_wait_for_the_turn_ends_with_its_time():
    transaction = Transaction()
    assert transaction.take()
    came = []
    for timeout in (0, 0.02):
        waiter = threading.Thread(target=lambda timeout=timeout: came.append(transaction.take(timeout)))
        waiter.start()
        waiter.join()
    assert came == [False, False]
    transaction.give()
    with transaction:
        pass


def test_two_that_wait_have_the_turn_one_after_the_other():
    transaction = Transaction()
    assert transaction.take()
    came = []

    def wait(timeout):
        came.append(transaction.take(timeout))
        transaction.give()

    waiters = [threading.Thread(target=wait, args=(timeout,)) for timeout in (None, 30)]
    for waiter in waiters:
        waiter.start()
    transaction.give()
    for waiter in waiters:
        waiter.join()
    assert came == [True, True]


def test_a_send_within_another_is_refused_and_the_other_goes_on():
    transaction = Transaction("run 7")
    with transaction, pytest.raises(NotAllowedError, match="within another one"), transaction:
        pytest.fail("it was let in")
    with pytest.raises(InputError), transaction:
        raise InputError("refused before anything was sent")
    assert not transaction.has_failed
    transaction.close()
    with pytest.raises(NotAllowedError, match="run 7 is over"), transaction:
        pytest.fail("it was let in")
