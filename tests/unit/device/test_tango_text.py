"""Texts that go into Tango: what it cannot carry is replaced, and nothing else."""

from __future__ import annotations

import pytest
import tango
from hypothesis import given
from hypothesis import strategies as st

from donki.device.errors import as_dev_failed, message_of
from donki.device.tango_text import carried, carried_line, carried_status
from donki.errors import DonkiError

#: Any text that Python can have, lone surrogates and NUL too.
texts = st.text(st.characters(exclude_categories=())) | st.text(st.characters(max_codepoint=0xFF))


@pytest.mark.parametrize(
    ("text", "value", "status", "line"),
    [
        ("20 °C", "20 °C", "20 ?C", "20 °C"),
        ("λ = 1 Å", "? = 1 Å", "? = 1 ?", "λ = 1 Å"),
        ("a\ud800b", "a?b", "a?b", "a?b"),
        ("a\0b", "a?b", "a?b", "a?b"),
        ("two\nlines", "two\nlines", "two\nlines", "two\nlines"),
    ],
)
def test_what_tango_cannot_carry_is_replaced(text, value, status, line):
    assert (carried(text), carried_status(text), carried_line(text)) == (value, status, line)


@given(texts)
def test_letter_by_letter(text):
    letters = ["?" if letter == "\0" or ord(letter) > 0xFF else letter for letter in text]
    assert carried(text) == "".join(letters)
    assert carried([text, "x"]) == ["".join(letters), "x"]
    assert carried_status(text).isascii()
    assert len(carried_status(text)) == len(text)
    assert "\0" not in carried_line(text).encode().decode()


@pytest.mark.parametrize("value", [1, 0.5, True, None, [1, 2], tango.DevState.ON])
def test_what_is_no_text_stays_as_it_is(value):
    assert carried(value) == value
    assert type(carried(value)) is type(value)


@given(texts)
def test_errors_arrive_as_they_were_said(text):
    with pytest.raises(tango.DevFailed) as raised, as_dev_failed("here"):
        raise DonkiError(text)
    assert raised.value.args[0].desc == carried(text)
    assert raised.value.args[0].reason == "Donki_DonkiError"


def test_what_nobody_expected_is_said_with_its_kind():
    with pytest.raises(tango.DevFailed) as raised, as_dev_failed("here"):
        raise KeyError("a\ud800b λ")
    assert message_of(raised.value) == "KeyError: 'a\\ud800b ?'"
    assert "test_tango_text" in raised.value.args[0].origin
