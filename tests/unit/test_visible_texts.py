"""Texts from outside reach terminals, logs and pictures with nothing in them that acts."""

from __future__ import annotations

import io
import logging
import re

import pytest
import rich.console
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from donki.device.log import _line
from donki.texts import visible
from donki_client.console.output import Console, printable

ACTS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
WILD = st.text(
    st.sampled_from("\x1b\x07\x08\x0b\x0c\r\n\t\x7f\x85\x9b\u202e\u2028\u2066\ud800[]/\\$%abλ 1;m")
    | st.characters(),
    max_size=30,
)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a \x1b[31mred", r"a \x1b[31mred"),
        ("one\ntwo\r\t", r"one\ntwo\r\t"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("abc\u202edef\u2028", r"abc\u202edef\u2028"),
        ("\ud800", r"\ud800"),
        ("20 °C, λ, 中子", "20 °C, λ, 中子"),
    ],
)
def test_what_acts_is_shown(text, seen):
    assert visible(text) == seen


@given(WILD)
def test_nothing_that_acts_is_left_and_all_else_is_as_it_was(text):
    assert not ACTS.search(visible(text))
    assert not ACTS.search(visible(text, lines=True).replace("\n", ""))
    if not ACTS.search(text) and "\ufeff" not in text:
        assert visible(text) == text


@given(WILD)
def test_a_text_is_printed_in_one_line_and_not_taken_for_markup(text):
    for kind in (Console, rich.console.Console):
        console = kind()
        console.file = out = io.StringIO()
        console.print(f"[bold]{printable(text)}[/]", soft_wrap=True)
        assert out.getvalue() == f"{visible(text)}\n"


@given(WILD)
def test_a_console_prints_nothing_that_acts_whatever_it_is_given(text):
    console = Console()
    console.file = out = io.StringIO()
    console.print(text, markup=False, soft_wrap=True)
    table = Table("head")
    table.add_row(printable(text))
    console.print(table)
    assert not ACTS.search(out.getvalue().replace("\n", ""))


@given(WILD, st.sampled_from([logging.INFO, logging.WARNING, logging.ERROR]))
def test_no_line_of_a_log_is_forged(text, level):
    line = _line(logging.LogRecord("log", level, "", 0, "%s", (text,), None))
    _, *others = line.split("\n")
    assert not ACTS.search(line.replace("\n", ""))
    assert all(other.startswith("  ") for other in others)
    assert not others or level == logging.ERROR
