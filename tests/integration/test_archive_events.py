"""What HDB++ archives comes as archive events, without polling, and by the criteria that are set."""

from __future__ import annotations

from importlib.metadata import version

import pytest
import tango

from helpers.orchestra import an_orchestra
from helpers.support import wait_until

#: By device: what is archived.
ARCHIVED = {
    "director": [
        "State",
        "Triggers",
        "Period",
        "CurrentTrigger",
        "TriggerRate",
        "Overruns",
        "RunId",
        "LastError",
    ],
    "player": [
        *("State", "Priority", "Script", "ScriptHash", "LastTrigger", "LastDuration", "EventsSent"),
        *("MessagesSent", "BytesSent", "PacketsSent", "ReadoutsSent"),
    ],
}


@pytest.fixture(scope="module")
def orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("archive"), "archive", "p") as orchestra:
        orchestra.refresh()
        yield orchestra


@pytest.fixture
def archiver():
    """Follow attributes by archive events, as HDB++ does."""
    subscribed = []

    def follow(device, name):
        values = []

        def note(event):
            values.append(event.errors[0].reason if event.err else event.attr_value.value)

        subscribed.append((device, device.subscribe_event(name, tango.EventType.ARCHIVE_EVENT, note)))
        return values

    yield follow
    for device, number in subscribed:
        device.unsubscribe_event(number)


def test_each_archived_attribute_tells_its_last_value(orchestra, archiver):
    devices = {"director": orchestra.director, "player": orchestra.players["p"]}
    told = {(kind, name): archiver(devices[kind], name) for kind, names in ARCHIVED.items() for name in names}
    orchestra.set("p", sleep=0.02)
    assert orchestra.play(5) == "ON"
    for (kind, name), values in told.items():

        def is_told(kind=kind, name=name, values=values):
            now = devices[kind].read_attribute(name).value
            return values and (values[-1] == now or name in ("LastDuration", "TriggerRate"))

        wait_until(f"{kind}'s {name} is archived", is_told)
    assert len(told["director", "State"]) >= 3
    assert len(told["director", "RunId"]) >= 2


def test_whoever_archives_sets_the_criteria(orchestra, archiver):
    director = orchestra.director
    config = director.get_attribute_config("CurrentTrigger")
    assert config.events.arch_event.archive_abs_change == "1"
    config.events.arch_event.archive_abs_change = "1000"
    config.events.arch_event.archive_period = "3600000"
    director.set_attribute_config(config)
    values = archiver(director, "CurrentTrigger")
    states = archiver(director, "State")
    assert orchestra.play(5) == "ON"
    wait_until(
        "the end is told", lambda: tango.DevState.RUNNING in states and states[-1] == tango.DevState.ON
    )
    # Those that a subscription brings.
    assert len(set(values)) == 1


def test_what_is_not_archived_says_so(orchestra, archiver):
    with pytest.raises(tango.DevFailed, match="API_AttributePollingNotStarted"):
        archiver(orchestra.director, "PlayerTable")


def test_both_devices_tell_their_version(orchestra):
    for device in (orchestra.director, orchestra.players["p"]):
        assert device.info().version_info["DonkiOrchestra"] == version("donkiorchestra")
