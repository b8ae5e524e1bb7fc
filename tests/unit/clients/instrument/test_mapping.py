"""Which Player plays which stream of an instrument, whatever form its description has."""

from __future__ import annotations

from collections import Counter

import pytest

from donki.instrument.parameters import (
    ChoppersParameters,
    DigitisersParameters,
    ImagesParameters,
    LogsParameters,
    MotionParameters,
    read_parameters,
)
from donki.instrument.parameters.detector import DetectorParameters, MonitorsParameters
from donki.instrument.tree import open_description
from donki_client.instrument.mapping import map_streams
from donki_client.instrument.names import short_names
from helpers.instrument_files import FORMS, Data, Group, Stream, log, write

MODELS = {
    "instrument/choppers.py": ChoppersParameters,
    "instrument/detector.py": DetectorParameters,
    "instrument/digitisers.py": DigitisersParameters,
    "instrument/images.py": ImagesParameters,
    "instrument/logs.py": LogsParameters,
    "instrument/monitors.py": MonitorsParameters,
    "instrument/motion.py": MotionParameters,
}

IDS = Data("detector_number", [[1, 2], [3, 4]], dtype="int32")
PLACE = Data("distance", 5.0, "m")
MOTOR = "INS:MC-LinX-01:Mtr"
CHOPPER = "INS-ChpSy1:Chop-BWC-101"


SOURCE = Group("source", "NXsource", [Data("distance", -23.5, "m")])


def detector(name, *streams, children=(IDS, PLACE)):
    events = [Group(f"events_{number}", "NXevent_data", [stream]) for number, stream in enumerate(streams)]
    return Group(name, "NXdetector", [*children, *events])


def instrument(*children, name="DREAM"):
    return [
        Group(
            "entry",
            "NXentry",
            [Group("instrument", "NXinstrument", [Data("name", name, dtype="string"), *children])],
        )
    ]


@pytest.fixture(params=FORMS)
def mapped(request, tmp_path):
    """Return what a tree is mapped to; the scripts accept all of it."""

    def mapped(tree):
        with open_description(write(tmp_path, tree, request.param)) as root:
            mapping = map_streams(root, "made.nxs")
        for player in mapping.players:
            read_parameters(MODELS[player.script], player.parameters)
        return mapping

    return mapped


def parameters(mapping, player):
    [found] = [one.parameters for one in mapping.players if one.name == player]
    return found


def test_each_detector_has_a_player_with_its_share_of_the_rate(mapped):
    small = Data("detector_number", [5, 6, 7, 8, 9, 10], dtype="int32")
    aside = Data("x_pixel_offset", [[3.0, 3.1], [3.0, 3.1]], "m")
    mapping = mapped(
        instrument(
            detector("bank0", Stream("ev44", "dream_0", "dream"), children=(IDS, PLACE, aside)),
            Group(
                "bank1;x",
                "NXdetector",
                [
                    Group("part", "", [small, PLACE]),
                    Group("events", "", [Stream("ev44", "dream_1", "dream")]),
                ],
            ),
        )
    )
    assert [player.name for player in mapping.players] == ["bank0", "bank1_x"]
    assert parameters(mapping, "bank0") == {
        "file": "made.nxs",
        "detector": "/entry/instrument/bank0",
        "topic": "dream_0",
        "source": "dream",
        "rate": 400_000,
        "physics": {"kind": "powder"},
        "beam": {"flight_path": 25.0},
    }
    assert parameters(mapping, "bank1_x")["rate"] == 600_000
    # In the beam there is no peak of a powder.
    assert parameters(mapping, "bank1_x")["physics"] == {"kind": "flat"}
    assert [player.assumed[1:] for player in mapping.players] == [
        [],
        [
            "bank1_x is flat, for powder does not fit: no peak from 0.50575 to 2.33596 Å scatters neutrons"
            " of 1 to 12.3 Å by 0 to 0 degrees: move the bank or change the band"
        ],
    ]
    assert mapping.instrument == "DREAM"
    assert not mapping.unmapped


def test_a_detector_with_several_streams_has_a_player_for_each(mapped):
    mapping = mapped(instrument(detector("bank0", Stream("ev44", "t", "a"), Stream("ev44", "t", "b"))))
    assert [player.name for player in mapping.players] == ["events_0", "events_1"]


