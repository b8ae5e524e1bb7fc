"""What can be typed at the prompt."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import InputError
from donki_client.prompt.grammar import SetPeriod, SetPriority, SetTriggers, Word, parse
from donki_client.prompt.words import SETTINGS, WORDS

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)
SPACES = st.sampled_from(["", " ", "  ", "\t"])


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_itself(word):
    assert parse(word) == Word(word)
    assert parse(f"  {word.upper()} \n") == Word(word)


@pytest.mark.parametrize("line", ["players?", "players", "players ?", "Players?"])
def test_players_may_be_asked_for_in_any_way(line):
    assert parse(line) == Word("players?")


@pytest.mark.parametrize("line", ["", "   ", "\n"])
def test_an_empty_line_is_nothing(line):
    assert parse(line) is None


@given(st.one_of(st.just(-1), st.integers(1, 10**17)), SPACES, SPACES)
def test_triggers(triggers, before, after):
    assert parse(f"{before}triggers{after}={before}{triggers}{after}") == SetTriggers(triggers)


@given(NAMES, st.integers(-1, 10**9), SPACES)
def test_priorities(name, priority, space):
    line = f"priority{space}[{space}{name}{space}]{space}={space}{priority}"
    assert parse(line) == SetPriority(name, priority)


@pytest.mark.parametrize(
    ("text", "period"), [("0", 0.0), ("-0", 0.0), ("0.071428571", 0.071428571), ("1e-3", 0.001)]
)
def test_period(text, period):
    assert repr(parse(f"period={text}")) == repr(SetPeriod(period))


@pytest.mark.parametrize("value", ["abc", "0", "-2", "1.5", "", "1 2", "٣", "1_000", "nan", "9" * 30])
def test_triggers_that_are_none(value):
    with pytest.raises(InputError) as error:
        parse(f"triggers={value}")
    assert str(error.value) == f"triggers: a whole number >= 1, or -1 for endless; got {value!r}"


@pytest.mark.parametrize("value", ["abc", "-1", "nan", "inf", ""])
def test_a_period_that_is_none(value):
    with pytest.raises(InputError, match=r"period: a number of seconds >= 0; got "):
        parse(f"period={value}")


@pytest.mark.parametrize("value", ["abc", "-2", "", "1.0"])
def test_a_priority_that_is_none(value):
    with pytest.raises(InputError, match=r"priority\[p0\]: a whole number >= 0, or -1 to disable; got "):
        parse(f"priority[p0]={value}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("priority=1", "priority: written priority[NAME]=N"),
        ("priority[]=1", "the name of a Player goes between the brackets"),
        ("triggers[p0]=1", "triggers: written triggers=N"),
        ("strat", "unknown command 'strat'; did you mean start"),
        ("trigers=5", "unknown command 'trigers'; did you mean triggers=N?"),
        ("triggers 5", "did you mean triggers=N?"),
        ("prioity[p0]=5", "did you mean priority[NAME]=N"),
        ("xyzzy", "unknown command 'xyzzy'; type help for the list"),
    ],
)
def test_an_error_says_what_is_meant(line, message):
    with pytest.raises(InputError) as error:
        parse(line)
    assert message in str(error.value)


@pytest.mark.parametrize("line", ["{}", "triggers={}", "period={}", "priority[{}]=x", "priority[a]={}"])
def test_a_line_that_has_no_end_is_not_repeated_whole(line):
    with pytest.raises(InputError) as error:
        parse(line.format("x" * 100_000))
    assert len(str(error.value)) < 300


@given(st.text(max_size=60))
def test_any_line_is_an_instruction_or_an_input_error(line):
    with suppress(InputError):
        parse(line)


def test_every_setting_can_be_read_as_its_form_says():
    for form, _ in SETTINGS.values():
        assert parse(form.replace("NAME", "p0").replace("SECONDS", "1").replace("=N", "=1")) is not None
