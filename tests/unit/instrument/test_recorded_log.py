"""Logs of NeXus files are replayed with their own times."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from donki.errors import InputError
from donki.instrument.recorded_log import recorded_log
from donki.sources import SECOND, Log


@pytest.fixture
def write(tmp_path):
    """Write a log into a file, and return its path."""

    def write(values, times, **units):
        path = tmp_path / "logs.nxs"
        with h5py.File(path, "w") as file:
            log = file.create_group("entry/T")
            log.attrs["NX_class"] = "NXlog"
            for name, column in {"value": values, "time": times}.items():
                if column is not None:
                    log[name] = column
                    log[name].attrs.update({"units": units[name]} if name in units else {})
        return path

    return write


def readings(path, seconds=20, period=100):
    told = Log(recorded_log(path, "/entry/T"), period * SECOND).readings(0, seconds * SECOND)
    return [(reading.time / SECOND, reading.value) for reading in told]


@pytest.mark.parametrize(
    ("times", "units"),
    [
        ([0.0, 1.0, 2.5], {"time": "s"}),
        ([7.0, 8.0, 9.5], {}),
        (
            np.array([1_700_000_000_000_000_000 + t for t in (0, 10**9, 2_500_000_000)], np.uint64),
            {"time": "ns"},
        ),
    ],
)
def test_values_come_as_they_were_recorded_over_and_over(write, times, units):
    # The pause before it begins again is the median of those between values.
    path = write([300.0, 301.0, 305.0], times, **units)
    first = [(0, 300), (1, 301), (2.5, 305)]
    assert readings(path, 8) == [*first, *((time + 3.75, value) for time, value in first), (7.5, 300)]


def test_what_is_not_in_order_is_left_out_and_one_value_stays(write):
    assert readings(write([1, 2, 3, 4], [0.0, 5.0, 5.0, 4.0]), 6) == [(0, 1), (5, 2)]
    assert readings(write(np.array([[7]], np.int32), [3.0]), 3, period=1) == [(0, 7), (1, 7), (2, 7)]


@pytest.mark.parametrize(
    ("values", "times", "units", "said"),
    [
        ([1.0], None, {}, "has no time"),
        (None, [1.0], {}, "has no value"),
        ([1.0, 2.0], [1.0], {}, "2 values with 1 times cannot be replayed"),
        (np.zeros(0), np.zeros(0), {}, "0 values with 0 times"),
        ([[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0], {}, r"its value is float64, shape \(2, 2\)"),
        (["a", "b"], [1.0, 2.0], {}, "numbers are expected"),
        ([1.0, 2.0], [0.0, np.nan], {}, "its time has no numbers"),
        ([1.0, 2.0], [0.0, 1.0], {"time": "mm"}, "the units of time are not s, ms, us or ns"),
    ],
)
def test_what_is_no_log_is_refused(write, values, times, units, said):
    with pytest.raises(InputError, match=f"logs.nxs, /entry/T: .*{said}"):
        recorded_log(write(values, times, **units), "/entry/T")


def test_a_path_to_nothing_is_refused(write):
    with pytest.raises(InputError, match="/entry/U: there is no such group; a log is a group with value"):
        recorded_log(write([1.0], [1.0]), "/entry/U")