def test_events_in_the_file_are_replayed(tmp_path):
    bank = detector("bank0", Stream("ev44", "t", "a"))
    bank.children[-1].children.append(Data("event_id", [1, 2, 3], dtype="int32"))
    with open_description(write(tmp_path, instrument(bank), "nexus")) as root:
        found = parameters(map_streams(root, "made.nxs"), "bank0")
    assert found["physics"] == {"kind": "replay"}
    assert not {"rate", "beam"} & set(found)


def test_monitors_send_events_or_histograms(mapped):
    bins = {"variables": [{"name": "signal", "shape": [7], "axes": ["x"]}]}
    mapping = mapped(
        instrument(
            SOURCE,
            Group("m1", "NXmonitor", [Group("events", "NXevent_data", [Stream("ev44", "beam", "cbm1")])]),
            Group(
                "m2",
                "NXmonitor",
                [Data("distance", 3.0, "m"), Group("data", "NXdata", [Stream("da00", "beam", "cbm2", bins)])],
            ),
        )
    )
    found = parameters(mapping, "monitors")["monitors"]
    assert found["m1"] == {
        "group": "/entry/instrument/m1",
        "topic": "beam",
        "source": "cbm1",
        "sends": "events",
        "rate": 1000,
        "distance": 20.0,
    }
    assert [player.assumed[0] for player in mapping.players] == [
        "the description does not say where /entry/instrument/m1 is: distance 20 m is made up"
    ]
    assert (found["m2"]["sends"], found["m2"].get("bins", 7)) == ("histogram", 7)
    assert "distance" not in found["m2"]


def test_monitors_of_one_source_have_players_of_their_own(mapped):
    both = [
        Group(name, "", [Stream(module, "beam", "cbm1")])
        for name, module in (("a_events", "ev44"), ("histogram", "da00"))
    ]
    mapping = mapped(instrument(Group("m1", "NXmonitor", both)))
    assert [(player.name, list(player.parameters["monitors"])) for player in mapping.players] == [
        ("monitors", ["a_events"]),
        ("monitors_2", ["histogram"]),
    ]


def test_where_the_source_is_need_not_be_stated_if_the_description_says_it(mapped):
    mapping = mapped(instrument(SOURCE, detector("bank0", Stream("ev44", "t", "a"))))
    assert "beam" not in parameters(mapping, "bank0")


def test_a_motor_is_its_read_back_its_set_point_and_whether_it_is_done(mapped):
    mapping = mapped(
        instrument(
            Group(
                "stage",
                "NXpositioner",
                [
                    log("idle_flag", "motion", f"{MOTOR}.DMOV"),
                    log("target_value", "motion", f"{MOTOR}.VAL", "mm"),
                    log("value", "motion", f"{MOTOR}.RBV", "mm"),
                    Data("soft_limit_min", -5.0),
                    Data("soft_limit_max", 50.0),
                    Data("velocity", 2.5),
                ],
            ),
            # by its group alone; by the names of EPICS alone
            Group(
                "table",
                "NXpositioner",
                [log("value", "motion", "T:pos"), log("target_value", "motion", "T:set")],
            ),
            Group("others", "", [log("there", "motion", "M2.RBV", "deg"), log("wanted", "motion", "M2.VAL")]),
            # a read-back alone is a log, and so is a set point
            Group("lonely", "NXpositioner", [log("value", "motion", "L.RBV", "mm")]),
            Group("wish", "NXpositioner", [log("target_value", "motion", "W.VAL", "mm")]),
        )
    )
    motors = parameters(mapping, "motion")["motors"]
    assert motors["stage"] == {
        "topic": "motion",
        "read_back": f"{MOTOR}.RBV",
        "set_point": f"{MOTOR}.VAL",
        "done_moving": f"{MOTOR}.DMOV",
        "units": "mm",
        "velocity": 2.5,
        "low": -5,
        "high": 50,
    }
    assert motors["table"] == {"topic": "motion", "read_back": "T:pos", "set_point": "T:set"}
    assert motors["others"] == {
        "topic": "motion",
        "read_back": "M2.RBV",
        "set_point": "M2.VAL",
        "units": "deg",
    }
    assert set(parameters(mapping, "logs")["logs"]) == {"lonely", "target_value"}


