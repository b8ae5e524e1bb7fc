"""Values that actions return: what is taken, and that the library reads what was sent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from streaming_data_types import deserialise_da00, deserialise_f144

from donki.errors import InputError
from donki.streams.values import as_value, encode_value

DTYPES = st.sampled_from(["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">i4", ">f8"])
TIME = 1_700_000_000_000_000_000


@given(DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, ())))
def test_numbers_go_as_f144(number):
    decoded = deserialise_f144(encode_value("p/a", as_value(number, "p/a"), TIME))
    assert (decoded.source_name, decoded.timestamp_unix_ns) == ("p/a", TIME)
    np.testing.assert_array_equal(np.asarray(decoded.value, number.dtype), number)


@pytest.mark.parametrize(
    ("value", "sent"),
    [(3, 3), (-(2**63), -(2**63)), (2**64 - 1, 2**64 - 1), (0.25, 0.25), (True, 1), (np.float16(0.5), 0.5)],
)
def test_numbers_of_python_go_as_f144(value, sent):
    assert deserialise_f144(encode_value("p/a", as_value(value, "p/a"), TIME)).value == sent


@given(DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=4))))
def test_arrays_go_as_da00_with_their_type_and_shape(array):
    decoded = deserialise_da00(encode_value("p/a", as_value(array, "p/a"), TIME))
    assert (decoded.source_name, decoded.timestamp_ns) == ("p/a", TIME)
    (signal,) = decoded.data
    assert signal.name == "signal"
    assert signal.axes == [f"dim_{axis}" for axis in range(array.ndim)]
    assert signal.data.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(signal.data, array)


def test_a_view_of_an_array_goes_as_what_it_shows():
    image = np.arange(12).reshape(3, 4)
    (signal,) = deserialise_da00(encode_value("p/a", as_value(image.T[::2], "p/a"), TIME)).data
    np.testing.assert_array_equal(signal.data, image.T[::2])


@pytest.mark.parametrize(
    ("value", "sent"), [([1, 2], [1, 2]), ([[1.5], [2]], [[1.5], [2]]), ([True, False], [1, 0])]
)
def test_lists_go_as_arrays(value, sent):
    (signal,) = deserialise_da00(encode_value("p/a", as_value(value, "p/a"), TIME)).data
    np.testing.assert_array_equal(signal.data, sent)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_texts_go_as_da00(text):
    (signal,) = deserialise_da00(encode_value("p/a", as_value(text, "p/a"), TIME)).data
    assert signal.data == text


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"a": 1},
        1j,
        2**70,
        ["a"],
        [[1], [1, 2]],
        np.datetime64("2026-01-01"),
        object(),
        [],
        np.zeros((0, 3)),
        b"x",
        "a\0b",
        "caf\udce9",
        np.array("text"),
        np.ones((1,) * 32),
        np.float128(1),
        np.zeros(1, [("a", int)]),
        np.ma.masked_equal([1, 2], 2),
        [np.ma.masked_equal([1, 2], 2), [3, 4]],
    ],
)
def test_other_values_are_refused_by_name(value):
    with pytest.raises(InputError, match="player/thing"):
        as_value(value, "player/thing")
