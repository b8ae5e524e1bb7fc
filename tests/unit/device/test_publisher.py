"""What a device pushes: what changed, whatever is raised on the way, and without printing it."""

from __future__ import annotations

import math
import threading
import time
from types import SimpleNamespace

import pytest
import tango

from donki.device import publisher as publisher_module
from donki.device.publisher import Publisher
from donki.threads import Threads
from helpers.support import wait_until


class Device:
    """Notes what is pushed; refuses what it is told to."""

    def __init__(self):
        self.pushed = []
        self.refuses = None
        self.looks = 0
        self.followed = {"State", "Status", "Text", "Number"}

    def get_device_attr(self):
        return self

    def get_attr_by_name(self, name):
        def is_followed():
            self.looks += 1
            return name in self.followed

        return SimpleNamespace(
            change_event_subscribed=is_followed,
            alarm_event_subscribed=lambda: False,
            archive_event_subscribed=lambda: False,
        )

    def set_change_event(self, *_):
        pass

    def set_archive_event(self, *_):
        pass

    def set_alarm_event(self, *_):
        pass

    def set_state(self, state):
        self.state = state

    def set_status(self, status):
        self.status = status

    def push_change_event(self, name, *value):
        if self.refuses == name:
            raise UnicodeError(name)
        self.pushed.append((name, *value))

    def of(self, name):
        return [value[0] if value else None for pushed, *value in self.pushed if pushed == name]


class Unprintable(str):
    """A text that nobody may print: a Parameters of 200 MB, say."""

    __slots__ = ()

    def __repr__(self):
        raise AssertionError("it is printed")


@pytest.fixture
def device():
    return Device()


@pytest.fixture
def threads():
    return Threads()


@pytest.fixture
def shown():
    return {"State": tango.DevState.ON, "Status": "ready", "Text": "a", "Number": 1}


@pytest.fixture
def changed():
    return threading.Event()


@pytest.fixture
def asked():
    return threading.Event()


@pytest.fixture
def publisher(device, shown, changed, asked, threads, monkeypatch):
    monkeypatch.setattr(publisher_module, "INTERVAL", 0.01)
    monkeypatch.setattr(publisher_module, "IDLE_INTERVAL", 0.1)

    def reader(name):
        def read():
            if isinstance(shown[name], BaseException):
                raise shown[name]
            return shown[name]

        return read

    publisher = Publisher(device, {name: reader(name) for name in shown}, changed, asked, threads)
    wait_until("all is pushed once", lambda: len(device.pushed) == len(shown))
    yield publisher
    publisher.end()


def goes_on(device, shown):
    """Wait until two later changes are pushed, the second by a look that began after this."""
    for _ in range(2):
        shown["Number"] += 1
        wait_until("it goes on", lambda: device.of("Number")[-1] == shown["Number"])


@pytest.mark.usefixtures("publisher")
@pytest.mark.parametrize("value", [math.nan, [math.nan, 1.0], [], Unprintable("x" * 1000), "λ", ["a", "b"]])
def test_a_value_is_pushed_once(device, shown, value):
    shown["Text"] = value
    goes_on(device, shown)
    if isinstance(value, list):
        shown["Text"] = list(value)
    goes_on(device, shown)
    assert len(device.of("Text")) == 2


@pytest.mark.usefixtures("publisher")
def test_a_list_that_is_changed_where_it_stands_is_pushed_again(device, shown):
    shown["Text"] = values = [1, 2]
    goes_on(device, shown)
    values.append(3)
    goes_on(device, shown)
    assert device.of("Text") == ["a", [1, 2], [1, 2, 3]]


@pytest.mark.usefixtures("publisher")
@pytest.mark.parametrize("name", ["State", "Status", "Text"])
@pytest.mark.parametrize("error", [TypeError("Unit"), KeyboardInterrupt(), SystemExit(1)])
def test_an_attribute_that_cannot_be_read_says_why_and_the_others_go_on(device, shown, threads, name, error):
    before, shown[name] = shown[name], error
    goes_on(device, shown)
    goes_on(device, shown)
    [failed] = [value for value in device.of(name) if isinstance(value, tango.DevFailed)]
    assert type(error).__name__ in failed.args[0].desc
    assert any(f"attribute {name}: {type(error).__name__}" in line for line in threads.problems)
    pushed = len(device.of(name))
    shown[name] = before
    goes_on(device, shown)
    assert len(device.of(name)) == pushed + 1


@pytest.mark.usefixtures("publisher")
def test_an_event_that_cannot_be_pushed_is_tried_again(device, shown, threads):
    device.refuses = "Text"
    shown["Text"] = "b"
    goes_on(device, shown)
    assert threads.problems
    device.refuses = None
    wait_until("it is pushed", lambda: device.of("Text")[-1] == "b")


@pytest.mark.usefixtures("publisher")
def test_what_nobody_follows_is_neither_read_nor_pushed_and_who_comes_later_hears_it(device, shown):
    device.followed.remove("Text")
    goes_on(device, shown)
    shown["Text"] = AssertionError("it is read")
    goes_on(device, shown)
    assert device.of("Text") == ["a"]
    shown["Text"] = "a"
    device.followed.add("Text")
    wait_until("it is pushed", lambda: device.of("Text") == ["a", "a"])


@pytest.mark.usefixtures("publisher")
def test_a_change_that_is_told_is_pushed_at_once(device, shown, changed, monkeypatch):
    monkeypatch.setattr(publisher_module, "IDLE_INTERVAL", 60.0)
    goes_on(device, shown)
    time.sleep(4 * publisher_module.INTERVAL)
    for value in "bcd":
        shown["Text"] = value
        changed.set()
        wait_until("it is pushed", lambda value=value: device.of("Text")[-1] == value, 5)


@pytest.mark.usefixtures("publisher")
def test_where_nobody_follows_only_a_request_makes_it_look(device, shown, changed, asked, monkeypatch):
    device.followed.clear()
    monkeypatch.setattr(publisher_module, "UNASKED_INTERVAL", 60.0)
    time.sleep(2 * 0.1 + 4 * publisher_module.INTERVAL)
    looks = device.looks
    for _ in range(5):
        changed.set()
        time.sleep(2 * publisher_module.INTERVAL)
    assert device.looks == looks
    shown["Text"] = "b"
    device.followed.add("Text")
    asked.set()
    wait_until("it is pushed", lambda: device.of("Text")[-1] == "b", 5)
    shown["Text"] = "c"
    changed.set()
    wait_until("it is pushed", lambda: device.of("Text")[-1] == "c", 5)