def test_a_chopper_is_all_that_is_in_its_group(mapped):
    mapping = mapped(
        instrument(
            Group(
                "chopper",
                "NXdisk_chopper",
                [
                    log("rotation_speed", "choppers", f"{CHOPPER}:Spd_R", "Hz"),
                    log("rotation_speed_setpoint", "choppers", f"{CHOPPER}:Spd_S", "Hz"),
                    log("delay", "choppers", f"{CHOPPER}:TotDly", "ns"),
                    log("x", "choppers", f"{CHOPPER}:ChopDly-S", "ns"),
                    log("phase", "choppers", f"{CHOPPER}:Phs", "deg"),
                    log("pulse_delay", "choppers", f"{CHOPPER}:BeamPosDly-S", "ns"),
                    Group("top_dead_centre", "NXlog", [Stream("tdct", "tdc", f"{CHOPPER}:TDC")]),
                ],
            ),
            Group("T0", "NXdisk_chopper", [log("rotation_speed", "choppers", "T0:speed", "rpm")]),
        )
    )
    assert parameters(mapping, "choppers")["choppers"] == {
        "chopper": {
            "topic": "choppers",
            "speed": {"source": f"{CHOPPER}:Spd_R", "set_point_source": f"{CHOPPER}:Spd_S"},
            "phase": {"source": f"{CHOPPER}:Phs"},
            "delay": {"source": f"{CHOPPER}:TotDly", "set_point_source": f"{CHOPPER}:ChopDly-S"},
            "top_dead_centre": {"topic": "tdc", "source": f"{CHOPPER}:TDC"},
            "frequency": 14.0,
        },
        "T0": {"topic": "choppers", "speed": {"source": "T0:speed", "units": "rpm"}, "frequency": 14.0},
    }
    assert set(parameters(mapping, "logs")["logs"]) == {"pulse_delay"}


def test_a_chopper_sends_in_the_units_that_are_declared(mapped):
    mapping = mapped(
        instrument(
            Group(
                "c",
                "NXdisk_chopper",
                [
                    log("rotation_speed", "choppers", "C:Spd_R", "rpm"),
                    log("rotation_speed_setpoint", "choppers", "C:Spd_S", "Hz"),
                    log("phase", "choppers", "C:Phs", "furlong"),
                    log("delay", "choppers", "C:TotDly", "μs"),
                ],
            )
        )
    )
    assert parameters(mapping, "choppers")["choppers"]["c"] == {
        "topic": "choppers",
        "speed": {"source": "C:Spd_R", "units": "rpm"},
        "delay": {"source": "C:TotDly", "units": "μs"},
        "frequency": 14.0,
    }
    # What is not alike, and what nobody can convert, is played as it is declared.
    logs = parameters(mapping, "logs")["logs"].values()
    assert {(log["source"], log["units"]) for log in logs} == {("C:Spd_S", "Hz"), ("C:Phs", "furlong")}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rotation_speed": (13.9998, "Hz"), "rotation_speed_setpoint": (14.0, "Hz")}, {"frequency": 14.0}),
        ({"rotation_speed": (840.0, "rpm"), "delay": (2.5, "ms")}, {"frequency": 14.0, "delay_ns": 2.5e6}),
        ({"rotation_speed": (0.01, "Hz"), "phase": (-30.0, "deg")}, {"frequency": 14.0, "phase_deg": -30.0}),
        ({"rotation_speed": (7.0, "furlong"), "delay": (1.0, None)}, {"frequency": 14.0}),
    ],
)
def test_what_is_known_of_a_chopper_in_the_units_of_the_script(tmp_path, values, expected):
    data = [Data(name, value, units) for name, (value, units) in values.items()]
    chopper = Group("c", "NXdisk_chopper", [*data, Group("tdc", "", [Stream("tdct", "t", "C:TDC")])])
    with open_description(write(tmp_path, instrument(chopper), "nexus")) as root:
        found = parameters(map_streams(root, "made.nxs"), "choppers")["choppers"]["c"]
    read_parameters(ChoppersParameters, {"choppers": {"c": found}})
    assert found == {"topic": "t", "top_dead_centre": {"topic": "t", "source": "C:TDC"}, **expected}


def test_images_and_digitisers(mapped):
    mapping = mapped(
        instrument(
            detector(
                "camera",
                Stream("ad00", "cam", "orca", {"array_size": "$AREADET$", "dtype": "uint16"}),
                children=(),
            ),
            Group("adc", "NXlog", [Stream("se00", "adc", "channel_1")]),
        )
    )
    found = parameters(mapping, "images")["images"]["events_0"]
    assert (found["topic"], found["source"], found["shape"], found["pattern"]) == (
        "cam",
        "orca",
        [256, 256],
        "moving",
    )
    assert parameters(mapping, "digitisers")["digitisers"] == {"adc": {"topic": "adc", "source": "channel_1"}}


