"""The rules of the panel: what can be clicked, what is shown of whom, what goes to the plots and the log."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.director.players.player_table import PlayerRow, to_json
from donki.director.rules.states import ALLOWED, Command, NotAllowedError, State, check_allowed
from donki.errors import DonkiError
from donki_client.api.director import Director
from donki_client.panel.model.history import WINDOW, EventRate
from donki_client.panel.model.log_lines import LogLines
from donki_client.panel.model.panel_state import PanelState
from donki_client.panel.opening import check_qt
from donki_client.panel.widgets.buttons import BUTTONS

A = PlayerRow("a", "x/player/a", 0, "ON", 0.1, 0.2, 0, dropped=False)
B = PlayerRow("b", "x/player/b", -1, "ON", math.nan, math.nan, 3, dropped=True)


@pytest.fixture
def picture():
    picture = PanelState()
    picture.hear_director("State", "ON", "")
    picture.hear_director("PlayerTable", to_json([A, B]), "")
    return picture


def test_the_jobs_at_the_file_writers_are_shown(picture):
    assert picture.file_writers == ""
    picture.hear_director("FileWriterState", ["written: a.nxs, job 1", "writing: b.nxs, job 2"], "")
    assert picture.file_writers == "file writer: written: a.nxs, job 1\nfile writer: writing: b.nxs, job 2"
    picture.hear_director("FileWriterState", None, "")
    assert picture.file_writers == ""


def states(picture):
    return [row.state for row in picture.rows]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("button", BUTTONS, ids=lambda button: button.label)
def test_a_button_can_be_clicked_where_the_director_obeys(button, state):
    try:
        check_allowed(button.command, state)
    except NotAllowedError:
        assert not button.is_enabled(state.name)
    else:
        assert button.is_enabled(state.name)
    assert not button.is_enabled("UNKNOWN")
    assert callable(getattr(Director, button.method))


def test_every_command_but_check_has_a_button():
    assert {button.command for button in BUTTONS} == set(ALLOWED) - {Command.CHECK}


def test_nothing_is_known_of_a_director_before_it_is_heard():
    picture = PanelState()
    assert picture.state == "UNKNOWN"
    assert picture.rows == []
    assert picture.status == "not heard of yet"


def test_the_table_of_the_director_becomes_rows(picture):
    first, second = picture.rows
    assert (first.name, first.device, first.priority, first.median, first.p99) == (
        *("a", "x/player/a", 0, 0.1, 0.2),
    )
    assert (second.missed, second.dropped, first.dropped) == (3, True, False)
    assert math.isnan(second.median)


def test_the_end_of_the_director_is_shown_and_its_last_values_stay(picture):
    picture.hear_director("State", None, "it does not answer")
    assert (picture.state, picture.status) == ("UNKNOWN", "it does not answer")
    assert [row.name for row in picture.rows] == ["a", "b"]
    picture.hear_director("State", "STANDBY", "")
    assert picture.state == "STANDBY"


def test_the_state_of_a_player_is_its_own_word_until_the_director_finds_it_gone(picture):
    picture.hear_player("x/player/a", "State", "RUNNING", "")
    assert states(picture) == ["RUNNING", "ON"]
    picture.hear_director("PlayerTable", to_json([A._replace(state="UNKNOWN"), B]), "")
    assert states(picture) == ["UNKNOWN", "ON"]
    picture.hear_director("PlayerTable", to_json([A._replace(state="STANDBY"), B]), "")
    assert states(picture) == ["STANDBY", "ON"]  # not RUNNING, which it said before it ended
    picture.hear_player("x/player/a", "State", "ALARM", "")
    assert states(picture) == ["ALARM", "ON"]


def test_without_the_director_a_player_speaks_for_itself(picture):
    picture.hear_player("x/player/a", "State", "STANDBY", "")
    picture.hear_director("State", None, "gone")
    assert states(picture) == ["STANDBY", "UNKNOWN"]
    picture.hear_player("x/player/a", "State", None, "gone too")
    assert states(picture) == ["UNKNOWN", "UNKNOWN"]


@given(period=st.floats(0.05, 0.5), events=st.integers(1, 100_000), after=st.floats(WINDOW + 1, WINDOW + 20))
def test_the_event_rate_is_that_of_steady_pulses_within_one_pulse(period, events, after):
    rate = EventRate()
    for pulse in range(int(after / period) + 1):
        rate.note(pulse * period, pulse * events)
    measured = rate.at(after)
    assert abs(measured - events / period) <= 1.001 * events / WINDOW
    assert rate.at(after + WINDOW + period) == 0


def test_the_event_rate_starts_anew_with_a_run():
    rate = EventRate()
    assert math.isnan(rate.at(0))
    rate.note(0, 10**9)
    rate.note(1, 0)
    rate.note(2, 1000)
    assert rate.at(3) == pytest.approx(500)


@given(st.lists(st.sampled_from(["ON", "RUNNING", "STANDBY", "FAULT", ""]), max_size=20))
def test_the_log_tells_each_change_of_state_once(said):
    remarks = LogLines("Director")
    lines = []
    for state in said:
        lines += remarks.of_director(0, "State", state or None, "" if state else "silent")
    seen = [state or "UNKNOWN" for state in said]
    assert len(lines) == sum(a != b for a, b in pairwise([None, *seen]))
    assert [line.is_error for line in lines] == [
        b in ("FAULT", "UNKNOWN") for a, b in pairwise([None, *seen]) if a != b
    ]


def test_the_log_tells_a_failure_once_and_no_progress():
    remarks = LogLines("Director")
    assert remarks.of_director(0, "State", "RUNNING", "")
    assert not remarks.of_director(1, "Status", "acting: trigger 7 of 9", "")
    remarks.of_director(2, "State", "FAULT", "")
    (failure,) = remarks.of_director(2, "Status", "Player a, trigger 7: on fire", "")
    assert failure.is_error
    assert not remarks.of_director(2, "LastError", "Player a, trigger 7: on fire", "")
    (line,) = remarks.of_player("a", 3, "LastLog", "hot", "")
    assert (line.source, line.text, line.is_error, line.is_important) == ("a", "hot", False, False)


def test_without_qt_the_panel_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "PySide6.QtWidgets", raising=False)
    monkeypatch.setitem(sys.modules, "PySide6", None)
    with pytest.raises(DonkiError, match=r"needs PySide6.*pip install 'donkiorchestra\[panel\]'"):
        check_qt()


def test_the_command_line_loads_no_qt():
    code = "import donki_client.command, sys; print({'PySide6', 'taurus', 'pyqtgraph'} & {*sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded == "set()\n"
