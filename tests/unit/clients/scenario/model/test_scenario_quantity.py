"""Times and rates with their units."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import InputError
from donki_client.scenario.model.quantity import RATE, TIME, read_quantity

MAGNITUDES = st.floats(0, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        *(("71.4 ms", 0.0714), ("2 s", 2.0), ("2s", 2.0), (3, 3.0), (0.5, 0.5), ("0.5", 0.5), ("1e-3", 1e-3)),
        *(("5 µs", 5e-6), ("5 us", 5e-6), ("1e3 ns", 1e-6), (" 2  min ", 120.0), ("1 h", 3600.0)),
    ],
)
def test_a_time_is_in_seconds(written, seconds):
    assert math.isclose(read_quantity(TIME, written), seconds)


@pytest.mark.parametrize(
    ("written", "hertz"), [("14 Hz", 14.0), (14, 14.0), ("1 kHz", 1e3), ("500 mHz", 0.5)]
)
def test_a_rate_is_in_hertz(written, hertz):
    assert math.isclose(read_quantity(RATE, written), hertz)


@given(MAGNITUDES, st.sampled_from(sorted(TIME.units)))
def test_every_unit_has_its_factor(number, unit):
    assert read_quantity(TIME, f"{number!r} {unit}") == number * TIME.units[unit]


@pytest.mark.parametrize(
    "value", [None, True, [], {}, "", "fast", "ms", "1 2", "1,5 s", float("nan"), "1e999"]
)
def test_what_is_no_time_is_refused_with_an_example(value):
    with pytest.raises(InputError, match=r"a time is a number of s, or has a unit, as 71.4 ms; got|no unit"):
        read_quantity(TIME, value)


def test_a_unit_of_another_kind_is_named():
    with pytest.raises(InputError, match=r"'Hz' is no unit of time \(that is a rate\); the units are ns, us"):
        read_quantity(TIME, "14 Hz")
    with pytest.raises(
        InputError, match=r"'ms' is no unit of rate \(that is a time\); the units are mHz, Hz"
    ):
        read_quantity(RATE, "14 ms")


@given(st.text(max_size=20))
def test_any_text_is_a_finite_time_or_an_input_error(text):
    with suppress(InputError):
        assert math.isfinite(read_quantity(TIME, text))
