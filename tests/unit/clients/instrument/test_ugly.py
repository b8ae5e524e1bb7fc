"""Whatever numbers a description has: what is written can be played, and all else is told with a reason."""

from __future__ import annotations

import math
import warnings
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from donki.instrument.tree import open_description
from donki_client.instrument.mapping import map_streams
from helpers.instrument_files import Data, Group, Stream, log, write
from helpers.script_recorder import act

NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 14.0, 5e-324, 1e-12, 1e6, -1e15, 1e18, 1e300, -1e308]),
    st.sampled_from([math.nan, math.inf, -math.inf]),
    st.floats(-1e3, 1e3),
)
LISTS = st.lists(NUMBERS, min_size=1, max_size=4)
UNITS = st.sampled_from(["m", "mm", "Hz", "rpm", "deg", "ns", "s", "furlong", "", None])
SIZES = st.one_of(st.none(), st.just("$AREADET$"), st.lists(st.integers(-1, 9000), max_size=3))
NAMES = st.sampled_from(["LOKI", "DREAM", "ODIN", "?"])


@st.composite
def trees(draw):
    """Draw an instrument with one of each kind, and wrong or odd numbers everywhere."""

    def data(name, values=LISTS, units=UNITS):
        return Data(name, draw(values), draw(units))

    def stream(module, name, **config):
        return Stream(module, name, name, config)

    ids = Data(
        "detector_number", draw(st.lists(st.integers(-2, 2**31), min_size=1, max_size=4)), dtype="int64"
    )
    offset = Data(
        "x_pixel_offset", draw(st.lists(NUMBERS, min_size=len(ids.values), max_size=len(ids.values))), "m"
    )
    bank = [
        ids,
        data("distance", NUMBERS),
        *draw(st.sampled_from([[], [offset]])),
        data("x_pixel_size"),
        data("y_pixel_size"),
    ]
    motor = [data("soft_limit_min", NUMBERS), data("soft_limit_max", NUMBERS), data("velocity", NUMBERS)]
    chopper = [Group("top_dead_centre", "NXlog", [stream("tdct", "tdc")])]
    chopper += [
        Group(part, "NXlog", [data("value"), stream("f144", f"c-{part}")])
        for part in ("rotation_speed", "rotation_speed_setpoint", "phase", "delay")
    ]
    parts = [
        Group("source", "NXsource", [data("distance", NUMBERS)]),
        Group("bank", "NXdetector", [*bank, Group("events", "NXevent_data", [stream("ev44", "bank")])]),
        Group("monitor", "NXmonitor", [data("distance", NUMBERS), Group("e", "", [stream("ev44", "m")])]),
        Group("chopper", "NXdisk_chopper", chopper),
        Group(
            "motor",
            "NXpositioner",
            [
                *motor,
                Group("value", "NXlog", [data("value"), stream("f144", "X.RBV")]),
                Group("target_value", "NXlog", [stream("f144", "X.VAL")]),
            ],
        ),
        Group(
            "T",
            "NXlog",
            [data("value"), stream("f144", "T"), data("low_trip_value"), data("high_trip_value")],
        ),
        Group("image", "NXdetector", [stream("ad00", "image", array_size=draw(SIZES), dtype="uint16")]),
        log("whole", "n", "n", dtype="int8"),
    ]
    title = Data("name", draw(NAMES), dtype="string")
    return [Group("entry", "NXentry", [Group("instrument", "NXinstrument", [title, *parts])])]


# Such trees are shrunk for minutes.
@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(trees(), st.sampled_from(["nexus", "nexus ugly"]))
def test_whatever_numbers_are_in_a_description_what_is_written_can_be_played(tree, form):
    with TemporaryDirectory() as folder:
        path = write(Path(folder), tree, form)
        with open_description(path) as root:
            mapping = map_streams(root, path.name)
        played = {(one.stream.module, one.source) for player in mapping.players for one in player.streams}
        assert len(played) + len(mapping.unmapped) >= 11
        assert all(one.reason for one in mapping.unmapped)
        for player in mapping.players:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                sent = act(
                    PurePath(player.script).stem, range(1, 16), dict(player.parameters), data=Path(folder)
                )
            assert {source for _, source, *_ in sent} <= {one.source for one in player.streams}
            for method, source, _, values, _ in sent:
                if method == "series":
                    assert np.isfinite(values).all(), source
