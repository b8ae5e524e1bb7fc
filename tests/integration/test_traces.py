"""A run is one trace, by PyTango's own settings for OpenTelemetry; the publisher makes none."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest
import tango

from donki.limits import OnError
from donki_client.facility.device_server import DeviceServer
from helpers.orchestra import SCRIPTS, one_server
from helpers.support import wait_until

pytest.importorskip("opentelemetry.proto", reason="the extra traces is not installed")

from helpers.otlp_collector import collecting

TRIGGERS = 3
OURS = ("DonkiDirector", "DonkiPlayer")
RUN, TRIGGER, PLAYER, ATTEMPT = "donki.run", "donki.trigger", "donki.player", "donki.attempt"


@pytest.fixture(scope="module")
def stage(facility, tmp_path_factory):
    """A Director and two Players, of which one fails once, all of which send their traces to a collector."""
    director = DeviceServer.director(
        "traces",
        PlayerDevices="donki/player/traces-*",
        RunDirectory=str(tmp_path_factory.mktemp("traces")),
    )
    players = [
        DeviceServer.player(
            f"traces-{name}",
            SCRIPTS / "scripted.py",
            parameters={"fail_at": fail_at, "fails_for": 1},
            on_error=OnError.RETRY,
            retries=1,
        )
        for name, fail_at in (("a", 2), ("b", 0))
    ]
    with ExitStack() as running:
        collector = running.enter_context(collecting())
        proxies = [
            running.enter_context(one_server(facility, [server], **collector.environment))[0]
            for server in (director, *players)
        ]
        wait_until("the Director is ready", lambda: not proxies[0].Check(), 30)
        yield proxies, collector


def played(director, collector):
    """Play a run; return its trace: the spans, by their ids."""
    many = len(collector.named("run"))
    director.Triggers = TRIGGERS
    director.Start()
    # Not by its State: Tango makes a span of each time it is asked.
    wait_until("the run's span comes", lambda: len(collector.named("run")) > many, 30)
    run = collector.named("run")[-1]
    of_run = {RUN: director.RunId}

    def whole():
        found = [span for span in collector.spans if span.trace == run.trace]
        return len([span for span in found if span.name.endswith(".End")]) == 2 and found

    wait_until("the Players' spans come", whole, 30)
    assert of_run.items() <= run.attributes.items()
    return {span.id: span for span in whole()}


def ours(spans):
    return [span for span in spans if span.name in ("run", "trigger", "action")]


def above(collector, span):
    """Return the spans of ours above one, from the root on; those of cppTango in between come late."""

    def parent_of(child):
        return next((span for span in collector.spans if span.id == child.parent), None)

    found = []
    while span.parent:
        wait_until("all spans come", lambda span=span: parent_of(span), 60)
        span = parent_of(span)
        found.append(span)
    return ours(reversed(found))


def test_a_run_is_one_trace_of_its_triggers_and_their_actions(stage):
    (director, *_), collector = stage
    trace = played(director, collector)
    (run,) = (span for span in trace.values() if span.name == "run")
    assert not run.parent
    assert run.attributes["donki.outcome"] == "done"
    assert run.links == [collector.named("DonkiDirector.Start")[-1].id]
    triggers = [span for span in trace.values() if span.name == "trigger"]
    assert [span.attributes for span in triggers] == [
        {RUN: director.RunId, TRIGGER: number} for number in range(1, TRIGGERS + 1)
    ]
    assert {span.parent for span in triggers} == {run.id}
    said = {PLAYER: "traces-a", ATTEMPT: 1}
    assert [(name, event.items() >= said.items()) for span in triggers for name, event in span.events] == [
        ("failed", True)
    ]
    actions = [span for span in trace.values() if span.name == "action"]
    acted = {
        (span.attributes[PLAYER], span.attributes[TRIGGER], span.attributes[ATTEMPT]): span
        for span in actions
    }
    expected = {(f"traces-{name}", trigger, 1) for name in "ab" for trigger in range(1, TRIGGERS + 1)}
    assert acted.keys() == expected | {("traces-a", 2, 2)}
    assert len(actions) == len(acted)
    for (_, number, _), span in acted.items():
        _, trigger = upwards = above(collector, span)
        assert [each.name for each in upwards] == ["run", "trigger"]
        assert trigger.attributes[TRIGGER] == number
        assert span.attributes[RUN] == director.RunId
    assert [key for key, span in acted.items() if span.failed] == [("traces-a", 2, 1)]


def test_the_next_run_is_another_trace(stage):
    (director, *_), collector = stage
    traces = [{span.trace for span in played(director, collector).values()} for _ in range(2)]
    assert all(len(trace) == 1 for trace in traces)
    assert traces[0] != traces[1]


def test_a_run_that_fails_ends_its_spans_with_the_reason(stage):
    (director, player, other), collector = stage
    player.OnError = OnError.ABORT
    # The other is not at work then, so that there is nothing to abort.
    other.Priority = 1
    director.Check()
    trace = played(director, collector)
    other.Priority = 0
    player.OnError = OnError.RETRY
    director.Reset()
    director.Check()
    failed = [span for span in ours(trace.values()) if span.failed]
    assert sorted(span.name for span in failed) == ["action", "run", "trigger"]


def test_the_publisher_makes_no_spans(stage):
    devices, collector = stage
    heard = []
    followed = [
        (device, device.subscribe_event(name, tango.EventType.CHANGE_EVENT, heard.append))
        for device in devices
        for name in ("State", "Status", "CurrentTrigger" if device is devices[0] else "LastTrigger")
    ]
    wait_until("each tells its value", lambda: len(heard) >= len(followed))
    time.sleep(0.5)
    before = len(collector.spans)
    # Both look once a second even where nothing happens, and ten times a second in a run.
    played(devices[0], collector)
    time.sleep(3)
    for device, number in followed:
        device.unsubscribe_event(number)
    assert len(heard) > 2 * len(followed)
    new = [span for span in collector.spans[before:] if span.service in OURS]
    assert new
    unasked = [span for span in new if span.scope == "tango.python.server" and not span.parent]
    assert {span.name for span in unasked} == {"run"}
