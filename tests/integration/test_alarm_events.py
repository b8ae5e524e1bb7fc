"""Where a range is set, values outside it come as alarm events, and change events keep their values."""

from __future__ import annotations

import json

import pytest
import tango

from donki_client.facility.device_server import DeviceServer
from helpers.orchestra import SCRIPTS, one_server
from helpers.support import wait_until

VALID, WARNING = tango.AttrQuality.ATTR_VALID, tango.AttrQuality.ATTR_WARNING


@pytest.fixture
def player(facility):
    with one_server(facility, [DeviceServer.player("alarms", SCRIPTS / "scripted.py")]) as [player]:
        wait_until("it has its script", lambda: str(player.state()) == "ON", 30)
        config = player.get_attribute_config("LastDuration")
        config.alarms.max_warning, config.alarms.max_alarm = "0.5", "5"
        player.set_attribute_config(config)
        yield player


def test_a_range_tells_its_alarms_and_leaves_the_values_as_they_are(player):
    told = {tango.EventType.CHANGE_EVENT: [], tango.EventType.ALARM_EVENT: []}
    errors = []

    def follow(kind):
        def note(event):
            if event.err:
                errors.append(event.errors[0].desc)
            else:
                told[kind].append((event.attr_value.value, event.attr_value.quality))

        return player.subscribe_event("LastDuration", kind, note)

    numbers = [follow(kind) for kind in told]
    player.Start()
    durations = []
    for trigger, (seconds, quality) in enumerate([(0, VALID), (0.6, WARNING), (0, VALID), (0.01, VALID)], 1):
        player.Parameters = json.dumps({"sleep": seconds})
        player.Trigger(str(trigger))
        read = player.read_attribute("LastDuration")
        durations.append((read.value, read.quality))
        assert read.quality == quality
        wait_until("it is told", lambda: told[tango.EventType.CHANGE_EVENT][-1:] == durations[-1:] or errors)
    for number in numbers:
        player.unsubscribe_event(number)
    assert not errors
    assert told[tango.EventType.CHANGE_EVENT][-4:] == durations
    # Where the quality changes, beside what a subscription brings.
    assert [quality for _, quality in told[tango.EventType.ALARM_EVENT]][-2:] == [WARNING, VALID]
    assert durations[1] in told[tango.EventType.ALARM_EVENT]
