"""ev44: what the encoder writes is what the library writes, and columns never wrap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from streaming_data_types import deserialise_ev44, serialise_ev44

import donki.streams.schemas.encoding.ev44
from donki.errors import InputError
from donki.streams.schemas.encoding.ev44 import EVENTS_PER_MESSAGE, Ev44Encoder, int32_column

INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
INT32 = np.iinfo(np.int32)


def within_int32(dtype, length):
    info = np.iinfo(dtype)
    values = st.integers(max(info.min, INT32.min), min(info.max, INT32.max))
    return hnp.arrays(dtype, length, elements=values, fill=values)


@st.composite
def pulses(draw):
    length = draw(
        st.one_of(st.integers(0, 40), st.integers(0, EVENTS_PER_MESSAGE), st.just(EVENTS_PER_MESSAGE))
    )
    return (
        draw(st.integers(0, 2**63 - 1)),
        draw(st.integers(0, 2**63 - 1)),
        draw(st.sampled_from(INTEGERS).flatmap(lambda dtype: within_int32(dtype, length))),
        draw(st.sampled_from(INTEGERS).flatmap(lambda dtype: within_int32(dtype, length))),
    )


@given(st.text(min_size=1), st.lists(pulses(), min_size=1, max_size=4))
def test_messages_are_byte_for_byte_the_librarys(source, pulses):
    encoder = Ev44Encoder(source)
    for message_id, time, tof, pixel in pulses:
        message = encoder.encode(message_id, time, int32_column(tof, "tof"), int32_column(pixel, "pixel"))
        assert message == serialise_ev44(source, message_id, [time], [0], tof, pixel)
        decoded = deserialise_ev44(bytes(message))
        assert decoded.source_name == source
        assert decoded.message_id == message_id
        assert list(decoded.reference_time) == [time]
        np.testing.assert_array_equal(decoded.time_of_flight, tof)
        np.testing.assert_array_equal(decoded.pixel_id, pixel)


def test_one_buffer_serves_every_size():
    encoder = Ev44Encoder("panel")
    columns = np.arange(EVENTS_PER_MESSAGE, dtype=np.int32)
    buffers = {
        id(encoder.encode(0, 0, columns[:n], columns[:n]).obj) for n in range(0, EVENTS_PER_MESSAGE, 100)
    }
    assert len(buffers) == 1


def test_a_library_that_lays_out_otherwise_is_refused(monkeypatch):
    def reordered(*fields):
        *head, tof, pixel = fields
        return serialise_ev44(*head, pixel, tof)

    monkeypatch.setattr(donki.streams.schemas.encoding.ev44, "serialise_ev44", reordered)
    with pytest.raises(RuntimeError, match="ess-streaming-data-types"):
        Ev44Encoder("panel")


@given(
    st.sampled_from([np.uint32, np.int64, np.uint64]).flatmap(
        lambda dtype: st.tuples(
            hnp.arrays(dtype, st.integers(1, 50), elements=st.integers(0, 1000)),
            st.integers(INT32.max + 1, np.iinfo(dtype).max),
            st.integers(0, 49),
        )
    )
)
def test_a_value_over_32_bits_is_refused_by_name_and_never_wrapped(case):
    column, large, at = case
    column[at % len(column)] = large
    with pytest.raises(InputError, match=f"pixel ids of panel.*{large}"):
        int32_column(column, "pixel ids of panel")


def test_a_value_under_32_bits_is_refused():
    with pytest.raises(InputError, match=str(INT32.min - 1)):
        int32_column([0, INT32.min - 1], "time of flight")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.5, 2.0], "rint"),
        ([True], "integers"),
        ([[1, 2]], "one-dimensional"),
        (3, "one-dimensional"),
        (["a"], "integers"),
    ],
)
def test_what_is_no_column_of_integers_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        int32_column(values, "time of flight")


def test_an_empty_list_is_an_empty_column():
    assert int32_column([], "time of flight").dtype == np.int32


def test_an_int32_column_is_not_copied():
    column = np.arange(5, dtype=np.int32)
    assert int32_column(column, "pixel ids") is column
