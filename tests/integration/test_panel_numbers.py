"""What panels show of numbers: every attribute by ATK's rules, value and set point rounded alike."""

from __future__ import annotations

import math

import pytest
import tango

from donki.director.device import DonkiDirector
from donki.player.device import DonkiPlayer
from donki_client.facility.device_server import DeviceServer, ServedDevice
from donki_client.facility.servers import connect
from helpers.atk import NO_VALUE, Wheel, shown
from helpers.orchestra import an_orchestra, one_server
from helpers.support import refused, wait_until

CLASSES = {"director": DonkiDirector, "player": DonkiPlayer}
ATTRIBUTES = [
    (kind, name) for kind, described in CLASSES.items() for name in described.TangoClassClass.attr_list
]
INTEGERS = {tango.DevLong64}
NUMBERS = {*INTEGERS, tango.DevDouble}

#: A double holds each whole number up to here.
MOST_EXACT = 2**53


@pytest.fixture(scope="module")
def devices(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("numbers"), "numbers", "p") as orchestra:
        yield {"director": orchestra.director, "player": orchestra.players["p"]}


def most_of(config):
    return 2**63 - 1 if config.max_value == "Not specified" else int(config.max_value)


def in_range(config):
    """Return values of a writable attribute: the ends of its range, their neighbours, and some between."""
    least, most = float(config.min_value), most_of(config)
    if config.data_type in INTEGERS:
        most = min(most, MOST_EXACT)
        steps = {int(least), int(least) + 1, 0, 1, most - 1, most}
        return [*steps, *(d * 10**n for n in range(18) for d in (1, 2, 9) if least <= d * 10**n <= most)]
    decimals = int(config.format.rstrip("f").partition(".")[2])
    step = 10.0**-decimals
    return [least, round(least + step, decimals), round(1 / 14, decimals), 1.0, 12345.6, most - step, most]


@pytest.mark.parametrize(("kind", "name"), ATTRIBUTES)
def test_a_number_is_shown_whole(devices, kind, name):
    config = devices[kind].get_attribute_config(name)
    if config.data_type not in NUMBERS:
        assert config.format == "%s"
    elif config.writable == tango.AttrWriteType.READ_WRITE:
        wheel = Wheel(config.format)
        values = in_range(config)
        assert [float(wheel.shows(value)) for value in values] == values
        # no digit that nothing in the range needs
        assert wheel.whole == len(str(most_of(config)))
    else:
        assert shown(config.format, math.nan) == NO_VALUE
        decimals = config.format.rstrip("f").partition(".")[2] or "0"
        for value in (0, 1, 7.5, 123_456, 10**12):
            seen = float(shown(config.format, value))
            assert abs(seen - value) <= 0.5 * 10.0 ** -int(decimals) or config.data_type in INTEGERS
            assert config.data_type not in INTEGERS or seen == int(value)


def test_the_model_of_atk_shows_what_went_wrong():
    assert Wheel("%d").shows(200_000) == "00000"
    assert Wheel("%13.9f").shows(86_400) == "6400.000000000"
    assert Wheel("%8.2f").shows(0.001) == "0.00"
    assert Wheel("%.1f").shows(12_345) == "345.00"
    assert shown("%d", 200_000) == "200000"


@pytest.fixture
def read_back(devices):
    """Return the value and the set point of an attribute."""

    def read(kind, name):
        reading = devices[kind].read_attribute(name)
        return reading.value, reading.w_value

    return read


ROUNDED = [
    ("director", "Period", 1 / 14, 0.071428571),
    ("director", "Period", 1e-10, 0.0),
    ("player", "Timeout", 1 / 3, 0.333),
]


@pytest.mark.parametrize(("kind", "name", "written", "rounded"), ROUNDED)
def test_what_is_written_is_rounded_with_its_set_point_and_what_is_memorized(
    devices, facility, read_back, kind, name, written, rounded
):
    devices[kind].write_attribute(name, written)
    assert read_back(kind, name) == (rounded, rounded)
    kept = connect(facility.database).get_device_attribute_property(devices[kind].dev_name(), name)
    assert [float(text) for text in kept[name]["__value"]] == [rounded]


@pytest.mark.parametrize(("kind", "name", "memorized", "rounded"), ROUNDED)
def test_what_was_memorized_is_rounded_when_the_server_starts(facility, kind, name, memorized, rounded):
    server = "DonkiDirector" if kind == "director" else "DonkiPlayer"
    device = ServedDevice(f"donki/{kind}/rounding", memorized={name: repr(memorized)})
    rounding = DeviceServer(server, f"donki.{kind}.device", "rounding", (device,))
    with one_server(facility, [rounding]) as [proxy]:
        for _ in "start", "Init":
            reading = proxy.read_attribute(name)
            assert (reading.value, reading.w_value) == (rounded, rounded)
            proxy.Init()


def test_a_refused_value_leaves_the_set_point_as_it_was(devices, read_back):
    devices["director"].Triggers = 7
    refused(setattr, devices["director"], "Triggers", 0)
    assert read_back("director", "Triggers") == (7, 7)


def test_a_script_that_cannot_be_loaded_is_shown_as_the_set_point_too(devices, read_back):
    refused(setattr, devices["player"], "Script", "nowhere.py")
    assert read_back("player", "Script") == ("nowhere.py", "nowhere.py")
    devices["player"].Script = "scripted.py"
    assert read_back("player", "Script") == ("scripted.py", "scripted.py")


def test_an_event_has_the_rounded_set_point_too(devices):
    events = []
    number = devices["director"].subscribe_event(
        "Period", tango.EventType.CHANGE_EVENT, lambda event: events.append(event.attr_value)
    )
    devices["director"].Period = 1 / 3
    wait_until("the event", lambda: events[-1].value == 0.333333333)
    devices["director"].unsubscribe_event(number)
    assert events[-1].w_value == 0.333333333