def test_logs_with_alarms_and_connection_states(mapped):
    pv = Group(
        "T1",
        "NXlog",
        [Stream(module, "logs", "PV:T1", {"value_units": "K"}) for module in ("f144", "al00", "ep01")],
    )
    mapping = mapped(
        [
            Group(
                "entry",
                "NXentry",
                [Group("sample", "NXsample", [pv, log("p", "logs", "PV:P", dtype="int32")])],
            )
        ]
    )
    assert parameters(mapping, "logs")["logs"] == {
        "T1": {
            "topic": "logs",
            "source": "PV:T1",
            "units": "K",
            "signal": "constant",
            "value": 0.0,
            "alarms": True,
            "connection": True,
        },
        "p": {"topic": "logs", "source": "PV:P", "dtype": "int32", "signal": "constant", "value": 0},
    }


def test_alarms_of_a_motor_are_a_log(mapped):
    names = {"value": "RBV", "target_value": "VAL"}
    children = [log(name, "motion", f"{MOTOR}.{field}") for name, field in names.items()]
    children[0].children.append(Stream("al00", "motion", f"{MOTOR}.RBV"))
    mapping = mapped(instrument(Group("stage", "NXpositioner", children)))
    assert parameters(mapping, "logs")["logs"] == {
        "stage_alarms": {"topic": "motion", "source": f"{MOTOR}.RBV", "module": "al00", "alarms": True}
    }


def test_what_cannot_be_played_has_a_reason(mapped):
    mapping = mapped(
        instrument(
            detector("blind", Stream("ev44", "t", "a"), children=()),
            detector("lost", Stream("ev44", "t", "z"), children=(IDS,)),
            Group("stray", "", [Stream("ev44", "t", "b")]),
            Group("sums", "NXdata", [Stream("da00", "t", "c")]),
            Group("histogram", "", [Stream("hs01", "t", "f")]),
            Group("badly", "NXlog", [Stream("f144", "no topic!", "g")]),
        )
    )
    assert not mapping.players
    found = {one.path.removeprefix("/entry/instrument/"): (one.what, one.reason) for one in mapping.unmapped}
    assert found.pop("badly")[1].startswith("Kafka topic 'no topic!' cannot be made")
    assert "so that it has no pixels to send" in found.pop("blind/events_0")[1]
    assert "lost" in found.pop("lost/events_0")[1]
    assert found == {
        "stray": ("ev44", "its events belong to no NXdetector and no NXmonitor"),
        "sums": ("da00", "histograms are played of an NXmonitor alone"),
        "histogram": ("hs01", "no bundled script plays hs01"),
    }


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"dtype": "string"}, "its values are texts; logs are numbers"),
        ({"array_size": 5}, "its values are arrays of 5; logs are numbers"),
    ],
)
def test_logs_that_are_no_numbers(tmp_path, config, reason):
    file = write(
        tmp_path, [Group("entry", "", [Group("log", "", [Stream("f144", "t", "s", config)])])], "json"
    )
    with open_description(file) as root:
        [one] = map_streams(root, "made.json").unmapped
    assert one.reason == reason


def test_a_stream_that_is_declared_twice_is_sent_once(mapped):
    mapping = mapped(instrument(log("a", "t", "PV"), log("b", "t", "PV"), log("c", "t", "PV:2")))
    [player] = mapping.players
    assert Counter(stream.source for stream in player.streams) == {"PV": 1, "PV:2": 1}
    assert [stream.again for stream in player.streams] == [["/entry/instrument/b"], []]


def test_players_have_names_of_their_own(mapped):
    mapping = mapped(
        instrument(
            detector("Logs", Stream("ev44", "t", "a")),
            detector("été", Stream("ev44", "t", "b")),
            log("x", "t", "PV"),
        )
    )
    assert [player.name for player in mapping.players] == ["Logs", "t_", "logs_2"]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/entry/a/value", "/entry/b/value"], ["a", "b"]),
        (["/entry/a/x", "/entry/b/x", "/entry/b/y"], ["a_x", "b_x", "y"]),
        (["/e/a;b", "/e/a,b"], ["e_a_b", "e_a_b_2"]),
        (["/e/A", "/e/a"], ["e_A", "e_a_2"]),
        (["/value", "/;"], ["value", "player"]),
        (["/e/a", "/e/a"], ["a", "a_2"]),
        (["/b/x", "/a/b/x"], ["b_x", "a_b_x"]),
    ],
)
def test_names_are_short_and_differ(paths, names):
    assert short_names(paths) == names
